"""Paths to a job's fields, as a plan names them, and setting what they lead to.

Pure. A path's first word says where it begins; the four kinds have no word in common:

 - ``cfg_scale``: a field of the chain's first stage that samples (of another kind of workload: of that; ComfyUI's named inputs and the
   ``arguments`` of a command too);
 - ``upscale.factor``: a field of the stage of that name, of which there is one;
 - ``stages.2.factor``: a field of a stage by its number, from 0;
 - ``requires.vram_gb``, ``workload.stages.2.factor``: anything in the record, from its top.

Guarantees: a path that leads nowhere is refused with the near ones named; what was given is never changed, a changed copy shares the rest.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from spoolctl.spool import STAGE_NAMES, BadRecord, Job, from_mapping, stages_of, told

Json = dict[str, Any]
Path = tuple[str | int, ...]
_THE_PLANS = frozenset({"schema", "group", "randomizer"})
"""What the plan itself says in every job."""
_SAMPLING = frozenset(STAGE_NAMES) - {"upscale"}


class Fields:
    """The fields of one base.

    Args:
        base: A job record, which may lack its prompt.
    """

    def __init__(self, base: Json) -> None:
        self.base = base
        self.job = from_mapping(Job, base)
        known = {field.alias or name for name, field in Job.model_fields.items()}
        self._top = known - _THE_PLANS
        workload: Json = base["workload"]
        self._chain: list[str] = [one["stage"] for one in workload.get("stages", ())]
        self._short = self._short_words(workload)

    def find(self, path: str, where: str) -> Path:
        """The place in the record that a path of a plan means.

        Raises:
            BadRecord: It leads nowhere, as far as its first word tells; the rest shows when a value is tried.
        """
        first, *rest = path.split(".")
        if first in self._top:
            found: Path = (first, *rest)
        elif first == "stages" and self._chain:
            found = ("workload", "stages", *rest)
        elif first in self._chain:
            found = ("workload", "stages", self._only(first, path, where), *rest)
        elif first in self._short:
            found = (*self._short[first], *rest)
        else:
            raise self._nowhere(path, first, where)
        return tuple(self._numbered(found, path, where))

    def find_if_any(self, path: str) -> Path | None:
        """The place that a path means; None if it leads nowhere."""
        try:
            return self.find(path, path)
        except BadRecord:
            return None

    def try_value(self, place: Path, value: object, where: str) -> None:
        """Refuse a value that the field may not have; errors as for ``refuse_wrong``."""
        refuse_wrong(with_value(self.base, place, value), where)

    def has_value(self, place: Path) -> object:
        """What stands at a place of the base; None if nothing does."""
        here: Any = self.base
        for key in place:
            try:
                here = here[key]
            except (KeyError, IndexError, TypeError):
                return None
        return here

    @property
    def images(self) -> int:
        """How many seeds one job takes: image i has seed + i."""
        count = getattr(stages_of(self.job)[0], "count", 1)
        return count if isinstance(count, int) else 1

    def _short_words(self, workload: Json) -> dict[str, Path]:
        if not self._chain:
            words: dict[str, Path] = {
                name: ("workload", name) for name in type(self.job.workload).model_fields
            }
            words |= {
                name: ("workload", "arguments", name) for name in workload.get("arguments", ())
            }
            named = workload.get("inputs", ()) if workload["kind"] == "comfyui" else ()
            return words | {name: ("workload", "inputs", name, "value") for name in named}
        number = next((i for i, name in enumerate(self._chain) if name in _SAMPLING), 0)
        fields = type(stages_of(self.job)[number]).model_fields
        return {name: ("workload", "stages", number, name) for name in fields if name != "stage"}

    def _only(self, stage: str, path: str, where: str) -> int:
        if self._chain.count(stage) > 1:
            rest = path.partition(".")[2]
            numbers = [f"'stages.{i}.{rest}'" for i, n in enumerate(self._chain) if n == stage]
            raise BadRecord(
                f"'{where}': the base has {len(numbers)} stages '{stage}'",
                hint=f"say which: {', '.join(numbers)}",
                field=where,
            )
        return self._chain.index(stage)

    def _numbered(self, place: Path, path: str, where: str) -> Iterable[str | int]:
        """The place with the numbers of list items as numbers, and no item that is not there."""
        here: Any = self.base
        for key in place:
            if isinstance(here, list):
                is_number = isinstance(key, int) or key.isdecimal()
                if not is_number or int(key) >= len(here):
                    there = f"0 to {len(here) - 1}" if here else "none"
                    raise BadRecord(
                        f"'{where}': '{told(path, 80)}' leads nowhere: there is no item '{key}'",
                        hint=f"the items are {there}",
                        field=where,
                    )
                key = int(key)  # noqa: PLW2901 - a list's item
                here = here[key]
            else:
                here = here.get(key) if isinstance(here, Mapping) else None
            yield key

    def _nowhere(self, path: str, first: str, where: str) -> BadRecord:
        known = sorted(
            {*self._short, *self._chain, *self._top, *(("stages",) if self._chain else ())}
        )
        near = difflib.get_close_matches(first[:80], known, n=3, cutoff=0.6)
        if first in STAGE_NAMES:
            hint = (
                f"the base has the stages {', '.join(self._chain) or 'of another kind of workload'}"
            )
        elif near:
            hint = f"did you mean {' or '.join(repr(one) for one in near)}?"
        else:
            hint = f"it begins with a field ({', '.join(sorted(self._short)[:6])}, ...) or a stage's name"
        return BadRecord(f"'{where}': '{told(path, 80)}' leads nowhere", hint=hint, field=where)


def with_value(record: Json, place: Path, value: object) -> Json:
    """The record with a value set; folders of it that are not there are made."""
    made: Any = _set(record, place, value)
    return dict(made)


def refuse_wrong(record: Json, where: str) -> Job:
    """The record as a job.

    Raises:
        BadRecord: What is wrong in it, with the part of the plan that put it there.
    """
    try:
        return from_mapping(Job, record)
    except BadRecord as error:
        raise BadRecord(f"'{where}': {error}", hint=error.hint, field=where) from None


def _set(here: Any, place: Path, value: object) -> Any:  # noqa: ANN401 - JSON
    if not place:
        return value
    key, *rest = place
    if isinstance(here, list):
        items = list(here)
        items[int(key)] = _set(items[int(key)], tuple(rest), value)
        return items
    below = here if isinstance(here, Mapping) else {}
    return {**below, str(key): _set(below.get(str(key)), tuple(rest), value)}
