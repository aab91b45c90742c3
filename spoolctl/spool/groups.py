"""Groups: who belongs to one, in which order, and how each of its jobs stands.

A job's group is its record's ``group``, or the shelf of its name (``names.group_of``). Whoever has submitted several jobs publishes the
group's *definition* behind them: their names in the order of the plan. Several submissions to one group have a definition each. Files that
a person or a GUI drops have none: they are known as members once they have ended, or to whoever opens the records.

Guarantees: a definition, once published, never changes, and its jobs were submitted; a group's folder is the same for every actor. Does
not guarantee that a submission has one: its process may end between the two. (Published first, it would name jobs that never came.)
"""

import hashlib
from collections.abc import Iterable

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import BadRecord, ShareUnusable
from spoolctl.spool.layout import State
from spoolctl.spool.looking import find_each
from spoolctl.spool.names import fold, is_ignored, is_legal, shelf, slug
from spoolctl.spool.publish import Outcome, ensure_folder, publish_once
from spoolctl.spool.records import (
    GROUP_SCHEMA,
    RECORD_BYTES_MAX,
    GroupDefinition,
    MemberState,
    Series,
)
from spoolctl.spool.records.base import JsonObject

_SLUG_CHARS = 60
_STATES: dict[State, MemberState] = {
    State.QUEUE: "queued",
    State.WAITING: "waiting",
    State.HELD: "held",
    State.CLAIMED: "running",
    State.FINISHED: "succeeded",
    State.DONE: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}


def group_folder(group: str) -> str:
    """What a group's folder in ``groups/`` is called: its label, if that is a legal name on every system, else a form of it.

    A label may hold any character, and two labels may differ in case only, which one folder name cannot.
    """
    if len(group) <= _SLUG_CHARS and fold(group) == group and is_legal(group):
        return group
    token = hashlib.sha256(group.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{slug(group, chars_max=_SLUG_CHARS)}~{token}"


def define_group(
    actor: Actor, group: str, names: list[str], *, plan: JsonObject | None = None
) -> str:
    """Publish the definition of jobs that were just submitted; its path.

    Args:
        actor: Who submitted them.
        group: The group's label, or the shelf of the jobs' names.
        names: The jobs' names, in the order of the plan.
        plan: What their plan says of itself; small.

    Raises:
        ShareUnusable: The share does not say whether it was published.
        OSError: Nothing was published.
    """
    path = layout.group_definition(group_folder(group), names[0])
    definition = GroupDefinition(
        schema_=GROUP_SCHEMA, group=group, jobs=series_of(names), by=actor.name, at=actor.utc_now(), plan=plan or {}
    )  # fmt: skip
    data = codec.encode(definition)
    for folder in (layout.GROUPS, layout.parent(path)):
        ensure_folder(actor, folder)
    if publish_once(actor, path, data) is not Outcome.WON:
        raise ShareUnusable(f"the share does not say whether '{path}' was published")
    return path


def series_of(names: Iterable[str]) -> tuple[Series | str, ...]:
    """Names in their order, those that count up as one."""
    found: list[Series | str] = []
    for name in names:
        number = name.rpartition(".")[2]
        counts = number.isascii() and number.isdigit() and len(number) < 10 and name != number  # noqa: PLR2004 - Series' digits
        one = (
            Series(shelf=shelf(name), first=int(number), count=1, digits=len(number))
            if counts
            else name
        )
        last = found[-1] if found else None
        if isinstance(one, Series) and isinstance(last, Series) and _goes_on(last, one):
            found[-1] = last.model_copy(update={"count": last.count + 1})
        else:
            found.append(one)
    return tuple(found)


def _goes_on(last: Series, one: Series) -> bool:
    return (last.shelf, last.first + last.count, last.digits) == (one.shelf, one.first, one.digits)


def definitions_of(actor: Actor, folder: str) -> list[GroupDefinition]:
    """The definitions in one folder of ``groups/``, in the order of submission; none if there is no such folder.

    One that cannot be read is logged and left out.

    Raises:
        OSError: The share did not tell.
    """
    try:
        entries = actor.files.names(f"{layout.GROUPS}/{folder}")
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = []
    for entry in sorted(entries):
        if not layout.is_group_definition(entry) or is_ignored(entry):
            continue
        path = f"{layout.GROUPS}/{folder}/{entry}"
        try:
            found.append(
                codec.decode(GroupDefinition, actor.files.read(path, bytes_max=RECORD_BYTES_MAX))
            )
        except (BadRecord, FileNotFoundError) as error:
            actor.log("group.unreadable", path=path, error=str(error))
    return sorted(found, key=lambda one: one.at)


def group_folders(actor: Actor) -> list[str]:
    """The folders in ``groups/``. Raises OSError if the share did not tell."""
    try:
        return sorted(entry for entry in actor.files.names(layout.GROUPS) if not is_ignored(entry))
    except FileNotFoundError:  # made by the first submission
        return []


def members_of(definitions: Iterable[GroupDefinition]) -> dict[str, None]:
    """The jobs of these definitions, each once, in their order."""
    return {name: None for one in definitions for name in one.members}


def member_states(actor: Actor, names: Iterable[str]) -> dict[str, MemberState]:
    """How each of these jobs stands, by one look at all folders; a job that lies in none is left out.

    A record that moves between two listings may be in neither, or in both; the later folder of its life counts.

    Raises:
        OSError: The share did not tell.
    """
    order = list(_STATES)
    found: dict[str, State] = {}
    for location in find_each(actor, frozenset(names)):
        state = location.place.state
        known = found.get(location.name, state)
        found[location.name] = max(known, state, key=order.index)
    return {name: _STATES[state] for name, state in found.items()}
