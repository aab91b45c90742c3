"""A plan becomes jobs: how many, which, in which order, and what each of them is.

Pure but for reading the files that a plan names through a given reader. Guarantees: the same plan, with the same files, gives the same jobs
in the same order, byte for byte, on every system; how many they are is known, and bounded by ``JOBS_MAX``, before one is built; they
are built one by one; no job asks a worker to vary anything. Whatever is wrong with the plan, or with one value in it, is
found before the first job. Does not guarantee that two values which are right alone are right together: such a job is refused when
it is its turn.

What is picked (``picks``) depends on the master seed and on where in the plan the pick stands: which pack, which row of it, its slots,
which repetition; never on the matrix, so that jobs which differ in a field have the same words; never on what comes after.
"""

import bisect
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spoolctl.expansion import learning
from spoolctl.expansion.branches import Branch, branch_of, learning_of, matrix_of
from spoolctl.expansion.cells import Cell, Cells
from spoolctl.expansion.paths import refuse_wrong, with_value
from spoolctl.expansion.picks import SEED_BELOW
from spoolctl.expansion.prompting import Words
from spoolctl.expansion.prompts import SLOT, Read, Wildcards
from spoolctl.expansion.sources import Files, sources_of
from spoolctl.spool import (
    PLAN_SCHEMA,
    BadRecord,
    Job,
    LearningPlan,
    Plan,
    from_mapping,
    parse_mapping,
    sha256_of,
    told,
)

Json = dict[str, Any]
JOBS_MAX = 100_000
"""So many jobs may one plan make."""
VALUES_TOLD_MAX, VALUE_CHARS_MAX = 200, 500
"""A group's facts stay small."""


@dataclass(frozen=True)
class Expanded:
    """One job of a plan."""

    number: int
    """Its place in the order, from 0."""
    job: Job
    data: bytes
    """Its record: a JSON object, which is whole as soon as it parses."""
    varies: Mapping[str, Any]
    """What is its own, by name, for people."""


def is_plan(mapping: Mapping[str, Any]) -> bool:
    """True for what says of itself that it is a plan, of whatever version."""
    return str(mapping.get("schema", "")).startswith("spool.plan/")


def parse_plan(text: str) -> Plan:
    """Read a plan.

    Raises:
        BadRecord: It is none, naming line or field.
        NewerRecord: It is one of a newer version.
    """
    mapping = parse_mapping(text)
    if "target_variable" in mapping and "schema" not in mapping:
        raise BadRecord(
            "this is a StableNew LearningPlan, which says what to try but not on what",
            hint="write a plan with a 'base', and in it 'learning:' and this file's path",
        )
    try:
        return from_mapping(Plan, mapping)
    except BadRecord as error:
        # A person knows the keys, not the classes that stand between them.
        said = re.sub(r"\.(?:SeedRange|LearningPlan|SlotMatrix)\b|\.tuple\[[^']*\]", "", str(error))
        raise type(error)(said, hint=error.hint, line=error.line, field=error.field) from None


def expand(plan: Plan, read: Read, *, name: str) -> "Expansion":
    """Work out what a plan asks for; nothing is built yet.

    Args:
        plan: The plan.
        read: Gives the bytes of a file that the plan names; raises ``FileNotFoundError`` if there is none. Called at most once for each.
        name: What the plan is called where it does not say (its file's stem): the jobs' group.

    Raises:
        BadRecord: What is wrong with it, with the part of it that says so.
    """
    return Expansion(plan, read, name=name)


class Expansion:
    """The jobs of a plan; see ``expand``.

    Attributes:
        total: How many there are.
        name: The plan's name: the jobs' group.
        facts: What a group of these jobs should keep: the plan's digest, the master seed, what varies, the experiment.
        notes: What a person should know before submitting, one line each.
    """

    def __init__(self, plan: Plan, read: Read, *, name: str) -> None:
        files = Files(read)
        self.plan = plan
        said = plan.model_dump(
            mode="json", by_alias=True, exclude_unset=True, exclude={"name", "order"}
        )
        self._text = json.dumps(said, sort_keys=True, separators=(",", ":"))
        own = int(sha256_of(self._text.encode())[:16], 16) % SEED_BELOW
        self.master = own if plan.seed is None else plan.seed
        self._learning = learning_of(plan, files)
        self._matrix = matrix_of(plan, self._learning)
        wildcards = (
            Wildcards(plan.wildcards, files.read, self.master)
            if isinstance(plan.wildcards, str)
            else None
        )
        self._branches = [
            branch_of(source, plan, self._learning, wildcards, self.master)
            for source in sources_of(plan, files)
        ]
        self.name = plan.name or self._branches[0].base.get("group") or name
        self._starts = [0, *itertools.accumulate(one.prompting.count for one in self._branches)]
        self._cells = self._find_cells()
        self.possible, self.total = self._cells.possible, self._cells.total
        self._refuse_too_many()
        self._check_words(wildcards)
        self._digest = sha256_of(
            json.dumps([self._text, self.name, plan.order, files.digests()]).encode()
        )
        self._experiment = (
            learning.experiment_of(self._learning, name=self.name, digest=self._digest)
            if self._learning
            else None
        )
        self.notes = tuple(self._find_notes())
        self.facts = self._find_facts(files)

    def jobs(self) -> Iterator[Expanded]:
        """Every job, in order, each built when it is asked for; the same again at every call.

        Raises:
            BadRecord: Values that are right alone are wrong together.
        """
        for number, cell in enumerate(self._cells):
            yield self._build(number, cell)

    # -- what each is

    def _build(self, number: int, cell: Cell) -> Expanded:
        which = bisect.bisect_right(self._starts, cell[0]) - 1
        branch = self._branches[which]
        record = branch.base
        values: Json = {}
        for axis, index in zip(branch.axes, cell[1:-1], strict=True):
            values[axis.name] = axis.values[index]
            for place, value in axis.changes[index]:
                record = with_value(record, place, value)
        record, row, words = branch.prompting.put(
            record, cell[0] - self._starts[which], cell[-1], branch.repetitions
        )
        seed = None
        if branch.seed_place is not None and branch.seeds is not None:
            seed = branch.seeds.at(cell[-1])
            record = with_value(record, branch.seed_place, seed)
        label = branch.label
        own: Json = {"pack": label, "row": row} if label else {}
        own |= {**{f"[[{k}]]": v for k, v in words.slots.items()}, **values}
        repeated = {} if branch.repetitions == 1 else {"repetition": cell[-1]}
        varies = own | ({"seed": seed} if seed is not None else repeated)
        record = self._with_facts(record, number, cell, values, words, varies)
        job = refuse_wrong(record, f"job {number + 1} of {self.total}")
        data = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        return Expanded(number, job, data.encode(), varies)

    def _with_facts(  # noqa: PLR0913, PLR0917 - what is told of one job
        self, record: Json, number: int, cell: Cell, values: Json, words: Words, varies: Json
    ) -> Json:
        told_more: Json = {
            "prompt_pack": varies.get("pack"), "prompt_pack_row_index": varies.get("row"),
            "matrix_slot_values": dict(words.slots) or None, "wildcards": dict(words.wildcards) or None,
            "values": values or None,
        }  # fmt: skip
        facts = {
            "mode": self._mode(cell),
            "variant_index": number,
            "variant_total": self.total,
            "batch_index": cell[-1],
            "master_seed": self.master,
            "plan_sha256": self._digest,
            **{key: value for key, value in told_more.items() if value is not None},
        }
        made: Json = {"schema": record["schema"], "group": self.name}
        made |= {k: v for k, v in record.items() if k not in (*made, "workload", "randomizer")}
        if self._learning is not None and self._experiment is not None:
            made["learning"] = self._experiment | {
                "variant_value": learning.value_of(self._learning, values),
                "step_index": self._cells.step(cell),
                "step_total": self._cells.steps,
            }
        return made | {"randomizer": facts, "workload": record["workload"]}

    def _mode(self, cell: Cell) -> str:
        if self.total < self.possible:
            return "sample"
        slots = self._branch_at(cell[0]).prompting.source.slots
        return slots.mode if slots else ("fanout" if self.total > 1 else "")

    # -- before the first

    def _find_cells(self) -> Cells:
        lengths = (self._starts[-1], *(len(values) for values in self._matrix.values()))
        prompts = sum(one.prompting.count * one.repetitions for one in self._branches)
        possible = prompts * math.prod(lengths[1:])
        return Cells(
            lengths=lengths,
            repetitions=lambda prompt: self._branch_at(prompt).repetitions,
            repetitions_max=max(one.repetitions for one in self._branches),
            possible=possible,
            total=min(possible, self.plan.sample or possible),
            is_spread=self.plan.order == "spread",
            master=self.master,
        )

    def _branch_at(self, prompt: int) -> Branch:
        return self._branches[bisect.bisect_right(self._starts, prompt) - 1]

    def _refuse_too_many(self) -> None:
        if self.total <= JOBS_MAX:
            return
        parts = {"prompts": self._starts[-1], "seeds or loops": self._cells.repetitions_max}
        parts |= {f"'{name}'": len(values) for name, values in self._matrix.items()}
        large = sorted(parts.items(), key=lambda part: -part[1])
        product = " x ".join(f"{count} {part}" for part, count in large if count > 1)
        if self.plan.sample is not None and self.plan.sample < self.possible:
            product = f"'sample' of {self.possible}"
        raise BadRecord(
            f"the plan makes {self.total} jobs ({told(product, 150)}); it may make {JOBS_MAX}",
            hint="'sample: 500' takes 500 of them by the master seed; or divide the plan",
        )

    def _check_words(self, wildcards: Wildcards | None) -> None:
        for branch in self._branches:
            for text in branch.prompting.every_text():
                if wildcards is not None:
                    wildcards.check(text)
                elif self.plan.wildcards is None:
                    Wildcards.refuse_any(text)

    @property
    def _uses_chance(self) -> bool:
        slots = [one.prompting.source.slots for one in self._branches]
        seeds = [one.seeds for one in self._branches]
        return (
            self.total < self.possible
            or bool(self.plan.wildcards)
            or any(one and one.mode == "random" for one in slots)
            or any(one and not one.given and one.first is None for one in seeds)
        )

    def _find_notes(self) -> Iterator[str]:
        if self.plan.seed is None and self._uses_chance:
            yield f"no 'seed': the master seed is {self.master}, derived from the plan's own text"
        if self.total < self.possible:
            yield f"a sample: {self.total} of {self.possible} jobs"
        elif self.plan.sample is not None:
            yield f"no sample: there are only {self.possible} jobs"
        for branch in self._branches:
            source = branch.prompting.source
            known = branch.prompting.filled
            texts = branch.prompting.texts
            left = sorted({name for text in texts for name in SLOT.findall(text)} - known)
            if left:
                where = f"of '{source.label}'" if source.label else "of the base"
                yield f"prompts {where} keep [[{']], [['.join(left[:5])}]] as they stand: no values"
            if branch.prompting.repeats_some:
                yield "a prompt of the matrix without a slot is made again for each of the slots' values"
            if branch.needs_inputs:
                yield "the jobs change images and name none: attach them (--attach FILE)"

    def _find_facts(self, files: Files) -> Json:
        varies: Json = {name: _cuts(values) for name, values in self._matrix.items()}
        seeds = self._branches[0].seeds
        if seeds is not None:
            varies["seed"] = [seeds.at(n) for n in range(min(seeds.count, VALUES_TOLD_MAX))]
        packs = [
            {"pack": one.label, "rows": _ranges([n for n, _ in one.prompting.source.rows])}
            for one in self._branches
            if one.label
        ]
        facts: Json = {
            "schema": PLAN_SCHEMA,
            "name": self.name,
            "plan_sha256": self._digest,
            "files": files.digests(),
            "total": self.total,
            "possible": self.possible,
            "order": self.plan.order,
            "master_seed": self.master,
            "varies": varies,
            "packs": packs,
            "learning": self._experiment,
            "learning_plan": _plan_told(self._learning) if self._learning else None,
        }
        return {key: value for key, value in facts.items() if value is not None}


def _plan_told(plan: LearningPlan) -> Json:
    """A learning plan in StableNew's words, as a group keeps it."""
    facts: Json = {"mode": plan.mode, "stage": plan.stage}
    if plan.variables:
        facts["variables"] = {name: _cuts(values) for name, values in plan.variables.items()}
    else:
        facts |= {
            "target_variable": plan.target_variable,
            "sweep_values": _cuts(plan.sweep_values),
        }
    metadata = itertools.islice(plan.metadata.items(), VALUES_TOLD_MAX)
    return facts | {
        "images_per_step": plan.images_per_step,
        "metadata": {key: _cut(value) for key, value in metadata},
    }


def _cuts(values: Sequence[Any]) -> list[Any]:
    return [_cut(value) for value in values[:VALUES_TOLD_MAX]]


def _cut(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A value as a group keeps it: long texts, as prompts are, by their beginning."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return value if len(text) <= VALUE_CHARS_MAX else told(text, VALUE_CHARS_MAX)


def _ranges(numbers: list[int]) -> str:
    """Rows as a plan names them: ``0, 2-4``."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in found)
