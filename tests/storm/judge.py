"""The judge: what a storm left, read from the files themselves and with nothing of the product.

The product's own readers would share the product's own faults. So names, manifests and the corpus are read here by plain YAML
and JSON, as docs/FORMAT.md describes them.

Guarantees: reads only; looks at every record, attempt, image and corpus line there is. Does not judge how long it took, nor a
tree on which somebody is still at work.
"""

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

STATES = ("queue", "waiting", "held", "claimed", "finished", "done", "failed", "cancelled")
ENDS = ("done", "failed", "cancelled")
_RECORD = re.compile(r"(?:[0-9]+\+)?(?P<name>[^+~]+)(?:~[0-9]+)?\.yaml\Z")
_ATTEMPT = re.compile(r"a([1-9][0-9]*)\Z")


@dataclass
class Judgement:
    """What was found. ``problems`` is empty if all is well; each is one line that names the job."""

    committed: int = 0
    lost: set[str] = field(default_factory=set)
    """Submitted, and without record, or ended without a commit or without what it made."""
    unended: set[str] = field(default_factory=set)
    """There, whole, and not at rest: the storm was given up, or the job is stuck."""
    doubled: set[str] = field(default_factory=set)
    """Committed, filed, or in the corpus more than once, or run after the commit."""
    poison: set[str] = field(default_factory=set)
    """Ended by policy: its worker died under it too often."""
    attempts: int = 0
    reaped: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def all_is_well(self) -> bool:
        """True if every job ended as it must."""
        return not (self.lost or self.unended or self.doubled or self.problems)

    def say(self, name: str, what: str, among: set[str] | None = None) -> None:
        """Note what is wrong with one job."""
        self.problems.append(f"{name}: {what}")
        if among is not None:
            among.add(name)


def judge(root: Path, jobs: Mapping[str, bytes], *, images_each: int) -> Judgement:
    """Judge the tree at *root*, to which exactly these jobs were submitted, each of which asks for *images_each* images."""
    found = Judgement()
    records = _records(root)
    committed: Counter[tuple[str, int, str]] = Counter()
    for name in sorted(records.keys() - jobs.keys()):
        found.say(name, f"was never submitted, but lies at {records[name]}")
    folders = _results(root)
    for name in sorted(folders.keys() - jobs.keys()):
        found.say(name, "was never submitted, but has results")
    for name, data in jobs.items():
        places = records.get(name, [])
        _judge_record(found, root, name, places, data)
        if name not in folders:
            if name not in found.unended:
                found.say(name, "has no results", found.lost)
            continue
        images = _judge_attempts(found, folders[name], name, data)
        if images is not None:
            committed.update((name, index, sha256) for index, sha256 in images)
            if len(images) != images_each:
                found.say(name, f"{len(images)} images, {images_each} were asked for", found.lost)
            if name not in found.unended and not any(p.startswith("done/") for p in places):
                found.say(name, f"was committed, but lies at {places}", found.lost)
    _judge_corpus(found, root, committed)
    return found


def rests(root: Path) -> int:
    """How many entries lie in the folders of jobs that ended; cheap enough to be asked again and again."""
    days = [day for state in ENDS for day in os.scandir(root / state) if day.is_dir()]
    return sum(len(os.listdir(day)) for day in days)


def _files(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if _RECORD.match(entry.name):
            yield entry
        elif not entry.name.startswith(".") and entry.is_dir():
            yield from _files(entry)


def _records(root: Path) -> dict[str, list[str]]:
    records: dict[str, list[str]] = {}
    for state in (*STATES, "rejected"):
        for path in _files(root / state):
            match = _RECORD.match(path.name)
            assert match is not None
            records.setdefault(match["name"], []).append(path.relative_to(root).as_posix())
    return records


def _results(root: Path) -> dict[str, Path]:
    shelves = [path for path in (root / "results").iterdir() if path.is_dir()]
    return {job.name: job for shelf in shelves for job in shelf.iterdir() if job.is_dir()}


def _judge_record(found: Judgement, root: Path, name: str, places: list[str], data: bytes) -> None:
    if not places:
        found.say(name, "has no record in any state", found.lost)
    elif len(places) > 1:
        found.say(name, f"has several records: {places}", found.doubled)
    elif not places[0].startswith(tuple(f"{state}/" for state in ENDS)):
        found.say(name, f"has not ended: it lies at {places[0]}", found.unended)
    for place in places:
        if (root / place).read_bytes() != data:
            found.say(name, f"'{place}' is not what was submitted", found.lost)


def _judge_attempts(
    found: Judgement, folder: Path, name: str, data: bytes
) -> list[tuple[int, str]] | None:
    """Index and digest of each image that the job's commit names; None if there is no commit."""
    numbers = sorted(int(m[1]) for path in folder.iterdir() if (m := _ATTEMPT.match(path.name)))
    found.attempts += len(numbers)
    if numbers != list(range(1, len(numbers) + 1)):
        found.say(name, f"has a gap in its attempts: {numbers}", found.lost)
    pinned = folder / "record.yaml"
    if name not in found.unended and (not pinned.exists() or pinned.read_bytes() != data):
        found.say(name, "what was pinned is not what was submitted", found.lost)
    verdicts = {number: _verdict(found, folder, name, number) for number in numbers}
    found.reaped += sum(v is not None and v["verdict"] == "lost" for v in verdicts.values())
    commits = [n for n, v in verdicts.items() if v is not None and v["verdict"] == "succeeded"]
    if len(commits) > 1:
        found.say(name, f"was committed by attempts {commits}", found.doubled)
    if not commits:
        _judge_uncommitted(found, name, verdicts)
        return None
    found.committed += 1
    if commits[0] != numbers[-1]:
        found.say(name, f"ran again after its commit {commits[0]}: {numbers}", found.doubled)
    return _judge_images(found, folder, name, verdicts[commits[-1]] or {})


def _verdict(found: Judgement, folder: Path, name: str, number: int) -> dict[str, Any] | None:
    """The verdict on one attempt. That there is one and no more is the file system's: it is one file."""
    path = folder / f"a{number}" / "manifest.yaml"
    try:
        told = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    except FileNotFoundError:
        if name not in found.unended:
            found.say(name, f"attempt {number} has no verdict", found.lost)
        return None
    except yaml.YAMLError as error:
        found.say(name, f"attempt {number} has a torn verdict: {error}", found.lost)
        return None
    if told["name"] != name or told["attempt"] != number:
        found.say(name, f"attempt {number} bears the verdict on {told['name']} {told['attempt']}")
    return dict(told)


def _judge_uncommitted(
    found: Judgement, name: str, verdicts: Mapping[int, dict[str, Any] | None]
) -> None:
    if name in found.unended:
        return
    last = verdicts[max(verdicts)] if verdicts else None
    crashes = sum(v is not None and v["verdict"] == "lost" for v in verdicts.values())
    if last is not None and last["final"] and last["counts"]["crashes"] == crashes == len(verdicts):
        found.poison.add(name)
    else:
        told = {n: v and (v["verdict"], v.get("code")) for n, v in verdicts.items()}
        found.say(name, f"was never committed: {told}", found.lost)


def _judge_images(
    found: Judgement, folder: Path, name: str, manifest: dict[str, Any]
) -> list[tuple[int, str]]:
    images = []
    for output in manifest["outputs"]:
        path = folder / output["path"]
        if not output["path"].startswith(f"a{manifest['attempt']}/"):
            found.say(name, f"claims '{output['path']}' of another attempt", found.doubled)
        if not path.exists():
            found.say(name, f"'{output['path']}' is not there", found.lost)
        elif hashlib.sha256(path.read_bytes()).hexdigest() != output["sha256"]:
            found.say(name, f"'{output['path']}' is not what its manifest says", found.lost)
        if output.get("final", True):
            images.append((output["image_index"], output["sha256"]))
    return images


def _judge_corpus(found: Judgement, root: Path, committed: Counter[tuple[str, int, str]]) -> None:
    path = root / "corpus" / "learning_records.jsonl"
    told: Counter[tuple[str, int, str]] = Counter()
    for line in path.read_bytes().splitlines() if path.exists() else ():
        facts = json.loads(line)["metadata"]
        told[facts["spool_job"], facts["spool_image_index"], facts["spool_image_sha256"]] += 1
    for key in sorted(told.keys() | committed.keys()):
        if told[key] != committed[key] or told[key] > 1:
            among = found.doubled if told[key] > committed[key] else found.lost
            if among is found.lost and key[0] in found.unended:
                continue
            found.say(
                key[0],
                f"image {key[1]} was committed {committed[key]} times, "
                f"and the corpus has it {told[key]} times",
                among,
            )
