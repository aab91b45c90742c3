"""Requests by people to workers: drain (finish what runs, then stop) and pause (claim nothing until told otherwise).

A request lies in ``control/``. A drain names the session that it is for, so that a worker which was restarted does not obey an old one; a
pause is for whoever bears the name, so that no restart ends it. The newest request of a kind replaces the one before.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import BadRecord, NoSuchJob
from spoolctl.spool.looking import read_record
from spoolctl.spool.publish import replace_own
from spoolctl.spool.records import REQUEST_SCHEMA, Heartbeat, Request

Action = Literal["drain", "pause"]
ACTIONS: tuple[Action, ...] = ("drain", "pause")


def ask(  # noqa: PLR0913 - what a request tells
    actor: Actor,
    worker: str,
    action: Action,
    *,
    message: str | None = None,
    now: bool = False,
    for_s: float | None = None,
) -> Request:
    """Ask *worker*: a drain the session that it runs now, a pause every life of it.

    Args:
        actor: Who asks.
        worker: Whom.
        action: What for.
        message: Why.
        now: Hand back the job in work, too, and do not finish it first.
        for_s: After so many seconds of the share's clock the request is void.

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
    until = None if for_s is None else _moment(actor.share_now_s() + for_s)
    request = Request(
        schema_=REQUEST_SCHEMA,
        action=action,
        target=worker,
        session=beat.session if action == "drain" else None,
        by=actor.name,
        at=actor.utc_now(),
        message=message,
        now=now or None,
        until=until,
    )
    replace_own(actor, layout.request(worker, action), codec.encode(request))
    actor.log(f"{action}.asked", worker=worker, session=beat.session, now=now)
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


def asked(actor: Actor) -> Mapping[Action, Request]:
    """What is asked of this very session, and still holds. Raises OSError if the share did not answer."""
    entries = actor.files.names(layout.CONTROL)
    found: dict[Action, Request] = {}
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
        if request.session in (None, actor.session) and not _is_over(actor, request):
            found[action] = request
    return found


def _is_over(actor: Actor, request: Request) -> bool:
    return request.until is not None and request.until.timestamp() <= actor.share_now_s()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds), tz=UTC)
