"""Building a verdict, and publishing it: the one way in which an attempt ends, whoever ends it."""

from dataclasses import dataclass
from datetime import datetime

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.looking import Attempt, attempt, read_record
from spoolctl.spool.policy import judge
from spoolctl.spool.publish import Outcome, publish_once
from spoolctl.spool.records import (
    MANIFEST_SCHEMA,
    BackendUsed,
    Code,
    Job,
    Manifest,
    Output,
    Ran,
    StageTiming,
    Verdict,
    VramSeen,
)
from spoolctl.spool.records.base import JsonObject
from spoolctl.spool.records.job import JobClass


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, as its author knows it."""

    verdict: Verdict
    code: Code | None = None
    message: str | None = None
    outputs: tuple[Output, ...] = ()
    stages: tuple[StageTiming, ...] = ()
    backend: BackendUsed | None = None
    request: str | None = None
    vram: VramSeen | None = None
    ran: Ran | None = None
    warnings: tuple[str, ...] = ()
    log_tail: str = ""
    started_at: datetime | None = None
    duration_s: float | None = None
    vram_gb_above: float | None = None
    adopted_from: int | None = None
    resumed_from: int | None = None
    facts: JsonObject | None = None


@dataclass(frozen=True)
class Subject:
    """The attempt that ends."""

    name: str
    number: int
    job: Job | None
    record_sha256: str | None
    previous: Manifest | None
    """The verdict on the attempt before."""
    worker: str | None
    session: str | None
    job_class: JobClass | None


def previous_attempt(actor: Actor, name: str, number: int) -> Attempt | None:
    """The attempt before *number*; None for the first, or after a pruning.

    By the chain rule it has a verdict. A listing that lacks it is blind, and to believe that would give the job's budgets back.

    Raises:
        OSError: The share did not tell, or not believably.
        BadRecord: A decision is there but cannot be read.
    """
    if number <= 1:
        return None
    try:
        before = attempt(actor, name, number - 1)
        if before.is_open:
            read_record(actor, Manifest, layout.manifest(name, number - 1))
            raise OSError(f"a verdict was not listed in '{layout.attempt(name, number - 1)}'")
    except FileNotFoundError:
        return None
    return before


def build(actor: Actor, subject: Subject, ending: Ending) -> Manifest:
    """Make the manifest, working out now and for ever what the end means for the job.

    Raises:
        OSError: The share's clock could not be read.
    """
    judgement = judge(
        ending.verdict,
        ending.code,
        previous=subject.previous,
        job=subject.job,
        settings=actor.settings,
        worker=subject.worker,
        share_now_s=actor.share_now_s(),
        jitter=actor.entropy.fraction(),
    )
    return Manifest(
        schema_=MANIFEST_SCHEMA,
        name=subject.name,
        job_id=subject.job.job_id if subject.job else None,
        group=subject.job.group if subject.job else None,
        attempt=subject.number,
        verdict=ending.verdict,
        code=ending.code,
        message=ending.message,
        by=f"{actor.session}/{subject.number}",
        worker=subject.worker,
        session=subject.session,
        record_sha256=subject.record_sha256,
        class_=subject.job_class or (subject.job.class_ if subject.job else None),
        day=actor.share_day(),
        final=judgement.final,
        retry_at=judgement.retry_at,
        counts=judgement.counts,
        avoid=judgement.avoid,
        vram_gb_above=ending.vram_gb_above,
        started_at=ending.started_at,
        ended_at=actor.utc_now(),
        duration_s=ending.duration_s,
        outputs=ending.outputs,
        stages=ending.stages,
        backend=ending.backend,
        request=ending.request,
        vram=ending.vram,
        ran=ending.ran,
        warnings=ending.warnings,
        log_tail=ending.log_tail or None,
        adopted_from=ending.adopted_from,
        resumed_from=ending.resumed_from,
        facts=ending.facts or {},
    )


def publish(actor: Actor, manifest: Manifest) -> Outcome:
    """Publish a verdict. Only ``WON`` and ``LOST`` tell that the attempt has one.

    Raises:
        OSError: Nothing was published.
    """
    path = layout.manifest(manifest.name, manifest.attempt)
    outcome = publish_once(actor, path, codec.encode(manifest))
    actor.log(
        "verdict." + outcome.value,
        job=manifest.name,
        attempt=manifest.attempt,
        verdict=manifest.verdict.value,
        code=manifest.code.value if manifest.code else None,
    )
    return outcome
