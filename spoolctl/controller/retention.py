"""Retention: what ``spool.yaml`` says may go, counted in days after the verdict by the share's clock.

Guarantees: nothing goes by default; the day is the folder's, which is the verdict's; a job is fenced before it is
removed (``spool.prune``). Does not look often: once an hour, and a bounded number of jobs each time.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from spoolctl.spool import (
    Actor,
    Location,
    Place,
    SpoolError,
    layout,
    parts,
    prune_job,
    prune_outputs,
    records_in,
)

AGAIN_S = 3_600.0
JOBS_MAX = 500
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Retention:
    """One controller's retention, with what it has seen to already."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._again_at = 0.0
        self._outputs_gone: set[str] = set()

    def apply(self) -> dict[str, Exception]:
        """Remove what is due, if an hour has passed.

        Returns:
            What failed, by the record's path; it is tried again at the next time.

        Raises:
            OSError: The share did not answer at all.
        """
        settings = self._actor.settings.retention
        if settings.outputs_days is None and settings.records_days is None:
            return {}
        now = self._actor.clock.mono()
        if now < self._again_at:
            return {}
        self._again_at = now + AGAIN_S
        failed: dict[str, Exception] = {}
        records_before = self._day_before(settings.records_days)
        outputs_before = self._day_before(settings.outputs_days)
        left = JOBS_MAX
        for state in layout.TERMINAL:
            for place in parts(self._actor, state)[1:]:
                if not _DAY.fullmatch(place.part):
                    continue  # a person's own folder, like '2025 best of'
                if place.part < records_before:
                    left -= self._remove(place, left, failed)
                elif place.part < outputs_before and place.folder not in self._outputs_gone:
                    left -= self._empty(place, left, failed)
        return failed

    def _day_before(self, days: float | None) -> str:
        """The first day that stays; '' if all do."""
        if days is None:
            return ""
        today = datetime.fromtimestamp(self._actor.share_now_s(), tz=UTC)
        return (today - timedelta(days=days)).date().isoformat()

    def _remove(self, place: Place, left: int, failed: dict[str, Exception]) -> int:
        found = records_in(self._actor, place)[:left]
        for location in found:
            self._try(prune_job, location, failed)
        if not found and left > 0:
            try:
                self._actor.files.rmdir(place.folder)
            except OSError as error:  # something of a person's lies there, or another was quicker
                self._actor.log("retention.folder_left", folder=place.folder, error=str(error))
        return len(found)

    def _empty(self, place: Place, left: int, failed: dict[str, Exception]) -> int:
        found = records_in(self._actor, place)
        for location in found[:left]:
            self._try(prune_outputs, location, failed)
        if len(found) <= left and not failed:
            self._outputs_gone.add(place.folder)
        return min(left, len(found))

    def _try(
        self,
        prune: Callable[[Actor, Location], object],
        location: Location,
        failed: dict[str, Exception],
    ) -> None:
        try:
            prune(self._actor, location)
        except (OSError, SpoolError) as error:
            failed[location.path] = error
