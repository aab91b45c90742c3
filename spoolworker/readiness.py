"""Whether this worker's backend answers, and the card that tells what it can do.

Asked before each claim, though never more often than every few seconds: nothing is claimed while the backend is away. Where this machine's
configuration says how, its server is started and ended (``serving``). While the worker rests, its server is asked to give the card's memory
back.

Guarantees: the card on the share is the one that the last answer gave; only a change is written. Does not judge the jobs that fail: the
breaker does.
"""

from datetime import datetime
from typing import Any

from spoolctl.spool import (
    NODE_SCHEMA,
    PROTOCOL_VERSION,
    Actor,
    Code,
    Life,
    Node,
    VramSeen,
    introduce,
)
from spoolctl.spool.version import VERSION
from spoolworker.availability import InUse
from spoolworker.backends.base import Abilities, Backend, BackendError, HoldsMemory
from spoolworker.config import Config
from spoolworker.gpus import CardWatch, Gpu, GpuReading, read_gpus
from spoolworker.measuring import Measuring
from spoolworker.models import Found, ModelWatch, models_here
from spoolworker.serving import Serving

_GONE = (Code.BACKEND_UNREACHABLE, Code.BACKEND_DIED)
_AGAIN_S, _AWAY_AGAIN_S, _STARTING_AGAIN_S = 5.0, 15.0, 2.0
_GIVE_BACK_AGAIN_S = 60.0
_CARD_AGAIN_S = 300.0
"""For so long a backend that does one job after another is not asked what it can do."""


class Readiness:
    """One life's knowledge of its backend."""

    def __init__(
        self,
        config: Config,
        actor: Actor,
        life: Life,
        backend: Backend,
        in_use: InUse | None = None,
    ) -> None:
        """``in_use`` is told what others hold of the card."""
        self._config = config
        self._in_use = in_use
        self._actor = actor
        self._life = life
        self._backend = backend
        self._serving = Serving(
            config.server,
            mono=actor.clock.mono,
            file=config.scratch / f"server-{config.name}.json",
            output=config.log_folder / f"server-{config.name}.log",
            log=actor.log,
        )
        self._models = ModelWatch(
            config.models.by_kind(),
            cache=config.model_hashes,
            mono=actor.clock.mono,
            log=actor.log,
        )
        self._started_at = actor.utc_now()
        self._gpus: GpuReading | None = None
        self._card_watch: CardWatch | None = None
        self._next_probe = 0.0
        self._met_at = 0.0
        self._gave_back = False
        self._next_give_back = 0.0
        self._kept: str | None = None
        self.node: Node | None = None
        """This worker's card; ``None`` until the backend has answered once."""
        self.away: str | None = "backend was not asked yet"
        """Why nothing can be claimed, for people; ``None`` while the backend answers."""
        self.vram: VramSeen | None = None
        """The card's memory, as its driver told last; ``None`` while nobody knows."""
        self.measuring = Measuring(self.at_beat)
        self.loaded_model: str | None = None
        """What its backend held in memory when it was asked last, as far as it tells."""

    def answers(self) -> bool:
        """True if the backend answers, now or a moment ago; then ``node`` is there."""
        now = self._actor.clock.mono()
        if now < self._next_probe:
            return self.away is None
        self._models.start()
        self._gave_back, self._next_give_back, self._kept = False, 0.0, None
        try:
            self._meet(self._backend.probe())
        except (BackendError, OSError) as error:
            # A wrong password is not mended by starting a healthy server anew.
            gone = isinstance(error, BackendError) and error.code in _GONE
            told = self._serving.mend() if gone else None
            self._next_probe = now + (_STARTING_AGAIN_S if told else _AWAY_AGAIN_S)
            self.away = f"backend does not answer: {error}" + (f"; {told}" if told else "")
            self._actor.log("backend.away", backend=self._backend.name, error=self.away)
            return False
        self._serving.answered()
        self.away = None
        self._met_at = now
        self._next_probe = now + _AGAIN_S
        return True

    def ask_anew(self) -> None:
        """A job has ended: what was true before it need not be true now."""
        self._next_probe = 0.0

    def worked(self, model: str | None) -> bool:
        """A job has succeeded, as far as the backend goes, so that it need not be asked whether it answers; its card is, now and then.

        Args:
            model: What the job asked for, which is loaded now.

        Returns:
            False if the backend has to be asked, all the same, before anything is claimed.
        """
        self.loaded_model = model or self.loaded_model
        return self._actor.clock.mono() - self._met_at < _CARD_AGAIN_S

    def give_memory_back(self) -> None:
        """For a worker that rests: have the backend's server give the card's memory back, once until it works again."""
        backend, now = self._backend, self._actor.clock.mono()
        wanted = self._config.availability.give_memory_back and isinstance(backend, HoldsMemory)
        if self._gave_back or now < self._next_give_back or not wanted:
            return
        assert isinstance(backend, HoldsMemory)  # noqa: S101 - said above
        self._next_give_back = now + _GIVE_BACK_AGAIN_S
        try:
            self._gave_back = backend.release()
            kept = None if self._gave_back else "somebody else is at work with it"
        except BackendError as error:
            kept = str(error)
        if self._gave_back:
            self._life.tell(model=None)
            self._actor.log("backend.memory_given_back", backend=backend.name)
        elif kept != self._kept:
            self._actor.log("backend.memory_kept", backend=backend.name, error=kept)
        self._kept = kept

    def end_server(self, *, whoever_started_it: bool = False) -> bool:
        """End the backend's server with all that runs in it; see ``Serving.end``."""
        return self._serving.end(whoever_started_it=whoever_started_it)

    def close(self) -> None:
        """End what looks for models beside the work."""
        self._models.stop()

    def at_beat(self) -> None:
        """Ask for the card's state, which the next heartbeat tells; never waits."""
        if self._card_watch is not None:
            self._card_watch.ask()

    def _meet(self, abilities: Abilities) -> None:
        """Show what the backend can do now. Raises OSError if the share did not answer."""
        if self._gpus is None:
            self._gpus = read_gpus()
            gpu = self._gpus.find(self._config.gpu)
            if gpu is not None:
                self._card_watch = CardWatch(self._config.gpu, self._tell_card)
                self._card_watch.ask()
            elif self._in_use is not None:
                self._in_use.tell_vram(None, self._gpus.problem or "the driver tells no such card")
        node = card_of(
            self._config,
            abilities,
            self._gpus,
            session=self._actor.session,
            machine=self._actor.host.machine,
            started_at=self._started_at,
            found=self._models.found,
        )
        if node != self.node:
            introduce(self._actor, node)
            self.node = node
        if self.away is not None:
            self._life.tell(state="idle", message=None)
        self.loaded_model = abilities.loaded_model
        self._life.tell(model=abilities.loaded_model)

    def _tell_card(self, gpu: Gpu | None) -> None:
        """The driver has answered; in a thread of its own, so that the backend may be asked what of it is its own."""
        free_gb = others_gb = None
        problem = "the card's driver does not tell what is free"
        at_work = self._life.facts.name is not None
        can_tell = isinstance(self._backend, HoldsMemory)
        if gpu is not None and gpu.vram_free_gb is not None:
            free_gb = round(gpu.vram_free_gb, 1)
            if gpu.vram_total_gb is not None:
                held_gb, problem = self._held_gb(at_work=at_work)
                if held_gb is not None:
                    used_gb = gpu.vram_total_gb - gpu.vram_free_gb
                    others_gb = round(max(0.0, used_gb - held_gb), 1)
        # A verdict tells of the time of its job, of which only such a backend knows what is its own.
        self.vram = _seen(gpu, free_gb, others_gb if can_tell else None)
        self.measuring.saw(gpu, others_gb)
        self._life.tell(
            vram_free_gb=free_gb,
            vram_others_gb=others_gb,
            temperature_c=gpu.temperature_c if gpu else None,
            utilisation=gpu.utilisation if gpu else None,
        )
        # What a job's own program holds is nobody's use, and while it runs it cannot be told from others'.
        if self._in_use is not None and (can_tell or not at_work):
            self._in_use.tell_vram(others_gb, problem)

    def _held_gb(self, *, at_work: bool) -> tuple[float | None, str]:
        """What the backend itself holds of the card, or why that is not known."""
        backend = self._backend
        if not isinstance(backend, HoldsMemory):
            return None if at_work else 0.0, "its own programs' memory cannot be told from others'"
        try:
            return backend.vram_held_gb(), f"{backend.name} does not tell what it holds of the card"
        except BackendError as error:
            return None, str(error)


def _seen(gpu: Gpu | None, free_gb: float | None, others_gb: float | None) -> VramSeen | None:
    if gpu is None or (gpu.vram_total_gb is None and free_gb is None):
        return None
    total_gb = None if gpu.vram_total_gb is None else round(gpu.vram_total_gb, 1)
    return VramSeen(gpu=gpu.name, total_gb=total_gb, free_gb=free_gb, others_gb=others_gb)


def card_of(  # noqa: PLR0913 - what a card tells
    config: Config,
    abilities: Abilities,
    reading: GpuReading,
    *,
    session: str,
    machine: str,
    started_at: datetime,
    found: Found | None = None,
) -> Node:
    """A worker's card: what its configuration, its backend, its folders of models and its GPU's driver say."""
    gpu = reading.find(config.gpu)
    total_gb = round(gpu.vram_total_gb, 1) if gpu and gpu.vram_total_gb else None
    here = models_here(abilities, config.models.by_kind(), found)
    problem = {"gpu_problem": reading.problem} if reading.problem else {}
    lists: dict[str, Any] = {**here.lists}
    return Node(
        schema_=NODE_SCHEMA,
        worker=config.name,
        session=session,
        machine=machine,
        protocol=PROTOCOL_VERSION,
        version=VERSION,
        backend=abilities.backend,
        backend_version=abilities.version,
        stages=abilities.stages,
        models=here.models,
        **lists,
        digests=here.digests,
        gpu=gpu.name if gpu else None,
        vram_gb=config.vram_gb if config.vram_gb is not None else total_gb,
        tags=config.tags,
        prefers=config.prefers,
        reserved_for=config.reserved_for,
        reserved_until_idle_s=config.reserved_until_idle_s,
        hours=config.availability.hours or None,
        hands_back=config.availability.when_closing == "stop",
        started_at=started_at,
        facts={**problem, **here.facts},
    )
