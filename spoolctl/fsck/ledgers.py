"""I10 and I2 of the ledgers: each commit has its part, each part its commit, and the compiled file is its parts' lines, each once.

The compiled file is read before its parts: parts only grow, so a line that no part holds is not a part too new. Order does not count.
Lines are compared by their digests, so a corpus of millions fits in memory.
"""

import errno
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from spoolctl.controller.ledger import COMPILED, is_good
from spoolctl.fsck.finding import Finding, Mend, Severity, on_its_way
from spoolctl.fsck.look import DAYS_AUDITED, Look
from spoolctl.fsck.reading import and_
from spoolctl.fsck.said import digest_of_line, hear
from spoolctl.fsck.seen import JobSeen
from spoolctl.spool import Manifest, State, Verdict, layout, read_figures

_READ_WHOLE_BYTES = 16 << 20
_PART_BYTES_MAX = 64 << 20
_BEGINNING = 60


@dataclass
class Lines:
    """The lines of one file."""

    digests: Counter[bytes] = field(default_factory=Counter)
    ids: Counter[str] = field(default_factory=Counter)
    torn: list[str] = field(default_factory=list)
    """How those begin that are no JSON objects."""
    samples: dict[bytes, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many lines there are."""
        return self.digests.total()


def lines_of(raw: Iterable[bytes], *, ledger: str | None = None) -> Lines:
    """Digest lines; blank ones count for nothing. Of a part (of *ledger*), what keeps it out of the compiled file is torn."""
    lines = Lines()
    for line in raw:
        kept = line.strip()
        if not kept:
            continue
        digest = digest_of_line(kept)
        lines.digests[digest] += 1
        try:
            facts = json.loads(kept.decode())
            told = facts.get("run_id") or facts.get("name", "")
        except (ValueError, RecursionError, AttributeError):
            lines.torn.append(kept[:_BEGINNING].decode(errors="replace"))
            continue
        if ledger is not None and not is_good(ledger, kept):
            lines.torn.append(kept[:_BEGINNING].decode(errors="replace"))
            continue
        lines.samples[digest] = str(told)
        if "run_id" in facts:
            lines.ids[str(told)] += 1
    return lines


def ledgers(look: Look) -> Iterator[Finding]:
    """Each ledger as a whole."""
    for ledger, target in COMPILED.items():
        with look.looking_at(target):
            yield from _ledger(look, ledger, target)
    with look.looking_at(layout.FIGURES):
        yield from _figures(look)


def _figures(look: Look) -> Iterator[Finding]:
    """What is folded from the history; nothing rests on it."""
    folder, _, name = layout.FIGURES.rpartition("/")
    if name in (look.reader.names(folder) or ()) and read_figures(look.actor) is None:
        yield Finding(
            Severity.NOTE, "figures-unreadable", "-", layout.FIGURES,
            "the figures cannot be read, so every estimate goes by the formula", "",
            "the controller makes them anew within the hour; a person must move a folder of that name away",
        )  # fmt: skip


def _ledger(look: Look, ledger: str, target: str) -> Iterator[Finding]:
    compiled = _compiled(look, target)
    parts: Counter[bytes] = Counter()
    torn = False
    ids: Counter[str] = Counter()
    for path in look.parts.get(ledger, {}).values():
        lines = _part(look, path, ledger)
        if lines is None:
            continue
        if lines.torn:
            torn = True
            yield _torn_part(path, lines)
            continue  # never compiled, as a whole
        ids += lines.ids
        twice = [one for one in lines.ids if ids[one] > 1]
        if twice:
            yield Finding(
                Severity.DAMAGE, "run-id-twice", "I10", path,
                f"run_ids that are more than once in the parts: {len(twice)}", and_(sorted(twice)),
                "a person must: move away the part that is not its job's, then --repair",
            )  # fmt: skip
        parts += lines.digests
    if ledger == layout.CORPUS:
        for path in look.imported:
            lines = _part(look, path, ledger)
            if lines is not None and lines.torn:
                yield _torn_part(path, lines)
            elif lines is not None:
                parts += lines.digests
        heard = hear(look, (compiled or Lines()).digests)
        yield from heard.findings
        parts += heard.last
        if compiled is not None:
            # Said since that file was compiled: the word before it is still in, and goes with the next compile.
            parts += heard.superseded & (compiled.digests - parts)
    yield from _compared(target, compiled, parts, torn=torn)


def _torn_part(path: str, lines: Lines) -> Finding:
    return Finding(
        Severity.DAMAGE, "torn-line", "I2", path,
        f"lines that are no JSON objects, or would spoil the corpus: {len(lines.torn)}; so the part is not compiled", lines.torn[0],
        "a person must: move the part away, then --repair: it is written again from the manifest",
    )  # fmt: skip


def _compared(
    target: str, compiled: Lines | None, parts: Counter[bytes], *, torn: bool
) -> Iterator[Finding]:
    there = compiled or Lines()
    mended = "it is compiled anew from all parts, unless its index names parts that are gone"
    if there.torn:
        yield Finding(
            Severity.DAMAGE, "torn-line", "I2", target, f"lines that are no JSON objects: {len(there.torn)}",
            there.torn[0], mended, mend=Mend.COMPILE,
        )  # fmt: skip
    surplus = there.digests - parts
    known = {digest: there.samples[digest] for digest in surplus if digest in there.samples}
    if known and not torn:  # else they may be of the part that was torn since
        yield Finding(
            Severity.DAMAGE, "not-its-parts", "I10", target,
            f"lines that none of its parts holds: {len(known)}", and_(sorted(known.values())), mended,
            mend=Mend.COMPILE,
        )  # fmt: skip
    lacking = (parts - there.digests).total()
    if lacking:
        what = f"lines of its parts that it lacks: {lacking}"
        yield on_its_way("compile", target, what, mend=Mend.COMPILE, by_controller=True)


def _part(look: Look, path: str, ledger: str) -> Lines | None:
    try:
        data = look.actor.files.read(path, bytes_max=_PART_BYTES_MAX)
        return lines_of(data.split(b"\n"), ledger=ledger)
    except FileNotFoundError:
        return None


def _compiled(look: Look, target: str) -> Lines | None:
    folder, _, name = target.rpartition("/")
    if name not in (look.reader.names(folder) or ()):
        return None
    files = look.actor.files
    try:
        return lines_of(files.read(target, bytes_max=_READ_WHOLE_BYTES).split(b"\n"))
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
    with tempfile.TemporaryDirectory(prefix="spool-fsck-") as folder:
        local = Path(folder) / name
        files.fetch(target, local)
        with local.open("rb") as raw:
            return lines_of(raw)


def in_ledgers(look: Look, job: JobSeen) -> Iterator[Finding]:
    """Whether the ledgers have of one job what they should, and nothing else."""
    decided = job.decided
    if decided is None:
        return
    path = look.parts.get(layout.CORPUS, {}).get(job.name)
    if decided.pruned is not None:
        if path and decided.pruned.verdict is not Verdict.SUCCEEDED:
            yield _not_committed(job.name, path)
        return
    commits = _commits(job)
    if commits:
        if path is not None:
            yield from _counted(look, job, path, commits)
        else:
            yield from _not_merged(look, job, commits[-1])
    elif path is not None:
        yield _not_committed(job.name, path)
    yield from _history(look, job)


def _not_merged(look: Look, job: JobSeen, commit: Manifest) -> Iterator[Finding]:
    """In ``done/`` without a part: put there too early, which the audit makes good, or the part was lost since."""
    at = next((one for one in job.own if one.location.place.state is State.DONE), None)
    if at is None:
        return
    was_merged = f"{job.name}~{commit.attempt}" in look.parts.get(layout.HISTORY, {})
    if not was_merged and look.is_swept(at.location.place, days=DAYS_AUDITED):
        yield on_its_way(
            "merge", at.path, "to be merged", job=job.name, mend=Mend.MERGE, by_controller=True
        )
        return
    yield Finding(
        Severity.DAMAGE, "not-merged", "I10", at.path, "it lies in done/, and the corpus has no part of it",
        f"no '{layout.part(layout.CORPUS, job.name)}'", "merge it", job.name, Mend.MERGE,
    )  # fmt: skip


def _commits(job: JobSeen) -> list[Manifest]:
    """Its commit; or several, which is told with its attempts."""
    return [v for one in job.attempts.values() if (v := one.verdict) and v.succeeded]


def without_a_job(look: Look, names: Iterable[str]) -> Iterator[Finding]:
    """Parts of jobs of which nothing else is left."""
    known = set(names)
    for ledger, parts in look.parts.items():
        for stem, path in parts.items():
            name = stem.partition("~")[0]
            if name in known or look.is_blind:
                continue
            if ledger == layout.CORPUS:
                yield _not_committed(name, path)
            else:
                yield _no_such_end(name, path, "there is no such job")


def _not_committed(name: str, path: str) -> Finding:
    return Finding(
        Severity.DAMAGE, "part-without-commit", "I10", path, f"'{name}' has no commit, and a part in the corpus",
        "", "a person must: restore its results folder if that was deleted, or move the part away", name,
    )  # fmt: skip


def _no_such_end(name: str, path: str, value: str) -> Finding:
    return Finding(
        Severity.DAMAGE, "part-without-end", "I10", path, "a part of the history of no attempt that ended", value,
        "a person must: restore the results folder if that was deleted, or move the part away", name,
    )  # fmt: skip


def _counted(look: Look, job: JobSeen, path: str, commits: list[Manifest]) -> Iterator[Finding]:
    lines = _part(look, path, layout.CORPUS)
    images = [len(one.images) for one in commits]
    if lines is not None and not lines.torn and lines.count not in images:
        told = f"{lines.count} records for {images[0]} committed images"
        yield Finding(
            Severity.DAMAGE, "part-not-its-images", "I10", path, f"the part has {told}", told,
            "a person must: move the part away, then --repair: it is written again from the manifest", job.name,
        )  # fmt: skip


def _history(look: Look, job: JobSeen) -> Iterator[Finding]:
    parts = look.parts.get(layout.HISTORY, {})
    for stem in look.history_of.get(job.name, ()):
        number = int(stem.rpartition("~")[2])
        if job.tombstone is not None and number <= job.tombstone.attempt:
            continue  # retention removed it, and a retry was quicker than the rest
        tried = job.attempts.get(number)
        verdict = tried.verdict if tried else None
        ended = verdict is not None and (
            verdict.final or verdict.succeeded or bool(tried and layout.CANCEL in tried.entries)
        )
        if not ended and (tried is None or tried.is_readable):
            value = f"attempt {number} is {verdict.verdict if verdict else 'open or missing'}"
            yield _no_such_end(job.name, parts[stem], value)
    decided = job.decided
    last = decided.highest if decided else None
    if last is None or last.verdict is None or not (last.is_commit or last.is_final):
        return
    if len(_commits(job)) > 1:
        return
    resting = [one for one in job.own if one.location.place.state in layout.TERMINAL]
    if (
        not resting
        or f"{job.name}~{last.number}" in parts
        or (last.is_commit and not _has_part(look, job))
    ):
        return
    place = resting[0].location.place
    what = f"the history lacks how attempt {last.number} ended"
    if place.state is not State.DONE and look.is_swept(place, days=DAYS_AUDITED):
        yield on_its_way(
            "history", resting[0].path, what, job=job.name, mend=Mend.HISTORY, by_controller=True
        )  # fmt: skip
    else:
        yield Finding(
            Severity.NOTE, "no-history", "I10", resting[0].path, what, "", "write it: statistics lack it",
            job.name, Mend.HISTORY,
        )  # fmt: skip


def _has_part(look: Look, job: JobSeen) -> bool:
    return job.name in look.parts.get(layout.CORPUS, {})
