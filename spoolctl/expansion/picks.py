"""Picks: how chance is made from a plan's master seed. Derivation version ``spool.pick/1``, which never changes.

A key is the first 8 bytes, big-endian, of the SHA-256 of the JSON text ``["spool.pick/1", master, *position]`` (ASCII only, no blanks).
A pick among n is the jump consistent hash of that key (Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014),
in whole numbers.

Guarantees: the same master seed and position give the same pick, in every version of Python and on every system (``random`` promises that
for no method but ``random()``); a pick depends on nothing but them, so what is added elsewhere changes none; and where a value is
added at the end of the n, a pick either stays or becomes the new value. Does not guarantee secrecy.
"""

import hashlib
import json

VERSION = "spool.pick/1"
SEED_BELOW = 2**32
"""Drawn seeds stay below it: every backend takes them."""
_MASK = 2**64 - 1
Position = str | int


def key_of(master: int, *position: Position) -> int:
    """64 bits that stand for this position under this master seed."""
    text = json.dumps([VERSION, master, *position], separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode("ascii")).digest()[:8], "big")


def pick(master: int, *position: Position, among: int) -> int:
    """A whole number from 0 to below *among*."""
    key = key_of(master, *position)
    found, nearest = 0, 0
    while nearest < among:
        found = nearest
        key = (key * 2_862_933_555_777_941_757 + 1) & _MASK
        nearest = ((found + 1) << 31) // ((key >> 33) + 1)
    return found


def drawn_seed(master: int, number: int) -> int:
    """The seed that the *number*-th repetition gets where a plan says only how many."""
    return key_of(master, "seed", number) % SEED_BELOW
