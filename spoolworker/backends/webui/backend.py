"""The ``webui`` backend itself: what the server can do, and one run after another."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence

from spoolctl.spool import STAGE_NAMES, BackendUsed, Code, ModelHere, Stage
from spoolworker.backends.base import Abilities, BackendError, Order, Product, Watch
from spoolworker.backends.chain import draw_seed
from spoolworker.backends.server import Server
from spoolworker.backends.webui.asking import Ask
from spoolworker.backends.webui.client import Card, Client
from spoolworker.backends.webui.known import Known
from spoolworker.backends.webui.posting import Line
from spoolworker.backends.webui.settings import Settings
from spoolworker.backends.webui.walking import Walk

_LABEL_CHARS_MAX = 200
_IMG2IMG_UPSCALER = "upscaler_for_img2img"


class Webui:
    """The ``webui`` backend (the interface is ``base.Backend``).

    Args:
        settings: Where the server is, and how it is treated.
        clock: Seconds.
        draw_seed: What a seed of -1 becomes: never the server's to draw, so that a request can be made again.
    """

    name = "webui"

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw_seed: Callable[[], int] = draw_seed,
    ) -> None:
        server = Server(
            self.name, settings.url, login=settings.login, token=settings.token,
            tls_ca=settings.tls_ca,
        )  # fmt: skip
        self._client = Client(server)
        self._settings = settings
        self._line = Line(self._client, settings, clock)
        self._draw_seed = draw_seed
        self._used = BackendUsed(name=self.name)
        self._card = Card(None, 0, None)
        self._pinned: set[str] = set()
        self._is_away: bool | None = None
        """True if the model was taken from the card; ``None``: a former life may have done so."""

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> "Webui":
        """Make one from options as text (``Settings`` lists them).

        Raises:
            UsageError: An option is not known or its value cannot be read.
        """
        return cls(Settings.from_text(options))

    def probe(self) -> Abilities:
        """Everything that the server lists.

        Raises:
            BackendError: ``backend_unreachable`` (nothing there, no WebUI, or its card's driver gave up), ``backend_unauthorised``,
                ``backend_rejected``.
        """
        known = self._known()
        has_detailer = "adetailer" in known.scripts.get("img2img", frozenset())
        return Abilities(
            backend=self.name,
            version=self._used.version or ("Forge" if known.is_forge else None),
            stages=tuple(one for one in STAGE_NAMES if one != "adetailer" or has_detailer),
            models=tuple(
                ModelHere(name=one.name[:_LABEL_CHARS_MAX], sha256=one.sha256)
                for one in known.checkpoints
            ),
            loaded_model=self._loaded(known),
            vaes=tuple(known.vaes),
            loras=None if known.loras is None else tuple(sorted(known.loras)),
            embeddings=known.embeddings,
            upscalers=tuple(n for n, path in known.upscalers.items() if "://" not in (path or "")),
            samplers=tuple(dict.fromkeys(known.samplers.values())),
            extensions=known.extensions,
        )

    def vram_held_gb(self) -> float | None:
        """What PyTorch has reserved for the server; its driver's context of some hundred MB is not in it."""
        return self._client.card().held_gb

    def release(self) -> bool:
        """Have the model moved from the card to the machine's memory.

        WebUI does so whoever samples, and samples with a model that is not on the card only to fail: hence the look before, and
        ``_bring_back`` before the next run. Forge does both by itself.
        """
        if self._client.state().job_count:
            return False
        self._client.unload_model()
        self._is_away = True
        return True

    def misfits(self, stages: Sequence[Stage]) -> tuple[str, ...]:
        """Nothing beyond what its card tells."""
        del stages
        return ()

    def run(self, order: Order, watch: Watch) -> Product:
        """Run the chain; every stage leaves its images in scratch before the next begins.

        Raises:
            BackendError: The work failed.
            Interrupted: ``watch.interrupted`` was set, and the server is idle again.
        """
        line = self._line
        line.make_idle(watch)
        self._bring_back(watch)
        line.has_tasks = self._client.has_tasks()

        def ask_again() -> Known:
            line.do(self._client.refresh, watch)
            return self._known()

        walk = Walk(
            line, order, watch, draw=self._draw_seed, ask_again=ask_again,
            pin=lambda ask, known: self._pin(ask, known, watch),
            loaded=self._used.model,
        )  # fmt: skip
        try:
            return walk.run(self._known())
        except BackendError as error:
            if error.code is Code.OUT_OF_MEMORY:
                with contextlib.suppress(BackendError):  # the first error is the one to tell
                    error.log_tail += f"\nwebui: card: {self._client.card().room}"
            raise
        finally:
            if walk.used.model:
                self._used = walk.used

    def _loaded(self, known: Known) -> str | None:
        """The checkpoint in the card's memory, as well as can be told: its setting names another one again after each request."""
        if self._is_away:
            return None
        noted, named = (known.options.get(k) for k in ("sd_checkpoint_hash", "sd_model_checkpoint"))
        found = [one.name for one in known.checkpoints if noted and noted == one.sha256]
        found += [one.name for one in known.checkpoints if self._used.model == one.file]
        found += [one.name for one in known.checkpoints if named in one.names]
        return found[0] if found else None

    def _bring_back(self, watch: Watch) -> None:
        """Have a model that was taken from the card put there again; does nothing to one that is there."""
        if self._is_away is False:
            return
        try:
            self._line.do(self._client.reload_model, watch)
        except BackendError as error:
            if error.code in (Code.BACKEND_UNREACHABLE, Code.BACKEND_DIED):
                raise
            # A version without that call, or no model that could be loaded: the job's own request tells.
        self._is_away = False

    def _known(self) -> Known:
        """What the server lists, if it is one that can work."""
        known = self._client.known()
        self._card = self._client.card()
        if self._card.wrong:
            message = "webui's card gave up, and only a restart of webui helps"
            raise BackendError(Code.BACKEND_UNREACHABLE, message, log_tail=self._card.wrong[:1_000])
        return known

    def _pin(self, ask: Ask, known: Known, watch: Watch) -> tuple[str, ...]:
        """Write the settings that *ask* overrides to the server's own, as they stand: else they would stay overridden after it.

        Returns:
            Warnings, if the server does not let itself be told.
        """
        new = set(ask.body.get("override_settings", {})) - self._pinned - {"sd_model_checkpoint"}
        values = {key: known.options[key] for key in new if known.options.get(key) is not None}
        if _IMG2IMG_UPSCALER in new:  # begins as null, which the server takes for no change
            values.setdefault(_IMG2IMG_UPSCALER, "None")
        if not values or not self._settings.write_settings:
            return ()
        self._pinned |= set(values)
        try:
            self._line.do(lambda: self._client.write_options(values), watch)
        except BackendError as error:
            if error.code in (Code.BACKEND_UNREACHABLE, Code.BACKEND_DIED):
                self._pinned -= set(values)
                raise
            return (f"webui's settings cannot be written, so jobs may change them: {error}",)
        after = self._client.options()
        other = sorted(key for key, value in values.items() if after.get(key) != value)
        other += sorted(new - set(values))  # null, which cannot be written
        return (f"webui did not take its settings {', '.join(other)}",) if other else ()
