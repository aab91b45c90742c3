"""News in words: a line or two each, and one message of them all. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from spoolctl.notify.seeing import GroupSeen, Room, Seen, WorkerSeen
from spoolctl.spool import Tone, Trouble

ITEMS_MAX = 12
PICTURES_MAX = 4
CHARS_MAX = 1_600
"""Of all lines: Discord takes 2000."""
_TITLE_CHARS_MAX = 160
_LINE_CHARS_MIN = 100
_CODES_MAX = 4
_WORST: tuple[Tone, ...] = ("failure", "warning", "info", "success")
_IS: dict[Trouble, str] = {
    "silent": "is silent",
    "sick": "is sick",
    "away": "waits for its backend",
}
_WAS: dict[Trouble, str] = {
    "silent": "it was silent",
    "sick": "it was sick",
    "away": "it waited for its backend",
}


@dataclass(frozen=True)
class Item:
    """One piece of news."""

    tone: Tone
    head: str
    more: str = ""
    picture: str | None = None


@dataclass(frozen=True)
class Message:
    """What is told at once."""

    tone: Tone
    title: str
    lines: tuple[str, ...]
    pictures: tuple[str, ...]
    """Paths on the share."""


def message_of(items: Sequence[Item]) -> Message | None:
    """One message of all items, in their order; ``None`` of none."""
    if not items:
        return None
    first = items[0]
    if len(items) == 1:
        title, lines = first.head, [first.more or first.head]
    else:
        title = f"{first.head}, and {len(items) - 1} more"
        lines = [f"{one.head}: {one.more}" if one.more else one.head for one in items[:ITEMS_MAX]]
        if len(items) > ITEMS_MAX:
            left = Counter(one.tone for one in items[ITEMS_MAX:])
            told = ", ".join(f"{left[tone]} {tone}" for tone in _WORST if left[tone])
            lines.append(f"and {len(items) - ITEMS_MAX} more ({told})")
    tone = min((one.tone for one in items), key=_WORST.index)
    pictures = [one.picture for one in items[:ITEMS_MAX] if one.picture][:PICTURES_MAX]
    each = max(_LINE_CHARS_MIN, CHARS_MAX // len(lines))
    return Message(
        tone,
        _cut(title, _TITLE_CHARS_MAX),
        tuple(_cut(one, each) for one in lines),
        tuple(pictures),
    )


def done(one: GroupSeen, *, again: bool) -> Item:
    """A group has ended."""
    what = "ended again" if again else _ending(one)
    head = f"{one.group}: {what}, {one.succeeded} of {one.ended} succeeded"
    parts = [f"{one.images} image{'s' * (one.images != 1)}"]
    if one.failed:
        parts.append(f"{one.failed} failed{_codes(one)}")
    if one.cancelled:
        parts.append(f"{one.cancelled} cancelled")
    if one.wall_s is not None:
        parts.append(f"{duration(one.wall_s)} from first start to last end")
    parts.append(f"{duration(one.seconds)} of cards' time")
    tone: Tone = "warning" if one.succeeded else "failure"
    if not one.failed:
        tone = "info" if one.cancelled else "success"
    return Item(tone, head, ", ".join(parts), one.picture)


def failing(one: GroupSeen, *, new: int) -> Item:
    """Jobs of a group fail while it goes on."""
    whose = "single jobs" if one.is_singles else one.group
    count = f"{one.failed} failed" if new == one.failed else f"{new} more failed, {one.failed} now"
    told = f"{one.succeeded} succeeded so far"
    return Item("warning", f"{whose}: {count}", f"{told}; failures{_codes(one)}")


def idle(seen: Seen) -> Item:
    """Nothing is left to do."""
    told = f"nothing queued and nobody at work for {duration(seen.idle_s)}"
    left = [f"{seen.waiting} wait for something else"] * bool(seen.waiting)
    left += [f"{seen.held} are held"] * bool(seen.held)
    return Item("info", "the farm is idle", "; ".join([told, *left]))


def troubled(name: str, one: WorkerSeen) -> Item:
    """A worker cannot work."""
    how = _IS[one.how or "sick"]
    return Item("failure", f"worker {name} {how}", one.why)


def well_again(name: str, before: Trouble) -> Item:
    """It can again."""
    return Item("info", f"worker {name} is well again", _WAS[before])


def full(room: Room, *, again: bool) -> Item:
    """The share has little room."""
    still = "still " * again
    return Item("failure", f"the share is {still}nearly full", f"{_left(room)} free")


def room_again(room: Room) -> Item:
    """It has some again."""
    return Item("info", "the share has room again", f"{_left(room)} free")


def duration(seconds: float) -> str:
    """As people say it."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02d} min" if hours else f"{minutes} min"


def _ending(one: GroupSeen) -> str:
    if one.succeeded == one.ended:
        return "done"
    return "cancelled" if one.cancelled == one.ended else "ended"


def _cut(text: str, chars_max: int) -> str:
    return text if len(text) <= chars_max else f"{text[: chars_max - 3]}..."


def _codes(one: GroupSeen) -> str:
    ranked = sorted(one.codes.items(), key=lambda pair: (-pair[1], pair[0]))
    told = [f"{count} {code}" for code, count in ranked[:_CODES_MAX]]
    told += ["..."] * (len(ranked) > _CODES_MAX)
    return f" ({', '.join(told)})" if told else ""


def _left(room: Room) -> str:
    percent = 100 * room.free / room.total if room.total else 0.0
    return f"{room.free / 1e9:.1f} GB of {room.total / 1e9:.0f} GB ({percent:.1f} %)"
