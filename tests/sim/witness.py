"""The witness: sees each change of the share's tree at the instant in which it happens, and says at once if an invariant is hurt.

The rules for one job are ``World.check_job``; beside these it knows what only a history can show: that nothing which was decided is
ever changed or removed, that no record is lost on its way or overwritten by another, that an attempt is made only by the chain
rule, and that nobody is taken for dead who was not silent for a lease (I6, I7).
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from spoolctl.spool import Code, Holder, Manifest, Verdict, decode, layout
from spoolctl.spool.memory_tree import Entry, File, Folder, Tree
from tests.sim.machines import Process
from tests.spool.spool_world import Seen, World, job_of, verdict_of

_STATES = frozenset(str(state) for state in layout.State)
_DECIDED = frozenset(
    {layout.RECORD, layout.MANIFEST, layout.CANCEL, layout.CLOSED, layout.SUPERSEDED}
)
_DEAD = frozenset({Code.PROCESS_GONE, Code.MACHINE_RESTARTED, Code.WORKER_RESTARTED})
_ROUNDING_S = 1e-3


class WatchedTree(Tree):
    """A share's tree that tells of each change."""

    witness: "Witness | None" = None
    _within = False

    def add(self, path: str, new: Entry) -> None:
        super().add(path, new)
        if self.witness is not None and not self._within:
            self.witness.appeared(path, new)

    def remove(self, path: str) -> None:
        gone = self.entry(path)
        super().remove(path)
        if self.witness is not None and not self._within:
            self.witness.vanished(path, gone)

    def rename(self, source: str, target: str) -> None:
        moved = self.entry(source)
        folder, name = self.slot(target)
        there = folder.entries.get(name)
        self._within = True
        try:
            super().rename(source, target)
        finally:
            self._within = False
        if self.witness is not None and there is not moved:
            self.witness.moved(source, target, moved, there)


@dataclass
class _Beats:
    """When the owner of an attempt was last heard of, and its longest silence."""

    last_s: float
    silence_s: float = 0.0


class Hurt(AssertionError):
    """An invariant does not hold."""


class Witness:
    """Sees everything. ``hurt`` is the first violation; who runs the world looks at it after each step."""

    def __init__(self, world: World, tree: WatchedTree, now: Callable[[], float]) -> None:
        self._world, self._tree, self._now = world, tree, now
        self._places: dict[str, dict[str, None]] = {}
        self._beats: dict[tuple[str, int], _Beats] = {}
        self.sessions: dict[str, Process] = {}
        self.hurt: Hurt | None = None
        self.changes = 0
        self.by_hand = False
        self.overwritten: list[str] = []
        tree.witness = self

    @contextlib.contextmanager
    def a_hand(self) -> Iterator[None]:
        """While a person does something with a file manager: what is gone then is not lost."""
        self.by_hand = True
        try:
            yield
        finally:
            self.by_hand = False

    @property
    def jobs(self) -> list[str]:
        """Every job that ever lay in a state folder."""
        return list(self._places)

    def places(self, name: str) -> list[str]:
        """Where a job's record lies now."""
        return list(self._places.get(name, ()))

    def seen(self, name: str) -> Seen:
        """All that the share shows of one job."""
        seen = Seen(self.places(name))
        with contextlib.suppress(FileNotFoundError):
            _gather(self._tree.folder(layout.results(name)), "", seen.entries)
        with contextlib.suppress(FileNotFoundError):
            seen.corpus = self._tree.file(layout.part(layout.CORPUS, name)).data
        return seen

    # What the tree tells

    def appeared(self, path: str, new: Entry) -> None:
        self.changes += 1
        name = _record(path, new)
        if name is not None:
            self._places.setdefault(name, {})[path] = None
            self._check(name)
        elif path.startswith("results/"):
            self._appeared_in_results(path.split("/"), new)
        elif path.startswith("corpus/parts/") and path.endswith(".jsonl"):
            self._check(path.rpartition("/")[2].removesuffix(".jsonl"))
        elif path.startswith(f"{layout.TOKENS}/"):
            self._token_taken(path)

    def _token_taken(self, path: str) -> None:
        """I11: whoever held the slot before has a verdict."""
        number = layout.holder_number(path.rpartition("/")[2])
        before = f"{layout.parent(path)}/h{(number or 0) - 1}.yaml"
        if number is None or number == 1:
            return
        held = decode(Holder, self._tree.file(before).data)
        if (
            layout.MANIFEST
            not in self._tree.folder(layout.attempt(held.name, held.attempt)).entries
        ):
            self._hurt(
                f"I11: {path} was published, and attempt {held.attempt} of {held.name} is open"
            )

    def vanished(self, path: str, gone: Entry) -> None:
        self.changes += 1
        name = _record(path, gone)
        if name is not None:
            del self._places[name][path]
            if not self._places[name] and self.by_hand:
                self._world.removed.add(name)
            elif not self._places[name]:
                self._hurt(f"I5: {path} was removed, and no person did it")
            self._check(name)
        elif path.startswith("results/"):
            self._vanished_from_results(path.split("/"))
        elif path.startswith("corpus/parts/") and path.endswith(".jsonl"):
            self._hurt(f"I10: {path} was removed")

    def moved(self, source: str, target: str, entry: Entry, there: Entry | None) -> None:
        self.changes += 1
        before, after = _record(source, entry), _record(target, entry)
        if after is not None and isinstance(there, File) and isinstance(entry, File):
            self._overwritten(target, after, there, entry)
        if before is not None:
            del self._places[before][source]
        if after is not None:
            self._places.setdefault(after, {})[target] = None
            self._check(after)
        if before is not None and before != after:
            self._left(before, source, target, entry)
        parts = target.split("/")
        if (
            parts[0] == layout.RESULTS
            and len(parts) == 5
            and there is not None
            and parts[4] in _DECIDED
        ):
            self._hurt(f"I3: {target} was replaced")
        if parts[-1] == layout.HEARTBEAT and parts[0] == layout.RESULTS:
            self._beat(parts[2], layout.attempt_number(parts[3]) or 0)

    # Records

    def _overwritten(self, target: str, name: str, there: File, entry: File) -> None:
        if self.by_hand:
            self._world.removed.add(name)
        elif there.data != entry.data:
            self._hurt(f"I5: {target} was replaced by other bytes, and no person did it")
        self.overwritten.append(target)

    def _left(self, name: str, source: str, target: str, entry: Entry) -> None:
        """A record lies in no state folder any more: only to be rejected, and only if it is not what was pinned."""
        if not target.startswith(f"{layout.REJECTED}/"):
            self._hurt(f"I5: {source} was renamed to {target}")
        pinned = self.seen(name).entries.get(layout.RECORD)
        if isinstance(entry, File) and entry.data == pinned and name not in self._world.removed:
            self._hurt(f"I5: {source} was rejected, but its bytes are the pinned ones")
        if pinned is None or not self._places[name]:
            self._world.removed.add(name)
        self._check(name)

    # Decisions

    def _appeared_in_results(self, parts: list[str], new: Entry) -> None:
        if len(parts) == 4 and isinstance(new, Folder):
            number = layout.attempt_number(parts[3])
            if number is not None:
                self._beats[parts[2], number] = _Beats(self._now())
                self._check_chain(parts[2], number)
        if len(parts) == 5 and parts[4] == layout.MANIFEST and isinstance(new, File):
            self._check_verdict(parts[2], verdict_of(new.data))
        if len(parts) >= 4 and not parts[-1].startswith("."):
            self._check(parts[2])

    def _vanished_from_results(self, parts: list[str]) -> None:
        name = parts[2] if len(parts) > 3 else ""
        decided = parts[-1] in _DECIDED or (len(parts) == 4 and layout.attempt_number(parts[3]))
        if decided and layout.PRUNED not in self.seen(name).entries:
            self._hurt(f"I3: {'/'.join(parts)} was removed")

    def _check_chain(self, name: str, number: int) -> None:
        manifests = self.seen(name).manifests()
        before = manifests.get(number - 1)
        if number > 1 and (before is None or before.verdict is Verdict.SUCCEEDED):
            told = before.verdict.value if before else "no verdict"
            self._hurt(f"I4: attempt {number} of {name} was made after {told} of the one before")

    def _beat(self, name: str, number: int) -> None:
        beats = self._beats.get((name, number))
        if beats is not None:
            beats.silence_s = max(beats.silence_s, self._now() - beats.last_s)
            beats.last_s = self._now()

    def _check_verdict(self, name: str, manifest: Manifest) -> None:
        """I6 and I7: *lost* needs a silence of a lease, or a death."""
        self._beat(name, manifest.attempt)
        beats = self._beats.get((name, manifest.attempt))
        if manifest.verdict is not Verdict.LOST or beats is None:
            return
        lease_s = self._world.settings.lease_s
        if manifest.code is Code.NO_HEARTBEAT and beats.silence_s < lease_s - _ROUNDING_S:
            self._hurt(
                f"I7: attempt {manifest.attempt} of {name} was reaped, and was never silent"
                f" for longer than {beats.silence_s:.1f} s"
            )
        owner = self.sessions.get(manifest.session or "")
        if manifest.code in _DEAD and owner is not None and not owner.dead:
            self._hurt(
                f"I7: attempt {manifest.attempt} of {name}: {manifest.code}, but its owner lives"
            )

    # Telling

    def _check(self, name: str) -> None:
        try:
            self._world.check_job(name, self.seen(name))
        except AssertionError as error:
            self._hurt(str(error))

    def _hurt(self, told: str) -> None:
        if self.hurt is None:
            self.hurt = Hurt(told)


def _record(path: str, entry: Entry) -> str | None:
    if isinstance(entry, Folder) or path.partition("/")[0] not in _STATES:
        return None
    return job_of(path.rpartition("/")[2])  # type: ignore[no-any-return]


def _gather(folder: Folder, prefix: str, found: dict[str, bytes | None]) -> None:
    for name, entry in folder.entries.items():
        if isinstance(entry, Folder):
            found[prefix + name] = None
            _gather(entry, f"{prefix}{name}/", found)
        else:
            found[prefix + name] = entry.data
