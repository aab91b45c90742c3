"""I3, I4 and I9 of one job's attempts: the chain of verdicts, each on its own attempt, and one commit at most."""

from collections.abc import Iterator
from itertools import pairwise

from spoolctl.fsck.finding import Finding, Mend, Severity, on_its_way
from spoolctl.fsck.look import DAYS_SWEPT, Look
from spoolctl.fsck.reading import and_
from spoolctl.fsck.seen import JobSeen, Owner, Tried
from spoolctl.spool import Manifest, Place, State, layout, sha256_of

_EVIDENCE = "a person must: look at 'spoolctl show {job}' and keep the whole results folder; report it as a fault of the program"


def chain(look: Look, job: JobSeen) -> Iterator[Finding]:
    """Everything about a job's attempts; a tombstone speaks for those that retention removes."""
    if job.pruned is not None:
        return
    yield from _gaps(job)
    yield from _order(job)
    for tried in job.attempts.values():
        if tried.verdict is not None:
            yield from _about_itself(job, tried, tried.verdict)
    yield from _pinned(job)
    last = job.last
    if last is not None and last.is_open and job.own:
        yield from _open(look, job, last)


def _damage(  # noqa: PLR0913, PLR0917 - each is one independent fact
    job: JobSeen, code: str, invariant: str, path: str, what: str, value: str = ""
) -> Finding:
    remedy = _EVIDENCE.format(job=job.name)
    return Finding(Severity.DAMAGE, code, invariant, path, what, value, remedy, job.name)


def _gaps(job: JobSeen) -> Iterator[Finding]:
    fenced = job.tombstone.attempt if job.tombstone else 0
    numbers = set(job.attempts)
    missing = sorted(set(range(fenced + 1, max(numbers, default=0))) - numbers)
    if missing:
        path = layout.results(job.name)
        yield _damage(
            job, "gap", "I4", path, f"attempt {and_(missing)} is missing", f"there are {and_(sorted(numbers))}"
        )  # fmt: skip


def _order(job: JobSeen) -> Iterator[Finding]:
    """The chain rule, between each attempt and the one after it."""
    commits = [n for n, one in job.attempts.items() if one.verdict and one.verdict.succeeded]
    if len(commits) > 1:
        path = layout.results(job.name)
        yield _damage(
            job, "commits", "I3", path, f"it was committed {len(commits)} times", f"attempts {and_(commits)}"
        )  # fmt: skip
    for before, after in pairwise(job.attempts.values()):
        path = layout.attempt(job.name, after.number)
        if before.is_open:
            what = f"attempt {before.number} has no verdict, and attempt {after.number} was made"
            yield _damage(job, "two-open", "I3", layout.attempt(job.name, before.number), what)
        elif before.number in commits and after.number not in commits:
            what = f"attempt {after.number} was made after attempt {before.number} had succeeded"
            yield _damage(job, "after-commit", "I3", path, what)
        elif before.is_final and layout.CLOSED not in before.entries and _is_a_run(after):
            what = f"attempt {after.number} ran unasked: attempt {before.number} was final and never 'closed'"
            yield _damage(job, "after-end", "I3", path, what)


def _is_a_run(tried: Tried) -> bool:
    """True if a worker made it; an adoption needs no ``closed`` before it."""
    return tried.beat is not None and tried.beat.role == "worker"


def _about_itself(job: JobSeen, tried: Tried, verdict: Manifest) -> Iterator[Finding]:
    path = layout.manifest(job.name, tried.number)
    if (verdict.name, verdict.attempt) != (job.name, tried.number):
        value = f"it is about attempt {verdict.attempt} of '{verdict.name}'"
        yield _damage(job, "not-its-own", "I3", path, "a verdict on another attempt", value)
    owner = tried.beat.session if tried.beat else None
    if verdict.session is not None and owner is not None and verdict.session != owner:
        value = f"session {verdict.session}, the heartbeat is of {owner}"
        yield _damage(job, "not-its-session", "I3", path, "a verdict on another session", value)
    pinned = sha256_of(job.pinned) if job.pinned is not None else None
    if verdict.record_sha256 is not None and pinned not in (None, verdict.record_sha256):
        value = f"it ran {verdict.record_sha256[:12]}, pinned is {str(pinned)[:12]}"
        yield _damage(
            job, "ran-other-bytes", "I9", path, "the record that ran is not the pinned one", value
        )
    folders = (f"a{tried.number}/", f"a{verdict.adopted_from or tried.number}/")
    strange = [one.path for one in verdict.outputs if not one.path.startswith(folders)]
    if strange:
        yield _damage(job, "not-its-output", "I4", path, "it claims another attempt's files", and_(strange))  # fmt: skip


def _pinned(job: JobSeen) -> Iterator[Finding]:
    if job.is_pinned or not job.attempts or job.tombstone is not None:
        return
    told = {v.record_sha256 for one in job.attempts.values() if (v := one.verdict)} - {None}
    proven = len(told) == 1 and any(
        one.data is not None and sha256_of(one.data) in told for one in job.lying
    )
    path = layout.pinned_record(job.name)
    remedy = "copy the record that lies in the state folder there: it is the one that ran"
    if not proven:
        remedy = f"a person must: find the record that ran (SHA-256 {and_(sorted(map(str, told))) or 'unknown'}) and put it there"
    yield Finding(
        Severity.DAMAGE, "unpinned", "I9", path, "it has attempts and no pinned record", "", remedy,
        job.name, Mend.PIN if proven else None,
    )  # fmt: skip


def _open(look: Look, job: JobSeen, last: Tried) -> Iterator[Finding]:
    """The last attempt has no verdict: somebody works on it, or a sweep will end it, or nobody ever does."""
    owner = look.owner(last.beat)
    if owner is Owner.ALIVE:
        return
    path = layout.attempt(job.name, last.number)
    what = f"attempt {last.number} is open, its owner is {owner.value}"
    place = job.own[0].location.place
    if is_reaped(look, place):
        by_controller = place.state in (State.FINISHED, State.DONE)
        yield on_its_way("reap", path, what, job=job.name, by_controller=by_controller)
        return
    yield Finding(
        Severity.STUCK, "orphan", "I5", path, what, f"no sweep looks for open attempts in {place.folder}/",
        f"a person must: drag '{job.own[0].path}' to held/; after a lease, release or cancel it", job.name,
    )  # fmt: skip


def is_reaped(look: Look, place: Place) -> bool:
    """True if sweeps look in this folder for attempts without life."""
    if place.state in (State.FAILED, State.DONE) and not place.part:
        return False
    return look.is_swept(place, days=DAYS_SWEPT)
