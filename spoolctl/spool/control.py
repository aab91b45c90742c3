"""Requests by people to workers: drain (finish what runs, then stop) and pause (claim nothing until told otherwise).

A request lies in ``control/`` and names the session that it is for, so that a worker which was restarted does not obey an old one. The
newest request of a kind replaces the one before.
"""

from typing import Literal

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import BadRecord, NoSuchJob
from spoolctl.spool.looking import read_record
from spoolctl.spool.publish import replace_own
from spoolctl.spool.records import REQUEST_SCHEMA, Heartbeat, Request

Action = Literal["drain", "pause"]
ACTIONS: tuple[Action, ...] = ("drain", "pause")


def ask(actor: Actor, worker: str, action: Action, *, message: str | None = None) -> Request:
    """Ask the session that *worker* runs now.

    Raises:
        NoSuchJob: No worker of that name has ever written a heartbeat here.
        OSError: The share did not answer.
    """
    try:
        beat = read_record(actor, Heartbeat, layout.node_heartbeat(worker))
    except FileNotFoundError:
        raise NoSuchJob(
            f"no worker '{worker}' in this spool", hint="'spoolctl nodes' lists them"
        ) from None
    request = Request(
        schema_=REQUEST_SCHEMA,
        action=action,
        target=worker,
        session=beat.session,
        by=actor.name,
        at=actor.utc_now(),
        message=message,
    )
    replace_own(actor, layout.request(worker, action), codec.encode(request))
    actor.log(f"{action}.asked", worker=worker, session=beat.session)
    return request


def take_back(actor: Actor, worker: str) -> bool:
    """Remove every request to a worker; True if there was one. Raises OSError if the share did not answer."""
    there = False
    for action in ACTIONS:
        try:
            actor.files.unlink(layout.request(worker, action))
            there = True
        except FileNotFoundError:
            continue
    actor.log("resume.asked", worker=worker)
    return there


def asked(actor: Actor) -> frozenset[Action]:
    """What is asked of this very session. Raises OSError if the share did not answer."""
    entries = actor.files.names(layout.CONTROL)
    found: set[Action] = set()
    for action in ACTIONS:
        path = layout.request(actor.name, action)
        if path.rpartition("/")[2] not in entries:
            continue
        try:
            request = read_record(actor, Request, path)
        except FileNotFoundError:
            continue
        except BadRecord as error:
            actor.log("control.unreadable", path=path, error=str(error))
            continue
        if request.session in (None, actor.session):
            found.add(action)
    return frozenset(found)
