"""Groups as documents: all of them as the index and their definitions tell, and one with its jobs.

What it costs: the list a read of each group's definitions; one group a listing of the state folders, and if nobody defined it a read of
every record that has not ended.
"""

from typing import Any

from spoolctl.groups import Member, Standing, standing_of
from spoolctl.index import GroupSums, Index, group_sums
from spoolctl.spool import (
    Actor,
    GroupDefinition,
    SpoolError,
    definitions_of,
    group_folder,
    group_folders,
    members_of,
)


class NoSuchGroup(SpoolError):
    """No job of that group is known."""

    exit_code = 20
    hint = "'spoolctl group list' lists the groups; jobs that name none are in that of their submission"


def group_list(actor: Actor, index: Index) -> list[dict[str, Any]]:
    """Every group: those of which nothing has ended yet first, then by their last end.

    Raises:
        OSError: The share did not tell.
    """
    defined = _defined(actor)
    known = {one.group: one for one in group_sums(index.connection)}
    order = [name for name in defined if name not in known] + list(known)
    return [_row(name, defined.get(name), known.get(name)) for name in order]


def known_standing(
    actor: Actor, index: Index, name: str, *, open_records: bool = False
) -> Standing:
    """How a group stands; records that wait are opened for one that nobody defined, or if *open_records* says so.

    Raises:
        NoSuchGroup: Nothing is known of it.
        OSError: The share did not tell.
    """
    standing = standing_of(actor, index, name, open_records=open_records)
    if not standing.definitions and not open_records:
        standing = standing_of(actor, index, name, open_records=True)
    if not standing.members:
        raise NoSuchGroup(f"no group '{name}' in this spool")
    return standing


def group_document(index: Index, standing: Standing) -> dict[str, Any]:
    """One group, with its jobs in the order of the plan."""
    sums = next(iter(group_sums(index.connection, standing.group)), None)
    return {
        "group": standing.group,
        "folder": f"groups/{group_folder(standing.group)}",
        "open": standing.is_open,
        "counts": standing.counts,
        "images": sums.images if sums else 0,
        "rated": sums.rated if sums else 0,
        "picked": sums.picked if sums else 0,
        "gpu_s": round(sums.seconds, 3) if sums else 0.0,
        "plan": next((one.plan for one in standing.definitions if one.plan), {}),
        "jobs": [_facts(one) for one in standing.members],
    }


def _defined(actor: Actor) -> dict[str, list[GroupDefinition]]:
    found: dict[str, list[GroupDefinition]] = {}
    for folder in group_folders(actor):
        for one in definitions_of(actor, folder):
            found.setdefault(one.group, []).append(one)
    return found


def _row(
    name: str, definitions: list[GroupDefinition] | None, sums: GroupSums | None
) -> dict[str, Any]:
    return {
        "group": name,
        "jobs": len(members_of(definitions)) if definitions is not None else None,
        "ended": sums.ended if sums else 0,
        "succeeded": sums.succeeded if sums else 0,
        "failed": sums.failed if sums else 0,
        "cancelled": sums.cancelled if sums else 0,
        "images": sums.images if sums else 0,
        "rated": sums.rated if sums else 0,
        "picked": sums.picked if sums else 0,
        "last_end": sums.last_end if sums else None,
    }


def _facts(one: Member) -> dict[str, Any]:
    end = one.end
    facts: dict[str, Any] = {"job": one.name, "state": one.state}
    if end is not None:
        facts |= {
            "verdict": end.verdict, "code": end.code, "attempts": end.attempts, "worker": end.worker,
            "seconds": end.seconds, "images": end.images, "ended": end.ended,
        }  # fmt: skip
    return facts
