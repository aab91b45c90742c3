"""The figures' file, kept in step with the history: what each compile adds is folded in; a full look folds all of it anew.

Guarantees: the file is what folding the compiled history gives (``scheduling.folding``), as soon as the compile after the last merge is
done, or at the latest with the next full look, at a controller's start and hourly; it is replaced as a whole. Lost, or left behind by a
controller that died between the two, it is made anew then. Nothing else depends on it: without it every estimate is the formula's.

What it costs: nothing where nothing was added; else the new lines and one file of at most some 200 kB. A full look reads the local copy
of the history that the compile has fetched anyway.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from spoolctl.scheduling.folding import Found, fold, samples_of
from spoolctl.spool import Actor, Figures, encode_json, layout, read_figures, replace_own

_MARK = b'"ran"'
"""Lines without it, as older versions wrote them, need not be read."""


class FiguresKeeper:
    """One controller's figures."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._figures: Figures | None = None
        self._written: Figures | None = None

    def take(self, history: Path, new_from: int) -> None:
        """Fold in what is new in the history, and write the file if that changed it.

        Args:
            history: A local copy of the compiled history.
            new_from: Where in it the new lines begin, in bytes; 0: all of it counts, and nothing else.

        Raises:
            OSError: The share did not take the file; the next call tries again.
        """
        anew = new_from == 0 or self._figures is None
        self._figures = fold(
            None if anew else self._figures, _found(history, 0 if anew else new_from)
        )
        if anew:
            self._written = read_figures(self._actor)
        if self._figures != self._written:
            replace_own(self._actor, layout.FIGURES, encode_json(self._figures))
            self._written = self._figures
            self._actor.log("figures.written", rows=len(self._figures.rows))


def _found(history: Path, begin: int) -> Iterator[Found]:
    with history.open("rb") as file:
        file.seek(begin)
        for line in file:
            if _MARK not in line:
                continue
            try:
                told = json.loads(line)
            except (ValueError, RecursionError):
                continue  # the ledger lets only whole objects in; what a person edited is told by fsck
            if isinstance(told, dict):
                yield from samples_of(told)
