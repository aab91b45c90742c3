"""Remembering what was found: one record for each machine, ``nodes/<machine>.doctor.yaml``.

For people and other programs; nothing in the protocol reads it, and it may be removed at any time.
"""

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.doctor.peer import Met
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.looking import read_record
from spoolctl.spool.names import slug
from spoolctl.spool.publish import replace_own
from spoolctl.spool.records import DOCTOR_SCHEMA, Diagnosis, Finding, Meeting
from spoolctl.spool.version import VERSION

MEETINGS_MAX = 32


def path_of(machine: str) -> str:
    """Where a machine's diagnosis lies."""
    return f"{layout.NODES}/{slug(machine, chars_max=40) or 'machine'}.doctor.yaml"


def remember(actor: Actor, findings: list[Finding], met: Met | None) -> str:
    """Write what this machine found, keeping its last meeting with each other machine; returns the path.

    Raises:
        OSError: The share did not take it.
    """
    machine, path, now = (
        actor.host.machine or "machine",
        path_of(actor.host.machine),
        actor.utc_now(),
    )
    meetings = {one.machine: one for one in _former(actor, path)}
    if met is not None and met.machine:
        meetings.pop(met.machine, None)
        meetings[met.machine] = Meeting(machine=met.machine, at=now, findings=tuple(met.findings))
    diagnosis = Diagnosis(
        schema_=DOCTOR_SCHEMA, machine=machine, version=VERSION, by=actor.name, at=now,
        findings=tuple(findings), meetings=tuple(meetings.values())[-MEETINGS_MAX:],
    )  # fmt: skip
    replace_own(actor, path, codec.encode(diagnosis))
    return path


def _former(actor: Actor, path: str) -> tuple[Meeting, ...]:
    try:
        return read_record(actor, Diagnosis, path).meetings
    except FileNotFoundError:
        return ()
    except BadRecord as error:
        actor.log("doctor.unreadable", file=path, error=str(error))
        return ()
