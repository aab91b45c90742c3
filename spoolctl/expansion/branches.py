"""Branches: each source of a plan with everything that varies on it.

Pure but for reading files. Guarantees: what is wrong with a plan, or with one value in it, is found here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spoolctl.expansion import learning
from spoolctl.expansion.axes import Axis, Seeds, axes_of, seeds_of
from spoolctl.expansion.paths import Fields, Path, with_value
from spoolctl.expansion.prompting import Prompting
from spoolctl.expansion.prompts import Wildcards
from spoolctl.expansion.sources import Files, Source
from spoolctl.spool import (
    PLAN_SCHEMA,
    BadRecord,
    LearningPlan,
    Plan,
    SlotMatrix,
    from_mapping,
    needs_inputs,
    parse_mapping,
    stages_of,
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Branch:
    """One source with everything that varies on it."""

    base: Json
    prompting: Prompting
    axes: tuple[Axis, ...]
    seed_place: Path | None
    seeds: Seeds | None
    repetitions: int
    needs_inputs: bool

    @property
    def label(self) -> str:
        """The pack's; empty without one."""
        return self.prompting.source.label


def learning_of(plan: Plan, files: Files) -> LearningPlan | None:
    """The plan's learning plan, read if it is a file's.

    Raises:
        BadRecord: It is none, or there is a matrix, too.
    """
    said = plan.learning
    if isinstance(said, str):
        mapping = parse_mapping(files.text(said, "learning"))
        said = from_mapping(Plan, {"schema": PLAN_SCHEMA, "learning": mapping}).learning
        assert isinstance(said, LearningPlan)  # noqa: S101 - a mapping is no path
    if said is not None and plan.matrix:
        raise BadRecord(
            "a plan has either 'matrix' or 'learning'",
            hint="what else is to be tried goes under 'learning.variables'",
            field="matrix",
        )
    return said


def matrix_of(plan: Plan, tried: LearningPlan | None) -> Mapping[str, Sequence[Any]]:
    """Values by path: the plan's own, or what the learning plan tries."""
    return learning.axes_of(tried) if tried else plan.matrix


def branch_of(
    source: Source, plan: Plan, tried: LearningPlan | None, wildcards: Wildcards | None, master: int
) -> Branch:
    """Everything that varies on one source.

    Raises:
        BadRecord: A path leads nowhere, a field may not have a value, or there is no prompt.
    """
    if tried is not None and "images_per_step" in tried.model_fields_set:
        source = _with_images(source, tried.images_per_step)
    fields = Fields(source.base)
    taken: dict[Path, str] = {}
    if source.label:
        taken[fields.find("prompt", "packs")] = "packs"
    if plan.seeds is not None:
        taken[fields.find("seed", "seeds")] = "seeds"
    where = "matrix" if tried is None else "learning"
    axes = axes_of(fields, matrix_of(plan, tried), where, taken)
    prompting = Prompting(
        source,
        fields,
        own=plan.slots if isinstance(plan.slots, SlotMatrix) else None,
        varied=(_texts_in(axes, fields, "prompt"), _texts_in(axes, fields, "negative_prompt")),
        wildcards=wildcards,
        master=master,
    )
    first = stages_of(fields.job)[0]
    if first.stage == "txt2img" and not any(prompting.texts):
        raise BadRecord(
            "the jobs would have no prompt",
            hint="give 'packs', a 'matrix' over 'prompt', or a prompt in the base",
            field="base",
        )
    place, seeds, repetitions = seeds_of(plan.seeds, source.loops, fields, master)
    lacks = needs_inputs(fields.job) and not fields.job.inputs
    return Branch(source.base, prompting, axes, place, seeds, repetitions, lacks)


def _with_images(source: Source, images: int) -> Source:
    fields, where = Fields(source.base), "learning.images_per_step"
    place = fields.find("count", where)
    fields.try_value(place, images, where)
    return replace(source, base=with_value(source.base, place, images))


def _texts_in(axes: Sequence[Axis], fields: Fields, word: str) -> tuple[str, ...]:
    """The texts that a matrix puts in the place of the prompt or the negative prompt."""
    place = fields.find_if_any(word)
    changes = (change for axis in axes for one in axis.changes for change in one)
    return tuple(value for at, value in changes if at == place and isinstance(value, str))
