"""Merging: a committed job's records enter the corpus and the history, once, and its record goes to ``done/``.

What is merged is published once as the job's *part*; the ledgers are compiled from parts later. So two controllers that both believe to
be alone, or one that dies between any two steps, leave the same parts.

Guarantees: nothing enters the corpus whose outputs were not read back and found as the manifest says. A mismatch leaves the record in
``finished/`` with its reason: the job is committed and is never run again for it. A file of other bytes under the job's name is set
aside; it is neither merged nor replaced.
"""

import errno
from collections.abc import Callable
from dataclasses import dataclass

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.attempts import pinned_job
from spoolctl.spool.digests import sha256_of
from spoolctl.spool.errors import BadRecord, ShareUnusable
from spoolctl.spool.layout import Location, Place, State
from spoolctl.spool.looking import Decisions, committed, decisions, read_record
from spoolctl.spool.publish import Outcome, ensure_folder, publish_once
from spoolctl.spool.records import RECORD_BYTES_MAX, Job, Manifest
from spoolctl.spool.settle import move, put_back_pinned, set_aside_unless, settle
from spoolctl.spool.submit import parse_job

CorpusOf = Callable[[Job, Manifest], bytes]
HistoryOf = Callable[[Job | None, Manifest], bytes]
"""The lines that a job's end adds to a ledger; pure, so that every controller makes the same bytes. History is also of jobs whose
record cannot be read."""


class InTheWay(ShareUnusable):
    """A file lies where a folder of the format must be."""

    hint = "move it away; what waits for the folder goes on by itself"


@dataclass(frozen=True)
class Merged:
    """What came of one merge."""

    done: bool
    """False: it could not be merged, or what lay there was no record of the job and is in ``rejected/``."""
    problem: str | None = None
    """Why it is not merged, for a person to look at."""


def merge(actor: Actor, location: Location, *, corpus: CorpusOf, history: HistoryOf) -> Merged:
    """Merge the job whose record lies in ``finished/``.

    Raises:
        OSError: The share did not answer; call again.
        BadRecord: A decision is there but cannot be read.
        ShareUnusable: The share does not say whether a part was published.
    """
    decided = _commit_by_its_label(actor, location) or decisions(actor, location.name)
    last = decided.highest
    if decided.pruned is not None or last is None or last.verdict is None or not last.is_commit:
        rests = settle(actor, location)
        if last is None and decided.pruned is None and rests == location:
            return _problem(
                actor, location, "it has no attempt: put here by hand; drag it to a queue to run it"
            )
        return Merged(done=rests is not None)
    manifest = last.verdict
    job = _record_that_ran(actor, location, manifest)
    if job is None:
        job, sha256 = pinned_job(actor, location.name)
        if job is None:
            pinned = layout.pinned_record(location.name)
            return _problem(actor, location, f"'{pinned}' cannot be read")
        if set_aside_unless(
            actor,
            location,
            lambda data: sha256_of(data) == sha256,
            # It may be the record, edited: the commit is to be merged all the same.
            first=lambda: put_back_pinned(actor, decided, location, location.place),
        ):
            return Merged(done=False)
    problem = verify_outputs(actor, manifest)
    if problem is not None:
        return _problem(actor, location, problem)
    try:
        publish_part(actor, layout.CORPUS, location.name, "", corpus(job, manifest))
        write_history(actor, manifest, job, history)
    except InTheWay as error:
        return _problem(actor, location, f"{error}; {error.hint}")
    moved = move(actor, location, Place(State.DONE, manifest.day), label=last.number)
    settle(actor, moved or location, known=manifest)
    actor.log(
        "merged",
        job=location.name,
        attempt=last.number,
        images=len(manifest.images),
    )
    return Merged(done=True)


def _commit_by_its_label(actor: Actor, location: Location) -> Decisions | None:
    """The job's commit, if the attempt that the record's label names is it; None if a look must tell.

    The label decides nothing: it only says where to look first. If a commit lies there it is the only one, and no attempt follows it.
    """
    number = location.file.label
    if number is None:
        return None
    try:
        verdict = read_record(actor, Manifest, layout.manifest(location.name, number))
    except (FileNotFoundError, BadRecord):
        return None  # a look finds out, and tells
    is_its_own = (verdict.name, verdict.attempt) == (location.name, number)
    return committed(verdict) if is_its_own else None


def _record_that_ran(actor: Actor, location: Location, manifest: Manifest) -> Job | None:
    """The job, if what lies at *location* are the bytes that the commit was of, by their digest; None if the pinned record must tell."""
    try:
        data = actor.files.read(location.path, bytes_max=RECORD_BYTES_MAX)
        return parse_job(data) if sha256_of(data) == manifest.record_sha256 else None
    except (FileNotFoundError, BadRecord):
        return None
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        return None


def is_merged(actor: Actor, name: str) -> bool:
    """True if the job's corpus part is there. Raises OSError if the share did not tell."""
    folder, _, entry = layout.part(layout.CORPUS, name).rpartition("/")
    try:
        return entry in actor.files.names(folder)
    except (FileNotFoundError, NotADirectoryError):  # the second: told when it is to be merged
        return False


def verify_outputs(actor: Actor, manifest: Manifest) -> str | None:
    """Read every output back; the first that is not as the manifest says, in words, or None.

    Raises:
        OSError: The share did not answer (which is not a mismatch).
    """
    for output in manifest.outputs:
        path = f"{layout.results(manifest.name)}/{output.path}"
        try:
            found = actor.files.digest(path)
        except FileNotFoundError:
            return f"'{path}' is not there"
        if found.bytes != output.bytes:
            return f"'{path}' has {found.bytes} bytes, its manifest says {output.bytes}"
        if found.sha256 != output.sha256:
            return f"'{path}' was changed: its SHA-256 begins {found.sha256[:12]}, not {output.sha256[:12]}"
    return None


def write_history(actor: Actor, manifest: Manifest, job: Job | None, lines: HistoryOf) -> None:
    """Publish the history part of one ended attempt, so that a job retried later has one for each end; errors as for ``merge``."""
    suffix = f"~{manifest.attempt}"
    publish_part(actor, layout.HISTORY, manifest.name, suffix, lines(job, manifest))


def publish_part(actor: Actor, ledger: str, name: str, suffix: str, lines: bytes) -> None:
    """Publish a part of a ledger, unless it is there; errors as for ``merge``."""
    path = layout.part(ledger, name, suffix)
    try:
        try:
            outcome = publish_once(actor, path, lines)
        except FileNotFoundError:  # the first part on its shelf
            ensure_folder(actor, layout.parent(path))
            outcome = publish_once(actor, path, lines)
    except OSError:
        refuse_file_for_folder(actor, layout.parent(path))
        raise
    if outcome is Outcome.UNKNOWN:
        raise ShareUnusable(f"the share does not say whether '{path}' was published")
    if outcome is Outcome.LOST:
        # Published by another version of this program, with other facts in it. What is there stays.
        actor.log("merge.part_differs", path=path)


def refuse_file_for_folder(actor: Actor, folder: str) -> None:
    """Asked after a step in *folder* failed: was it because no folder lies there?

    Raises:
        InTheWay: It, or a folder above it, is a file.
        OSError: The share did not tell.
    """
    names = folder.split("/")
    for end in range(1, len(names) + 1):
        path = "/".join(names[:end])
        try:
            if not actor.files.stat(path).is_folder:
                raise InTheWay(f"'{path}' is a file, where a folder must be")
        except FileNotFoundError:
            return


def _problem(actor: Actor, location: Location, problem: str) -> Merged:
    actor.log("merge.problem", job=location.name, problem=problem)
    return Merged(done=False, problem=problem)
