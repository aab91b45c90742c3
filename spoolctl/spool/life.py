"""Signs of life: the heartbeat of a process in ``nodes/``, of an attempt in its folder, and a session's own folder.

A heartbeat is a counter that grows while its writer lives. It is replaced by its one writer and read by listing and opening.
``Life.proves_sight`` is the other half: who cannot write its own heartbeat and read it back is blind, and reaps nobody.

Guarantees: an attempt's heartbeat is written only into the attempt's own folder, a path that nobody ever renames.
"""

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.looking import read_record
from spoolctl.spool.ports import Clock, Entropy
from spoolctl.spool.publish import ensure_folder, replace_own
from spoolctl.spool.records import HEARTBEAT_SCHEMA, Heartbeat, JobClass
from spoolctl.spool.records.live import Doing, Role

SENTINEL = ".session"
"""A file in each session's folder. A listing that lacks it is blind, and no proof that a record is gone."""


_NOT_OF_THIS_ONE = {"stage": None, "progress": 1.0, "eta_s": None, "message": None}


@dataclass(frozen=True)
class Facts:
    """What a heartbeat tells beside its counter; for people, and for whoever chooses among workers."""

    state: Doing = "idle"
    name: str | None = None
    attempt: int | None = None
    job_class: JobClass | None = None
    stage: str | None = None
    progress: float | None = None
    eta_s: float | None = None
    model: str | None = None
    vram_free_gb: float | None = None
    vram_others_gb: float | None = None
    temperature_c: float | None = None
    utilisation: float | None = None
    message: str | None = None
    rests: str | None = None
    closes_in_s: float | None = None
    opens_in_s: float | None = None


@dataclass
class Life:
    """One process's signs of life. Safe to call from several threads."""

    actor: Actor
    role: Role
    facts: Facts = Facts()
    """To be read; changed only by the methods below, under one lock."""
    is_pulsing: bool = False
    """True while a thread beats all the time, so that a gap between two beats means a hang."""
    _counter: int = 0
    _silences: int = 0
    _beaten_mono: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, **changes: object) -> None:
        """Change facts; the next heartbeat carries them."""
        with self._lock:
            self.facts = replace(self.facts, **changes)  # type: ignore[arg-type]

    def tell_unless_at_work(self, state: Doing) -> None:
        """Change the state unless an attempt is in work; asked and told at one instant, so that no other thread begins one between."""
        with self._lock:
            if self.facts.name is None:
                self.facts = replace(self.facts, state=state)

    def begin(self, name: str, number: int, job_class: JobClass | None) -> None:
        """Tell that this process works on an attempt now; of the facts before it only the card's and the worker's hours stay."""
        with self._lock:
            self.facts = Facts(
                state="running",
                name=name,
                attempt=number,
                job_class=job_class,
                model=self.facts.model,
                vram_free_gb=self.facts.vram_free_gb,
                vram_others_gb=self.facts.vram_others_gb,
                temperature_c=self.facts.temperature_c,
                utilisation=self.facts.utilisation,
                rests=self.facts.rests,
                closes_in_s=self.facts.closes_in_s,
                opens_in_s=self.facts.opens_in_s,
            )

    def record(self) -> Heartbeat:
        """The next heartbeat."""
        with self._lock:
            self._counter += 1
            facts, counter = self.facts, self._counter
        actor, host = self.actor, self.actor.host
        return Heartbeat(
            schema_=HEARTBEAT_SCHEMA,
            role=self.role,
            session=actor.session,
            worker=actor.name,
            counter=counter,
            machine=host.machine,
            host_id=host.host_id,
            boot_id=host.boot_id,
            pid=host.pid,
            started_s=host.started_s,
            state=facts.state,
            written_at=actor.utc_now(),
            name=facts.name,
            attempt=facts.attempt,
            class_=facts.job_class,
            stage=facts.stage,
            progress=facts.progress,
            eta_s=facts.eta_s,
            model=facts.model,
            vram_free_gb=facts.vram_free_gb,
            vram_others_gb=facts.vram_others_gb,
            temperature_c=facts.temperature_c,
            utilisation=facts.utilisation,
            message=facts.message,
            rests=facts.rests,
            closes_in_s=facts.closes_in_s,
            opens_in_s=facts.opens_in_s,
        )

    def beat(self) -> Heartbeat:
        """Write the heartbeat in ``nodes/``, under the name of this worker or controller.

        Raises:
            OSError: It may or may not be there.
        """
        beat = self.record()
        replace_own(self.actor, self._path, codec.encode_json(beat), lasting=False)
        with self._lock:
            self._silences = self._silences_at(self.actor.clock.mono())
            self._beaten_mono = self.actor.clock.mono()
        return beat

    @property
    def silences(self) -> int:
        """How often this process was silent for half a lease, so that it may have missed what others did; grows."""
        with self._lock:
            return self._silences_at(self.actor.clock.mono())

    def _silences_at(self, now: float) -> int:
        since = self._beaten_mono if self._beaten_mono is not None else now
        return self._silences + (now - since > self.actor.settings.lease_s / 2)

    def beat_attempt(self, name: str, number: int, job_class: JobClass | None = None) -> None:
        """Write the heartbeat of an attempt that this process owns; errors as for ``beat``.

        While another is in work already, it says that this one is being delivered.
        """
        beat = self.record()
        if beat.name is not None and (beat.name, beat.attempt) != (name, number):
            told = {"state": "delivering", "name": name, "attempt": number, "class_": job_class}
            beat = beat.model_copy(update=told | _NOT_OF_THIS_ONE)
        path = layout.attempt_heartbeat(name, number)
        replace_own(self.actor, path, codec.encode_json(beat), lasting=False)

    def proves_sight(self) -> bool:
        """True if this process can write its heartbeat and sees it in the listing and in the file."""
        try:
            beat = self.beat()
            if self._path.rpartition("/")[2] not in self.actor.files.names(layout.NODES):
                return False
            seen = read_record(self.actor, Heartbeat, self._path)
        except (OSError, BadRecord):
            return False
        return seen.session == beat.session and seen.counter >= beat.counter

    @property
    def _path(self) -> str:
        return layout.node_heartbeat(self.actor.name)


def new_session(name: str, *, clock: Clock, entropy: Entropy) -> str:
    """A session id for the worker or controller *name*: never used twice, sorting by time for people."""
    moment = datetime.fromtimestamp(clock.utc_s(), tz=UTC)
    return f"{name}-{moment:%Y%m%dT%H%M%S}-{entropy.token()[:8]}"


def worker_of(session: str) -> str:
    """The name in a session id."""
    return session.rsplit("-", 2)[0]


def begin_session(actor: Actor) -> None:
    """Make the folder for this session's claims.

    Raises:
        OSError: The share did not answer.
    """
    folder = layout.claimed(actor.session).folder
    ensure_folder(actor, folder)
    actor.files.write_new(f"{folder}/{SENTINEL}", b"")


def end_session(actor: Actor, session: str) -> bool:
    """Remove a session's empty folder; False if records still lie in it, or the share did not answer."""
    folder = layout.claimed(session).folder
    try:
        if set(actor.files.names(folder)) - {SENTINEL}:
            return False
        try:
            actor.files.unlink(f"{folder}/{SENTINEL}")
        except FileNotFoundError:
            pass  # another sweeper was quicker, or its process died before it wrote one
        actor.files.rmdir(folder)
    except OSError:
        return False
    return True
