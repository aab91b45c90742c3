"""Estimates: how long work takes, what it needs and how often it fails, from what was measured, else from the stated formula.

Pure. What is not known well is asked for where it is known next best, step by step, and each step widens the range: this model and size
on this card; its other sizes there; other models of its family there; the same on other cards, by the ratio of the cards' speeds; the
formula (``formula``, ``need``). Guarantees: ``0 <= low <= mid <= high``; never an exception, whatever is unknown; the same figures give
the same estimates.

Does not guarantee a bound: ``high`` is the slowest that was seen, widened by how few were seen.
"""

import functools
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from spoolctl.scheduling.cards import speed_of
from spoolctl.scheduling.families import Family, family_of
from spoolctl.scheduling.formula import Estimate, load_formula, run_formula, total
from spoolctl.scheduling.measured import Place, fitted, size_of, speed_ratio, timed
from spoolctl.scheduling.model_names import plain_name
from spoolctl.scheduling.need import Need, learned, predicted
from spoolctl.scheduling.work import Piece, Work
from spoolctl.spool import LOAD, Code, FigureRow, Figures, Node

__all__ = ["Estimate", "Estimates", "Need", "Place"]

OTHER_SIZE, OTHER_MODEL, OTHER_CARD = 1.25, 1.6, 2.0
"""How much wider a range is for each step away from what was measured. Our guess."""
UNMEASURED = 1.5
"""... and where the ratio of two cards' speeds is itself a guess, for they have done nothing alike."""
FAILURES_PRIOR, FAILURES_WEIGHT = 0.05, 2.0
"""One attempt in twenty fails while nothing is known, which two attempts outweigh. Our guess."""
_SURE = 1.64
"""Standard deviations that hold nine tenths."""
TIMEOUT_FACTOR = 4.0
"""A default timeout is so many times what the attempt should take at most. Our guess; a hang is seen long before, by ``stall_s``."""
TIMEOUT_LEARNED_S, TIMEOUT_FORMULA_S = 600.0, 1_800.0
"""... and never less than this, where it was measured and where it was not."""
UNTOLD_KINDS = frozenset({"command", "text", "comfyui"})
"""A program, an answer, a person's own workflow (a video of how many frames?): neither steps nor pixels say how much work it is."""
_OWN_FAULT = frozenset(
    code.value
    for code in (Code.BAD_JOB, Code.INPUT_MISSING, Code.DEPENDENCY_FAILED, Code.RECORD_CHANGED)
)
"""Failures that say nothing of the card: the job would have failed anywhere."""
_CACHED = 1 << 14


class Estimates:
    """What is expected, by what is known.

    Args:
        figures: What was learned; ``None``: nothing.
    """

    def __init__(self, figures: Figures | None = None) -> None:
        self._rows: tuple[FigureRow, ...] = figures.rows if figures else ()
        self._by_stage: dict[tuple[str, str], list[FigureRow]] = defaultdict(list)
        self._by_model: dict[str, list[FigureRow]] = defaultdict(list)
        for row in self._rows:
            self._by_stage[row.backend, row.stage].append(row)
            self._by_model[row.model].append(row)
        self._models: dict[int, tuple[Node, dict[str, int]]] = {}
        # Asked for thousands of jobs that are alike.
        self._piece = functools.lru_cache(_CACHED)(self._piece_uncached)
        self._load = functools.lru_cache(_CACHED)(self._load_uncached)
        self._need = functools.lru_cache(_CACHED)(self._need_uncached)
        self._failing = functools.lru_cache(_CACHED)(self._failing_uncached)

    def run_s(self, work: Work, node: Node) -> Estimate:
        """How long *work* takes on *node*, its model being loaded; in seconds."""
        family = family_of(work.model, self._bytes(work.model, node))
        place = Place.of(node)
        return total(
            self._piece(_Asked(work.kind, work.model, family, piece, work.controls), place)
            for piece in work.pieces
        )

    def load_s(self, model: str | None, node: Node) -> Estimate:
        """How long *model* takes to load on *node*, none of it being there already; in seconds."""
        name = plain_name(model) if model else None
        return self._load(name, self._bytes(name, node), Place.of(node))

    def vram_gb(self, work: Work, node: Node | None = None) -> Need:
        """What *work* needs of a card's memory; see ``need`` for what of it forbids.

        Args:
            work: What is asked for.
            node: Where; tells how large the model's file is there, and which backend runs it.
        """
        size = self._bytes(work.model, node) if node else None
        return self._need(work, size, node.backend if node else None)

    def failure_rate(self, work: Work, node: Node) -> Estimate:
        """The part of attempts at such work that fail or get lost on *node*, of 1; faults of jobs themselves do not count."""
        return self._failing(work.model or "", Place.of(node))

    def timeout_s(self, work: Work, node: Node) -> float:
        """How long an attempt may take where nobody says: ``TIMEOUT_FACTOR`` times the highest estimate, the load included, and a floor.

        Of work whose length a record does not tell (``UNTOLD_KINDS``) one short run says nothing of the next: there it is never less than
        by the formula alone.
        """
        run, load = self.run_s(work, node), self.load_s(work.model, node)
        high_s, is_told = run.high + load.high, work.kind not in UNTOLD_KINDS
        if run.is_learned and is_told:
            return max(TIMEOUT_LEARNED_S, TIMEOUT_FACTOR * high_s)
        if run.is_learned:
            high_s = max(high_s, _BY_FORMULA.run_s(work, node).high + load.high)
        return max(TIMEOUT_FORMULA_S, TIMEOUT_FACTOR * high_s)

    # -- each question, once

    def _piece_uncached(self, asked: "_Asked", place: Place) -> Estimate:
        rows = self._by_stage[place.backend, asked.piece.stage]
        here = [row for row in rows if row.card == place.card]
        model, size = asked.model or "", size_of(asked.piece.megapixels)
        mine = [row for row in here if row.model == model]
        akin = [row for row in here if family_of(row.model) == asked.family]
        steps = (
            ([row for row in mine if row.size == size], 1.0, ""),
            (mine, OTHER_SIZE, " of other sizes"),
            (
                akin or (here if not model else []),
                OTHER_MODEL,
                f" of other {asked.family.name} models",
            ),
        )
        for found, widen, note in steps:
            points = timed(found)
            if points:
                return fitted(points, asked.piece.units, widen, f"{note} on {place.card}")
        return self._from_elsewhere(asked, place, rows) or run_formula(
            asked.piece,
            kind=asked.kind,
            backend=place.backend,
            gpu=place.gpu,
            vram_gb=place.vram_gb,
            family=asked.family,
            controls=asked.controls,
        )

    def _from_elsewhere(
        self, asked: "_Asked", place: Place, rows: list[FigureRow]
    ) -> Estimate | None:
        """What it took on the other card that has run it most often, times how much slower this one is."""
        model = asked.model or ""
        others = [row for row in rows if row.card != place.card]
        same = [row for row in others if row.model == model and timed([row])]
        akin = [row for row in others if family_of(row.model) == asked.family and timed([row])]
        widen = OTHER_CARD if same else OTHER_CARD * OTHER_MODEL
        cards: dict[tuple[str, float], list[FigureRow]] = defaultdict(list)
        for row in same or akin:
            cards[row.card, row.vram_gb or 0.0].append(row)
        if not cards:
            return None
        (card, vram_gb), found = max(cards.items(), key=lambda one: (len(timed(one[1])), one[0]))
        slower = speed_ratio(self._rows, card, place.card)
        if slower is None:
            slower = speed_of(card, vram_gb or None).mid / speed_of(place.gpu, place.vram_gb).mid
            widen *= UNMEASURED
        note = f" on {card}, {slower:.2g} times as long on {place.card}"
        return fitted(timed(found), asked.piece.units, widen, note).times(slower)

    def _load_uncached(self, model: str | None, file_bytes: int | None, place: Place) -> Estimate:
        formula = load_formula(model, file_bytes, place.backend)
        if model is None or formula.high == 0:
            return formula
        rows = self._by_stage[place.backend, LOAD]
        here = [row for row in rows if row.card == place.host]
        family = family_of(model, file_bytes)
        steps = (
            ([row for row in here if row.model == model], 1.0, f" on {place.host}"),
            (
                [row for row in here if family_of(row.model) == family],
                OTHER_MODEL,
                f" of other {family.name} models on {place.host}",
            ),
            ([row for row in rows if row.model == model], OTHER_CARD, " elsewhere"),
        )
        for found, widen, note in steps:
            points = timed(found)
            if points:
                return fitted(points, 1.0, widen, note, what="load")
        return formula

    def _need_uncached(self, work: Work, file_bytes: int | None, backend: str | None) -> Need:
        guess = predicted(work, family_of(work.model, file_bytes), file_bytes)
        if work.model is None:
            return guess
        rows = self._by_model[work.model]
        return learned(work, (r for r in rows if backend in (None, r.backend)), guess)

    def _failing_uncached(self, model: str, place: Place) -> Estimate:
        here = [
            row
            for row in self._rows
            if row.stage != LOAD
            and row.card in (place.card, place.host)
            and row.backend in ("", place.backend)
        ]
        outcomes = _outcomes(row for row in here if row.model == model)
        note = f" on {place.card}"
        if not outcomes:
            outcomes, note = _outcomes(here), f" of other models on {place.card}"
        count, failed = len(outcomes), sum(outcomes)
        mid = (failed + FAILURES_PRIOR * FAILURES_WEIGHT) / (count + FAILURES_WEIGHT)
        margin = _SURE * math.sqrt(mid * (1 - mid) / (count + FAILURES_WEIGHT))
        source = f"{failed} of {count} attempts{note}" if count else "formula: nothing known"
        return Estimate(max(0.0, mid - margin), mid, min(1.0, mid + margin), count, source)

    def _bytes(self, model: str | None, node: Node) -> int | None:
        """How large a model's file is on a node."""
        if model is None or not node.models:
            return None
        known = self._models.get(id(node))
        if known is None:
            if len(self._models) >= _CACHED:
                self._models.clear()
            sizes = {plain_name(one.name): one.bytes for one in node.models if one.bytes}
            # With the node itself, so that its id is nobody else's.
            known = self._models[id(node)] = (node, sizes)
        return known[1].get(model)


_BY_FORMULA = Estimates()


@dataclass(frozen=True)
class _Asked:
    """What is asked of one stage."""

    kind: str
    model: str | None
    family: Family
    piece: Piece
    controls: int


def _outcomes(rows: Iterable[FigureRow]) -> list[bool]:
    """Of each attempt that says something of the card: did it fail? A chain's stages are one attempt."""
    attempts: dict[str, bool] = {}
    for row in rows:
        for one in row.samples:
            if one.outcome not in _OWN_FAULT:
                attempts[one.at] = attempts.get(one.at, False) or bool(one.outcome)
    return list(attempts.values())
