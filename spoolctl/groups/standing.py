"""How a group stands: its jobs in the order of their plan, and for each where its record lies or how it ended.

Guarantees: a job that lies in a state folder is told by that folder, which is the truth; one that lies in none is told by the history if
it ended (retention took its record), else as ``gone``. Does not guarantee that a dropped file which names the group is among its jobs
before it has ended, unless ``open_records`` is asked for, which opens every record that waits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spoolctl.index import Index, JobEnd, job_ends
from spoolctl.spool import (
    OPEN,
    Actor,
    GroupDefinition,
    MemberState,
    State,
    definitions_of,
    group_folder,
    member_states,
    members_of,
)
from spoolctl.spool.overview import in_group

_MAY_RUN = (State.QUEUE, State.WAITING, State.HELD, State.CLAIMED)
_ENDS: dict[str, MemberState] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "lost": "failed",
    "cancelled": "cancelled",
}


@dataclass(frozen=True)
class Member:
    """One job of a group."""

    name: str
    state: MemberState
    end: JobEnd | None
    """Its last end, as far as it was merged; of a job that was retried the end before."""

    @property
    def is_open(self) -> bool:
        """True while it has not ended."""
        return self.state in OPEN


@dataclass(frozen=True)
class Standing:
    """One group."""

    group: str
    members: tuple[Member, ...]
    definitions: tuple[GroupDefinition, ...]

    @property
    def counts(self) -> dict[MemberState, int]:
        """How many jobs are in each state; those in which none is are left out."""
        found: dict[MemberState, int] = {}
        for one in self.members:
            found[one.state] = found.get(one.state, 0) + 1
        return found

    @property
    def is_open(self) -> bool:
        """True while a job of it has not ended."""
        return any(one.is_open for one in self.members)


def standing_of(actor: Actor, index: Index, group: str, *, open_records: bool = False) -> Standing:
    """How *group* stands; no members if nothing is known of it.

    Args:
        actor: Who asks.
        index: Refreshed by the caller.
        group: Its label, or the shelf of its jobs' names.
        open_records: Also look for jobs of it that nobody defined, among all that have not ended.

    Raises:
        OSError: The share did not tell.
    """
    definitions = tuple(
        one for one in definitions_of(actor, group_folder(group)) if one.group == group
    )
    ends = {one.name: one for one in job_ends(index.connection, group)}
    names = members_of(definitions)
    names |= dict.fromkeys(sorted(ends))
    if open_records:
        names |= dict.fromkeys(sorted(one.name for one in in_group(actor, group, _MAY_RUN)))
    lying = member_states(actor, names)
    if missed := [name for name in names if name not in lying]:
        # A record that moves between two listings is in neither: a retry made a group look ended for a moment.
        lying |= member_states(actor, missed)
    states = states_with_ends(names, lying, ends)
    members = tuple(Member(name, states[name], ends.get(name)) for name in names)
    return Standing(group, members, definitions)


def states_with_ends(
    names: Iterable[str], lying: Mapping[str, MemberState], ends: Mapping[str, JobEnd]
) -> dict[str, MemberState]:
    """Where each of *names* lies, or else how it ended."""
    return {name: lying.get(name) or _ended(ends.get(name)) for name in names}


def _ended(end: JobEnd | None) -> MemberState:
    return _ENDS.get(end.verdict, "gone") if end else "gone"
