"""What people approve: a file that can be read, on a job that has succeeded."""

from collections.abc import Iterator

from spoolctl.fsck.finding import Finding, Severity
from spoolctl.fsck.look import Look
from spoolctl.fsck.seen import JobSeen
from spoolctl.spool import BadRecord, layout, parse_approval


def approvals(look: Look, job: JobSeen) -> Iterator[Finding]:
    """An approval that nobody can read, so that whoever waits for it waits on; or one of a job that has not succeeded."""
    if not job.is_approved or job.pruned is not None:
        return
    path = layout.approved(job.name)
    data = look.reader.data(path, job=job.name)
    if data is None:
        return
    try:
        parse_approval(data, path)
    except BadRecord as error:
        yield Finding(
            Severity.STUCK, "bad-approval", "I8", path, f"jobs that wait for it wait on: {error}", str(error),
            f"a person must: mend it, or delete it and 'spoolctl approve {job.name}'", job.name,
        )  # fmt: skip
        return
    last = job.decided.highest if job.decided else None
    if last is None or not last.is_commit:
        yield Finding(
            Severity.NOTE, "approved-early", "-", path, "it approves a job that has not succeeded", "",
            "none needed: it counts once the job succeeds", job.name,
        )  # fmt: skip
