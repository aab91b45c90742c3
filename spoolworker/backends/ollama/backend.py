"""The ``ollama`` backend: texts out of prompts and images (the interface is ``base.Backend``).

Guarantees: a text counts only if the server said that it is at its end; an interrupted run ends once the model has left the memory,
which it does only when nothing is made with it any more. Expects to be the only *program* that uses its server; a person who uses
the same model meanwhile makes an interrupted run wait.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence

from spoolctl.spool import BackendUsed, Code, Stage, StageTiming, TextWorkload, layout
from spoolworker.backends.base import (
    Abilities,
    BackendError,
    Interrupted,
    Made,
    Order,
    Product,
    Watch,
    filling,
)
from spoolworker.backends.chain import draw_seed
from spoolworker.backends.ollama.asking import Wanted, refuse_unknown_options, request, wanted
from spoolworker.backends.ollama.client import Client, same_model
from spoolworker.backends.ollama.generation import Answer, Generation
from spoolworker.backends.ollama.options import Options
from spoolworker.backends.ollama.stream import Stream
from spoolworker.backends.server import NoAnswer, Server

_IDLE_AGAIN_S = 0.2


class Ollama:
    """One Ollama server.

    Args:
        options: From the worker's own configuration.
        clock: Seconds.
        draw_seed: What a seed of -1 becomes.
        pause: Waits that many seconds.
    """

    name = "ollama"

    def __init__(
        self,
        options: Options | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw_seed: Callable[[], int] = draw_seed,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._options = options = options or Options()
        self._clock = clock
        self._draw_seed = draw_seed
        self._pause = pause
        self._tls_ca = str(options.tls_ca) if options.tls_ca else None
        self._server = Server(
            self.name,
            options.url,
            login=options.login.get_secret_value() if options.login else None,
            token=options.token.get_secret_value() if options.token else None,
            tls_ca=self._tls_ca,
        )
        self._client = Client(self._server)
        self._used: set[str] = set()

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> "Ollama":
        """Make one from options as text (``Options`` lists them).

        Raises:
            UsageError: An option is not known or its value cannot be read.
        """
        return cls(Options.from_text(options))

    def probe(self) -> Abilities:
        """Ask the server what it has and what is loaded: three short calls.

        Raises:
            BackendError: It cannot be reached or refuses us.
        """
        version, loaded = self._client.version(), self._client.loaded()
        return Abilities(
            self.name,
            version,
            ("text",),
            self._client.models(),
            loaded_model=loaded[0] if loaded else None,
        )

    def vram_held_gb(self) -> float | None:
        """What all loaded models hold on the card, as the server reckons."""
        return self._client.vram_bytes() / 2**30

    def release(self) -> bool:
        """Have the models unloaded that this worker's jobs used, once nothing is made with them; others' stay."""
        for model in sorted(self._used):
            self._client.unload(model)
        self._used.clear()
        return True

    def misfits(self, stages: Sequence[Stage]) -> tuple[str, ...]:
        """Nothing beyond what its card tells."""
        del stages
        return ()

    def run(self, order: Order, watch: Watch) -> Product:
        """Make the job's texts; each is left in scratch.

        Raises:
            BackendError: It failed.
            Interrupted: *watch* says so, and nothing is made any more.
        """
        workload = order.stages[0]
        if not isinstance(workload, TextWorkload):
            message = f"ollama makes texts, and no '{workload.stage}'"
            raise BackendError(Code.BACKEND_REJECTED, message)
        self._used.add(workload.model)
        try:
            with filling(order.scratch):
                return self._run(workload, order, watch)
        except Interrupted:
            self._come_to_rest(workload.model)
            raise

    def _run(self, workload: TextWorkload, order: Order, watch: Watch) -> Product:
        refuse_unknown_options(workload)
        version = self._client.version()
        self._refuse_blind_model(workload, order)
        begun = self._clock()
        texts = wanted(workload, order.inputs, self._draw_seed())
        made: list[Made] = []
        warnings: list[str] = []
        loads: list[float] = []
        for one in texts:
            if watch.interrupted.is_set():
                raise Interrupted
            answer = self._generate(workload, one, watch, len(texts))
            if answer.cut:
                _refuse_cut_json(workload, one, answer)
                warnings.append(f"text {one.index} was cut {_where(workload)}")
            if workload.format is not None:
                _refuse_no_json(one, answer)
            if answer.load_s is not None:
                loads.append(answer.load_s)
            made.append(_write(order, workload, one, answer))
        timing = StageTiming(stage=workload.stage, seconds=self._clock() - begun, images=len(made))
        watch.on_stage(tuple(made), timing)
        used = BackendUsed(name=self.name, version=version, model=workload.model)
        return Product(
            tuple(made), (timing,), used,
            warnings=tuple(warnings), load_s=sum(loads) if loads else None,
        )  # fmt: skip

    def _refuse_blind_model(self, workload: TextWorkload, order: Order) -> None:
        """A model that sees no images would make up what is in them. Also the first to find that there is no such model."""
        can = self._client.capabilities(workload.model)
        if order.inputs and can is not None and "vision" not in can:
            raise BackendError(Code.BAD_JOB, f"model '{workload.model}' cannot see images")

    def _generate(self, workload: TextWorkload, one: Wanted, watch: Watch, texts: int) -> Answer:
        def tell(fraction: float) -> None:
            watch.on_progress((one.index + fraction) / texts, workload.stage)

        body = request(workload, one, self._options.stay)
        stream = Stream(self._server, "/api/generate", body, tls_ca=self._tls_ca)
        try:
            generation = Generation(
                stream,
                alive=self._client.version,
                silence_s=self._options.silence_s,
                clock=self._clock,
            )
            return generation.finish(workload, watch.interrupted, tell)
        finally:
            stream.close()

    def _come_to_rest(self, model: str) -> None:
        """Wait until the server makes nothing with the model any more; for ever, if it never does: the agent knows how long.

        A model to be unloaded is listed as loaded until the last who uses it is gone, broken connections included.
        """
        while True:
            try:
                self._client.unload(model)
                if not any(same_model(one, model) for one in self._client.loaded()):
                    return
            except NoAnswer as error:
                if error.how == "refused":
                    return  # a server that is gone makes nothing
            except BackendError:
                pass  # whatever it says: as long as it lists the model it may be at work
            self._pause(_IDLE_AGAIN_S)


def _refuse_cut_json(workload: TextWorkload, one: Wanted, answer: Answer) -> None:
    if workload.format is not None:
        message = f"text {one.index} was cut {_where(workload)}, before its JSON was whole"
        raise BackendError(Code.OUTPUT_INCOMPLETE, message, log_tail=answer.log)


def _where(workload: TextWorkload) -> str:
    if workload.num_predict is None:
        return "where the model's context ends"
    return f"at {workload.num_predict} tokens"


def _refuse_no_json(one: Wanted, answer: Answer) -> None:
    try:
        json.loads(answer.text)
    except (ValueError, RecursionError):
        message = f"text {one.index} is no JSON, which was asked for"
        raise BackendError(Code.OUTPUT_CORRUPT, message, log_tail=answer.log) from None


def _write(order: Order, workload: TextWorkload, one: Wanted, answer: Answer) -> Made:
    path = order.scratch / layout.output_name(one.index, 1, workload.stage, text=True)
    path.write_bytes(answer.text.encode())
    return Made(
        path, workload.stage, one.index, final=True, width=0, height=0,
        seed_requested=-1 if workload.seed < 0 else one.seed, seed_actual=one.seed,
    )  # fmt: skip
