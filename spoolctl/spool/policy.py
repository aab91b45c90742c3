"""What an attempt's end means for the job: which budget it counts against, and whether another follows.

Pure. One table (``POLICY``) says it for every code; the verdict's author works it out once, with ``judge``, and
writes the answer into the manifest, so that every reader at any later time reads the same decision.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from spoolctl.spool.records import Code, Counts, Job, Manifest, Settings, Verdict

AVOID_MAX = 16


class Budget(StrEnum):
    """Whose fault the end was."""

    FAILURE = "failure"
    CRASH = "crash"
    DEFERRAL = "deferral"
    FREE = "free"


class Again(StrEnum):
    """Whether and where the next attempt goes."""

    NEVER = "never"
    ELSEWHERE = "elsewhere"
    BIGGER_CARD = "bigger_card"
    MORE = "later"
    AT_ONCE = "at_once"


POLICY: dict[Code, tuple[Budget, Again]] = {
    Code.BAD_JOB: (Budget.FAILURE, Again.NEVER),
    Code.INPUT_MISSING: (Budget.FAILURE, Again.NEVER),
    Code.DEPENDENCY_FAILED: (Budget.FAILURE, Again.NEVER),
    Code.RECORD_CHANGED: (Budget.FAILURE, Again.NEVER),
    Code.BACKEND_REJECTED: (Budget.FAILURE, Again.ELSEWHERE),
    Code.MODEL_MISSING: (Budget.DEFERRAL, Again.ELSEWHERE),
    Code.MODEL_SWITCHED_WRONGLY: (Budget.FAILURE, Again.ELSEWHERE),
    Code.OUT_OF_MEMORY: (Budget.FAILURE, Again.BIGGER_CARD),
    Code.OUT_OF_HOST_MEMORY: (Budget.FAILURE, Again.ELSEWHERE),
    Code.STALLED: (Budget.FAILURE, Again.ELSEWHERE),
    Code.TIMEOUT: (Budget.FAILURE, Again.ELSEWHERE),
    Code.OUTPUT_INCOMPLETE: (Budget.FAILURE, Again.ELSEWHERE),
    Code.OUTPUT_CORRUPT: (Budget.FAILURE, Again.ELSEWHERE),
    Code.INTERNAL: (Budget.FAILURE, Again.ELSEWHERE),
    Code.BACKEND_UNREACHABLE: (Budget.DEFERRAL, Again.ELSEWHERE),
    # Free, a job that brings down every server it meets would go round for ever.
    Code.BACKEND_DIED: (Budget.CRASH, Again.ELSEWHERE),
    Code.BACKEND_UNAUTHORISED: (Budget.DEFERRAL, Again.ELSEWHERE),
    Code.SHARE_FULL: (Budget.DEFERRAL, Again.MORE),
    Code.SCRATCH_FULL: (Budget.DEFERRAL, Again.ELSEWHERE),
    Code.SHARE_AWAY: (Budget.DEFERRAL, Again.MORE),
    Code.NO_HEARTBEAT: (Budget.CRASH, Again.AT_ONCE),
    Code.PROCESS_GONE: (Budget.CRASH, Again.AT_ONCE),
    Code.MACHINE_RESTARTED: (Budget.CRASH, Again.AT_ONCE),
    Code.WORKER_RESTARTED: (Budget.CRASH, Again.AT_ONCE),
    Code.REQUESTED: (Budget.FREE, Again.NEVER),
    Code.RECORD_REMOVED: (Budget.FREE, Again.NEVER),
    Code.HANDED_BACK: (Budget.FREE, Again.AT_ONCE),
}


@dataclass(frozen=True)
class Judgement:
    """The part of a manifest that says what comes next."""

    final: bool
    counts: Counts
    retry_at: datetime | None
    avoid: tuple[str, ...]


def spread(seconds: float, fraction: float) -> float:
    """*seconds*, up to a quarter more or less by *fraction* (0 up to 1), so that who began together does not go on together."""
    return seconds * (0.75 + 0.5 * fraction)


def counts_before(previous: Manifest | None) -> Counts:
    """What the next attempt starts from; a retry by hand (after a final verdict) starts from nothing."""
    return Counts() if previous is None or previous.final else previous.counts


def judge(  # noqa: PLR0913 - each is one independent fact
    verdict: Verdict,
    code: Code | None,
    *,
    previous: Manifest | None,
    job: Job | None,
    settings: Settings,
    worker: str | None,
    share_now_s: float,
    jitter: float,
) -> Judgement:
    """Work out what an attempt's end means.

    Args:
        verdict: How it ended.
        code: Why; ``None`` only for *succeeded*.
        previous: The verdict on the attempt before, ``None`` for the first.
        job: The record, for its own limits; ``None`` if it can't be read.
        settings: The spool's settings.
        worker: Who ran it.
        share_now_s: The share's clock, seconds since the epoch.
        jitter: From 0 up to 1; spreads the waiting times.
    """
    before = counts_before(previous)
    avoid = () if previous is None or previous.final else previous.avoid
    if verdict is Verdict.SUCCEEDED or code is None:
        return Judgement(final=True, counts=before, retry_at=None, avoid=())
    budget, again = POLICY[code]
    counts = Counts(
        failures=before.failures + (budget is Budget.FAILURE),
        crashes=before.crashes + (budget is Budget.CRASH),
        deferrals=before.deferrals + (budget is Budget.DEFERRAL),
    )
    retry = settings.retry
    attempts_max = (job.limits.attempts_max if job else None) or retry.attempts_max
    final = (
        verdict is Verdict.CANCELLED
        or again is Again.NEVER
        or counts.failures >= attempts_max
        or counts.crashes >= retry.crashes_max
    )
    if worker and budget is not Budget.FREE and again not in (Again.MORE, Again.AT_ONCE):
        avoid = tuple(dict.fromkeys((*avoid, worker)))[-AVOID_MAX:]
    retry_at = None
    if not final and again is not Again.AT_ONCE:
        nth = max(1, counts.failures + counts.deferrals)
        wait_s = min(retry.backoff_s * 2.0 ** min(nth - 1, 30), retry.backoff_s_max)
        retry_at = datetime.fromtimestamp(share_now_s, tz=UTC) + timedelta(
            seconds=spread(wait_s, jitter)
        )
    return Judgement(final=final, counts=counts, retry_at=retry_at, avoid=avoid)
