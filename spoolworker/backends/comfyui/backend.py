"""The ``comfyui`` backend (the interface is ``base.Backend``).

Guarantees: a run ends with the server at rest, or says that it is not; a server whose prompt thread is dead or whose card is lost is not
offered work
until it was started anew. Expects to be the only *program* that submits to its server; people at its editor do no harm but make it wait.
"""

import contextlib
import dataclasses
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from spoolctl.spool import Code, ComfyUIWorkload, Stage
from spoolworker.backends import chain
from spoolworker.backends.base import Abilities, BackendError, Order, Product, Watch, filling
from spoolworker.backends.comfyui.catalogue import Catalogue, template_names
from spoolworker.backends.comfyui.client import Client
from spoolworker.backends.comfyui.drafts import Drafting
from spoolworker.backends.comfyui.graph import Template, load
from spoolworker.backends.comfyui.live import Live
from spoolworker.backends.comfyui.options import Options
from spoolworker.backends.comfyui.outcome import ContextGone
from spoolworker.backends.comfyui.prompts import Patience, Prompts, Stuck
from spoolworker.backends.comfyui.session import Session
from spoolworker.backends.comfyui.walk import Walk
from spoolworker.backends.comfyui.workflow import prepare
from spoolworker.backends.server import Server

_ANY_SIZE = (512, 512)


class ComfyUI:
    """One ComfyUI server.

    Args:
        options: From the worker's own configuration.
        clock: Seconds.
    """

    name = "comfyui"

    def __init__(
        self, options: Options | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._options = options = options or Options()
        self._clock = clock
        self._server = Server(
            self.name,
            options.url,
            login=options.login.get_secret_value() if options.login else None,
            token=options.token.get_secret_value() if options.token else None,
            tls_ca=str(options.tls_ca) if options.tls_ca else None,
        )
        self._client = Client(self._server)
        self._client_id = uuid.uuid4().hex
        self._templates: Mapping[str, Template] = {
            name: load(name, options.templates) for name in template_names()
        }
        self._catalogue: Catalogue | None = None
        self._read_at = 0.0
        self._version: str | None = None
        self._loaded: str | None = None
        self._sick: Stuck | ContextGone | None = None
        """Why the server must be started anew."""

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> "ComfyUI":
        """Make one from options as text (``Options`` lists them).

        Raises:
            UsageError: An option is not known, or its value or a template cannot be read.
        """
        return cls(Options.from_text(options))

    def probe(self) -> Abilities:
        """Ask the server what it is and has; a short call, but for the first and each ``refresh_s``.

        Raises:
            BackendError: It cannot be reached, refuses us, or has to be started anew.
        """
        version = self._client.system_stats()["system"]["comfyui_version"]
        if version != self._version:
            self._catalogue, self._version = None, str(version)
        self._refuse_sick()
        told = self._known().abilities(self._version, self._templates)
        return dataclasses.replace(told, loaded_model=self._loaded)

    def misfits(self, stages: Sequence[Stage]) -> tuple[str, ...]:
        """Why these stages cannot run here, by what the server listed last: missing nodes, models, samplers.

        Asks the server only if it was never asked. For the agent, before it claims.

        Raises:
            BackendError: It cannot be reached.
        """
        known = self._known()
        if isinstance(stages[0], ComfyUIWorkload):
            files = {p.file: "a.png" for p in stages[0].inputs.values() if p.file is not None}
            nodes = prepare(stages[0], files).nodes
            return tuple(problem.text for problem in known.problems(nodes))
        drafting = Drafting(known, self._templates, self._options.model)
        found: dict[str, None] = {}
        for step in chain.steps(Order(tuple(stages), (), Path(), "")):
            try:
                draft = drafting.draft(step, 0, "a.png", _ANY_SIZE)
            except BackendError as error:
                found[str(error)] = None
            else:
                found |= dict.fromkeys(problem.text for problem in known.problems(draft.nodes))
        return tuple(found)

    def vram_held_gb(self) -> float | None:
        """What PyTorch has reserved for the server; its driver's context of some hundred MB is not in it."""
        devices = self._client.system_stats().get("devices") or ()
        try:
            cards = [one for one in devices if one["type"] != "cpu"]
            return sum(int(one["torch_vram_total"]) for one in cards) / 2**30
        except (KeyError, TypeError, ValueError):
            return None  # a version that does not tell

    def release(self) -> bool:
        """Have the server unload its models once it is at rest; another's prompt is finished first.

        Raises:
            BackendError: It cannot be reached.
        """
        self._client.free()
        self._loaded = None
        return True

    def run(self, order: Order, watch: Watch) -> Product:
        """Run a chain or a workflow; its images are left in scratch.

        Raises:
            BackendError: It failed.
            Interrupted: *watch* says so, and the server has let go.
        """
        live = self._live()
        try:
            with filling(order.scratch):
                return self._run(order, watch, live)
        except (Stuck, ContextGone) as error:
            self._sick = error
            raise
        except BackendError as error:
            if error.code is Code.OUT_OF_MEMORY:
                self._after_no_memory(error)
            raise
        finally:
            live.close()

    def _run(self, order: Order, watch: Watch, live: Live) -> Product:
        options = self._options
        self._version = str(self._client.system_stats()["system"]["comfyui_version"])
        self._refuse_sick()
        patience = Patience(options.poll_s, options.silence_s, options.stop_s)
        prompts = Prompts(
            self._client,
            live,
            client_id=self._client_id,
            patience=patience,
            stop=watch.interrupted,
            clock=self._clock,
        )
        prompts.clear()
        session = Session(
            self._client,
            prompts,
            catalogue=self._look_up,
            order=order,
            watch=watch,
            output_folder=options.output_folder,
        )
        walk = Walk(session, order, watch, self._version, self._clock)
        first = order.stages[0]
        if isinstance(first, ComfyUIWorkload):
            product = walk.run_workflow(first)
        else:
            product = walk.run_chain(Drafting(self._fitting(order), self._templates, options.model))
        self._loaded = product.used.model or self._loaded
        if live.problem is None:
            return product
        told = f"comfyui: its websocket was not there all the time: {live.problem}\n"
        return dataclasses.replace(product, log_tail=product.log_tail + told)

    def _fitting(self, order: Order) -> Catalogue:
        """What the server has; read anew if by what it had the order cannot run."""
        return self._look_up(anew=bool(self.misfits(order.stages)))

    def _look_up(self, anew: bool) -> Catalogue:  # noqa: FBT001 - the session's callback
        if anew:
            self._catalogue = None
        return self._known()

    def _known(self) -> Catalogue:
        old = self._clock() - self._read_at > self._options.refresh_s
        if self._catalogue is None or old:
            self._catalogue, self._read_at = self._client.catalogue(), self._clock()
        return self._catalogue

    def _refuse_sick(self) -> None:
        """Refuse a server that was seen to need a new start, until it had one.

        A history that no longer knows the prompt is a new server's.
        """
        sick = self._sick
        if sick is None:
            return
        stuck = isinstance(sick, Stuck)
        there = self._client.queue().has if stuck else self._client.history
        if there(sick.prompt_id):
            raise BackendError(Code.BACKEND_UNREACHABLE, f"comfyui must be started anew: {sick}")
        self._sick, self._catalogue = None, None

    def _after_no_memory(self, error: BackendError) -> None:
        with contextlib.suppress(BackendError):
            self.release()
        with contextlib.suppress(BackendError):
            for device in self._client.system_stats().get("devices") or ():
                free, total = (int(device.get(key, 0)) >> 20 for key in ("vram_free", "vram_total"))
                error.log_tail += f"\ncomfyui: {device.get('name')}: {free} of {total} MiB free"

    def _live(self) -> Live:
        url = None
        if self._options.websocket:
            address = self._server.address.replace("http", "ws", 1)
            url = f"{address}/ws?clientId={quote(self._client_id)}"
        tls_ca = str(self._options.tls_ca) if self._options.tls_ca else None
        return Live(url, self._server.headers, tls_ca=tls_ca, clock=self._clock)
