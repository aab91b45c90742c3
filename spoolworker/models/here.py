"""What a node's card tells of its models: what its backend lists, and what lies in the folders, put together. Pure.

The backend's lists rule: a job is run by the names that its server knows. A file of the folders gives its digest and size to the name
under which the server lists it; where a backend does not tell a list at all, the folder's names are the list.

Guarantees: a name gets a digest only if every file that it could mean has that one; the card stays below the limit of records.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spoolctl.spool import ModelHere
from spoolworker.backends.base import Abilities
from spoolworker.models.hashes import Digests
from spoolworker.models.scan import KINDS, Kind, ModelFile
from spoolworker.models.watch import Found

LABEL_CHARS_MAX = 200
DIGESTS_BYTES_MAX = 256 * 1024
"""Of a card's digests beside those of checkpoints: enough for 2,000 files. Every worker reads every card every few seconds."""
NAMES_BYTES_MAX = 512 * 1024
"""Of a card's names but the checkpoints'; with the digests a record holds 1 MiB at most."""
CHECKPOINTS_BYTES_MAX = 224 * 1024
"""Of a card's checkpoints with their digests: 1,400 of names like most. Nobody has more but who names a whole drive."""
_BYTES_AROUND_CHECKPOINT = 136
_LISTS = ("vaes", "loras", "embeddings", "upscalers", "samplers", "extensions")
_BYTES_AROUND = 80
"""Of a digest and what JSON needs around it and its name."""

Known = tuple[ModelFile, Digests | None]


@dataclass(frozen=True)
class Here:
    """The part of a card that tells of models."""

    models: tuple[ModelHere, ...] | None
    lists: Mapping[str, tuple[str, ...] | None]
    """By the card's fields."""
    digests: dict[str, dict[str, str]] | None
    """SHA-256 by kind and name; ``None``: no folders are configured."""
    facts: Mapping[str, Any]


def models_here(
    abilities: Abilities, folders: Mapping[Kind, Sequence[Path]], found: Found | None
) -> Here:
    """Put it together.

    Args:
        abilities: What the backend tells.
        folders: What is configured, by kind.
        found: What is known of them; ``None`` while they were never listed: then they count as empty.
    """
    wanted = [kind for kind in KINDS if folders.get(kind)]
    files = (
        {kind: [one for one in found.files if one[0].kind == kind] for kind in wanted}
        if found
        else {}
    )
    models, facts = abilities.models, dict[str, Any]()
    if "checkpoints" in wanted:
        models = _checkpoints(models, files.get("checkpoints", []))
        fitting = _fitting(models)
        if fitting < len(models):
            facts["checkpoints_left_out"] = len(models) - fitting
            models = models[:fitting]
    lists: dict[str, tuple[str, ...] | None] = {}
    for field in _LISTS:
        names: Iterable[str] | None = getattr(abilities, field)
        if names is None and field in wanted:
            names = [file.name for kind, seen in files.items() if kind == field for file, _ in seen]
        lists[field] = None if names is None else _labels(names)
    digests, left_out = _digests(lists, files)
    if left_out:
        facts["digests_left_out"] = left_out
    if found and found.problems:
        facts["model_problems"] = list(found.problems[:5])
    if untold := _shorten(lists):
        facts["lists_left_out"] = untold
    return Here(models, lists, digests if wanted else None, facts)


def _checkpoints(
    listed: tuple[ModelHere, ...] | None, files: Sequence[Known]
) -> tuple[ModelHere, ...]:
    if listed is None:
        listed = tuple(ModelHere(name=name) for name in _labels(file.name for file, _ in files))
    meant = _meant([one.name for one in listed], files)
    return tuple(_filled(one, meant.get(one.name, [])) for one in listed)


def _fitting(models: Sequence[ModelHere]) -> int:
    """How many of them a card has room for."""
    room = CHECKPOINTS_BYTES_MAX
    for count, model in enumerate(models):
        room -= len(model.name.encode(errors="backslashreplace")) + _BYTES_AROUND_CHECKPOINT
        if room < 0:
            return count
    return len(models)


def _filled(model: ModelHere, files: Sequence[Known]) -> ModelHere:
    """What the server itself knows stays; a file of another digest is another file."""
    sha256, sizes = _one_digest(files), {file.bytes for file, _ in files}
    if len(sizes) != 1 or (model.sha256 and sha256 and model.sha256 != sha256):
        return model
    return model.model_copy(update={"sha256": model.sha256 or sha256, "bytes": sizes.pop()})


def _digests(
    lists: Mapping[str, tuple[str, ...] | None], files: Mapping[Kind, Sequence[Known]]
) -> tuple[dict[str, dict[str, str]], int]:
    """Digests by kind and name, and how many there was no room for."""
    digests: dict[str, dict[str, str]] = {}
    room, left_out = DIGESTS_BYTES_MAX, 0
    for kind, of_kind in files.items():
        if kind == "checkpoints":
            continue
        names = lists[kind] or ()
        for name, meant in _meant(names, of_kind).items():
            sha256 = _one_digest(meant)
            if sha256 is None:
                continue
            room -= len(name.encode(errors="backslashreplace")) + _BYTES_AROUND
            if room < 0:
                left_out += 1
                continue
            digests.setdefault(kind, {})[name] = sha256
    return digests, left_out


def _one_digest(files: Sequence[Known]) -> str | None:
    """The digest of all these files; ``None`` if one is not known, or another."""
    known = {digests.sha256 if digests else None for _, digests in files}
    return known.pop() if len(known) == 1 else None


def _meant(names: Iterable[str], files: Sequence[Known]) -> dict[str, list[Known]]:
    """The files that each name of the server may mean.

    ComfyUI says the path below its folder. WebUI says of a checkpoint the same without suffix and with '_' for '/', of all others the
    file's name alone, mostly without suffix. A bare name means a file in a sub-folder only if no other name means it by its path.
    """
    by_path: dict[str, list[Known]] = {}
    by_file: dict[str, list[Known]] = {}
    for one in files:
        path = one[0].name.casefold()
        stem, bare = _stem(path), path.rpartition("/")[2]
        for key in dict.fromkeys((path, stem, stem.replace("/", "_"))):
            by_path.setdefault(key, []).append(one)
        if one[0].kind != "checkpoints":
            for key in (bare, _stem(bare)):
                by_file.setdefault(key, []).append(one)
    keys = {name: name.replace("\\", "/").casefold() for name in names}
    meant = {name: by_path[key] for name, key in keys.items() if key in by_path}
    taken = {file for of_name in meant.values() for file, _ in of_name}
    for name, key in keys.items():
        rest = [one for one in by_file.get(key, []) if one[0] not in taken]
        if name not in meant and rest:
            meant[name] = rest
    return meant


def _stem(name: str) -> str:
    folder, slash, file = name.rpartition("/")
    stem, dot, _suffix = file.rpartition(".")
    return f"{folder}{slash}{stem}" if dot else name


def _labels(names: Iterable[str]) -> tuple[str, ...]:
    """What a card may tell; a name that no job could say is left out rather than keep the worker from its work."""
    return tuple(dict.fromkeys(name for name in names if 0 < len(name) <= LABEL_CHARS_MAX))


def _shorten(lists: dict[str, tuple[str, ...] | None]) -> list[str]:
    """Make the longest lists untold until the rest has room: a card that nobody can read would be worse."""
    sizes = {field: sum(len(name.encode(errors="backslashreplace")) + 8 for name in names or ())
             for field, names in lists.items()}  # fmt: skip
    untold: list[str] = []
    while sum(sizes.values()) > NAMES_BYTES_MAX:
        longest = max(sizes, key=sizes.__getitem__)
        lists[longest], sizes[longest] = None, 0
        untold.append(longest)
    return untold
