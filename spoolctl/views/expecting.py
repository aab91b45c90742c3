"""What ``spoolctl status`` expects, and what a plan will take: how long running jobs still take, and when the queue will be done.

Guarantees: bounded cost. Of a queue, however deep, at most ``EACH_MAX`` records of a class are opened, and it is said how many; of the
running jobs at most ``RUNNING_MAX``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from spoolctl.scheduling.backlog import Hand, Sampled, backlog_of, left_of
from spoolctl.scheduling.estimates import Estimate, Estimates
from spoolctl.scheduling.fit import misfits
from spoolctl.scheduling.rank import Appraiser
from spoolctl.scheduling.seen import JobSeen, WorkerSeen, worker_seen
from spoolctl.scheduling.work import work_of
from spoolctl.spool import (
    CLASSES,
    RECORD_BYTES_MAX,
    Actor,
    BadRecord,
    Heartbeat,
    Job,
    JobClass,
    Location,
    Node,
    nodes,
    parse_job,
    pinned_job,
    read_figures,
)
from spoolctl.views import liveness

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
    appraiser = Appraiser(actor.settings.choosing, estimates)
    left: dict[str, Estimate] = {}
    hands = []
    for card, beat in living.values():
        busy = None
        if beat.name and len(left) < RUNNING_MAX:
            busy = left_by(actor, estimates, card, beat)
        if busy is not None:
            left[beat.name or ""] = busy
        hands.append(Hand(worker_seen(card, beat), busy))
    sample, looked_at = sampled(actor, queues, samples)
    found = backlog_of(sample, hands, appraiser, estimates)
    queue: dict[str, Any] = {
        "jobs": sum(queues.values()), "looked_at": looked_at, "workers": len(living),
    }  # fmt: skip
    if found is not None:
        queue |= {"unfit": round(found.unfit), "unserved": round(found.unserved)}
    if found is not None and found.dealt > 0:
        queue |= {
            "low_s": round(found.low_s), "mid_s": round(found.mid_s), "high_s": round(found.high_s),
            "learned": round(found.learned, 2),
        }  # fmt: skip
    return queue, {job: told(one) for job, one in left.items()}


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
    sample = [
        Sampled(JobSeen(f"job {number}", job, class_in(actor, None, job), work_of(job)), each)
        for number, job in enumerate(looked_at)
    ]
    low = mid = high = learned = 0.0
    able = set[str]()
    for one in sample:
        times = {
            name: estimates.run_s(one.job.work, card)
            for name, card in cards.items()
            if not misfits(one.job.job, card)
        }
        able |= set(times)
        if times:
            low += each * min(time.low for time in times.values())
            mid += each * sum(time.mid for time in times.values()) / len(times)
            high += each * max(time.high for time in times.values())
            learned += each * sum(time.is_learned for time in times.values()) / len(times)
    farm = None
    if able & set(living):
        appraiser = Appraiser(actor.settings.choosing, estimates)
        hands = [Hand(WorkerSeen(card)) for card in living.values()]
        farm = backlog_of(sample, hands, appraiser, estimates)
    return {
        "cards": len(able),
        "workers": len(living),
        "learned": round(learned / max(1, total), 2),
        "work": {"low_s": round(low, 1), "mid_s": round(mid, 1), "high_s": round(high, 1)},
        "farm": None
        if farm is None or farm.dealt == 0
        else {word: round(getattr(farm, word), 1) for word in ("low_s", "mid_s", "high_s")}
        | {"unfit": round(farm.unfit)},
    }


def left_by(actor: Actor, estimates: Estimates, card: Node, beat: Heartbeat) -> Estimate | None:
    """How long the job in work at a worker still takes, by its card and heartbeat; ``None``: its record does not tell."""
    job, _ = pinned_job(actor, beat.name or "")
    try:
        work = work_of(job) if job else None
    except BadRecord:
        return None
    if work is None:
        return None
    load = estimates.load_s(work.model, card)
    return left_of(estimates.run_s(work, card), load, beat.progress, beat.eta_s)


def sampled(
    actor: Actor, queues: Mapping[str, int], samples: Mapping[str, Sequence[Location]]
) -> tuple[list[Sampled], int]:
    """Some of the jobs in the queues, each standing for as many as were not opened; and how many files were opened."""
    found: list[Sampled] = []
    looked_at = 0
    for part, locations in samples.items():
        readable = []
        for location in locations[:EACH_MAX]:
            looked_at += 1
            try:
                job = parse_job(actor.files.read(location.path, bytes_max=RECORD_BYTES_MAX))
                job_class = class_in(actor, part, job)
                readable.append(JobSeen(location.name, job, job_class, work_of(job)))
            except (BadRecord, FileNotFoundError) as error:
                actor.log("status.unreadable", path=location.path, error=str(error))
        each = queues.get(part, 0) / len(readable) if readable else 0.0
        found.extend(Sampled(job, each) for job in readable)
    return found, looked_at


def class_in(actor: Actor, part: str | None, job: Job | None) -> JobClass:
    """The class of a job that lies in that part of the queue: the part's, else what its record says, else the spool's default."""
    lies_in = next((one for one in CLASSES if one == part), None)
    return lies_in or (job.class_ if job else None) or actor.settings.default_class


def told(one: Estimate) -> dict[str, Any]:
    """An estimate as JSON."""
    seconds = {f"{word}_s": round(getattr(one, word), 1) for word in ("low", "mid", "high")}
    return {**seconds, "learned": one.is_learned, "source": one.source}
