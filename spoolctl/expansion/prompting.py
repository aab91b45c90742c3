"""The prompts of one source: each row's text, the combinations of its slots, and its wildcards.

Pure but for reading wildcard files. Guarantees: the numbers of prompts are known without building one.
"""

import bisect
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spoolctl.expansion.packs import Row
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
        varied: Texts that the matrix puts in the prompt's place.
        wildcards: ``None`` leaves them as they stand.
        master: The master seed.
    """

    def __init__(  # noqa: PLR0913 - all that prompts are made of
        self, source: Source, fields: Fields, *, own: SlotMatrix | None, varied: tuple[str, ...],
        wildcards: Wildcards | None, master: int,
    ) -> None:  # fmt: skip
        self.source, self._own, self._wildcards, self._master = source, own, wildcards, master
        self._places = fields.find_if_any("prompt"), fields.find_if_any("negative_prompt")
        self._negative = self._said(fields, "negative_prompt")
        self._rows = [self._text(row, self._said(fields, "prompt")) for _, row in source.rows]
        self._varied = bool(varied)
        self._drawn: dict[int, list[int]] = {}
        looked_at = (*self._rows, *varied)
        slots = source.slots
        self.combined = [
            Combined.of(slots, " ".join((text, *varied))) if slots else None for text in self._rows
        ]
        self._starts = [0, *itertools.accumulate(one.count if one else 1 for one in self.combined)]
        self.texts = tuple(looked_at)

    @property
    def count(self) -> int:
        """How many prompts there are: each row's combinations."""
        return self._starts[-1]

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
        yield self._negative
        for values in (self.source.slots.values if self.source.slots else {}).values():
            yield from values

    def put(
        self, record: Json, number: int, repetition: int, repetitions: int
    ) -> tuple[Json, int, Words]:
        """The record with prompt *number*, which row it is of, and what was put into it."""
        ordinal = bisect.bisect_right(self._starts, number) - 1
        row_number, row = self.source.rows[ordinal]
        prompt, negative = self._places
        text = self._rows[ordinal]
        if prompt is not None and not self._varied and text:
            record = with_value(record, prompt, text)
        if row is not None and row.negative:
            whole = ", ".join(part for part in (self._negative, row.negative) if part)
            record = with_value(record, self._negative_place(), whole)
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
            if sum(map(len, self._drawn.values())) > _DRAWN_KEPT:
                self._drawn.clear()
            row = self.source.rows[ordinal][0]
            self._drawn[ordinal] = combined.drawn(self._master, self.source.label, row)
        return self._drawn[ordinal]

    def _text(self, row: Row | None, said: str) -> str:
        text = row.positive if row else said
        if self._own is not None and self._own.prompt:
            text = joined(text, self._own.prompt, self._own.prompt_mode)
        return text

    def _said(self, fields: Fields, word: str) -> str:
        place = self._places[word != "prompt"]
        found = fields.has_value(place) if place else None
        return found if isinstance(found, str) else ""

    def _negative_place(self) -> Path:
        place = self._places[1]
        if place is None:
            raise BadRecord(
                f"'{told(self.source.label, 80)}' has negative prompts, and the base has no place for one",
                field="packs",
            )
        return place


def _at(record: Any, place: Path | None) -> object:  # noqa: ANN401 - JSON
    for key in place or ():
        try:
            record = record[key]
        except (KeyError, IndexError, TypeError):
            return None
    return record
