"""Reaping: ending the attempt of a worker that shows no life.

A heartbeat is *unchanged* by this observer's own monotonic clock, and only while the observer itself sees and runs: an answer that
fails, a heartbeat that vanished from a listing, or an observer that hung starts the watch anew. Proof of death on the same
machine (another boot, a process that is gone) needs no waiting.

Guarantees: no two machines' clocks are compared; nobody is reaped by an observer that cannot write its own heartbeat and read it
back. Does not guarantee that the worker is dead: its late verdict finds another's, and its files stay where they are.
"""

from dataclasses import dataclass

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.attempts import pinned_job
from spoolctl.spool.codec import decode
from spoolctl.spool.digests import sha256_of
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.life import Life
from spoolctl.spool.looking import Attempt, heartbeat_bytes, read_record
from spoolctl.spool.publish import Outcome
from spoolctl.spool.records import Code, Heartbeat, Verdict
from spoolctl.spool.verdicts import Ending, Subject, build, previous_attempt, publish

_NO_HEARTBEAT = "none"
_SWEEP_AT_LEAST_S = 15.0
"""No pause between two sweeps is a hang that is shorter than this, however short the lease is."""

_SAID = {
    Code.NO_HEARTBEAT: "no heartbeat for {unchanged_s:.0f} s (lease {lease_s:.0f} s)",
    Code.PROCESS_GONE: "process {pid} on this machine is gone",
    Code.MACHINE_RESTARTED: "this machine was restarted since",
    Code.WORKER_RESTARTED: "the worker began a new session",
}


@dataclass
class _Watch:
    seen: str
    since_mono: float


class Reaper:
    """One observer's watches over open attempts, keyed by job and attempt."""

    def __init__(self, actor: Actor, life: Life) -> None:
        self._actor = actor
        self._life = life
        self._watches: dict[tuple[str, int], _Watch] = {}
        self._last_mono = actor.clock.mono()
        self._silences = life.silences
        self._alive_here: dict[tuple[str, int], tuple[int, float]] = {}
        """Owners on this machine that were alive when they were last considered: process and start."""

    def wake(self) -> None:
        """Begin a sweep. An observer that hung for long saw nothing meanwhile, so its watches start anew.

        Where a pulse beats, a gap in its beats tells a hang from a long job; elsewhere the time since the last sweep does.
        """
        silences = self._life.silences
        if self._life.is_pulsing:
            self._reset_if(hung=silences != self._silences)
            self._last_mono = self._actor.clock.mono()
        else:
            self._notice_hang()
        self._silences = silences

    def _notice_hang(self) -> None:
        now = self._actor.clock.mono()
        self._reset_if(
            hung=now - self._last_mono > max(self._actor.settings.lease_s / 2, _SWEEP_AT_LEAST_S)
        )
        self._last_mono = now

    def _reset_if(self, *, hung: bool) -> None:
        if hung and self._watches:
            self._actor.log("reap.watches_reset", watches=len(self._watches))
            self._watches.clear()

    def consider(self, name: str, open_attempt: Attempt, *, asked_again: bool = False) -> bool:
        """Look at one open attempt, and end it if its owner shows no life.

        One of this very session is looked at like any other: a sweep runs only while no job does, so it was left over.

        Args:
            name: The job.
            open_attempt: What was seen of its last attempt.
            asked_again: True if the record lies where only a wish to run puts it: in a queue, or claimed.

        Returns:
            True if the attempt has a verdict now, whoever wrote it.

        Raises:
            OSError: The share did not answer; the watch starts anew.
        """
        key = (name, open_attempt.number)
        self._notice_hang()
        try:
            beat, seen = self._look(key)
        except OSError:
            self._watches.pop(key, None)
            raise
        self._notice_hang()  # that very read may have hung, and what it brought be as old as the hang
        unchanged_s = self._unchanged_s(key, seen)
        code = self._proof(beat, unchanged_s)
        self._alive_here.pop(key, None)
        if code is None:
            if beat is not None and beat.host_id == self._actor.host.host_id:
                self._alive_here[key] = beat.pid, beat.started_s
            return False
        if not self._sees(key, seen):
            self._actor.log("reap.blind", job=name, attempt=key[1])
            self._watches.pop(key, None)
            return False
        if code is Code.NO_HEARTBEAT and self._look(key)[1] != seen:
            # It came while this observer proved its sight: the share was away for both.
            self._watches.pop(key, None)
            return False
        return self.publish_lost(
            name, key[1], beat, code, unchanged_s=unchanged_s, asked_again=asked_again
        )

    def _look(self, key: tuple[str, int]) -> tuple[Heartbeat | None, str]:
        """An attempt's heartbeat, if it can be read, and what changes while its writer lives, also if it cannot."""
        data = heartbeat_bytes(self._actor, *key)
        if data is None:
            return None, _NO_HEARTBEAT
        try:
            beat = decode(Heartbeat, data)
        except BadRecord:
            return None, sha256_of(data)
        return beat, f"{beat.session}/{beat.counter}"

    def _sees(self, key: tuple[str, int], seen: str) -> bool:
        """True if this observer sees at all; and if it saw no heartbeat, that opening it, listing or not, finds none."""
        if seen == _NO_HEARTBEAT:
            try:
                path = layout.attempt_heartbeat(*key)
                read_record(self._actor, Heartbeat, path)
            except (FileNotFoundError, BadRecord):
                pass
            else:
                return False
        return self._life.proves_sight()

    def sees_a_death(self) -> bool:
        """True if an owner on this machine is gone that was alive when it was last considered. Asks no share."""
        gone = [k for k, one in self._alive_here.items() if not self._actor.is_alive(*one)]
        for key in gone:
            del self._alive_here[
                key
            ]  # told once: a share that fails is not asked more often for it
        return bool(gone)

    def forget_ended(self, still_open: set[tuple[str, int]]) -> None:
        """Drop the watches of attempts that nobody sees open any more."""
        self._watches = {key: w for key, w in self._watches.items() if key in still_open}
        self._alive_here = {key: p for key, p in self._alive_here.items() if key in still_open}

    def publish_lost(  # noqa: PLR0913 - each is one independent fact
        self,
        name: str,
        number: int,
        beat: Heartbeat | None,
        code: Code,
        *,
        unchanged_s: float = 0.0,
        asked_again: bool = False,
    ) -> bool:
        """Give an attempt the verdict *lost*; errors as for ``consider``."""
        actor = self._actor
        job, sha256 = pinned_job(actor, name)
        message = _SAID[code].format(
            unchanged_s=unchanged_s, lease_s=actor.settings.lease_s, pid=beat.pid if beat else "?"
        )
        before = previous_attempt(actor, name, number)
        subject = Subject(
            name=name,
            number=number,
            job=job,
            record_sha256=sha256,
            previous=before.verdict if before else None,
            worker=beat.worker if beat else None,
            session=beat.session if beat else None,
            job_class=beat.class_ if beat else None,
        )
        manifest = build(actor, subject, Ending(Verdict.LOST, code, message))
        by_a_person = beat is None or beat.role == "person"
        if by_a_person and before is not None and before.is_final and not asked_again:
            # An adopt or a cancel died on a job that had ended: it is no reason to run it again unasked.
            manifest = manifest.model_copy(update={"final": True, "retry_at": None})
        outcome = publish(actor, manifest)
        if outcome is Outcome.WON:
            actor.log("reaped", job=name, attempt=number, code=code.value, worker=subject.worker)
        return outcome is not Outcome.UNKNOWN

    def _unchanged_s(self, key: tuple[str, int], seen: str) -> float:
        now = self._actor.clock.mono()
        watch = self._watches.get(key)
        if watch is not None and watch.seen != _NO_HEARTBEAT and seen == _NO_HEARTBEAT:
            # It had one: a heartbeat is replaced, never removed, so this listing is blind.
            self._actor.log("reap.heartbeat_vanished", job=key[0], attempt=key[1])
            del self._watches[key]
            return 0.0
        if watch is None or watch.seen != seen:
            self._watches[key] = watch = _Watch(seen, now)
        return now - watch.since_mono

    def _proof(self, beat: Heartbeat | None, unchanged_s: float) -> Code | None:
        host = self._actor.host
        if beat is not None and beat.host_id == host.host_id:
            if beat.boot_id != host.boot_id:
                return Code.MACHINE_RESTARTED
            if not self._actor.is_alive(beat.pid, beat.started_s):
                return Code.PROCESS_GONE
        return Code.NO_HEARTBEAT if unchanged_s >= self._actor.settings.lease_s else None
