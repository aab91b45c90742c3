"""Which of people's words on one image is in the compiled corpus: the last that can be read, unless it withdraws.

Guarantees: of each image at most one word is in, whatever order words are found in; a word that cannot be read stays out and leaves the
one before it in. What is said here of words, ``fsck`` goes by, too.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from spoolctl.corpus.rules import spoils
from spoolctl.spool import BadRecord, Said, decoded_word, layout

Part = tuple[str, str]
"""Shelf and file name."""
Image = tuple[str, int]
"""A job's name, and which of its images."""
Read = Callable[[Part], bytes | None]

NUMBER = "spool_word"
"""The key of a line's ``metadata`` that makes it a word."""
_MARK = f'"{NUMBER}"'.encode()


@dataclass
class Heard:
    """The words that a compile takes in."""

    taken: set[Part] = field(default_factory=set)
    """Whatever need not be read again: what counts now, and what never will."""
    lines: int = 0
    """How many of them say something."""
    superseded: set[Image] = field(default_factory=set)
    """Images an earlier word on which may be in the compiled file, and must go."""


def hear(
    new: Iterable[Part], before: Collection[Part], read: Read, keep: Callable[[bytes], object]
) -> Heard:
    """Sort out new words.

    Args:
        new: Parts that are words, not yet taken.
        before: All parts that were taken.
        read: Gives a part's bytes; None if it is gone.
        keep: Called with each line that is to be in.
    """
    heard = Heard()
    wanted = by_image(new)
    known = {image: max(numbers) for image, numbers in by_image(before, of=wanted).items()}
    for image, numbers in sorted(wanted.items()):
        best = known.get(image, 0)
        for number, part in sorted(numbers.items(), reverse=True):
            if number < best:
                heard.taken.add(part)
                continue
            data = read(part)
            said = word_in(part, data) if data is not None else None
            if data is None or said is None:
                continue
            best = number
            heard.taken.add(part)
            if image in known:
                heard.superseded.add(image)
            if not said.word.is_withdrawn:
                keep(data)
                heard.lines += 1
    return heard


def by_image(
    parts: Iterable[Part], *, of: Collection[Image] | None = None
) -> dict[Image, dict[int, Part]]:
    """Words by image and number; only those *of* some images, if given."""
    found: dict[Image, dict[int, Part]] = defaultdict(dict)
    for part in parts:
        told = layout.word_of(part[1]) if "~" in part[1] else None
        if told is not None and (of is None or told[:2] in of):
            found[told[:2]][told[2]] = part
    return found


def word_in(part: Part, data: bytes) -> Said | None:
    """The word in the file of a part; None if what lies there is none, or would spoil the corpus."""
    told = layout.word_of(part[1])
    lies_right = told and layout.word(*told) == f"{layout.CORPUS}/parts/{'/'.join(part)}"
    if told is None or not lies_right or spoils(data):
        return None
    try:
        return decoded_word(data, job=told[0], image_index=told[1], number=told[2])
    except BadRecord:
        return None


def is_word(part: Part) -> bool:
    """True if a part's name is that of a word."""
    return "~" in part[1] and layout.word_of(part[1]) is not None


def claims_a_word(line: bytes) -> bool:
    """True if a line says that it is a person's word; so does no line of any other part."""
    return _MARK in line and NUMBER in _metadata(line)


def drop(source: Path, target: Path, images: Collection[Image]) -> int:
    """Copy a compiled file without the words on *images*; how many lines were left out."""
    dropped = 0
    with source.open("rb") as old, target.open("wb") as new:
        for line in old:
            if claims_a_word(line) and _image(line) in images:
                dropped += 1
            else:
                new.write(line)
    return dropped


def _image(line: bytes) -> Image | None:
    metadata = _metadata(line)
    job, index = metadata.get("spool_job"), metadata.get("spool_image_index")
    return (job, index) if isinstance(job, str) and type(index) is int else None


def _metadata(line: bytes) -> dict[str, object]:
    metadata = json.loads(line).get("metadata")
    return metadata if isinstance(metadata, dict) else {}
