"""A group's result, made of how it stands and what the index knows of its images. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from spoolctl.groups.learning_run import learning_run
from spoolctl.groups.standing import Member, Standing
from spoolctl.index import Image
from spoolctl.spool import (
    GROUP_RESULT_SCHEMA,
    Code,
    GroupImage,
    GroupJob,
    GroupResult,
)


def result_of(
    standing: Standing, images: Iterable[Image], reasons: Mapping[str, str]
) -> GroupResult:
    """What became of a group.

    Args:
        standing: Of all its jobs; none should be open, those that are are told as they stand.
        images: All images of the group, in any order.
        reasons: Why jobs failed, by their names, as far as it was looked up.
    """
    by_job: dict[str, list[Image]] = {}
    for image in images:
        by_job.setdefault(image.job, []).append(image)
    jobs = tuple(
        _job(one, by_job.get(one.name, []), reasons.get(one.name)) for one in standing.members
    )
    ends = [one.end for one in standing.members if one.end]
    starts = sorted(end.started for end in ends if end.started)
    stops = sorted(end.ended for end in ends if end.ended)
    plan = next((one.plan for one in standing.definitions if one.plan), {})
    return GroupResult(
        schema_=GROUP_RESULT_SCHEMA,
        group=standing.group,
        jobs=jobs,
        counts=standing.counts,
        images=sum(len(job.images) for job in jobs),
        started=starts[0] if starts else None,
        ended=stops[-1] if stops else None,
        wall_s=_between(starts[0], stops[-1]) if starts and stops else None,
        gpu_s=round(sum(job.seconds or 0.0 for job in jobs), 3),
        plan=plan,
        learning_run=learning_run(jobs, plan),
    )


def _job(member: Member, images: list[Image], reason: str | None) -> GroupJob:
    end = member.end
    if end is None:
        return GroupJob(name=member.name, state=member.state)
    return GroupJob(
        name=member.name,
        state=member.state,
        attempt=max(1, end.attempts),
        worker=end.worker,
        model=end.model,
        code=Code(end.code) if end.code in tuple(Code) else None,
        message=reason,
        started=end.started,
        ended=end.ended,
        seconds=end.seconds if end.seconds is None else max(0.0, end.seconds),
        images=tuple(
            GroupImage(
                path=one.path or "", image_index=one.image_index, seed=one.seed, sha256=one.sha256,
                experiment=one.experiment, variable=one.variable, value=one.value,
            )
            for one in sorted(images, key=lambda one: one.image_index)
        ),
    )  # fmt: skip


def _between(start: str, end: str) -> float | None:
    try:
        return max(
            0.0, (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
        )
    except (ValueError, TypeError):  # what a person edited
        return None
