"""A controller's look at what may be news, and its letters: people are told, whatever becomes of this controller.

Guarantees: what is told is noted on the share first, with whom it has not reached; after each delivery that is noted, too. So a
controller that dies, or another one that takes over, repeats nothing but what was on its way at that instant, and forgets nothing. An
address that does not answer is tried again, at intervals that double, for a day, in which quiet hours do not count; nothing is sent in
them. No fault here keeps the controller from its work.

What it costs: every 15 seconds one look whether anything is queued, and one read for each worker; nothing else while nothing was merged.
"""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from spoolctl.index import (
    GroupEnds,
    Index,
    changes,
    failure_codes,
    group_ends,
    image_count,
)
from spoolctl.notify.config import Config
from spoolctl.notify.letters import Outbox
from spoolctl.notify.news import beginning, look, may_matter
from spoolctl.notify.room import Space
from spoolctl.notify.seeing import (
    GroupSeen,
    Idleness,
    Room,
    Seen,
    Settling,
    Workers,
    WorkerSeen,
)
from spoolctl.notify.sending import Post, addresses_of
from spoolctl.notify.wording import Message
from spoolctl.spool import (
    Actor,
    BadRecord,
    Heartbeat,
    Letter,
    Notified,
    State,
    all_records,
    decode,
    encode_json,
    group_folder,
    layout,
    nodes,
    replace_own,
    shelf,
)

LOOK_MAX_S: Final = 15.0
_LOOK_SWEEPS: Final = 4
_SETTLE_SWEEPS: Final = 5
_QUIET_STEP_S: Final = 300
_SINGLES: Final = shelf("alone")
_NAME_CHARS_MAX: Final = 200
"""Of a ``Label``."""


def local_now() -> datetime:
    """This machine's clock on the wall, in its zone."""
    return datetime.now().astimezone()


@dataclass(frozen=True)
class Senses:
    """What a watch asks beside the share."""

    index: Callable[[], AbstractContextManager[Index]]
    """This machine's index, in step with what was merged."""
    room: Callable[[float], Room | None]
    """What room the share has, asked at a moment of the clock that never goes back."""
    now: Callable[[], datetime] = local_now
    """For quiet hours."""


class Watch:
    """One controller's.

    Args:
        actor: Who acts.
        config: Whom to tell, and what.
        post: Who brings it to people.
        senses: What is asked beside the share.
        once: True for a single look, which cannot wait until something has settled.
    """

    def __init__(
        self, actor: Actor, config: Config, post: Post, senses: Senses, *, once: bool = False
    ) -> None:
        self._actor, self._config, self._senses = actor, config, senses
        self._rules, self._hours = config.rules, config.hours
        self._outbox = Outbox(actor, post, self._quiet_s)
        self._state: Notified | None = None
        """What is noted on the share; ``None``: not read yet."""
        self._look_s = min(LOOK_MAX_S, _LOOK_SWEEPS * actor.settings.sweep_s)
        self._look_at = 0.0
        settle_s = _SETTLE_SWEEPS * actor.settings.sweep_s
        self._settling = Settling(0.0, 0.0) if once else Settling(settle_s)
        self._workers = Workers(actor.settings.lease_s, actor.settings.heartbeat_s)
        self._idleness = Idleness()
        self._version: tuple[int, int, int] | None = None
        self._groups: list[tuple[GroupSeen, GroupEnds]] = []
        self._ended: int | None = None
        """How many jobs had ended at the most, at a look before: an index that is made anew has none for a while."""

    def look(self) -> None:
        """Look, and have told what is new; raises nothing."""
        mono = self._actor.clock.mono()
        if mono < self._look_at:
            return
        self._look_at = mono + self._look_s
        try:
            before = self._known()
            seen = self._seen(before, mono)
            after, message = look(before, seen, self._rules)
            letter = self._letter(message) if message else None
            if letter is not None:
                after = after.model_copy(update={"letters": (*after.letters, letter)})
            self._save(self._outbox.settle(after))
            if letter is not None:
                self._actor.log("notify.told", letter=letter.id, title=letter.title)
            if not seen.is_quiet:
                self._outbox.hand_over(self._known())
        except Exception as error:  # noqa: BLE001 - what is told is no part of the controller's work, which goes on
            self._trouble(error)

    def rest(self) -> None:
        """Another controller has the role, and tells; what it told is read when this one looks again."""
        self._state = None

    def finish(self, wait_s: float) -> None:
        """Wait at most so long for what is in the hands of the post, and note it; raises nothing."""
        until = self._actor.clock.mono() + wait_s
        try:
            while self._state is not None and self._outbox.is_busy:
                left_s = until - self._actor.clock.mono()
                if left_s <= 0:
                    return
                self._save(self._outbox.settle(self._state, left_s))
        except Exception as error:  # noqa: BLE001 - as above
            self._trouble(error)

    def _trouble(self, error: Exception) -> None:
        self._actor.log("notify.trouble", kind=type(error).__name__, error=str(error))

    # -- what was told

    def _known(self) -> Notified:
        if self._state is None:
            found = self._read()
            if found is None:
                # At once: what ends from here on is news, also for the next controller.
                found = beginning(self._actor.share_now_s())
                replace_own(self._actor, layout.NOTIFIED, encode_json(found))
            self._state = found
        return self._state

    def _read(self) -> Notified | None:
        try:
            data = self._actor.files.read(layout.NOTIFIED, bytes_max=Notified.bytes_max)
            return decode(Notified, data)
        except FileNotFoundError:
            return None
        except BadRecord as error:
            self._actor.log("notify.unreadable", path=layout.NOTIFIED, error=str(error))
            return None

    def _save(self, after: Notified) -> None:
        if after != self._state:
            replace_own(self._actor, layout.NOTIFIED, encode_json(after))
            self._state = after
        self._outbox.noted()

    def _letter(self, message: Message) -> Letter:
        prefix = f"{self._config.title}: " if self._config.title else ""
        return Letter(
            id=self._actor.entropy.token(),
            tone=message.tone,
            title=f"{prefix}{message.title}",
            lines=message.lines,
            pictures=message.pictures,
            since_s=self._actor.share_now_s(),
            addresses=self._outbox.addresses,
        )

    # -- what is seen

    def _seen(self, state: Notified, mono: float) -> Seen:
        actor = self._actor
        is_busy = any(True for _ in all_records(actor, (State.QUEUE, State.CLAIMED)))
        idle_s = self._idleness.see(mono, is_busy=is_busy)
        may_be_told = state.worked and not is_busy and idle_s >= self._rules.idle_after_s
        workers, gone = self._look_at_workers(mono)
        with self._senses.index() as index:
            groups = tuple(self._look_at_groups(index.connection, state, mono))
        before, ended = self._ended, sum(sums.ended for sums, _ in self._groups)
        self._ended = max(before or 0, ended)
        return Seen(
            now_s=actor.share_now_s(),
            is_quiet=self._hours is not None and self._hours.is_open(self._senses.now()),
            groups=groups,
            is_busy=is_busy,
            has_ended=before is not None and ended > before,
            idle_s=idle_s,
            waiting=self._count(State.WAITING) if may_be_told else 0,
            held=self._count(State.HELD) if may_be_told else 0,
            workers=workers,
            gone=gone,
            room=self._senses.room(mono),
        )

    def _quiet_s(self, back_s: float) -> float:
        """How many of the last so many seconds were quiet, to a few minutes (an hour where the clock was changed meanwhile)."""
        if self._hours is None:
            return 0.0
        now = self._senses.now()
        moments = (now - timedelta(seconds=at) for at in range(0, int(back_s), _QUIET_STEP_S))
        return float(_QUIET_STEP_S * sum(map(self._hours.is_open, moments)))

    def _count(self, state: State) -> int:
        return sum(1 for _ in all_records(self._actor, (state,)))

    def _look_at_workers(self, mono: float) -> tuple[dict[str, WorkerSeen], set[str]]:
        actor, here = self._actor, self._actor.host
        beats: dict[str, Heartbeat] = {}
        for name, (_, beat) in nodes(actor).items():
            if beat is not None and beat.role == "worker" and _can_be_noted(name):
                beats[name] = beat
        dead = {
            name
            for name, beat in beats.items()
            if (beat.host_id, beat.boot_id) == (here.host_id, here.boot_id)
            and not actor.is_alive(beat.pid, beat.started_s)
        }
        return self._workers.see(beats, dead, mono)

    def _look_at_groups(
        self, connection: sqlite3.Connection, state: Notified, mono: float
    ) -> list[GroupSeen]:
        if (version := changes(connection)) != self._version:
            found = group_ends(connection)
            self._groups = [(_sums(one), one) for one in found if _can_be_noted(one.group)]
            self._version = version
        may_be_told = []
        for sums, one in self._groups:
            if not may_matter(state, sums):
                self._settling.forget(sums.group)
            elif sums.said is None:
                may_be_told.append(self._told_more(connection, sums, one, is_settled=False))
            elif self._settling.see(sums.group, sums.said, mono, is_shown=one.is_shown):
                may_be_told.append(self._told_more(connection, sums, one, is_settled=True))
        return may_be_told

    def _told_more(
        self, connection: sqlite3.Connection, sums: GroupSeen, one: GroupEnds, *, is_settled: bool
    ) -> GroupSeen:
        images = image_count(connection, one.group)
        has_sheet = self._config.pictures and one.is_shown and images
        sheet = f"{layout.GROUPS}/{group_folder(one.group)}/{layout.contact_sheet(1)}"
        return replace(
            sums,
            is_settled=is_settled,
            images=images,
            codes=failure_codes(connection, one.group) if one.failed else {},
            picture=sheet if has_sheet else None,
        )


def watch_of(
    actor: Actor,
    root: Path,
    config: Config,
    index: Callable[[], AbstractContextManager[Index]],
    *,
    once: bool = False,
) -> Watch:
    """A controller's watch that tells real people.

    Raises:
        UsageError: apprise does not know an address.
        SpoolError: apprise is not installed.
    """
    senses = Senses(index, Space(root).room)
    return Watch(actor, config, Post(addresses_of(config)), senses, once=once)


def _sums(one: GroupEnds) -> GroupSeen:
    begin_s, end_s = _moment_s(one.first_start), _moment_s(one.last_end)
    wall_s = None if begin_s is None or end_s is None else max(0.0, end_s - begin_s)
    return GroupSeen(
        group=one.group,
        ended=one.ended,
        succeeded=one.succeeded,
        failed=one.failed,
        cancelled=one.cancelled,
        seconds=one.seconds,
        wall_s=wall_s,
        last_end_s=end_s,
        last_failed_s=_moment_s(one.last_failed),
        said=one.result if one.is_over else None,
        is_settled=False,
        is_singles=one.group == _SINGLES,
    )


def _can_be_noted(name: str | None) -> bool:
    """False of a name that no program of ours gave, which what was told could not be read with."""
    return name is not None and 0 < len(name) <= _NAME_CHARS_MAX


def _moment_s(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except (ValueError, OverflowError, OSError):  # what a person edited
        return None
