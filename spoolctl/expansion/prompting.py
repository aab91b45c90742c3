"""The prompts of one source: each row's text, the combinations of its slots, and its wildcards.

Pure but for reading wildcard files. Guarantees: the numbers of prompts are known without building one.
"""

import bisect
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spoolctl.expansion.paths import Fields, Path, with_value
from spoolctl.expansion.prompts import SLOT, WILDCARD, Combined, Wildcards, joined, with_slots
from spoolctl.expansion.sources import Source
from spoolctl.spool import BadRecord, SlotMatrix, told

Json = dict[str, Any]
_DRAWN_KEPT = 1_000_000


@dataclass(frozen=True)
class Words:
    """What was put into one prompt."""

    slots: Mapping[str, str]
    wildcards: Mapping[str, str]


class Prompting:
    """One source's prompts.

    Args:
        source: Base, rows, slots.
        fields: The base's fields.
        own: What the plan's ``slots`` say, if anything.
        varied: Texts that the matrix puts in the prompt's place, and in the negative prompt's.
        wildcards: ``None`` leaves them as they stand.
        master: The master seed.
    """

    def __init__(  # noqa: PLR0913 - all that prompts are made of
        self, source: Source, fields: Fields, *, own: SlotMatrix | None, varied: tuple[tuple[str, ...], tuple[str, ...]],
        wildcards: Wildcards | None, master: int,
    ) -> None:  # fmt: skip
        self.source, self._own, self._wildcards, self._master = source, own, wildcards, master
        self._places = fields.find_if_any("prompt"), fields.find_if_any("negative_prompt")
        self._refuse_no_place()
        said = self._said(fields, 0)
        rows = [self._worded(row.positive if row else said) for _, row in source.rows]
        self._varied = tuple(self._worded(text) for text in varied[0])
        self._negatives = (self._said(fields, 1), *varied[1])
        slots = source.slots
        self.combined = [
            Combined.of(slots, " ".join(self._varied) or text) if slots else None for text in rows
        ]
        self._starts = [0, *itertools.accumulate(one.count if one else 1 for one in self.combined)]
        self._drawn: dict[int, list[int]] = {}
        self._drawn_count = 0
        self.texts = self._varied or tuple(rows)

    @property
    def count(self) -> int:
        """How many prompts there are: each row's combinations."""
        return self._starts[-1]

    @property
    def repeats_some(self) -> bool:
        """True if a slot's values multiply a prompt of the matrix that does not have that slot."""
        one = self.combined[0]
        return one is not None and any(
            Combined.of(one.slots, text).possible < one.possible for text in self._varied
        )

    @property
    def filled(self) -> set[str]:
        """The slots, as prompts write them, that have values."""
        slots = self.source.slots
        names = {name for text in self.texts for name in SLOT.findall(text)}
        return {
            n
            for n in names
            if slots and with_slots(f"[[{n}]]", dict.fromkeys(slots.values, "")) == ""
        }

    def every_text(self) -> Iterator[str]:
        """All texts that may become part of a prompt."""
        yield from self.texts
        for _, row in self.source.rows:
            yield row.negative if row else ""
        yield from self._negatives
        for values in (self.source.slots.values if self.source.slots else {}).values():
            yield from values

    def put(
        self, record: Json, number: int, repetition: int, repetitions: int
    ) -> tuple[Json, int, Words]:
        """The record with prompt *number*, which row it is of, and what was put into it."""
        ordinal = bisect.bisect_right(self._starts, number) - 1
        row_number, row = self.source.rows[ordinal]
        prompt, negative = self._places
        now = _at(record, prompt)
        text = self._worded(row.positive if row else now if isinstance(now, str) else "")
        if prompt is not None and text and text != now:
            record = with_value(record, prompt, text)
        if negative is not None and row is not None and row.negative:
            whole = ", ".join(str(part) for part in (_at(record, negative), row.negative) if part)
            record = with_value(record, negative, whole)
        slots = self._slots(ordinal, number, repetition, repetitions)
        position: tuple[str | int, ...] = (
            self.source.label,
            row_number,
            *itertools.chain(*slots.items()),
            repetition,
        )
        picked: dict[str, str] = {}
        for word, place in (("prompt", prompt), ("negative", negative)):
            found = _at(record, place)
            if place is None or not isinstance(found, str):
                continue
            filled = with_slots(found, slots) if word == "prompt" else found
            if self._wildcards is not None and WILDCARD.search(filled):
                filled, more = self._wildcards.fill(filled, word, *position)
                picked |= (
                    more if word == "prompt" else {f"negative {k}": v for k, v in more.items()}
                )
            if filled != found:
                record = with_value(record, place, filled)
        return record, row_number, Words(slots, picked)

    def _slots(
        self, ordinal: int, number: int, repetition: int, repetitions: int
    ) -> dict[str, str]:
        combined = self.combined[ordinal]
        if combined is None:
            return {}
        mode = combined.slots.mode
        if mode == "sequential":
            which = ordinal
        elif mode == "rotate":
            which = ordinal * repetitions + repetition
        else:
            which = number - self._starts[ordinal]
        if combined.is_drawn:
            which = self._drawn_for(ordinal, combined)[which]
        return combined.at(which)

    def _drawn_for(self, ordinal: int, combined: Combined) -> list[int]:
        """Each row's draws, kept as long as there is room: in the order 'spread' rows come round again and again."""
        if ordinal not in self._drawn:
            if self._drawn_count > _DRAWN_KEPT:
                self._drawn.clear()
                self._drawn_count = 0
            row = self.source.rows[ordinal][0]
            self._drawn[ordinal] = combined.drawn(self._master, self.source.label, row)
            self._drawn_count += combined.count
        return self._drawn[ordinal]

    def _worded(self, text: str) -> str:
        """A row's prompt, with the plan's own put to it."""
        if self._own is None or not self._own.prompt:
            return text
        return joined(text, self._own.prompt, self._own.prompt_mode)

    def _said(self, fields: Fields, which: int) -> str:
        place = self._places[which]
        found = fields.has_value(place) if place else None
        return found if isinstance(found, str) else ""

    def _refuse_no_place(self) -> None:
        if self._places[1] is None and any(row and row.negative for _, row in self.source.rows):
            raise BadRecord(
                f"'{told(self.source.label, 80)}' has negative prompts, and the base has no place for one",
                hint="take the lines that begin with 'neg:' out, or another kind of workload",
                field="packs",
            )


def _at(record: Any, place: Path | None) -> object:  # noqa: ANN401 - JSON
    for key in place or ():
        try:
            record = record[key]
        except (KeyError, IndexError, TypeError):
            return None
    return record
