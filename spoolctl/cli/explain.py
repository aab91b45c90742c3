"""``spoolctl explain``: where a job stands, why it is not running yet, who would be best for it, and when at the earliest."""

from dataclasses import asdict
from typing import Any

from spoolctl.cli import rendering
from spoolctl.cli.opening import JobArgument, JsonOption, SpoolOption, opened
from spoolctl.cli.rendering import Page
from spoolctl.scheduling.backlog import Dealer, Hand, Turn
from spoolctl.scheduling.closing import never_ends, too_long
from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.explain import Answer, Known, advice, explain
from spoolctl.scheduling.rank import Appraiser
from spoolctl.scheduling.seen import JobSeen, worker_seen
from spoolctl.scheduling.work import work_of
from spoolctl.spool import (
    CLASSES,
    Actor,
    BadRecord,
    Location,
    State,
    all_records,
    nodes,
    read_figures,
)
from spoolctl.spool.overview import NO_CLASS, JobView, resolve, spread_over, view
from spoolctl.views import liveness
from spoolctl.views.expecting import class_in, left_by, sampled, told
from spoolctl.views.plain import counted, duration
from spoolctl.views.standing import Teller, Workers

_NOT_LIVE = (liveness.SILENT, liveness.GONE, liveness.STOPPED)
_AT_ONCE_S = 1.0


def explain_job(job: JobArgument, spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """Say why a job is not running, worker by worker."""
    actor = opened(spool)
    document = _document(actor, view(actor, resolve(actor, job)))
    rendering.answer(document, lambda page: _page(page, document), as_json=as_json)


def _document(actor: Actor, seen: JobView) -> dict[str, Any]:
    estimates, workers = Estimates(read_figures(actor)), nodes(actor)
    appraiser = Appraiser(actor.settings.choosing, estimates)
    stands = Teller(actor, workers, estimates).tell(seen)
    known = _known(actor, workers)
    document: dict[str, Any] = {
        "job": seen.name, "state": stands.told, "is_coming": stands.is_coming, "before_it": None, "expected": None,
        "left": told(stands.left) if stands.left else None, "workers_known": len(known), "untold": _untold(actor, workers), "workers": [],
    }  # fmt: skip
    job = _as_seen(actor, seen) if stands.is_coming else None
    if job is None:
        return document
    previous = seen.attempts[-1].verdict if seen.attempts else None
    answers = explain(job, known, appraiser, previous)
    if stands.is_next:
        before = _before(actor, seen)
        dealer = Dealer(_hands(actor, known, workers, estimates), appraiser, estimates)
        barred = {one.worker for one in answers if one.cannot}
        barred |= {one.seen.name for one in known if _is_barred(job, one, appraiser)}
        turn = _turn(actor, job, before, dealer, barred)
        document |= {"before_it": len(before), "expected": asdict(turn) if turn else None}
    elif not all(one.cannot for one in answers):
        return document  # what a worker would do now says nothing of a job that waits for something else
    document["workers"] = [_facts(one, job, actor, estimates) for one in answers]
    return document


def _as_seen(actor: Actor, seen: JobView) -> JobSeen | None:
    """The job as those see it who choose; ``None`` if its record cannot be read."""
    if seen.job is None:
        return None
    try:
        work = work_of(seen.job)
    except BadRecord:
        return None
    part = seen.locations[0].place.part if seen.locations else None
    return JobSeen(seen.name, seen.job, class_in(actor, part, seen.job), work)


def _known(actor: Actor, workers: Workers) -> list[Known]:
    known = []
    for card, beat in workers.values():
        if card is None or beat is None or beat.role != "worker":
            continue
        state = liveness.shown_state(actor, beat)
        opens_in_s = None
        if beat.opens_in_s is not None:
            age_s = liveness.age_s(beat, actor.utc_now())
            opens_in_s = max(0.0, beat.opens_in_s - age_s)
        known.append(
            Known(
                worker_seen(card, beat),
                state,
                state not in _NOT_LIVE,
                beat.rests or beat.message,
                opens_in_s,
            )
        )
    return known


def _untold(actor: Actor, workers: Workers) -> list[dict[str, str]]:
    """Workers that are there but have not told yet what they can do: their backend was not asked, or does not answer."""
    return [
        {"worker": name, "why": beat.rests or beat.message or beat.state}
        for name, (card, beat) in workers.items()
        if card is None and beat is not None and beat.role == "worker"
        and liveness.shown_state(actor, beat) not in _NOT_LIVE
    ]  # fmt: skip


def _before(actor: Actor, seen: JobView) -> list[Location]:
    """The jobs that come before it: those of more urgent classes, and of its own class by name."""
    mine = _order(seen.locations[0])
    return [one for one in all_records(actor, (State.QUEUE,)) if _order(one) < mine]


def _order(location: Location) -> tuple[int, str]:
    part = location.place.part
    at = next((index for index, one in enumerate(CLASSES) if one == part), len(CLASSES))
    return at, str(location.file)


def _hands(actor: Actor, known: list[Known], workers: Workers, estimates: Estimates) -> list[Hand]:
    """Who takes jobs: now, or once what it rests for is over, where that is foreseen."""
    hands = []
    for one in known:
        card, beat = workers[one.seen.name]
        opens_in_s = 0.0 if one.seen.takes_jobs else one.opens_in_s
        if not one.is_live or opens_in_s is None or card is None or beat is None:
            continue
        busy = left_by(actor, estimates, card, beat) if beat.name else None
        hands.append(Hand(one.seen, busy, opens_in_s))
    return hands


def _is_barred(job: JobSeen, one: Known, appraiser: Appraiser) -> bool:
    """True if the worker does not begin the job in these hours, or in those for which it opens."""
    late = too_long if one.takes_jobs else never_ends
    return late(job, one.seen, appraiser) is not None


def _turn(
    actor: Actor, job: JobSeen, before: list[Location], dealer: Dealer, barred: set[str]
) -> Turn | None:
    """When the job's turn comes, by what lies before it and what the workers do now; ``None``: nobody is known to take it."""
    parts: dict[str, list[Location]] = {name: [] for name in (*CLASSES, NO_CLASS)}
    for location in before:
        parts.setdefault(location.place.part or NO_CLASS, []).append(location)
    counts = {part: len(found) for part, found in parts.items()}
    sample, _ = sampled(actor, counts, {part: spread_over(all_) for part, all_ in parts.items()})
    for one in sample:
        dealer.deal(one)
    return dealer.turn(job, barred)


def _facts(answer: Answer, job: JobSeen, actor: Actor, estimates: Estimates) -> dict[str, Any]:
    offer = answer.offer
    costs = None
    if offer is not None:
        costs = {
            "free_in_s": offer.free_in_s,
            "load_s": offer.load_s,
            "run_s": offer.run_s,
            "ends_in_s": offer.ends_in_s,
            "cost_s": offer.cost_s(actor.settings.choosing),
            "advice": advice(job, offer.worker.node, estimates),
        }
    return {
        "worker": answer.worker,
        "state": answer.state,
        "takes_jobs": answer.takes_jobs,
        "opens_in_s": answer.opens_in_s,
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
    if document["is_coming"]:
        _nobody(page, document)
    workers = document["workers"]
    if not workers:
        return
    page.table(("WORKER", "STATE", "ANSWER"), [_row(one) for one in workers], folds=("ANSWER",))
    best = next((one for one in workers if not one["cannot"] and not one["not_now"]), None)
    if best is not None:
        page.line(f"best: {best['worker']}")
    elif any(not one["cannot"] for one in workers):
        page.line("nobody takes it now; somebody could")
    else:
        page.line("no known worker can run it")
    if document["expected"] is not None:
        page.line(_expected(document["expected"], before or 0))


def _nobody(page: Page, document: dict[str, Any]) -> None:
    """Who cannot be asked, or that there is nobody."""
    is_next = document["before_it"] is not None
    for one in document["untold"] if is_next else ():
        page.line(f"{one['worker']} has not told yet what it can do ({one['why']})")
    if not document["workers_known"] and not document["untold"]:
        page.line(
            "no worker is known: none has introduced itself yet; start one with 'spoolworker run'"
        )


def _expected(turn: dict[str, Any], before: int) -> str:
    begins_s = turn["begins_in_s"]
    begins = "at once" if begins_s < _AT_ONCE_S else f"in about {duration(begins_s)}"
    low, mid, high = (duration(turn[f"{word}_s"]) for word in ("low", "mid", "high"))
    after = f", with the {counted(before, 'job')} before it" if before else ""
    return f"expected: begins {begins} on {turn['worker']}, done in about {mid} ({low} to {high}){after}"


def _row(one: dict[str, Any]) -> tuple[str, str, str]:
    if one["cannot"]:
        more = f" (needs {one['lacks_gb']:.3g} GB more)" if one["lacks_gb"] else ""
        return one["worker"], one["state"], "; ".join(one["cannot"]) + more
    costs, said = one["costs"], [*one["not_now"]]
    if one["opens_in_s"] is not None:
        said.append(f"takes jobs again in {duration(one['opens_in_s'])}")
    loads = f"loads for {duration(costs['load_s'])}" if costs["load_s"] else "nothing to load"
    runs = f"runs for {duration(costs['run_s'])}"
    if one["takes_jobs"]:
        free = f"free in {duration(costs['free_in_s'])}" if costs["free_in_s"] else "free"
        said.append(f"{free}, {loads}, {runs}")
    else:
        said.append(f"it {runs} there")
    return one["worker"], one["state"], "; ".join([*said, *filter(None, (costs["advice"],))])
