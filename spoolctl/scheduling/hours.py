"""The hours of a week in which a worker may work, as people write them: ``mon-fri 22:00-07:30``, ``sat,sun all day``.

Pure, no clock: each question brings its moment, an aware datetime of the machine's own zone. What that zone's clock on the wall shows
decides, and nothing else: an hour that the clock passes over in spring is not there, one that it shows twice in autumn is judged
alike both times. Seconds are real ones, right over both changes.

Guarantees: ``closes_in_s`` and ``opens_in_s`` tell the first moment at which ``is_open`` changes, to the second.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from spoolctl.spool import UsageError

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEK = len(DAYS)
_DAY_MIN = 24 * 60
_LETTERS_MIN = 2
_EN_DASH = "\N{EN DASH}"
_TIME = re.compile(r"(\d{1,2})(?::(\d{2}))?")
_JOINT = re.compile(r"\s*([,-])\s*")
_HINT = "write days and times, like 'mon-fri 22:00-07:30', 'sat,sun all day' or 'daily 9-12, 14-17'"


@dataclass(frozen=True)
class Window:
    """One stretch of one weekday; over midnight it reaches into the day after."""

    weekday: int
    """0 is Monday."""
    begin_min: int
    """Minutes after midnight."""
    end_min: int
    """Minutes after the same midnight: above 1440 for a window that ends on the next day. No longer in the window itself."""

    def holds(self, weekday: int, minute: float) -> bool:
        """True if the clock, showing *minute* minutes after midnight on *weekday*, is in it."""
        since = ((weekday - self.weekday) % _WEEK) * _DAY_MIN + minute
        return self.begin_min <= since < self.end_min


@dataclass(frozen=True)
class Hours:
    """A week's windows; they may overlap. Made by ``parse_hours``."""

    windows: tuple[Window, ...]

    def is_open(self, at: datetime) -> bool:
        """True if the clock on the wall is in one of the windows.

        Args:
            at: An aware moment in the machine's zone.
        """
        minute = at.hour * 60 + at.minute + at.second / 60
        return any(one.holds(at.weekday(), minute) for one in self.windows)

    @property
    def longest_s(self) -> float | None:
        """Seconds of its longest stretch, in a week in which no clock is changed; ``None`` if it never closes."""
        week_min = _WEEK * _DAY_MIN
        spans = sorted(
            (w.weekday * _DAY_MIN + w.begin_min, w.weekday * _DAY_MIN + w.end_min)
            for w in self.windows
        )
        longest = begin = end = 0
        # Twice, so that what reaches over the end of the week meets what begins there.
        for first, last in [*spans, *((b + week_min, e + week_min) for b, e in spans)]:
            begin, end = (begin, max(end, last)) if first <= end else (first, last)
            longest = max(longest, end - begin)
        return None if longest >= week_min else longest * 60.0

    def closes_in_s(self, at: datetime) -> float | None:
        """Seconds until it closes: 0 if it is closed, ``None`` if it never closes."""
        return self._changes_in_s(at) if self.is_open(at) else 0.0

    def opens_in_s(self, at: datetime) -> float | None:
        """Seconds until it opens: 0 if it is open, ``None`` if it never opens (its only window lies in an hour that is not there)."""
        return 0.0 if self.is_open(at) else self._changes_in_s(at)

    def _changes_in_s(self, at: datetime) -> float | None:
        zone, now = at.tzinfo, at.astimezone(UTC)
        is_open = self.is_open(at)
        for moment in sorted(self._turns(at)):
            if moment > now and self.is_open(moment.astimezone(zone)) != is_open:
                return (moment - now).total_seconds()
        return None

    def _turns(self, at: datetime) -> Iterator[datetime]:
        """Every moment of the next week, and more, at which it can open or close, in UTC."""
        zone = at.tzinfo
        if zone is None:
            msg = "hours are asked of an aware moment"
            raise ValueError(msg)
        minutes = {m % _DAY_MIN for one in self.windows for m in (one.begin_min, one.end_min)}
        for days in range(-1, 2 * _WEEK):
            day = at.date() + timedelta(days=days)
            for minute in minutes:
                shown = datetime.combine(day, time(*divmod(minute, 60)), zone)
                for fold in (0, 1):  # twice where the clock is put back; else both mean one moment
                    yield shown.replace(fold=fold).astimezone(UTC)
            change = _change(datetime.combine(day, time(), zone), zone)
            if change is not None:
                yield change


def _change(midnight: datetime, zone: tzinfo) -> datetime | None:
    """The moment of this day at which the clock is put forward or back, in UTC; ``None`` on all other days."""
    low = midnight.astimezone(UTC)
    high = low + timedelta(hours=25)  # as long as a day may be
    before, after = (one.astimezone(zone).utcoffset() for one in (low, high))
    if before == after:
        return None
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def parse_hours(texts: Sequence[str]) -> Hours:
    """Read what a person wrote.

    Args:
        texts: Each names weekdays (``mon``, ``mon-fri``, ``sat,sun``, ``fri-mon``, ``daily``) and then times (``22:00-07:30``, ``9-17``,
            several with commas, or ``all day``). A window over midnight belongs to the day on which it begins.

    Raises:
        UsageError: There is none, or one cannot be read.
    """
    if not texts:
        raise UsageError("no hours are named", hint=f"{_HINT}; leave 'hours' out for always")
    return Hours(tuple(dict.fromkeys(window for text in texts for window in _windows(text))))


def _windows(text: str) -> Iterator[Window]:
    plain = _JOINT.sub(r"\1", text.strip().lower().replace(_EN_DASH, "-"))
    days, _, times = plain.partition(" ")
    weekdays = list(_weekdays(days, text))
    spans = list(_spans(times.strip(), text))
    for weekday in weekdays:
        for begin, end in spans:
            yield Window(weekday, begin, end)


def _weekdays(days: str, text: str) -> Iterator[int]:
    if days == "daily":
        yield from range(_WEEK)
        return
    for part in days.split(","):
        first, dash, last = part.partition("-")
        begin = _weekday(first, text)
        count = (_weekday(last, text) - begin) % _WEEK if dash else 0
        yield from ((begin + i) % _WEEK for i in range(count + 1))


def _weekday(word: str, text: str) -> int:
    if len(word) >= _LETTERS_MIN:
        for number, day in enumerate(DAYS):
            if day.startswith(word):
                return number
    raise _unreadable(text, f"'{word}' is no weekday")


def _spans(times: str, text: str) -> Iterator[tuple[int, int]]:
    if " ".join(times.split()) == "all day":
        yield 0, _DAY_MIN
        return
    if not times:
        raise _unreadable(text, "times are missing")
    for part in times.split(","):
        first, dash, last = part.partition("-")
        if not dash:
            raise _unreadable(text, f"'{part}' has no end")
        begin, end = _minute(first, text), _minute(last, text)
        if begin in (end, _DAY_MIN):
            raise _unreadable(text, f"'{part}' has no length; 'all day' is a whole day")
        yield begin, end if end > begin else end + _DAY_MIN


def _minute(word: str, text: str) -> int:
    found = _TIME.fullmatch(word)
    hour, minute = (int(found[1]), int(found[2] or 0)) if found else (-1, 0)
    total = hour * 60 + minute
    if not 0 <= total <= _DAY_MIN or minute >= 60:  # noqa: PLR2004 - minutes of an hour
        raise _unreadable(text, f"'{word}' is no time from 0:00 to 24:00")
    return total


def _unreadable(text: str, why: str) -> UsageError:
    return UsageError(f"hours {text[:100]!r}: {why}", hint=_HINT)
