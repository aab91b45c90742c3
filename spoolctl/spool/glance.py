"""Glancing: reading one job for people, where what cannot be read is told and stops nothing. Reads only.

Guarantees: nothing is decided by what is read here.
"""

import errno

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.layout import Location
from spoolctl.spool.looking import Decisions, decisions
from spoolctl.spool.names import is_legal
from spoolctl.spool.records import RECORD_BYTES_MAX, Job
from spoolctl.spool.submit import parse_job


def is_known(actor: Actor, name: str) -> bool:
    """True if something is decided about a job of this very name."""
    if not is_legal(name):
        return False
    decided = decided_if_readable(actor, name)
    return decided is None or bool(decided.pinned or decided.highest or decided.pruned)


def job_of(
    actor: Actor, name: str, locations: tuple[Location, ...]
) -> tuple[Job | None, str | None]:
    """The job's record, the pinned one if there is one, or why it cannot be read."""
    problem = None
    for path in (layout.pinned_record(name), *(one.path for one in locations)):
        try:
            return parse_job(bytes_of(actor, path)), None
        except FileNotFoundError:
            continue
        except BadRecord as error:
            problem = f"cannot read '{path}': {error}"
    return None, problem


def decided_if_readable(actor: Actor, name: str) -> Decisions | None:
    """What is decided; ``None`` if something is, but cannot be read."""
    try:
        return decisions(actor, name)
    except BadRecord as error:
        actor.log("overview.unreadable", job=name, error=str(error))
        return None


def bytes_of(actor: Actor, path: str) -> bytes:
    """A file's bytes. Raises BadRecord if it can be no record, OSError if the share did not tell."""
    try:
        return actor.files.read(path, bytes_max=RECORD_BYTES_MAX)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise BadRecord(f"'{path}' has more than {RECORD_BYTES_MAX} bytes") from None
        if error.errno in (errno.ELOOP, errno.EISDIR):
            raise BadRecord(f"'{path}' is no regular file") from None
        raise
