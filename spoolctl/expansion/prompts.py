"""What stands in a prompt's ``[[slots]]`` and ``__wildcards__``.

Pure but for reading wildcard files through the given reader. Guarantees: a slot that nobody gives a value to stays as it stands, as in
StableNew; a wildcard is always filled, or refused; nesting ends. A wildcard file is one value a line; empty lines and lines that begin
with ``#`` do not count; a value may hold further wildcards.

Source of the syntax: StableNew2, ``src/pipeline/resolution_layer.py`` (slots), ``src/utils/randomizer.py`` (modes, ``prompt_mode``);
wildcard files as the field's user interfaces have them.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from spoolctl.expansion.packs import Slots
from spoolctl.expansion.picks import Position, pick
from spoolctl.spool import BadRecord

SLOT = re.compile(r"\[\[([a-zA-Z0-9_\- ]{1,100})\]\]")
WILDCARD = re.compile(r"__([A-Za-z0-9][A-Za-z0-9_/-]{0,99}?)__")
NESTED_MAX = 16
PICKS_MAX = 1_000
DRAWN_MAX = 10_000
"""Combinations that may be drawn for one row; each costs a moment."""
RANDOM_UNSAID = 8
"""Combinations that StableNew's builder draws, or takes, where a pack sets no limit."""
Read = Callable[[str], bytes]


@dataclass(frozen=True)
class Combined:
    """The combinations of slots of one prompt.

    Args:
        slots: All that have values.
        text: The prompt; only slots that stand in it count.
    """

    slots: Slots
    names: tuple[str, ...]

    @classmethod
    def of(cls, slots: Slots, text: str) -> "Combined":
        """Those of one prompt: only slots that stand in it count.

        Raises:
            BadRecord: More than ``DRAWN_MAX`` would have to be drawn.
        """
        asked = {_plain(name) for name in SLOT.findall(text)}
        found = cls(slots, tuple(name for name in slots.values if _plain(name) in asked))
        if found.is_drawn and found.count > DRAWN_MAX:
            raise BadRecord(
                f"'random' is to draw {found.count} combinations of slots for each row; it may draw {DRAWN_MAX}",
                hint="lower the 'limit', or take 'sample' of mode 'fanout'",
                field="slots.limit",
            )
        return found

    @property
    def possible(self) -> int:
        """How many there are, whatever the limit."""
        return math.prod(len(self.slots.values[name]) for name in self.names)

    @property
    def count(self) -> int:
        """How many variants of this prompt there will be."""
        if not self.names or self.slots.mode in ("sequential", "rotate"):
            return 1
        return min(self.possible, self.slots.limit or self.possible)

    @property
    def is_drawn(self) -> bool:
        """Whether chance says which combinations they are."""
        return self.slots.mode == "random" and self.count < self.possible

    def at(self, number: int) -> dict[str, str]:
        """The values of combination *number*, in the product's own numbering; in turn where they take turns."""
        if self.slots.mode in ("sequential", "rotate"):
            number %= min(self.possible, self.slots.limit or self.possible)
        return self._decoded(number)

    def drawn(self, master: int, *row: Position) -> list[int]:
        """Distinct combinations, in the product's order, as StableNew's builder has them. Each slot is picked by itself."""
        found: set[int] = set()
        draw = 0
        while len(found) < self.count:
            number = 0
            for name in self.names:
                length = len(self.slots.values[name])
                number = number * length + pick(master, "slot", *row, name, draw, among=length)
            found.add(number)
            draw += 1
        return sorted(found)

    def _decoded(self, number: int) -> dict[str, str]:
        values = {}
        for name in reversed(self.names):
            number, index = divmod(number, len(self.slots.values[name]))
            values[name] = self.slots.values[name][index]
        return {name: values[name] for name in self.names}


def with_slots(text: str, values: Mapping[str, str]) -> str:
    """The text with the slots filled that have a value; ``[[hair-color]]`` is the slot ``hair_color``, too."""
    by_plain = {_plain(name): value for name, value in reversed(list(values.items()))}
    return SLOT.sub(lambda m: values.get(m[1], by_plain.get(_plain(m[1]), m[0])), text)


def joined(prompt: str, own: str, mode: str) -> str:
    """A matrix' own prompt put to a row's."""
    if mode == "replace" or not prompt:
        return own
    there, added = prompt.strip().lower(), own.strip().lower()
    if mode == "append":
        return prompt if there.endswith(added) else f"{prompt}, {own}"
    return prompt if there.startswith(added) else f"{own}, {prompt}"


class Wildcards:
    """Wildcard files of one folder, each read once.

    Args:
        folder: As the plan names it.
        read: Reads a file.
        master: The master seed.
    """

    def __init__(self, folder: str, read: Read, master: int) -> None:
        self._folder = folder.rstrip("/")
        self._read = read
        self._master = master
        self._values: dict[str, tuple[str, ...]] = {}

    def fill(self, text: str, *position: Position) -> tuple[str, dict[str, str]]:
        """The text with every wildcard filled, and what was picked for each, by name and number.

        Raises:
            BadRecord: A file is missing or empty, or wildcards hold each other.
        """
        picked: dict[str, str] = {}
        for _ in range(NESTED_MAX):
            if WILDCARD.search(text) is None:
                return text, picked
            text = WILDCARD.sub(lambda match: self._pick(match[1], picked, position), text)
        raise BadRecord(
            f"wildcards hold each other: after {NESTED_MAX} rounds '{WILDCARD.findall(text)[:1]}' is left",
            hint=f"the last ones were {', '.join(list(picked)[-3:])}",
            field="wildcards",
        )

    def check(self, text: str) -> None:
        """Refuse a text with a wildcard that has no file, at any depth; errors as for ``fill``."""
        left, seen = WILDCARD.findall(text), set()
        while left:
            name = left.pop()
            if name not in seen:
                seen.add(name)
                for value in self.values(name):
                    left += WILDCARD.findall(value)

    @staticmethod
    def refuse_any(text: str) -> None:
        """Refuse a text with a wildcard, where no folder is named.

        Raises:
            BadRecord: It has one.
        """
        found = WILDCARD.search(text)
        if found:
            raise BadRecord(
                f"a prompt has the wildcard '{found[0]}', and the plan names no folder for wildcards",
                hint="say 'wildcards: FOLDER'; or 'wildcards: off' to leave such words as they stand",
                field="wildcards",
            )

    def values(self, name: str) -> tuple[str, ...]:
        """The values of one wildcard."""
        if name not in self._values:
            path = f"{self._folder}/{name}.txt"
            try:
                text = self._read(path).decode("utf-8-sig")
            except FileNotFoundError:
                raise BadRecord(
                    f"no file '{path}' for the wildcard '__{name}__'",
                    hint="write the file, one value a line; or say 'wildcards: off' to leave such words as they stand",
                    field="wildcards",
                ) from None
            except UnicodeDecodeError:
                raise BadRecord(f"'{path}' is not UTF-8 text", field="wildcards") from None
            lines = (line.strip() for line in re.split(r"\r\n|\r|\n", text))
            self._values[name] = tuple(one for one in lines if one and not one.startswith("#"))
        if not self._values[name]:
            raise BadRecord(f"the wildcard file of '__{name}__' holds no value", field="wildcards")
        return self._values[name]

    def _pick(self, name: str, picked: dict[str, str], position: tuple[Position, ...]) -> str:
        if len(picked) >= PICKS_MAX:
            raise BadRecord(f"one prompt has more than {PICKS_MAX} wildcards", field="wildcards")
        values = self.values(name)
        number = sum(1 for one in picked if one.rpartition("#")[0] == name)
        chosen = values[pick(self._master, "wildcard", *position, name, number, among=len(values))]
        picked[f"{name}#{number}"] = chosen
        return chosen


def _plain(name: str) -> str:
    """A slot's name as StableNew compares them: letters and digits alone."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())
