"""What ``spoolctl status`` tells, as JSON documents; ``status_page`` writes the same as text."""

import importlib
from collections import Counter as Tally
from collections.abc import Mapping
from itertools import islice
from typing import Any

from spoolctl.spool import (
    CLASSES,
    Actor,
    Heartbeat,
    Location,
    Node,
    State,
    all_records,
    first_records,
    layout,
    nodes,
    worker_of,
)
from spoolctl.spool.overview import (
    NO_CLASS,
    Counts,
    Failure,
    Memory,
    counts,
    failures,
    in_group,
    latest_failures,
    rejections,
    spread_over,
)
from spoolctl.spool.waiting import why_waiting
from spoolctl.views import liveness

FAILURES_SHOWN = 5
REJECTIONS_SHOWN = 3
WAITING_SHOWN = 10


def overview(actor: Actor, memory: Memory, group: str | None) -> dict[str, Any]:
    """The whole picture, or that of one group."""
    known = nodes(actor)
    beats = {name: beat for name, (_, beat) in known.items() if beat is not None}
    workers = [liveness.facts(actor, beat) for beat in beats.values() if beat.role == "worker"]
    controllers = [
        liveness.facts(actor, beat)
        for beat in beats.values()
        if beat.role == "controller" and beat.state != liveness.STOPPED
    ]
    mine = list(in_group(actor, group, tuple(State))) if group is not None else None
    rejected, reasons = rejections(actor, REJECTIONS_SHOWN)
    claimed = _in(actor, State.CLAIMED, mine)
    waiting = _in(actor, State.WAITING, mine)
    counted = counts(actor, memory) if mine is None else _counted(mine)
    queue, left = _expected(actor, counted, known)
    return {
        "spool_id": actor.settings.spool_id,
        "at": actor.utc_now(),
        "group": group,
        "jobs": _jobs(counted),
        "expected": queue,
        "running": [_running(actor, one, beats, left) for one in claimed],
        "workers": workers,
        "controllers": controllers,
        "failed": [failure_facts(one) for one in _latest(actor, group, memory)],
        "rejected": {"count": rejected, "latest": reasons},
        "waiting": [_waiting(actor, one) for one in waiting[:WAITING_SHOWN]],
    }


def listing_view(actor: Actor, group: str | None) -> dict[str, Any]:
    """Every job, from folders and file names alone, unless a group is asked for."""
    records = all_records(actor) if group is None else in_group(actor, group, tuple(State))
    return {"group": group, "jobs": [listed(one) for one in records]}


def failed_view(actor: Actor, group: str | None) -> dict[str, Any]:
    """Every failed job and why."""
    found = [one for one in failures(actor) if _is_in(one, group)]
    return {"group": group, "failed": [failure_facts(one) for one in found]}


def listed(location: Location) -> dict[str, Any]:
    """What a record's place and file name tell. The attempt is a label, for people."""
    state, part = location.place.state, location.place.part
    return {
        "job": location.name,
        "state": str(state),
        "class": part or None if state is State.QUEUE else None,
        "worker": worker_of(part) if state is State.CLAIMED and part else None,
        "day": part or None if state in layout.TERMINAL else None,
        "attempt": location.file.label,
        "path": location.path,
    }


def failure_facts(failure: Failure) -> dict[str, Any]:
    """A failed job and what its last verdict says."""
    verdict = failure.verdict
    facts: dict[str, Any] = {"job": failure.location.name, "day": failure.location.place.part}
    if verdict is not None:
        facts |= {
            "verdict": str(verdict.verdict),
            "attempt": verdict.attempt,
            "code": str(verdict.code) if verdict.code else None,
            "message": verdict.message,
            "worker": verdict.worker,
            "group": verdict.group,
            "ended_at": verdict.ended_at,
        }
    return facts


def _waiting(actor: Actor, location: Location) -> dict[str, Any]:
    why = why_waiting(actor, location)
    return {
        "job": location.name,
        "until": why.until,
        "needs": why.need,
        "when": why.when if why.need else None,
        "is_there": why.is_there,
        "problem": why.problem,
    }


def _latest(actor: Actor, group: str | None, memory: Memory) -> list[Failure]:
    if group is None:
        return latest_failures(actor, FAILURES_SHOWN, memory)
    return [one for one in failures(actor) if _is_in(one, group)][:FAILURES_SHOWN]


def _is_in(failure: Failure, group: str | None) -> bool:
    return group is None or (failure.verdict is not None and failure.verdict.group == group)


def _in(actor: Actor, state: State, mine: list[Location] | None) -> list[Location]:
    if mine is not None:
        return [one for one in mine if one.place.state is state]
    if state is State.WAITING:
        return list(islice(first_records(actor, layout.WAITING), WAITING_SHOWN))
    return list(all_records(actor, (state,)))


def _counted(mine: list[Location]) -> Counts:
    by_state = Tally(str(one.place.state) for one in mine)
    by_class = Tally(one.place.part for one in mine if one.place.state is State.QUEUE)
    queues: dict[str, int] = dict.fromkeys(CLASSES, 0)
    queues |= {part or NO_CLASS: n for part, n in by_class.items()}
    queued = [one for one in mine if one.place.state is State.QUEUE]
    samples = {
        name: spread_over([one for one in queued if (one.place.part or NO_CLASS) == name])
        for name in queues
    }
    others = {str(one): by_state[str(one)] for one in State if one is not State.QUEUE}
    return Counts(queues, others, samples)


def _expected(
    actor: Actor, found: Counts, known: Mapping[str, tuple[Node | None, Heartbeat | None]]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """As ``expecting`` has it, which is imported, and opens records, only where jobs and workers are."""
    living = liveness.at_work(actor, known)
    if living and (any(found.queues.values()) or any(beat.name for _, beat in living.values())):
        expecting: Any = importlib.import_module("spoolctl.views.expecting")
        queue, left = expecting.expected(actor, found.queues, found.samples, living)
        return queue, left
    return {"jobs": sum(found.queues.values()), "looked_at": 0}, {}


def _jobs(found: Counts) -> dict[str, Any]:
    return {str(State.QUEUE): found.queues, **found.others}


def _running(
    actor: Actor,
    location: Location,
    beats: dict[str, Heartbeat],
    left: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """A claimed job and what its worker says of it; only that, if the worker says nothing."""
    session = location.place.part
    worker = worker_of(session) if session else None
    facts: dict[str, Any] = {"job": location.name, "worker": worker, "attempt": location.file.label}
    beat = beats.get(worker or "")
    if beat is None or beat.session != session or beat.name != location.name:
        return {**facts, "told": False}
    told = liveness.facts(actor, beat)
    shown = ("state", "stage", "progress", "eta_s", "model", "shown_state", "age_s")
    facts |= {"told": True, "left": left.get(location.name)}
    return {**facts, **{key: told[key] for key in shown if key in told}}
