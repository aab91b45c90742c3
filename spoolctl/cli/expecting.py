"""What ``spoolctl status`` expects, and what a plan will take: how long running jobs still take, and when the queue will be done.

Guarantees: bounded cost. Of a queue, however deep, at most ``EACH_MAX`` records of a class are opened, and it is said how many; of the
running jobs at most ``RUNNING_MAX``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from spoolctl.cli import liveness
from spoolctl.scheduling.backlog import Sampled, backlog_of, left_of
from spoolctl.scheduling.estimates import Estimate, Estimates
from spoolctl.scheduling.fit import misfits
from spoolctl.scheduling.work import work_of
from spoolctl.spool import (
    RECORD_BYTES_MAX,
    Actor,
    BadRecord,
    Heartbeat,
    Job,
    Location,
    Node,
    nodes,
    parse_job,
    pinned_job,
    read_figures,
)

EACH_MAX = 20
RUNNING_MAX = 50


def expected(
    actor: Actor,
    queues: Mapping[str, int],
    samples: Mapping[str, Sequence[Location]],
    living: Mapping[str, tuple[Node, Heartbeat]],
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """When the queue will be done, and by job how long each running one still takes, as JSON.

    Args:
        actor: Who looks.
        queues: How many jobs each class has.
        samples: Some of them.
        living: Card and heartbeat of the workers that take jobs.
    """
    estimates = Estimates(read_figures(actor))
    left: dict[str, Estimate] = {}
    busy: dict[str, Estimate] = {}
    for name, (card, beat) in list(living.items())[:RUNNING_MAX]:
        one = _left(actor, estimates, card, beat) if beat.name else None
        if one is not None:
            busy[name] = left[beat.name or ""] = one
    sample, looked_at = _sample(actor, queues, samples)
    found = backlog_of(sample, {name: card for name, (card, _) in living.items()}, busy, estimates)
    queue: dict[str, Any] = {"jobs": sum(queues.values()), "looked_at": looked_at}
    if found is not None:
        queue |= {
            "low_s": round(found.low_s), "mid_s": round(found.mid_s), "high_s": round(found.high_s),
            "learned": round(found.learned, 2), "unfit": round(found.unfit), "workers": len(living),
        }  # fmt: skip
    return queue, {job: _told(one) for job, one in left.items()}


def expected_of(actor: Actor, looked_at: Sequence[Job], total: int) -> dict[str, Any]:
    """What jobs that are not submitted yet will take, as JSON: of one card's time, and on the workers that live.

    Args:
        actor: Who looks.
        looked_at: Some of them, of which each stands for as many.
        total: How many there are.

    Raises:
        BadRecord: The stages of one cannot be read.
    """
    everybody = nodes(actor)
    cards = {name: card for name, (card, _) in everybody.items() if card is not None}
    living = {name: card for name, (card, _) in liveness.at_work(actor, everybody).items()}
    estimates = Estimates(read_figures(actor))
    each = total / max(1, len(looked_at))
    sample = [Sampled(job, work_of(job), each) for job in looked_at]
    low = mid = high = learned = 0.0
    able = set[str]()
    for one in sample:
        times = {
            name: estimates.run_s(one.work, card)
            for name, card in cards.items()
            if not misfits(one.job, card)
        }
        able |= set(times)
        if times:
            low += each * min(time.low for time in times.values())
            mid += each * sum(time.mid for time in times.values()) / len(times)
            high += each * max(time.high for time in times.values())
            learned += each * sum(time.is_learned for time in times.values()) / len(times)
    farm = backlog_of(sample, living, {}, estimates) if able & set(living) else None
    return {
        "cards": len(able),
        "workers": len(living),
        "learned": round(learned / max(1, total), 2),
        "work": {"low_s": round(low, 1), "mid_s": round(mid, 1), "high_s": round(high, 1)},
        "farm": None
        if farm is None
        else {word: round(getattr(farm, word), 1) for word in ("low_s", "mid_s", "high_s")}
        | {"unfit": round(farm.unfit)},
    }


def _left(actor: Actor, estimates: Estimates, card: Node, beat: Heartbeat) -> Estimate | None:
    job, _ = pinned_job(actor, beat.name or "")
    try:
        work = work_of(job) if job else None
    except BadRecord:
        return None
    if work is None:
        return None
    load = estimates.load_s(work.model, card)
    return left_of(estimates.run_s(work, card), load, beat.progress, beat.eta_s)


def _sample(
    actor: Actor, queues: Mapping[str, int], samples: Mapping[str, Sequence[Location]]
) -> tuple[list[Sampled], int]:
    found: list[Sampled] = []
    looked_at = 0
    for job_class, locations in samples.items():
        readable = []
        for location in locations[:EACH_MAX]:
            looked_at += 1
            try:
                job = parse_job(actor.files.read(location.path, bytes_max=RECORD_BYTES_MAX))
                readable.append((job, work_of(job)))
            except (BadRecord, FileNotFoundError) as error:
                actor.log("status.unreadable", path=location.path, error=str(error))
        each = queues.get(job_class, 0) / len(readable) if readable else 0.0
        found.extend(Sampled(job, work, each) for job, work in readable)
    return found, looked_at


def _told(one: Estimate) -> dict[str, Any]:
    seconds = {f"{word}_s": round(getattr(one, word), 1) for word in ("low", "mid", "high")}
    return {**seconds, "learned": one.is_learned, "source": one.source}
