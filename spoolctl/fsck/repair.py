"""Repairing what is safe to repair, with the steps that exist.

Guarantees: every repair is idempotent, looks again right before it acts, and takes no decision: it publishes what must not exist
yet, settles, merges and compiles. A verdict, an attempt's files, a record that differs from every other: none is ever changed or
removed. An open attempt is left to its owner and to sweeps. What was cut off is done by the next repair.
Does not guarantee that the spool is sound afterwards: most damage is a person's to judge; check again.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from spoolctl.controller.learning import corpus_records, encode_lines, history_line
from spoolctl.controller.ledger import COMPILED, compile_ledger
from spoolctl.controller.litter import remove_left_over
from spoolctl.controller.ran import earlier_attempts
from spoolctl.fsck.around import LITTER_S
from spoolctl.fsck.finding import Finding, Mend
from spoolctl.fsck.seen import Owner, owner_of
from spoolctl.spool import (
    RECORD_BYTES_MAX,
    Actor,
    Decisions,
    Job,
    Location,
    Manifest,
    Outcome,
    Place,
    SpoolError,
    State,
    attempt,
    attempt_numbers,
    belongs,
    decisions,
    end_session,
    ensure_folder,
    find,
    heartbeat,
    label_for,
    layout,
    merge,
    parse_file_name,
    pinned_job,
    publish_once,
    settle,
    sha256_of,
    write_history,
)

_ORDER = tuple(Mend)


@dataclass(frozen=True)
class Repaired:
    """What came of one repair."""

    finding: Finding
    did: str
    """What was done, or why it was not."""
    done: bool


def repair(actor: Actor, findings: Iterable[Finding], *, dry_run: bool = False) -> list[Repaired]:
    """Repair what can be, of findings and of what is on its way.

    Args:
        actor: Who does it.
        findings: Of a report just made.
        dry_run: Only tell.
    """
    due = [one for one in findings if one.mend is not None]
    done: list[Repaired] = []
    for one in sorted(due, key=lambda one: _ORDER.index(one.mend or Mend.LITTER)):
        assert one.mend is not None  # noqa: S101 - chosen so
        if dry_run:
            done.append(Repaired(one, f"would {one.mend.value}", done=False))
            continue
        try:
            did = _HOW[one.mend](actor, one)
        except (OSError, SpoolError) as error:
            done.append(Repaired(one, f"could not {one.mend.value}: {error}", done=False))
            continue
        told = did or f"left as it is: seen again, it is not for --repair to {one.mend.value}"
        done.append(Repaired(one, told, done=did is not None))
    return [*done, *_compiled(actor, done)]


def _compiled(actor: Actor, done: list[Repaired]) -> Iterator[Repaired]:
    """New parts want a compile that no look could see coming."""
    for one in done:
        if one.done and one.finding.mend in (Mend.MERGE, Mend.HISTORY):
            try:
                for ledger in COMPILED:
                    compile_ledger(actor, ledger, touched=None)
            except (OSError, SpoolError) as error:
                yield Repaired(one.finding, f"could not compile the ledgers: {error}", done=False)
            else:
                yield Repaired(one.finding, "compiled the ledgers from their parts", done=True)
            return


Repair = Callable[[Actor, Finding], str | None]
"""Does it, and says so; None if there was nothing to do any more."""


def _folder(actor: Actor, finding: Finding) -> str:
    ensure_folder(actor, finding.path)
    return f"made '{finding.path}/'"


def _pin(actor: Actor, finding: Finding) -> str | None:
    name = finding.job or ""
    told = {one.record_sha256 for one in _verdicts(actor, name)} - {None}
    for location in find(actor, name):
        data = actor.files.read(location.path, bytes_max=RECORD_BYTES_MAX)
        if told == {sha256_of(data)}:
            return _published(actor, layout.pinned_record(name), data)
    return None


def _verdicts(actor: Actor, name: str) -> Iterator[Manifest]:
    for number in attempt_numbers(actor, name):
        verdict = attempt(actor, name, number).verdict
        if verdict is not None:
            yield verdict


def _twin(actor: Actor, finding: Finding) -> str | None:
    """Rename copies onto the one that lies where the job belongs; a rename, because whoever is quicker leaves one record."""
    name = finding.job or ""
    decided, found = decisions(actor, name), find(actor, name)
    if decided.highest is not None and decided.highest.is_open:
        return None  # its owner fetches its record; the copies come to rest with it
    first = _resting(actor, decided, found)
    if first is None:
        return None
    data = actor.files.read(first.path, bytes_max=RECORD_BYTES_MAX)
    moved = []
    for twin in found:
        if twin != first and actor.files.read(twin.path, bytes_max=RECORD_BYTES_MAX) == data:
            actor.files.rename(twin.path, first.path)
            moved.append(twin.path)
    return f"moved {', '.join(moved)} onto {first.path}" if moved else None


def _resting(actor: Actor, decided: Decisions, found: list[Location]) -> Location | None:
    """The copy that stays: only if all that lie where they may are in one folder, since a folder can be a person's wish."""
    default = actor.settings.default_class
    right = [one for one in found if belongs(decided, one, default_class=default) is None]
    if len({one.place for one in right or found}) != 1:
        return None
    return max(right or found, key=lambda one: (one.file.label or 0, one.path))


def _settle(actor: Actor, finding: Finding) -> str | None:
    at = [settle(actor, one) for one in find(actor, finding.job or "")]
    told = ", ".join(one.path for one in at if one is not None)
    return f"settled it at {told}" if told else None


def _to_held(actor: Actor, finding: Finding) -> str | None:
    name = finding.job or ""
    decided = decisions(actor, name)
    last = decided.highest
    over = last is not None and (last.is_commit or last.is_final)
    if decided.pruned is not None or over or find(actor, name) or find(actor, name):
        return None  # looked for twice: a record between two folders may be in neither listing
    if last is not None and last.is_open:
        beat = heartbeat(actor, name, last.number)
        if owner_of(beat, actor, actor.share_now_s()) is Owner.ALIVE:
            return None
    said = _restored(actor, decided, layout.HELD)
    return f"{said}; release it, or cancel it if it was deleted on purpose" if said else None


def _to_finished(actor: Actor, finding: Finding) -> str | None:
    name = finding.job or ""
    decided = decisions(actor, name)
    if decided.highest is None or not decided.highest.is_commit or find(actor, name):
        return None
    return _restored(actor, decided, layout.FINISHED)


def _restored(actor: Actor, decided: Decisions, place: Place) -> str | None:
    data = actor.files.read(layout.pinned_record(decided.name), bytes_max=RECORD_BYTES_MAX)
    file = parse_file_name(f"{decided.name}.yaml")
    if file is None or file.name != decided.name:
        return None
    target = Location(place, file.labelled(label_for(decided, place)))
    return _published(actor, target.path, data)


def _published(actor: Actor, path: str, data: bytes) -> str | None:
    return f"put it back at '{path}'" if publish_once(actor, path, data) is Outcome.WON else None


def _merge(actor: Actor, finding: Finding) -> str:
    def corpus(job: Job, manifest: Manifest) -> bytes:
        results = layout.results(manifest.name)
        spool_id = actor.settings.spool_id
        return encode_lines(
            corpus_records(
                spool_id=spool_id, location_of_results=results, job=job, manifest=manifest
            )
        )

    for location in find(actor, finding.job or "", (State.FINISHED, State.DONE)):
        merged = merge(actor, location, corpus=corpus, history=_history_line(actor))
        if merged.problem:
            raise SpoolError(merged.problem)
    return "merged it"


def _history_line(actor: Actor) -> Callable[[Job | None, Manifest], bytes]:
    return lambda job, manifest: history_line(job, manifest, earlier_attempts(actor, manifest))


def _history(actor: Actor, finding: Finding) -> str | None:
    name = finding.job or ""
    last = decisions(actor, name).highest
    if last is None or last.verdict is None:
        return None
    job, _ = pinned_job(actor, name)
    write_history(actor, last.verdict, job, _history_line(actor))
    return f"wrote the history of attempt {last.number}"


def _compile(actor: Actor, finding: Finding) -> str | None:
    for ledger, target in COMPILED.items():
        if target == finding.path:
            made = compile_ledger(actor, ledger, touched=None)
            return f"compiled '{target}' from its parts: {made.lines} lines, {made.added} new"
    return None


def _session(actor: Actor, finding: Finding) -> str | None:
    session = finding.path.rpartition("/")[2]
    return f"removed '{finding.path}/'" if end_session(actor, session) else None


def _litter(actor: Actor, finding: Finding) -> str | None:
    there = actor.files.stat(finding.path)
    if actor.share_now_s() - there.mtime_s <= LITTER_S:
        return None
    if not remove_left_over(actor, finding.path):
        return None  # a person's own, under such a name
    return f"removed '{finding.path}'"


_HOW: dict[Mend, Repair] = {
    Mend.FOLDER: _folder,
    Mend.PIN: _pin,
    Mend.TWIN: _twin,
    Mend.SETTLE: _settle,
    Mend.TO_HELD: _to_held,
    Mend.TO_FINISHED: _to_finished,
    Mend.MERGE: _merge,
    Mend.HISTORY: _history,
    Mend.COMPILE: _compile,
    Mend.SESSION: _session,
    Mend.LITTER: _litter,
}
