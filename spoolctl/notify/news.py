"""What is news: from one look, and from what was told before, to one message at most and what is told then.

Pure, no clock and no file. News is what is true now and was not told: so nothing need be kept for the end of quiet hours, what is over
by then is left out by itself, and a controller that died between two looks has neither forgotten nor repeated anything.

Guarantees: one message for all that one look brings; nothing twice for the same reason; a group's failures, ends of a group that follow
each other, and a full share are told again only after intervals that double. Never one message for each job.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

from spoolctl.notify.seeing import GroupSeen, Room, Seen
from spoolctl.notify.wording import (
    Item,
    Message,
    done,
    failing,
    full,
    idle,
    message_of,
    room_again,
    troubled,
    well_again,
)
from spoolctl.spool import NOTIFIED_SCHEMA, GroupNotified, Notified

Event = Literal["done", "failing", "idle", "sick", "share"]
EVENTS: Final[tuple[Event, ...]] = get_args(Event)
AGAIN_S: Final = 600.0
"""After a group's end, before the next end of the same group is told; doubles."""
FAILING_S: Final = 300.0
"""After a group was told to be failing; doubles."""
FULL_S: Final = 3_600.0
"""After the share was told to be nearly full; doubles."""
INTERVAL_MAX_S: Final = 7 * 86_400.0
QUIET_AGAIN_S: Final = 86_400.0
"""After so long without an end or a failure worth telling, intervals begin anew."""
OLD_S: Final = 30 * 86_400.0
"""After so long what was told of a group is dropped, and what ended before is old."""
MARGIN_S: Final = 60.0
"""By so much the clock of a worker may run behind the share's, so that its jobs are not taken for old ones."""
ROOM_AGAIN: Final = 1.1
"""Times the bound: so much room must be there to be told as room again."""


@dataclass(frozen=True)
class Rules:
    """What a person wants to know."""

    events: frozenset[Event] = frozenset(EVENTS)
    failing_from: int = 1
    """The number of a group's failures at which it is told for the first time."""
    idle_after_s: float = 900.0
    free_bytes: float = 0.0
    """The share is nearly full below this, or below the next."""
    free_fraction: float = 0.0


def beginning(now_s: float) -> Notified:
    """Nothing was told yet, and what has ended until now never will be."""
    return Notified(schema_=NOTIFIED_SCHEMA, began_s=now_s)


def may_matter(before: Notified, one: GroupSeen) -> bool:
    """False if nothing can be news of a group with these sums, so that no more need be asked of it."""
    known = before.groups.get(one.group)
    if known is not None:
        return known.ended != one.said if one.said is not None else one.failed > known.failed
    if one.said is not None:
        return not _is_old(one.last_end_s, before.began_s)
    return one.failed > 0 and not _is_old(one.last_failed_s, before.began_s)


def look(before: Notified, seen: Seen, rules: Rules) -> tuple[Notified, Message | None]:
    """What is told now.

    Returns:
        What was told after that, letters untouched; the same object if nothing changed. And the message, if there is news.
    """
    state = _noticed(before, seen)
    if seen.is_quiet:
        return state, None
    items: list[tuple[Event, Item]] = []
    for step in (_share, _workers, _groups, _farm):
        state, more = step(state, seen, rules)
        items += more
    told = [item for event, item in items if event in rules.events]
    if state != before:
        state = _without_old(state, seen.now_s)
    return (state if state != before else before), message_of(told)


_Step = tuple[Notified, list[tuple[Event, Item]]]


def _noticed(state: Notified, seen: Seen) -> Notified:
    """What must be known later, told or not: that there was work, and who is alive. Telling cannot have begun in the future."""
    workers = {name: how for name, how in state.workers.items() if name not in seen.gone}
    for name, one in seen.workers.items():
        if one.how is None:
            workers.setdefault(name, None)
    worked = state.worked or seen.is_busy or seen.has_ended
    return _changed(state, began_s=min(state.began_s, seen.now_s), worked=worked, workers=workers)


def _share(state: Notified, seen: Seen, rules: Rules) -> _Step:
    room = seen.room
    if room is None:
        return state, []
    bound = _bound(room, rules)
    told_at_s = state.full_at_s
    if room.free < bound:
        due_s = _doubled(FULL_S, state.fulls)
        if told_at_s is not None and _since_s(told_at_s, seen.now_s) < due_s:
            return state, []
        told = _changed(state, full_at_s=seen.now_s, fulls=state.fulls + 1)
        return told, [("share", full(room, again=told_at_s is not None))]
    if told_at_s is None or room.free < bound * ROOM_AGAIN:
        return state, []
    return _changed(state, full_at_s=None, fulls=0), [("share", room_again(room))]


def _bound(room: Room, rules: Rules) -> float:
    return max(rules.free_bytes, rules.free_fraction * room.total)


def _workers(state: Notified, seen: Seen, _rules: Rules) -> _Step:
    workers = dict(state.workers)
    items: list[tuple[Event, Item]] = []
    for name, one in sorted(seen.workers.items()):
        before = workers.get(name)
        if one.how is None:
            if before is not None:
                items.append(("sick", well_again(name, before)))
                workers[name] = None
        elif before is None and (name in workers or one.how != "silent"):
            # Silent and never seen alive: it was switched off long before anybody looked.
            items.append(("sick", troubled(name, one)))
            workers[name] = one.how
    return _changed(state, workers=workers), items


def _groups(state: Notified, seen: Seen, rules: Rules) -> _Step:
    groups = dict(state.groups)
    items: list[tuple[Event, Item]] = []
    for one in sorted(seen.groups, key=lambda one: one.group):
        known = groups.get(one.group)
        if one.said is not None:
            if told := _ended(known, one, state.began_s, seen.now_s):
                again = known is not None and known.ended is not None
                items.append(("done", done(one, again=again)))
                groups[one.group] = told
        elif told := _failing(known, one, state.began_s, seen.now_s, rules):
            since = known.failed if known else 0
            items.append(("failing", failing(one, new=one.failed - since)))
            groups[one.group] = told
    return _changed(state, groups=groups), items


def _ended(
    known: GroupNotified | None, one: GroupSeen, began_s: float, now_s: float
) -> GroupNotified | None:
    """What is noted of a group whose end is told now; ``None`` if it is not."""
    if not one.is_settled or (known is None and _is_old(one.last_end_s, began_s)):
        return None
    ends = 0
    if known is not None and known.ended is not None:
        since_s = _since_s(known.at_s, now_s)
        if known.ended == one.said or since_s < _doubled(AGAIN_S, known.ends):
            return None
        ends = known.ends if since_s < QUIET_AGAIN_S else 0
    return GroupNotified(at_s=now_s, ended=one.said, ends=ends + 1, failed=one.failed)


def _failing(
    known: GroupNotified | None, one: GroupSeen, began_s: float, now_s: float, rules: Rules
) -> GroupNotified | None:
    """As ``_ended``, of a group that goes on."""
    if known is None:
        if one.failed < rules.failing_from or _is_old(one.last_failed_s, began_s):
            return None
        return GroupNotified(at_s=now_s, failed=one.failed, failings=1)
    since_s = _since_s(known.at_s, now_s)
    anew = known.failings == 0 or since_s >= QUIET_AGAIN_S
    at = known.failed + max(1, rules.failing_from) if anew else 2 * known.failed
    if one.failed < at or (not anew and since_s < _doubled(FAILING_S, known.failings)):
        return None
    failings = 1 if anew else known.failings + 1
    return known.model_copy(update={"at_s": now_s, "failed": one.failed, "failings": failings})


def _is_old(moment_s: float | None, began_s: float) -> bool:
    return moment_s is None or moment_s < began_s - MARGIN_S


def _farm(state: Notified, seen: Seen, rules: Rules) -> _Step:
    if seen.is_busy or not state.worked or seen.idle_s < rules.idle_after_s:
        return state, []
    return _changed(state, worked=False), [("idle", idle(seen))]


def _since_s(moment_s: float, now_s: float) -> float:
    """Without end if the moment is yet to come: the share's clock was set back."""
    return now_s - moment_s if moment_s <= now_s else math.inf


def _doubled(first_s: float, times: int) -> float:
    return min(INTERVAL_MAX_S, first_s * 2.0 ** min(times - 1, 30))


def _without_old(state: Notified, now_s: float) -> Notified:
    began_s = max(state.began_s, now_s - OLD_S)
    # What is dropped ended before it was told, so that it is old even by a clock that runs behind.
    kept = {group: one for group, one in state.groups.items() if one.at_s >= began_s - 2 * MARGIN_S}
    return _changed(state, began_s=began_s, groups=kept)


def _changed(state: Notified, **changes: object) -> Notified:
    return state.model_copy(update=changes)
