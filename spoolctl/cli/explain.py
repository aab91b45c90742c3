"""``spoolctl explain``: why a job is not running yet: each worker against every reason, who would be best, and what it waits for."""

from datetime import UTC
from typing import Any

from spoolctl.cli import liveness, rendering
from spoolctl.cli.opening import JobArgument, JsonOption, SpoolOption, opened
from spoolctl.cli.rendering import Page, counted, duration
from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.explain import Answer, Known, advice, explain
from spoolctl.scheduling.rank import Appraiser
from spoolctl.scheduling.seen import JobSeen, worker_seen
from spoolctl.scheduling.work import work_of
from spoolctl.spool import (
    CLASSES,
    Actor,
    BadRecord,
    JobClass,
    Location,
    Manifest,
    State,
    all_records,
    nodes,
    read_figures,
)
from spoolctl.spool.overview import JobView, resolve, view
from spoolctl.spool.waiting import needed

_NOT_LIVE = (liveness.SILENT, liveness.GONE, liveness.STOPPED)


def explain_job(job: JobArgument, spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """Say why a job is not running, worker by worker."""
    actor = opened(spool)
    seen = view(actor, resolve(actor, job))
    estimates = Estimates(read_figures(actor))
    waiting = _as_seen(actor, seen)
    answers = []
    if waiting is not None:
        appraiser = Appraiser(actor.settings.choosing, estimates)
        answers = explain(waiting, _known(actor), appraiser, _previous(seen))
    document = {
        "job": seen.name,
        "state": _state(seen),
        "before_it": _before(actor, seen),
        "workers": [_facts(one, waiting, actor, estimates) for one in answers],
    }
    rendering.answer(document, lambda page: _page(page, document), as_json=as_json)


def _state(seen: JobView) -> str:
    """Where the job stands, in words."""
    if seen.problem is not None:
        return f"cannot be read: {seen.problem}"
    if not seen.locations:
        return "its record lies in no folder; 'spoolctl fsck' says more"
    location = seen.locations[0]
    last = seen.attempts[-1].verdict if seen.attempts else None
    if location.place.state is State.QUEUE:
        return f"waits in {location.place.folder}" + (f"; {seen.lacks}" if seen.lacks else "")
    if location.place.state is State.WAITING:
        return _held_back(seen)
    if location.place.state is State.HELD:
        return "is held by a person; 'spoolctl release' lets it go"
    if location.place.state is State.CLAIMED:
        return f"runs on {seen.beat.worker}" if seen.beat else "was claimed a moment ago"
    why = f": {last.code.value}: {last.message}" if last is not None and last.code else ""
    return f"has ended ({location.place.state}){why}"


def _held_back(seen: JobView) -> str:
    waiting = seen.waiting
    parts = []
    if waiting is not None and waiting.problem:
        parts.append(waiting.problem)
    if waiting is not None and waiting.until:
        parts.append(f"not before {rendering.moment(waiting.until.astimezone(UTC))}")
    if waiting is not None and waiting.need:
        parts.append(f"needs {needed(waiting)}")
    return "waits: " + ("; ".join(parts) or "the next sweep takes it up")


def _previous(seen: JobView) -> Manifest | None:
    return seen.attempts[-1].verdict if seen.attempts else None


def _as_seen(actor: Actor, seen: JobView) -> JobSeen | None:
    """The job as those see it who choose; ``None`` if it is not for them, or not any more."""
    ended = seen.attempts and seen.attempts[-1].is_commit
    if seen.job is None or ended or not seen.locations:
        return None
    try:
        work = work_of(seen.job)
    except BadRecord:
        return None
    return JobSeen(seen.name, seen.job, _class_of(actor, seen), work)


def _class_of(actor: Actor, seen: JobView) -> JobClass:
    place = seen.locations[0].place
    lies_in = next(
        (one for one in CLASSES if place.state is State.QUEUE and place.part == one), None
    )
    said = seen.job.class_ if seen.job else None
    return lies_in or said or actor.settings.default_class


def _known(actor: Actor) -> list[Known]:
    known = []
    for card, beat in nodes(actor).values():
        if card is None or beat is None or beat.role != "worker":
            continue
        state = liveness.shown_state(actor, beat)
        is_live = state not in _NOT_LIVE
        known.append(Known(worker_seen(card, beat), state, is_live, beat.rests or beat.message))
    return known


def _before(actor: Actor, seen: JobView) -> int | None:
    """How many jobs come before it: those of more urgent classes, and of its own class by name."""
    here = seen.locations[0] if seen.locations else None
    if here is None or here.place.state is not State.QUEUE:
        return None
    mine = _order(here)
    return sum(_order(one) < mine for one in all_records(actor, (State.QUEUE,)))


def _order(location: Location) -> tuple[int, str]:
    part = location.place.part
    at = next((index for index, one in enumerate(CLASSES) if one == part), len(CLASSES))
    return at, str(location.file)


def _facts(
    answer: Answer, job: JobSeen | None, actor: Actor, estimates: Estimates
) -> dict[str, Any]:
    offer = answer.offer
    costs = None
    if offer is not None:
        costs = {
            "free_in_s": offer.free_in_s,
            "load_s": offer.load_s,
            "run_s": offer.run_s,
            "ends_in_s": offer.ends_in_s,
            "cost_s": offer.cost_s(actor.settings.choosing),
            "advice": advice(job, offer.worker.node, estimates) if job else None,
        }
    return {
        "worker": answer.worker,
        "state": answer.state,
        "cannot": list(answer.cannot),
        "not_now": list(answer.not_now),
        "lacks_gb": answer.lacks_gb,
        "costs": costs,
    }


def _page(page: Page, document: dict[str, Any]) -> None:
    page.line(f"{document['job']} {document['state']}")
    before = document["before_it"]
    if before is not None:
        page.line(
            "it is next in its queue" if not before else f"{counted(before, 'job')} before it"
        )
    workers = document["workers"]
    if not workers:
        return
    page.table(("WORKER", "STATE", "ANSWER"), [_row(one) for one in workers], folds=("ANSWER",))
    best = next((one for one in workers if not one["cannot"] and not one["not_now"]), None)
    if best is not None:
        page.line(
            f"best: {best['worker']}, which could have it done in about {duration(best['costs']['ends_in_s'])}"
        )
    elif any(not one["cannot"] for one in workers):
        page.line("nobody takes it now; somebody could")
    else:
        page.line("no known worker can run it")


def _row(one: dict[str, Any]) -> tuple[str, str, str]:
    if one["cannot"]:
        more = f" (needs {one['lacks_gb']:.3g} GB more)" if one["lacks_gb"] else ""
        return one["worker"], one["state"], "; ".join(one["cannot"]) + more
    costs = one["costs"]
    parts = [
        f"free in {duration(costs['free_in_s'])}" if costs["free_in_s"] else "free",
        f"loads for {duration(costs['load_s'])}" if costs["load_s"] else "nothing to load",
        f"runs for {duration(costs['run_s'])}",
    ]
    said = [*one["not_now"], ", ".join(parts), costs["advice"] or ""]
    return one["worker"], one["state"], "; ".join(part for part in said if part)
