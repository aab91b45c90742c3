"""What ran in this spool in the past, as a farm to simulate: from its history, the jobs' records and the workers' cards.

Guarantees: reads only; the history is copied once, and of each job that ran then its pinned record is read and its file looked at.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.simulate.ends import End, Known, end_of
from spoolctl.scheduling.simulate.past import Past, Recalled, Window, past
from spoolctl.spool import (
    Actor,
    Place,
    State,
    UsageError,
    layout,
    nodes,
    pinned_job,
    read_figures,
    records_in,
)

JOBS_MAX = 5_000


def past_of(actor: Actor, window: Window) -> Past:
    """What ran then, with the times and rules that are known today.

    Raises:
        UsageError: There is no history, nothing ran then, or too much.
        OSError: The share did not tell.
    """
    if window.since >= window.until:
        raise UsageError(f"no time lies from {window}", hint="--since must be before --until")
    ended: dict[str, list[datetime]] = defaultdict(list)
    found: list[End] = []
    for line in _lines(actor):
        end = end_of(line)
        if end is None:
            continue
        ended[end.name].append(end.ended_at)
        if end.ended_at >= window.since and end.started_at < window.until:
            found.append(end)
    if len(found) > JOBS_MAX:
        raise UsageError(
            f"{len(found)} jobs ran from {window}",
            hint=f"choose a shorter time: at most {JOBS_MAX}",
        )
    written = _written(actor, found)
    ends = [Known(end, pinned_job(actor, end.name)[0], written.get(end.name)) for end in found]
    recalled = Recalled(window, ends, ended, nodes(actor))
    if not recalled.runs:
        raise UsageError(
            f"no job that the history tells of began from {window} and succeeded",
            hint="choose another --since or --until",
        )
    return past(recalled, Estimates(read_figures(actor)), actor.settings.choosing)


def _lines(actor: Actor) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="spool-past-") as folder:
        local = Path(folder) / "history"
        actor.files.names(
            layout.HISTORY
        )  # what is new there is seen only after its folder was listed
        try:
            actor.files.fetch(layout.ENDED_JOBS, local)
        except FileNotFoundError:
            raise UsageError(
                "this spool has no history yet", hint="the controller writes it; start one"
            ) from None
        with local.open("rb") as file:
            for line in file:
                try:
                    told = json.loads(line)
                except (ValueError, RecursionError):
                    continue  # the ledger lets only whole objects in; what a person edited is told by fsck
                if isinstance(told, dict):
                    yield told


def _written(actor: Actor, ends: list[End]) -> dict[str, datetime]:
    """When the records' files were written, of those that lie where they were put when they succeeded."""
    wanted = {end.name for end in ends if end.is_run}
    found: dict[str, datetime] = {}
    for day in sorted({end.day for end in ends if end.is_run}):
        for location in records_in(actor, Place(State.DONE, day.isoformat())):
            if location.name not in wanted:
                continue
            try:
                mtime_s = actor.files.stat(location.path).mtime_s
            except FileNotFoundError:
                continue
            found[location.name] = datetime.fromtimestamp(mtime_s, tz=UTC)
    return found
