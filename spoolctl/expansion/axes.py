"""What varies beside prompts: the fields of a plan's matrix or learning plan, and its seeds, as places and values in one base.

Pure. Guarantees: every value was tried in the base alone, and is right there; a field that no base has is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spoolctl.expansion.paths import Fields, Path, refuse_wrong, with_value
from spoolctl.expansion.picks import drawn_seed
from spoolctl.spool import BadRecord, SeedRange, told

Json = dict[str, Any]
Change = tuple[Path, Any]


@dataclass(frozen=True)
class Axis:
    """One line of a matrix, in one base: what each of its values sets."""

    name: str
    values: Sequence[Any]
    changes: tuple[tuple[Change, ...], ...]


@dataclass(frozen=True)
class Seeds:
    """The seeds of repetitions; each is found when it is asked for."""

    count: int
    first: int | None
    step: int
    master: int
    given: Sequence[int] = ()

    def at(self, number: int) -> int:
        """The seed of one repetition."""
        if self.given:
            return self.given[number]
        if self.first is None:
            return drawn_seed(self.master, number)
        return self.first + number * self.step


def axes_of(
    fields: Fields, matrix: Mapping[str, Sequence[Any]], where: str, taken: Mapping[Path, str]
) -> tuple[Axis, ...]:
    """The matrix' lines in one base.

    Args:
        fields: The base's.
        matrix: Values by path. A name that is no path, and all of whose values are mappings of paths, sets several fields at once.
        where: What the plan calls it, for messages.
        taken: Places that something else sets, and what does.

    Raises:
        BadRecord: A path leads nowhere, a field may not have a value, or two lines set the same.
    """
    taken = dict(taken)
    found = []
    for name, values in matrix.items():
        field = f"{where}.{name}"
        changes = _changes(fields, name, values, field)
        for place in dict.fromkeys(place for one in changes for place, _ in one):
            if place in taken:
                raise BadRecord(
                    f"'{field}' sets what '{taken[place]}' sets already",
                    hint="leave one of them out",
                    field=field,
                )
            taken[place] = field
        found.append(Axis(name, values, changes))
    return tuple(found)


def seeds_of(
    said: SeedRange | tuple[int, ...] | None, loops: int, fields: Fields, master: int
) -> tuple[Path | None, Seeds | None, int]:
    """Where the seed stands, the seeds that the plan fixes, and how often each variant is made.

    Without ``seeds``, a base with a seed of its own counts up from it, so that no image is made twice; one without leaves
    each job's seed to its worker.
    """
    if said is None:
        if loops == 1:
            return None, None, 1
        place = fields.find("seed", "packs.loops")
        own = fields.has_value(place)
        if not isinstance(own, int) or own < 0:
            return None, None, loops
        return place, Seeds(loops, own, fields.images, master), loops
    place = fields.find("seed", "seeds")
    if isinstance(said, tuple):
        seeds = Seeds(len(said), None, 1, master, said)
    else:
        seeds = Seeds(said.count, said.from_, said.step or fields.images, master)
    for number in dict.fromkeys((0, seeds.count - 1)):
        fields.try_value(place, seeds.at(number), "seeds")
    return place, seeds, seeds.count


def _changes(
    fields: Fields, name: str, values: Sequence[Any], field: str
) -> tuple[tuple[Change, ...], ...]:
    try:
        place = fields.find(name, field)
    except BadRecord:
        if "." in name or not all(isinstance(one, Mapping) for one in values):
            raise
        changes = tuple(
            tuple((fields.find(str(path), field), value) for path, value in one.items())
            for one in values
        )
    else:
        changes = tuple(((place, value),) for value in values)
    for one in changes:
        if not one:
            raise BadRecord(f"'{field}': an empty mapping sets nothing", field=field)
        record = fields.base
        for place, value in one:
            record = with_value(record, place, value)
        refuse_wrong(record, field)
    return changes


def shown(value: object) -> str:
    """A value for people: short, on one line."""
    if isinstance(value, Mapping):
        return told(", ".join(f"{key} {one}" for key, one in value.items()), 60)
    return told(str(value), 60)
