"""This machine's own time, with its changes of summer time, of which ``astimezone`` knows only that of the moment itself.

Guarantees: right for every moment for which the system's own C library is; no time-zone database of ours, which Windows would lack.
"""

from datetime import UTC, datetime, timedelta, tzinfo


class MachineZone(tzinfo):
    """The zone that this machine is set to."""

    def utcoffset(self, at: datetime | None) -> timedelta | None:
        """What the clock on the wall is ahead of UTC."""
        return None if at is None else at.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, _at: datetime | None) -> None:
        """Not known; nobody asks."""
        return

    def tzname(self, at: datetime | None) -> str | None:
        """The zone's name at that moment."""
        return None if at is None else at.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, at: datetime) -> datetime:
        """The clock on the wall at a moment of UTC (``astimezone`` calls it)."""
        moment = at.replace(tzinfo=UTC).timestamp()
        return datetime.fromtimestamp(moment).replace(tzinfo=self)  # noqa: DTZ006 - the system's own zone is meant


ZONE = MachineZone()


def machine_time(utc_s: float) -> datetime:
    """A moment, in seconds since the epoch, on this machine's clock on the wall."""
    return datetime.fromtimestamp(utc_s, tz=ZONE)


def shown(moment: datetime, now: datetime) -> str:
    """A moment within the next days, for people: ``22:00``, or ``Mon 22:00`` on another day than *now*'s."""
    local = moment.astimezone(ZONE)
    days = (local.date() - now.astimezone(ZONE).date()).days
    if days == 0:
        return f"{local:%H:%M}"
    return f"{local:%a %H:%M}" if 0 < days < 7 else f"{local:%Y-%m-%d %H:%M}"  # noqa: PLR2004 - a week
