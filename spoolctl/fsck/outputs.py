"""I10 of one job: what its manifests list is there, with the length, and if asked also the SHA-256, that they say."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from spoolctl.fsck.finding import Finding, Severity
from spoolctl.fsck.look import Look
from spoolctl.fsck.seen import JobSeen
from spoolctl.spool import Digest, Manifest, Output, layout


def outputs(look: Look, job: JobSeen) -> Iterator[Finding]:
    """Outputs that are missing or changed, unless retention removed them."""
    if job.pruned is not None:
        return
    for number, tried in job.attempts.items():
        verdict = tried.verdict
        if verdict is None or _is_due(look, job, verdict):
            continue
        for output in verdict.outputs:
            problem = _problem(output, job.outputs.get(output.path))
            if problem is not None:
                yield _told(job, number, verdict, output, problem)


def _problem(output: Output, found: Digest | None) -> str | None:
    if found is None:
        return "it is not there"
    if found.bytes != output.bytes:
        return f"it has {found.bytes} bytes, its manifest says {output.bytes}"
    if found.sha256 and found.sha256 != output.sha256:
        return f"its SHA-256 begins {found.sha256[:12]}, its manifest says {output.sha256[:12]}"
    return None


def _told(job: JobSeen, number: int, verdict: Manifest, output: Output, problem: str) -> Finding:
    path = f"{layout.results(job.name)}/{output.path}"
    if not verdict.succeeded:
        return Finding(
            Severity.NOTE, "evidence", "I3", path, f"of attempt {number}, which {verdict.verdict}: {problem}",
            problem, f"none needed, unless you want to adopt attempt {number}", job.name,
        )  # fmt: skip
    remedy = "a person must: restore it from a backup, or submit the job again under another name"
    if problem.endswith("not there"):
        remedy += (
            "; nothing is wrong if retention removed it, under settings that were changed since"
        )
    return Finding(
        Severity.DAMAGE, "output", "I10", path, f"a committed output: {problem}", problem, remedy, job.name
    )  # fmt: skip


def _is_due(look: Look, job: JobSeen, verdict: Manifest) -> bool:
    """True if retention may have removed what the attempts left: it goes by the day of the folder at rest."""
    days = look.actor.settings.retention.outputs_days
    places = [
        one.location.place for one in job.lying if one.location.place.state in layout.TERMINAL
    ]
    if days is None or not places:
        return False
    today = datetime.fromtimestamp(look.now_s, tz=UTC)
    # A day more: the share's day may have begun while this look went round.
    last_gone = (today - timedelta(days=days) + timedelta(days=1)).date().isoformat()
    return min(verdict.day, *(place.part or verdict.day for place in places)) < last_gone
