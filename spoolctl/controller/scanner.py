"""The scanner: one pass of what only the controller does, and of the sweep that anybody may do.

It merges what is in ``finished/``, sweeps, audits the terminal folders of the last days (a late rename may have taken a record there or
away), compiles the ledgers and applies retention.

Guarantees: one job's trouble never stops the pass, and it is told in ``Scanned.troubles`` until it is over; every step is idempotent, so
two scanners, or one that is killed anywhere, do no harm. Does not guarantee that a job with a problem is merged: a person must look.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from spoolctl.controller.figures import FiguresKeeper
from spoolctl.controller.groups import GroupsKeeper
from spoolctl.controller.last_words import Part
from spoolctl.controller.learning import corpus_records, encode_lines, history_line
from spoolctl.controller.ledger import COMPILED, Compiled, compile_ledger
from spoolctl.controller.litter import Litter
from spoolctl.controller.ran import earlier_attempts
from spoolctl.controller.retention import Retention
from spoolctl.controller.strays import Strays
from spoolctl.spool import (
    Actor,
    Job,
    Life,
    Location,
    Manifest,
    SpoolError,
    State,
    Sweeper,
    Swept,
    decisions,
    is_merged,
    last_days,
    layout,
    marked_shelves,
    merge,
    parts,
    pinned_job,
    records_in,
    settle,
    shelf,
    unmark,
    write_history,
)

MERGES_MAX = 200
AUDITS_MAX = 200
DAYS = 3
PROBLEM_AGAIN_S = 300.0
"""How long a job whose outputs did not match waits before it is verified again."""
FULL_COMPILE_S = 3_600.0
_TRIES_KEPT = 10_000
COMPILE_SHARE = 20.0
"""After a compile the next one waits this many times as long as it took, but never past the next full look: one that hung with the
share, or slept with the machine, for ten minutes would otherwise keep the corpus as it was for three hours."""


@dataclass
class Scanned:
    """What one pass did."""

    swept: Swept
    merged: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    """Jobs in ``finished/`` that cannot be merged, with the reason."""
    strays: dict[str, str] = field(default_factory=dict)
    """People's own folders with job files that nobody looks at, and what to say of each."""
    troubles: list[str] = field(default_factory=list)
    compiled: int = 0
    """New lines in the corpus."""
    groups: int = 0
    """Groups whose results were written."""


class Scanner:
    """The controller's work, with what it remembers between passes.

    Args:
        actor: Who acts.
        life: Its life, which it shows.
        groups: Who tells what became of groups; ``None``: nobody does.
    """

    def __init__(self, actor: Actor, life: Life, groups: GroupsKeeper | None = None) -> None:
        self._actor = actor
        self._groups = groups
        self._sweeper = Sweeper(actor, life)
        self._retention = Retention(actor)
        self._litter = Litter(actor)
        self._strays = Strays(actor)
        self._figures = FiguresKeeper(actor)
        self._audited: dict[str, str] = {}
        """Where each job's record was last found in order; a second record of the same job, elsewhere, is not."""
        self._merged_here: set[str] = set()
        """Merged, and seen to rest, by this very life; not yet found in ``done/`` by its audit."""
        self._parts: dict[str, frozenset[str]] = {}
        """The parts in each shelf of a ledger, as this pass's audit listed them."""
        self._lost: dict[str, frozenset[Part]] = {}
        """The parts that the last full look at each ledger missed; told once."""
        self._problems: dict[str, tuple[float, str]] = {}
        self._tries: dict[str, int] = {}
        """How often in a row each record's step failed: those behind it come first, or two hundred of them would hide all others."""
        self._present: set[str] = set()
        self._compile_at = 0.0
        self._full_compile_at = 0.0
        self._touched: set[str] = set()

    def scan(self) -> Scanned:
        """Do one pass."""
        scanned = Scanned(Swept())
        # Merging before anything else: a sweep that remembers nothing yet looks at hundreds of records at rest, and a controller
        # whose lives are short would come to nothing but that.
        passes: tuple[Callable[[Scanned], None], ...] = (
            self._merge_finished,
            self._sweep,
            self._audit,
            self._hear,
            self._compile,
            self._tell_groups,
            self._retain,
            self._look_for_strays,
        )
        for one in passes:
            try:
                one(scanned)
            except (OSError, SpoolError, sqlite3.Error) as error:
                self._trouble(scanned, one.__name__.strip("_"), error)
        self._problems = {n: p for n, p in self._problems.items() if n in self._present}
        scanned.problems = {name: text for name, (_, text) in self._problems.items()}
        return scanned

    def _sweep(self, scanned: Scanned) -> None:
        scanned.swept = self._sweeper.sweep()
        scanned.troubles.extend(scanned.swept.troubles)
        if scanned.swept.settled:
            # For a scan by a scheduler, which may be the only one of the night.
            self._merge_finished(scanned)

    def _trouble(self, scanned: Scanned, what: str, error: Exception) -> None:
        scanned.troubles.append(f"{what}: {error}")
        hint = error.hint if isinstance(error, SpoolError) else None
        self._actor.log("scan.trouble", what=what, error=str(error), hint=hint)

    def _merge_finished(self, scanned: Scanned) -> None:
        now = self._actor.clock.mono()
        found = records_in(self._actor, layout.FINISHED)
        self._present = {location.name for location in found}
        due = [one for one in found if self._problems.get(one.name, (0.0, ""))[0] <= now]
        for location in self._fewest_tries(due)[:MERGES_MAX]:
            self._try(scanned, location, self._merge)

    def _fewest_tries(self, found: list[Location]) -> list[Location]:
        return sorted(found, key=lambda one: self._tries.get(one.path, 0))

    def _try(
        self, scanned: Scanned, location: Location, step: Callable[[Scanned, Location], None]
    ) -> None:
        try:
            step(scanned, location)
        except (OSError, SpoolError) as error:
            if len(self._tries) > _TRIES_KEPT:
                self._tries.clear()
            self._tries[location.path] = self._tries.get(location.path, 0) + 1
            self._trouble(scanned, location.path, error)
        else:
            self._tries.pop(location.path, None)

    def _merge(self, scanned: Scanned, location: Location) -> None:
        merged = merge(self._actor, location, corpus=self._corpus_lines, history=self._history_line)
        if merged.problem is not None:
            again_at = self._actor.clock.mono() + PROBLEM_AGAIN_S
            self._problems[location.name] = (again_at, merged.problem)
        elif merged.done:
            scanned.merged += 1
            self._problems.pop(location.name, None)
            self._merged_here.add(location.name)
            self._touched.add(shelf(location.name))

    def _history_line(self, job: Job | None, manifest: Manifest) -> bytes:
        return history_line(job, manifest, earlier_attempts(self._actor, manifest))

    def _corpus_lines(self, job: Job, manifest: Manifest) -> bytes:
        return encode_lines(
            corpus_records(
                spool_id=self._actor.settings.spool_id,
                location_of_results=layout.results(manifest.name),
                job=job,
                manifest=manifest,
            )
        )

    def _audit(self, scanned: Scanned) -> None:
        left = AUDITS_MAX
        self._parts.clear()
        for state in layout.TERMINAL:
            whole, *days = parts(self._actor, state)
            for place in (whole, *last_days(days, DAYS)):
                found = self._one_each(scanned, records_in(self._actor, place))
                fresh = [x for x in found if not self._is_in_order(x)]
                for location in self._fewest_tries(fresh)[:left]:
                    self._try(scanned, location, self._audit_one)
                left -= min(left, len(fresh))

    def _is_in_order(self, location: Location) -> bool:
        """True if the record was found in order where it lies, or was merged here and brought there.

        A merge ends with the look at the decisions that an audit would take, and with the part published: to look once more at each
        job of a large batch costs as much as the merge did.
        """
        if self._audited.get(location.name) == location.path:
            return True
        if location.place.state is not State.DONE or location.name not in self._merged_here:
            return False
        self._merged_here.discard(location.name)
        if not self._has_part(location.name):
            return False
        self._audited[location.name] = location.path
        return True

    def _has_part(self, name: str) -> bool:
        """As ``is_merged``, with one listing of each shelf a pass: what is seen in it is there, for the rest the share is asked."""
        return self._lists(layout.part(layout.CORPUS, name)) or is_merged(self._actor, name)

    def _lists(self, part: str) -> bool:
        folder, _, entry = part.rpartition("/")
        if folder not in self._parts:
            try:
                self._parts[folder] = frozenset(self._actor.files.names(folder))
            except (FileNotFoundError, NotADirectoryError):
                self._parts[folder] = frozenset()
        return entry in self._parts[folder]

    def _one_each(self, scanned: Scanned, found: list[Location]) -> list[Location]:
        """Bring a person's copies of a record at rest back to one: settling cannot if their ranks differ (``x`` and ``0+x``)."""
        kept: dict[str, Location] = {}
        for location in sorted(found, key=lambda x: (x.file.label or 0, x.path), reverse=True):
            first = kept.setdefault(location.name, location)
            if first is not location:
                try:
                    self._replace_twin(first, location)
                except (OSError, SpoolError) as error:
                    self._trouble(scanned, location.path, error)
        return sorted(kept.values(), key=lambda x: x.path)

    def _replace_twin(self, first: Location, twin: Location) -> None:
        files = self._actor.files
        try:
            data = [files.read(x.path, bytes_max=Job.bytes_max) for x in (first, twin)]
            if data[0] == data[1]:
                # Not unlink: if somebody took the first away meanwhile, this one takes its place.
                files.rename(twin.path, first.path)
                self._actor.log("audit.twin", job=twin.name, source=twin.path, target=first.path)
        except FileNotFoundError as error:
            self._actor.log("audit.twin_gone", job=twin.name, error=str(error))

    def _audit_one(self, scanned: Scanned, location: Location) -> None:
        """Settle a record at rest, and make sure that the ledgers have it."""
        decided = decisions(self._actor, location.name)
        last = decided.highest
        if decided.pruned is None and last is not None and last.verdict is not None:
            if last.is_commit and location.place.state is State.DONE:
                self._merge_if_missing(scanned, location, last.verdict)
            elif last.is_final:
                self._write_history(last.verdict)
        at_rest = settle(self._actor, location) == location and last is not None
        if at_rest and location.name not in self._problems:
            self._audited[location.name] = location.path

    def _merge_if_missing(self, scanned: Scanned, location: Location, commit: Manifest) -> None:
        self._present.add(location.name)
        if not self._has_part(location.name):
            if self._problems.get(location.name, (0.0, ""))[0] <= self._actor.clock.mono():
                self._merge(scanned, location)
        elif not self._lists(layout.part(layout.HISTORY, commit.name, f"~{commit.attempt}")):
            self._write_history(commit)

    def _write_history(self, verdict: Manifest) -> None:
        job, _ = pinned_job(self._actor, verdict.name)
        if job is None:
            self._actor.log("audit.no_record", job=verdict.name)
        write_history(self._actor, verdict, job, self._history_line)
        self._touched.add(shelf(verdict.name))

    def _hear(self, scanned: Scanned) -> None:
        """Note the shelves on which people said words. A mark goes before its shelf is listed, so no word is said in between unseen."""
        for one in marked_shelves(self._actor):
            self._touched.add(one)
            try:
                unmark(self._actor, one)
            except OSError as error:  # a person's file or full folder of that name: told, and looked at every time
                self._trouble(scanned, layout.touched(one), error)

    def _compile(self, scanned: Scanned) -> None:
        now = self._actor.clock.mono()
        if now < self._compile_at:
            return
        lacks = self._groups is not None and self._groups.lacks()
        full = lacks or now >= self._full_compile_at
        if not (full or self._touched):
            return
        touched = None if full else frozenset(self._touched)
        done = [self._compile_one(scanned, ledger, touched) for ledger in COMPILED]
        ended = self._actor.clock.mono()
        # A compile copies the whole ledger, so a large one is compiled less often.
        self._compile_at = ended + min(COMPILE_SHARE * (ended - now), FULL_COMPILE_S)
        if all(done):
            self._touched.clear()
            if full:
                self._full_compile_at = now + FULL_COMPILE_S

    def _compile_one(
        self, scanned: Scanned, ledger: str, touched: frozenset[str] | None
    ) -> Compiled | None:
        """One ledger, whose trouble is not the other's."""
        try:
            compiled = compile_ledger(
                self._actor,
                ledger,
                touched=touched,
                read=lambda copy, new_from: self._take(scanned, ledger, copy, new_from),
            )
        except (OSError, SpoolError) as error:
            self._trouble(scanned, f"compile {ledger}", error)
            return None
        if ledger == layout.CORPUS:
            scanned.compiled = compiled.added
        if touched is None:
            self._audit_again(ledger, compiled.lost)
        return compiled

    def _take(self, scanned: Scanned, ledger: str, copy: Path, new_from: int) -> None:
        """What follows a ledger reads what was added to it; a full or broken disk of this machine keeps nothing else from going on."""
        if ledger == layout.HISTORY:
            self._figures.take(copy, new_from)
        if self._groups is not None:
            try:
                self._groups.take(COMPILED[ledger], copy)
            except (OSError, sqlite3.Error) as error:
                self._trouble(scanned, "index", error)  # the next compile hands it all

    def _tell_groups(self, scanned: Scanned) -> None:
        if self._groups is not None:
            scanned.groups = self._groups.tell()

    def _audit_again(self, ledger: str, lost: frozenset[Part]) -> None:
        """Whose part is gone is audited like any other, which writes it anew while its record lies in one of the last days."""
        new = lost - self._lost.get(ledger, frozenset())
        self._lost[ledger] = lost
        for _, file in new:
            name = file.removesuffix(".jsonl")
            name = name.partition("~")[0]
            self._audited.pop(name, None)
            self._merged_here.discard(name)
        if new:
            shown = ", ".join(sorted("/".join(part) for part in new)[:3])
            hint = f"those of the last {DAYS} days are written anew; 'spoolctl fsck --repair' writes all"
            self._actor.log(
                "ledger.parts_lost", ledger=ledger, count=len(new), parts=shown, hint=hint
            )

    def _retain(self, scanned: Scanned) -> None:
        for path, error in self._retention.apply().items():
            self._trouble(scanned, path, error)
        self._litter.remove()

    def _look_for_strays(self, scanned: Scanned) -> None:
        scanned.strays = self._strays.look()
