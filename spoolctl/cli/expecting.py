"""What ``spoolctl status`` expects: how long running jobs still take, and when the queue will be done.

Guarantees: bounded cost. Of a queue, however deep, at most ``EACH_MAX`` records of a class are opened, and it is said how many; of the
running jobs at most ``RUNNING_MAX``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from spoolctl.scheduling.backlog import Sampled, backlog_of, left_of
from spoolctl.scheduling.estimates import Estimate, Estimates
from spoolctl.scheduling.work import work_of
from spoolctl.spool import (
    RECORD_BYTES_MAX,
    Actor,
    BadRecord,
    Heartbeat,
    Location,
    Node,
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
