"""The workers of a past night: those that had jobs then, by their cards as they are now or, where those are gone, by what they ran.

Pure. Who was still at work and what was loaded when the night began is taken from verdicts, and what no verdict tells is a note.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from spoolctl.scheduling.model_names import plain_name
from spoolctl.scheduling.simulate.ends import Known, RanTold
from spoolctl.scheduling.simulate.farm import FarmWorker
from spoolctl.scheduling.work import models_said
from spoolctl.spool import NODE_SCHEMA, BadRecord, Heartbeat, ModelHere, Node, stages_of

Nodes = Mapping[str, tuple[Node | None, Heartbeat | None]]
"""By name: card and heartbeat, as they are now."""
_ANY_MODEL = ("sketch", "command")
"""Backends that load nothing: any name is a model there."""


@dataclass(frozen=True)
class Crew:
    """Who was there."""

    workers: tuple[FarmWorker, ...]
    notes: tuple[str, ...]
    """What is not known of them."""


def crew(ends: Sequence[Known], nodes: Nodes, since: datetime, until: datetime) -> Crew:
    """The workers of the night between two moments.

    Args:
        ends: All jobs that ended after the night's begin and began before its end.
        nodes: As they are now.
        since: Its begin.
        until: Its end.
    """
    theirs: dict[str, list[Known]] = defaultdict(list)
    for one in sorted(ends, key=lambda one: one.end.started_at):
        if one.end.worker is not None and one.end.last is not None:
            theirs[one.end.worker].append(one)
    workers, notes = [], []
    for name, had in theirs.items():
        card = nodes.get(name, (None, None))[0]
        if card is None:
            notes.append(f"{name}: its card is gone; it counts as able to do what it did then")
        node = _able(card, had) if card else _card(name, had)
        model, told = _loaded(had[0], since)
        if not told and node.models is not None:
            notes.append(
                f"{name}: what it had loaded at the beginning is not told; taken as nothing"
            )
        under_way = (one.end.ended_at - since for one in had if one.end.started_at < since)
        busy_s = max([0.0, *(left.total_seconds() for left in under_way)])
        workers.append(FarmWorker(node, model=model, free_at_s=busy_s))
    for name, (card, beat) in nodes.items():
        if card is None or name in theirs:
            continue
        if beat is not None and _was_there(card, beat, since, until):
            workers.append(FarmWorker(card))
        else:
            notes.append(
                f"{name} had no job then, and nothing tells whether it was there: left out"
            )
    return Crew(tuple(sorted(workers, key=lambda one: one.name)), tuple(notes))


def _was_there(card: Node, beat: Heartbeat, since: datetime, until: datetime) -> bool:
    """True if one session began before and lived on after."""
    same = beat.session == card.session
    return same and card.started_at <= since and beat.written_at >= until


def _loaded(first: Known, since: datetime) -> tuple[str | None, bool]:
    """What a worker had loaded when the night began, by its first job; False: that does not tell."""
    if first.end.started_at < since:
        return _model(first), True
    if first.end.loaded is False:
        return _model(first), True
    # It loaded another then, so that what it had before matters to nothing but the order.
    return None, first.end.loaded is True


def _model(one: Known) -> str | None:
    return next(iter(_models([one])), None)


def _models(had: Iterable[Known]) -> list[str]:
    """The models that jobs asked for, by their plain names, in order."""
    found: list[str] = []
    for one in had:
        if one.job is None:
            continue
        try:
            found += [plain_name(name) for name in models_said(stages_of(one.job))]
        except BadRecord:
            continue
    return list(dict.fromkeys(found))


def _able(card: Node, had: Sequence[Known]) -> Node:
    """The card as it is now, with the models that the worker ran then."""
    if card.models is None:
        return card
    here = {plain_name(one.name) for one in card.models}
    gone = tuple(ModelHere(name=one) for one in _models(had) if one not in here)
    return card.model_copy(update={"models": (*card.models, *gone)}) if gone else card


def _ran(one: Known) -> RanTold:
    assert one.end.last is not None  # noqa: S101 - who told nothing of it is not among them
    return one.end.last


def _card(name: str, had: Sequence[Known]) -> Node:
    """A card by what a worker ran."""
    last = _ran(had[-1])
    stages = dict.fromkeys(stage.stage for one in had for stage in _ran(one).stages)
    models = tuple(ModelHere(name=model) for model in _models(had))
    backend = last.backend or "unknown"
    return Node(
        schema_=NODE_SCHEMA, worker=name, session=f"{name}-then", machine=name, protocol=1, version="unknown",
        backend=backend, stages=tuple(stages), gpu=last.gpu, vram_gb=last.vram_gb,
        models=None if backend in _ANY_MODEL else models, started_at=had[0].end.started_at,
    )  # fmt: skip
