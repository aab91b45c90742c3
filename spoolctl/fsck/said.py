"""People's words on images: which of them the compiled corpus should hold, and what is wrong with the others."""

import hashlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from spoolctl.controller.last_words import Image, Part, by_image, word_in
from spoolctl.fsck.finding import Finding, Severity
from spoolctl.fsck.look import Look
from spoolctl.spool import layout

_BYTES_MAX = 64 << 20


@dataclass
class HeardWords:
    """The words as one look heard them."""

    last: Counter[bytes] = field(default_factory=Counter)
    """Digests of the lines that the compiled corpus should hold."""
    superseded: Counter[bytes] = field(default_factory=Counter)
    """Digests of lines that it may hold until it is compiled again."""
    findings: list[Finding] = field(default_factory=list)


def digest_of_line(line: bytes) -> bytes:
    """By what lines are compared."""
    return hashlib.blake2b(line.strip(), digest_size=16).digest()


def hear(look: Look, compiled: Collection[bytes]) -> HeardWords:
    """Read the last word on each image, and those before it where the compiled corpus lacks it."""
    heard = HeardWords()
    jobs = look.parts.get(layout.CORPUS, {})
    for image, numbers in sorted(by_image(look.words).items()):
        if image[0] not in jobs and not look.is_blind:
            heard.findings.append(_alone(image, numbers[max(numbers)]))
        _hear_one(look, heard, numbers, compiled)
    return heard


def _hear_one(
    look: Look, heard: HeardWords, numbers: dict[int, Part], compiled: Collection[bytes]
) -> None:
    found = False
    for _, part in sorted(numbers.items(), reverse=True):
        path = f"{layout.CORPUS}/parts/{'/'.join(part)}"
        try:
            data = look.actor.files.read(path, bytes_max=_BYTES_MAX)
        except FileNotFoundError:
            continue
        said = word_in(part, data)
        if said is None:
            heard.findings.append(_unreadable(part, path))
            continue
        digest = digest_of_line(data)
        if found:
            heard.superseded[digest] += 1
            continue
        found = True
        if not said.word.is_withdrawn:
            heard.last[digest] += 1
            if digest in compiled:
                return


def _alone(image: Image, part: Part) -> Finding:
    path = f"{layout.CORPUS}/parts/{'/'.join(part)}"
    return Finding(
        Severity.DAMAGE, "word-without-record", "I10", path,
        f"a word on image {image[1]} of '{image[0]}', of which the corpus has no part", "",
        "a person must: restore that part, or --repair if the job is not merged; or move its words away", image[0],
    )  # fmt: skip


def _unreadable(part: Part, path: str) -> Finding:
    return Finding(
        Severity.DAMAGE, "bad-word", "I2", path, "it is no person's word as this program writes it, so it counts as not said",
        "", "a person must: move it away, and say it again", part[1].partition("~")[0],
    )  # fmt: skip
