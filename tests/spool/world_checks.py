"""The invariants' checker: what must hold of a spool at every instant, and what once all has come to rest.

It looks at nothing but the share's tree, what ran, and what people did, and raises ``AssertionError`` with the number of the invariant that
does not hold. Guarantees: it reads with the product's readers of names and records as they were imported here; who plays with the
product's steps leaves this module alone.
"""

import collections
import functools
import hashlib
import itertools
import json
from dataclasses import dataclass, field

from spoolctl.spool import BadRecord, Holder, Job, Manifest, Verdict, decode, layout
from spoolctl.spool.names import parse_file_name


@functools.lru_cache(maxsize=4096)
def verdict_of(data):
    """The manifest in these bytes; remembered, because the checker reads the same ones again and again."""
    try:
        return decode(Manifest, data)
    except BadRecord as error:
        raise AssertionError(f"I2: a verdict that is not whole: {error}") from error


@functools.lru_cache(maxsize=4096)
def job_of(entry):
    """The job whose record a file of that name is; None if it is no record's."""
    file = parse_file_name(entry)
    return None if file is None else file.name


@functools.lru_cache(maxsize=1024)
def holder_of(data):
    """The holder in these bytes; remembered, as ``verdict_of``."""
    try:
        return decode(Holder, data)
    except BadRecord as error:
        raise AssertionError(f"I2: a holder that is not whole: {error}") from error


@functools.lru_cache(maxsize=256)
def tokens_of(data):
    """The tokens that a pinned record requires."""
    return decode(Job, data).requires.tokens


@dataclass
class Seen:
    """All that the share shows of one job."""

    places: list[str] = field(default_factory=list)
    entries: dict[str, bytes | None] = field(default_factory=dict)
    """What lies in its results folder, by its path there."""
    corpus: bytes = b""

    def manifests(self):
        """The verdicts on its attempts by their number, None for an open one."""
        found = {}
        for entry in self.entries:
            number = layout.attempt_number(entry)
            if number is not None:
                data = self.entries.get(f"{entry}/{layout.MANIFEST}")
                found[number] = verdict_of(data) if data is not None else None
        return dict(sorted(found.items()))


def check_chain(name, manifests):
    """I4 and I5 in what the verdicts say: an attempt lists its own outputs only, and no budget is given back unasked."""
    for before, manifest in itertools.pairwise([None, *manifests]):
        if manifest is None:
            continue
        own = f"a{manifest.adopted_from or manifest.attempt}/"
        listed = [output.path for output in manifest.outputs]
        assert all(path.startswith(own) for path in listed), f"I4: {name} lists {listed}"
        if before is not None and not before.final:
            pairs = zip(spent(before), spent(manifest), strict=True)
            kept = all(was <= now for was, now in pairs)
            assert kept, f"I5: {name} counts {spent(before)}, then {spent(manifest)}"


def spent(manifest):
    """How much of each budget is spent."""
    return (manifest.counts.failures, manifest.counts.crashes, manifest.counts.deferrals)


def seen_in(tree):
    """What a tree shows of each job, gone through once."""
    found: dict[str, Seen] = {}
    states = set(layout.State)
    for path, data in tree.items():
        top, _, rest = path.partition("/")
        if top in states:
            name = job_of(path.rpartition("/")[2]) if data is not None else None
            if name is not None:
                found.setdefault(name, Seen()).places.append(path)
        elif top == layout.RESULTS and rest.count("/") > 0:
            _, name, *below = rest.split("/", 2)
            seen = found.setdefault(name, Seen())
            if below:
                seen.entries[below[0]] = data
    for name, seen in found.items():
        seen.corpus = tree.get(layout.part(layout.CORPUS, name)) or b""
    return found


def last_words_only(tree):
    """The tree without people's words on images that others came after, or that withdraw."""
    last = {}
    for path in tree:
        told = layout.word_of(path.rpartition("/")[2])
        if told is not None and path.startswith("corpus/parts/"):
            last[told[:2]] = max(last.get(told[:2], (0, "")), (told[2], path))
    words = {path for path in tree if path.startswith("corpus/parts/") and path.count("~") == 2}
    kept = {path for _, path in last.values() if json.loads(tree[path])["metadata"]["spool_said"]}
    return {path: data for path, data in tree.items() if path not in words - kept}


class Invariants:
    """The checks of a world; ``World`` brings the share, and what is known beside it.

    Attributes:
        share: The share, of which only the tree is looked at.
        runs: What ran.
        removed: Jobs whose record a person deleted or overwrote, so that it may be gone.
        copied: Jobs of which a person made a copy, so that there may be two records until all is over.
    """

    def names(self):
        return set(seen_in(self.share.tree()))

    def check(self):
        """Every invariant that can be seen on the share."""
        tree = self.share.tree()
        for path, data in tree.items():
            if path.endswith(f"/{layout.MANIFEST}"):
                before = self._manifests.setdefault(path, data)
                assert before == data, f"I3: {path} was changed"
        for path in self._manifests.keys() - tree.keys():
            tombstone = f"{path.rsplit('/', 2)[0]}/{layout.PRUNED}"
            assert tombstone in tree, f"I3: {path} was removed"
        for name, seen in seen_in(tree).items():
            self.check_job(name, seen)
        self._check_tokens(tree)

    def _check_tokens(self, tree):
        """I11: holders stay as they are; of those of one slot at most one is in work; and what ran held all its tokens."""
        still_open = collections.Counter()
        for path, data in tree.items():
            if not path.startswith(f"{layout.TOKENS}/") or data is None or "/." in path:
                continue
            before = self._holders.setdefault(path, data)
            assert before == data, f"I11: {path} was changed"
            held = holder_of(data)
            ended = layout.manifest(held.name, held.attempt) in tree
            ended = ended or layout.tombstone(held.name) in tree
            still_open[layout.parent(path)] += not ended
        for slot, count in still_open.items():
            assert count <= 1, f"I11: {count} attempts hold {slot}"
        holders = {(h.token, h.name, h.attempt) for h in map(holder_of, self._holders.values())}
        for run in self.runs:
            for token in tokens_of(run.data) if b"tokens" in run.data else ():
                held = (token, run.name, run.attempt) in holders
                assert held, f"I11: {run.name} ran attempt {run.attempt} without '{token}'"

    def _check_job(self, name, tree):
        self.check_job(name, seen_in(tree).get(name, Seen()))

    def check_job(self, name, seen):
        """Every invariant of one job."""
        places = seen.places
        if name not in self.copied:
            assert len(places) <= 1, f"I1: {name} lies in {places}"
        pruned = layout.PRUNED in seen.entries
        if name not in self.removed and not pruned:
            assert places, f"I5: {name} is lost"
        runs = [run for run in self.runs if run.name == name]
        taken = [run.attempt for run in runs]
        assert len(taken) == len(set(taken)), f"I3: {name} ran attempts {taken}"
        ids = [json.loads(line)["run_id"] for line in seen.corpus.splitlines()]
        assert len(ids) == len(set(ids)), f"I10: {name} twice in the corpus"
        if pruned:
            return
        manifests = seen.manifests()
        pinned = seen.entries.get(layout.RECORD)
        for run in runs:
            assert run.data == pinned, f"I9: {name} ran other bytes"
        numbers = list(manifests)
        assert numbers == list(range(1, len(numbers) + 1)), f"I4: {name} has attempts {numbers}"
        still_open = [n for n, m in manifests.items() if m is None]
        assert still_open in ([], numbers[-1:]), f"I3: {name} has open attempts {still_open}"
        check_chain(name, list(manifests.values()))
        commits = [n for n, m in manifests.items() if m and m.verdict is Verdict.SUCCEEDED]
        assert commits in ([], numbers[-1:]), f"I3: {name} is committed by {commits} of {numbers}"
        for manifest in manifests.values():
            if manifest and manifest.record_sha256:
                assert pinned is not None, f"I9: {name} has a verdict and no pinned record"
                assert manifest.record_sha256 == hashlib.sha256(pinned).hexdigest(), f"I9: {name}"
        if ids:
            assert commits, f"I10: {name} is in the corpus and was never committed"
            for output in manifests[commits[0]].outputs:
                data = seen.entries.get(output.path)  # None: retention took it
                good = data is None or hashlib.sha256(data).hexdigest() == output.sha256
                assert good, f"I10: {name} is in the corpus with a damaged image"

    def check_ended(self, *names):
        """I5 and I10 once everything is over: each job rests, and the corpus has what was committed."""
        self.check()
        tree = self.share.tree()
        seen = seen_in(tree)
        for name in names or sorted(seen.keys() - self.removed):
            self._check_rests(name, seen.get(name, Seen()))
        compiled = tree.get("corpus/learning_records.jsonl", b"").splitlines()
        parts = [
            line
            for path, data in last_words_only(tree).items()
            if data is not None and path.startswith("corpus/parts/") and "/." not in path
            for line in data.splitlines()
        ]
        assert sorted(compiled) == sorted(parts), "I10: the compiled corpus is not its parts"

    def _check_rests(self, name, seen):
        if layout.PRUNED in seen.entries and not seen.places:
            return
        assert len(seen.places) == 1, f"I1: {name} lies in {seen.places}"
        state = seen.places[0].rpartition("/")[0]
        assert state.split("/")[0] in ("done", "failed", "cancelled"), (
            f"I5: {name} rests in {state}"
        )
        manifests = list(seen.manifests().values())
        if manifests and layout.PRUNED not in seen.entries:
            last = manifests[-1]
            assert last is not None, f"I5: {name} rests in {state} with an open attempt"
            images = [output for output in last.outputs if output.final and last.succeeded]
            assert len(seen.corpus.splitlines()) == len(images), f"I10: {name} is not merged whole"
