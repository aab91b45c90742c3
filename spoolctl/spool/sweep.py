"""Sweeping: one bounded pass of housekeeping, done by workers in their idle moments and by the controller.

It reaps attempts without life (those that hold tokens also if their record is gone), settles records that do not lie where their
decisions say, promotes what waited, gives files dropped beside the queues a class, brings what a queue's head has no room for into
shards, and decides cancels that people asked for with the mouse. Every step is idempotent and may be done by any number of sweepers
at once.

Guarantees: one record's trouble never stops the pass; a bounded number of records is opened each time; a folder that can't be listed
counts as unseen, not as empty. Does not merge and does not prune: those are the controller's.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.admission import Admission, Admitted, NotAdmitted
from spoolctl.spool.cancel import cancel_pending
from spoolctl.spool.circles import Circles
from spoolctl.spool.errors import SpoolError
from spoolctl.spool.fronts import Fronts
from spoolctl.spool.layout import Location, Place, State
from spoolctl.spool.life import Life, end_session, worker_of
from spoolctl.spool.looking import (
    Attempt,
    Decisions,
    attempt,
    decisions,
    entries_in,
    heartbeat,
    last_days,
    parts,
    read_record,
    records_in,
)
from spoolctl.spool.promote import Needs, fail_for_need, held_back
from spoolctl.spool.reap import Reaper
from spoolctl.spool.records import Code, Heartbeat
from spoolctl.spool.settle import move, settle
from spoolctl.spool.spilling import Spiller
from spoolctl.spool.states import belongs, class_of, label_for
from spoolctl.spool.tokens import slots

HEADS_MAX = 32
"""How many records of each queue are looked at; leftovers further back wait until they come to the front."""
WAITING_MAX = 200
DAYS = 2
LOOK_AGAIN_S = 30.0
"""For how long a record that was in order is not looked at again."""
REST_AGAIN_S = 600.0
"""The same for one in ``held/`` or ``failed/``, where nothing moves by itself."""


@dataclass
class Swept:
    """What one pass did."""

    reaped: int = 0
    settled: int = 0
    promoted: int = 0
    cancelled: int = 0
    spilled: int = 0
    """Records brought from a queue's head into a shard."""
    troubles: list[str] = field(default_factory=list)
    """What failed, and will be tried again."""


class Sweeper:
    """One process's housekeeping, with what it remembers between passes."""

    def __init__(self, actor: Actor, life: Life, admission: Admission | None = None) -> None:
        self._actor = actor
        self._reaper = Reaper(actor, life)
        self._role = life.role
        self._admission = admission or Admission()
        self._circles = Circles(self._admission)
        self._fronts = Fronts(actor)
        self._spiller = Spiller(actor, self._admission)
        self._look_again: dict[str, float] = {}
        self._open: set[tuple[str, int]] = set()
        self.is_quiet = False
        """True if the last pass met nothing that goes on: no open attempt, no record that waits, nothing to be moved, no trouble."""
        self._waits = False

    def sees_a_death(self) -> bool:
        """True if a process of this machine is gone whose attempt the last pass saw open: another pass would end it. Asks no share."""
        return self._reaper.sees_a_death()

    def sweep(self) -> Swept:
        """Do one pass."""
        swept = Swept()
        self._reaper.wake()
        self._open = set()
        self._waits = False
        passes = (
            self._claims,
            self._queues,
            self._waiting,
            self._cancelled,
            self._resting,
            self._tokens,
        )
        for one in passes:
            try:
                one(swept)
            except OSError as error:
                self._trouble(swept, one.__name__.strip("_"), error)
        self._reaper.forget_ended(self._open)
        self.is_quiet = swept == Swept() and not self._open and not self._waits
        return swept

    def _each(
        self, swept: Swept, found: Iterable[Location], look: Callable[[Swept, Location], None]
    ) -> None:
        for location in found:
            try:
                look(swept, location)
            except (OSError, SpoolError) as error:
                self._trouble(swept, location.path, error)

    def _trouble(self, swept: Swept, what: str, error: Exception) -> None:
        swept.troubles.append(f"{what}: {error}")
        self._actor.log("sweep.trouble", what=what, error=str(error))

    def _unseen(self, place: Place, limit: int) -> list[Location]:
        """The first records of a folder, or of a queue, without those that were in order a moment ago."""
        if place in layout.QUEUES:
            paths = self._fronts.paths(place)
        else:
            paths = [f"{place.folder}/{entry}" for entry in entries_in(self._actor, place)]
        self._waits |= bool(paths) and place == layout.WAITING
        now = self._actor.clock.mono()
        if len(self._look_again) > 10 * WAITING_MAX:
            self._forget_gone(place, set(paths))
        looked = [(self._look_again.get(path, 0.0), at) for at, path in enumerate(paths)]
        # Those that waited longest first: by name alone, two hundred records that need a later one would hide it for ever.
        due = sorted(one for one in looked if one[0] <= now)
        found = (layout.location_of(paths[at]) for _, at in due)
        return list(islice((one for one in found if one is not None), limit))

    def _forget_gone(self, place: Place, there: set[str]) -> None:
        """Never what is due and still there: without its moment it would not go behind those that waited longer."""
        inside = f"{place.folder}/"
        self._look_again = {
            p: t for p, t in self._look_again.items() if p in there or not p.startswith(inside)
        }

    def _in_order(self, location: Location, *, for_s: float = LOOK_AGAIN_S) -> None:
        self._look_again[location.path] = self._actor.clock.mono() + for_s

    def _claims(self, swept: Swept) -> None:
        for place in parts(self._actor, State.CLAIMED):
            found = records_in(self._actor, place)
            self._each(swept, found, self._look_at_claim)
            if place.part not in ("", self._actor.session) and not found:
                self._look_at_session(place)

    def _look_at_session(self, place: Place) -> None:
        now = self._actor.clock.mono()
        if self._look_again.get(place.folder, 0.0) > now:
            return  # most are idle workers'
        if self._is_over(place.part):
            end_session(self._actor, place.part)
        self._look_again[place.folder] = now + LOOK_AGAIN_S

    def _look_at_claim(self, swept: Swept, location: Location) -> None:
        decided = decisions(self._actor, location.name)
        if not self._reap(swept, location, decided):
            self._settle(swept, location)

    def _reap(self, swept: Swept, location: Location, decided: Decisions) -> bool:
        """True if an attempt is open, dead or alive; a dead one's record is settled."""
        last = decided.highest
        if last is None or not last.is_open:
            return False
        self._open.add((location.name, last.number))
        if self._reaper.consider(
            location.name, last, asked_again=location.place.state in (State.QUEUE, State.CLAIMED)
        ):
            swept.reaped += 1
            settle(self._actor, location)
        return True

    def _settle(self, swept: Swept, location: Location, *, for_s: float = LOOK_AGAIN_S) -> None:
        if settle(self._actor, location) == location:
            self._in_order(location, for_s=for_s)
        else:
            swept.settled += 1

    def _is_over(self, session: str) -> bool:
        """True if an empty session's worker has begun another session, or has said that it stopped."""
        path = layout.node_heartbeat(worker_of(session))
        try:
            beat = read_record(self._actor, Heartbeat, path)
        except (OSError, SpoolError):
            return False
        return beat.session != session or beat.is_stopped

    def _queues(self, swept: Swept) -> None:
        dropped = records_in(self._actor, Place(State.QUEUE))
        self._waits |= bool(dropped)
        self._each(swept, dropped[:HEADS_MAX], self._give_class)
        for place in layout.QUEUES:
            self._each(swept, self._unseen(place, HEADS_MAX), self._look_at_queued)
            swept.spilled += self._spiller.spill(place)

    def _give_class(self, swept: Swept, location: Location) -> None:
        """A file dropped straight into ``queue/`` goes to its own class or the default one, once it is whole."""
        admitted = self._admission.admit(self._actor, location)
        if isinstance(admitted, Admitted):
            place = layout.queue(class_of(admitted.job, None, self._actor.settings))
            if move(self._actor, location, place, label=location.file.label) is not None:
                swept.settled += 1

    def _look_at_queued(self, swept: Swept, location: Location) -> None:
        decided = decisions(self._actor, location.name)
        if self._reap(swept, location, decided):
            return
        default_class = self._actor.settings.default_class
        if belongs(decided, location, default_class=default_class) is None:
            self._in_order(location)  # nearly every one; settling would read it all again
        else:
            self._settle(swept, location)

    def _waiting(self, swept: Swept) -> None:
        self._each(swept, self._unseen(layout.WAITING, WAITING_MAX), self._look_at_waiting)

    def _look_at_waiting(self, swept: Swept, location: Location) -> None:
        decided = decisions(self._actor, location.name)
        if self._reap(swept, location, decided):
            return
        if not decided.may_run:
            self._settle(swept, location)
            return
        admitted = self._admission.admit(self._actor, location)
        if not isinstance(admitted, Admitted):
            if admitted is not NotAdmitted.GROWING:
                self._in_order(location)
            return
        held = held_back(self._actor, admitted.job, decided)
        self._circles.note(location, held)
        circle = self._circles.around(self._actor, location.name)
        if held.needs is Needs.FAILED or circle:
            fail_for_need(
                self._actor, location, admitted.data, held.need, role=self._role, circle=circle
            )
            swept.settled += 1
        elif held.is_due:
            last = decided.highest
            verdict = last.verdict if last else None
            place = layout.queue(class_of(admitted.job, verdict, self._actor.settings))
            label = label_for(decided, place)
            if move(self._actor, location, place, label=label) is not None:
                self._actor.log("promoted", job=location.name, to=place.folder)
                swept.promoted += 1
        elif held.until is not None:
            wait_s = held.until.timestamp() - self._actor.share_now_s()
            self._in_order(location, for_s=min(max(wait_s, 0.0), LOOK_AGAIN_S))
        else:
            # What it needs may be committed at any moment: looked at again by the next sweep, after those that waited longer.
            self._in_order(location, for_s=0.0)

    def _cancelled(self, swept: Swept) -> None:
        whole, *days = parts(self._actor, State.CANCELLED)
        for place in (whole, *last_days(days, DAYS)):
            self._each(swept, self._unseen(place, WAITING_MAX), self._look_at_cancelled)

    def _look_at_cancelled(self, swept: Swept, location: Location) -> None:
        """A record that a person put here asks for a cancel, unless its job has come to an end already."""
        decided = decisions(self._actor, location.name)
        if self._reap(swept, location, decided):
            return
        last = decided.highest
        if not decided.may_run or (last is not None and last.is_final):
            self._settle(swept, location)
            return
        admitted = self._admission.admit(self._actor, location)
        if isinstance(admitted, Admitted) and cancel_pending(
            self._actor, location, role=self._role, message="its file was moved to cancelled/"
        ):
            swept.cancelled += 1
        else:
            self._waits = True  # for its file to be whole

    def _resting(self, swept: Swept) -> None:
        """What nobody moves any more may still have an attempt that its owner left: a late rename put it here, or an adopt died."""
        # A record may lie straight in failed/ or done/, beside the days: a hand put it there.
        whole, *days = parts(self._actor, State.FAILED)
        places = [layout.HELD, whole, *last_days(days, DAYS)]
        if self._role == "controller":
            # Many records, and hardly ever one of these: one looker is enough.
            whole, *days = parts(self._actor, State.DONE)
            places += [layout.FINISHED, whole, *last_days(days, DAYS)]
        for place in places:
            self._each(swept, self._unseen(place, WAITING_MAX), self._look_at_resting)

    def _look_at_resting(self, swept: Swept, location: Location) -> None:
        decided = decisions(self._actor, location.name)
        if not self._reap(swept, location, decided):
            self._settle(swept, location, for_s=REST_AGAIN_S)

    def _tokens(self, swept: Swept) -> None:
        """Whose record was deleted while it ran is found by no look at records; if its worker died then, its tokens were never free."""
        for token in self._actor.settings.tokens:
            for slot in slots(self._actor, token):
                if slot.is_free or slot.last is None:
                    continue
                name, number = slot.last.name, slot.last.attempt
                if (name, number) in self._open:
                    continue
                try:
                    self._reap_holder(swept, name, number)
                except (OSError, SpoolError) as error:
                    self._trouble(swept, layout.holder(token, slot.number, slot.count), error)

    def _reap_holder(self, swept: Swept, name: str, number: int) -> None:
        held = attempt(self._actor, name, number)
        if held.is_open:
            self._open.add((name, number))
            swept.reaped += self._reaper.consider(name, held)


def end_former_sessions(actor: Actor, life: Life) -> int:
    """End the attempts of this worker's earlier sessions, without waiting; only for who holds the worker's name.

    Returns:
        How many attempts were ended.

    Raises:
        OSError: The share did not answer.
    """
    ended = 0
    reaper = Reaper(actor, life)
    for place in parts(actor, State.CLAIMED):
        if not place.part or place.part == actor.session or worker_of(place.part) != actor.name:
            continue
        for location in records_in(actor, place):
            last: Attempt | None = decisions(actor, location.name).highest
            if last is not None and last.is_open:
                beat = heartbeat(actor, location.name, last.number)
                # Another's attempt, whose record only lies here; or this name's on another machine, which may live
                # and be cut off: for both a lease has to pass.
                if beat is None or beat.session != place.part:
                    continue
                if beat.host_id != actor.host.host_id:
                    continue
                ended += reaper.publish_lost(
                    location.name, last.number, beat, Code.WORKER_RESTARTED
                )
            settle(actor, location)
        end_session(actor, place.part)
    return ended
