"""I1, I5 and I9 of one job: does its one record lie where it belongs, is it the one that was accepted, and will it go on?

A record on its way from one folder to the next is no finding: sweeps settle it. It is one where no sweep ever looks, or where a person
put it and nothing follows.
"""

from collections.abc import Iterator

from spoolctl.fsck.finding import Finding, Mend, Severity, on_its_way
from spoolctl.fsck.look import DAYS_AUDITED, Look
from spoolctl.fsck.reading import and_, job_in, newer
from spoolctl.fsck.seen import JobSeen, Lying, Owner
from spoolctl.spool import (
    CLASSES,
    Attempt,
    BadRecord,
    Decisions,
    NewerRecord,
    State,
    belongs,
    label_for,
    layout,
    sha256_of,
)

_ASKS_TO_RUN = (State.QUEUE, State.WAITING, State.HELD)
_NEVER_JUDGED = (State.FINISHED, State.DONE, State.FAILED)


def whereabouts(look: Look, job: JobSeen) -> Iterator[Finding]:
    """Everything about where a job's files lie."""
    decided = job.decided
    if decided is None:
        return  # a decision that cannot be read is told as such, and nothing can be concluded
    for stranger in job.foreign:
        yield _differs(look, job, decided, stranger)
    own = job.own
    if len(own) > 1:
        yield _twice(job, own)
    elif own:
        yield from _one(look, job, decided, own[0])
    elif not job.foreign and not look.is_blind:
        yield from _nowhere(look, job, decided)


def is_ended(decided: Decisions) -> bool:
    """True if nothing more happens to the job unless a person wants it."""
    last = decided.highest
    return decided.pruned is not None or (last is not None and (last.is_commit or last.is_final))


def _differs(look: Look, job: JobSeen, decided: Decisions, lying: Lying) -> Finding:
    state, last = lying.location.place.state, job.last
    what = f"its bytes are not those that were accepted as '{job.name}'"
    running = last is not None and last.is_open and look.owner(last.beat) is Owner.ALIVE
    if state is State.CLAIMED and (running or is_ended(decided)):
        return on_its_way("reject", lying.path, "edited while it runs; its worker sets it aside")
    value = f"SHA-256 begins {_short(lying.data)}, the job's {_short(job.pinned)}"
    pinned = layout.pinned_record(job.name)
    if state in (*_ASKS_TO_RUN, State.CANCELLED) and (job.own or is_ended(decided)):
        return Finding(
            Severity.NOTE, "other-bytes", "I9", lying.path, what, value, job=job.name,
            remedy="a worker rejects it when its turn comes; give it another name to make it a job",
        )  # fmt: skip
    return Finding(
        Severity.DAMAGE, "other-bytes", "I9", lying.path, what, value, job=job.name,
        remedy=f"a person must: move it away (to run it, give it another name), and copy '{pinned}' in its place",
    )  # fmt: skip


def _short(data: bytes | None) -> str:
    return sha256_of(data)[:12] if data is not None else "unknown"


def _twice(job: JobSeen, own: tuple[Lying, ...]) -> Finding:
    paths = sorted(one.path for one in own)
    same = len({one.data for one in own}) == 1
    if same:
        remedy = (
            "the copies become one when the job comes to rest; to be sooner, delete all but one"
        )
    else:
        remedy = "a person must: give all but one of them another name; whichever is claimed first is the job"
    return Finding(
        Severity.DAMAGE, "twice" if same else "twice-differently", "I1", paths[0],
        f"'{job.name}' lies in {len(own)} places, with {'equal' if same else 'different'} bytes",
        and_(paths), remedy, job.name, Mend.TWIN if same else None,
    )  # fmt: skip


def _nowhere(look: Look, job: JobSeen, decided: Decisions) -> Iterator[Finding]:
    path, last = layout.results(job.name), decided.highest
    if decided.pruned is not None:
        return
    if last is None:
        if job.is_pinned:
            yield _lost(job, "it was accepted and never ran", Mend.TO_HELD)
        elif not any(not one.startswith(".") for one in job.entries or ()):
            yield Finding(
                Severity.NOTE, "empty-results", "-", path, "an empty results folder of no job",
                remedy="none needed: whoever submits that name uses it", job=job.name,
            )  # fmt: skip
    elif last.is_open:
        tried = job.last
        owner = look.owner(tried.beat if tried else None)
        if owner is Owner.ALIVE:
            what = "its record was deleted; its worker ends it as cancelled"
            yield on_its_way("cancel", path, what, job=job.name)
        else:
            told = f"attempt {last.number} is open, its owner is {owner.value}"
            yield _lost(job, told, Mend.TO_HELD)
    elif last.is_commit and job.name not in look.parts.get(layout.CORPUS, {}):
        yield _lost(job, f"attempt {last.number} succeeded and is not merged", Mend.TO_FINISHED)
    elif is_ended(decided) and last.verdict is not None:
        yield Finding(
            Severity.NOTE, "record-gone", "I1", path,
            f"its record lies nowhere; attempt {last.number} {last.verdict.verdict}, nothing follows",
            job=job.name,
            remedy="none if somebody tidied up; retention goes by records, so these results stay for ever",
        )  # fmt: skip
    else:
        verdict = last.verdict.verdict if last.verdict else "open"
        yield _lost(job, f"attempt {last.number} {verdict}, another should follow", Mend.TO_HELD)


def _lost(job: JobSeen, value: str, mend: Mend) -> Finding:
    pinned = layout.pinned_record(job.name)
    if job.pinned is None:
        remedy = "a person must: submit it again under another name; its record is gone altogether"
        mends: Mend | None = None
    elif mend is Mend.TO_HELD:
        remedy = f"copy '{pinned}' to 'held/{job.name}.yaml'; then release it, or cancel it if it was deleted on purpose"
        mends = mend
    else:
        remedy = f"copy '{pinned}' to 'finished/{job.name}.yaml'"
        mends = mend
    return Finding(
        Severity.DAMAGE, "nowhere", "I1", layout.results(job.name),
        "its record lies in no state folder", value, remedy, job.name, mends,
    )  # fmt: skip


def _one(look: Look, job: JobSeen, decided: Decisions, lying: Lying) -> Iterator[Finding]:
    location = lying.location
    wanted = belongs(decided, location, default_class=look.actor.settings.default_class)
    state, part = location.place.state, location.place.part
    if wanted is not None:
        what = f"it belongs in {wanted.folder}/"
        if look.is_swept(location.place, days=DAYS_AUDITED):
            by_controller = state in (State.FINISHED, State.DONE, State.FAILED)
            yield on_its_way(
                "settle", lying.path, what, job=job.name, mend=Mend.SETTLE, by_controller=by_controller
            )  # fmt: skip
        else:
            yield _stuck(job, "wrong-folder", "I1", lying.path, f"{what}, and no sweep looks here",
                         "move it there", Mend.SETTLE)  # fmt: skip
    elif state is State.QUEUE and part and part not in CLASSES:
        remedy = f"a person must: move it to queue/{look.actor.settings.default_class}/"
        yield _stuck(job, "no-queue", "I5", lying.path, "no worker looks into this folder", remedy)
    elif decided.pruned is not None:
        what = "retention has begun to remove it"
        yield on_its_way("prune", lying.path, what, job=job.name, by_controller=True)
    elif decided.highest is None:
        yield from _undecided(look, job, lying)
    else:
        yield from _decided(look, job, decided.highest, lying)
        yield from _label(job, decided, lying)


def _stuck(  # noqa: PLR0913, PLR0917 - each is one independent fact
    job: JobSeen, code: str, invariant: str, path: str, what: str, remedy: str, mend: Mend | None = None
) -> Finding:  # fmt: skip
    return Finding(
        Severity.STUCK, code, invariant, path, what, remedy=remedy, job=job.name, mend=mend
    )


def _undecided(look: Look, job: JobSeen, lying: Lying) -> Iterator[Finding]:
    """A record about which nothing is decided yet."""
    place = lying.location.place
    if place.state in _NEVER_JUDGED:
        what = f"it never ran; put into {place.state}/ by hand, nothing follows"
        remedy = "a person must: drag it to a queue to run it, or delete it"
        yield _stuck(job, "undecided", "I5", lying.path, what, remedy)
        return
    bad = _bad_file(job, lying)
    if bad is not None:
        yield bad
    elif place.state is State.CANCELLED:
        yield _cancel_wished(look, job, lying)
    elif lying.location.file.label is not None:
        yield _wrong_label(job, lying, None)


def _bad_file(job: JobSeen, lying: Lying) -> Finding | None:
    """What is wrong with a file that was not accepted yet."""
    if job.is_pinned:
        return None
    try:
        if lying.data is not None:
            job_in(lying.data)
            return None
        why = "it is no readable file"
    except NewerRecord as error:
        return newer(lying.path, error, job.name)
    except BadRecord as error:
        why = str(error)
    if lying.location.place.state is not State.HELD:
        return on_its_way("reject", lying.path, why, job=job.name)
    return Finding(
        Severity.NOTE, "bad-file", "I8", lying.path, f"it cannot become a job: {why}", why,
        "mend it now; when it is released it is rejected", job.name,
    )  # fmt: skip


def _decided(look: Look, job: JobSeen, last: Attempt, lying: Lying) -> Iterator[Finding]:
    """A record that lies where it may, with at least one attempt."""
    place = lying.location.place
    if last.verdict is None:
        return  # told with the attempt
    if last.is_commit:
        if place.state is State.FINISHED:
            yield on_its_way(
                "merge", lying.path, "to be merged", job=job.name, mend=Mend.MERGE, by_controller=True
            )  # fmt: skip
    elif last.is_final:
        if place.state in (State.FAILED, State.CANCELLED) and not last.closed:
            if look.is_swept(place, days=DAYS_AUDITED):
                what = "to be noted as seen at rest"
                yield on_its_way("settle", lying.path, what, job=job.name, mend=Mend.SETTLE)
            else:
                what = (
                    f"attempt {last.number} has ended and no 'closed' says that its record was seen"
                )
                remedy = "settle it; until then a drag back to a queue is undone"
                yield _stuck(job, "not-closed", "I5", lying.path, what, remedy, Mend.SETTLE)
    elif place.state is State.CANCELLED:
        yield _cancel_wished(look, job, lying)


def _cancel_wished(look: Look, job: JobSeen, lying: Lying) -> Finding:
    if look.is_swept(lying.location.place):
        return on_its_way("cancel", lying.path, "a person wants it cancelled", job=job.name)
    what = "put here to be cancelled, in a folder of an old day where no sweep looks"
    remedy = f"'spoolctl cancel {job.name}', or drag it to {State.CANCELLED}/ itself"
    return _stuck(job, "not-cancelled", "I5", lying.path, what, f"a person must: {remedy}")


def _label(job: JobSeen, decided: Decisions, lying: Lying) -> Iterator[Finding]:
    last = decided.highest
    wanted = label_for(decided, lying.location.place)
    if last is not None and not last.is_open and lying.location.file.label != wanted:
        yield _wrong_label(job, lying, wanted)


def _wrong_label(job: JobSeen, lying: Lying, wanted: int | None) -> Finding:
    label = lying.location.file.label
    said = "no label" if label is None else f"the label ~{label}"
    value = f"it bears {said}, the attempt is {wanted or 'the first'}"
    return Finding(
        Severity.NOTE, "label", "I1", lying.path, f"the label is not its attempt's: {value}", value,
        "none needed: nothing reads it, and the next move renews it", job.name,
    )  # fmt: skip
