"""How a heartbeat looks to somebody who looks once: for display, never for decisions.

Whether a worker lives can only be told by watching its counter. One look can but compare the moment that it wrote with this machine's
clock, so ages are "about", and a silent one bears a question mark. Only of a process on this very machine more is known.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from spoolctl.spool import Actor, Heartbeat, Node
from spoolctl.views.plain import duration, plain

SILENT = "silent?"
GONE = "gone"
STOPPED = "stopped"
_AT_WORK = frozenset({"idle", "running", "delivering", "waiting"})


def age_s(beat: Heartbeat, now: datetime) -> float:
    """Seconds since the heartbeat was written, by two clocks that may differ; never below 0."""
    return max(0.0, (now - beat.written_at).total_seconds())


def shown_state(actor: Actor, beat: Heartbeat) -> str:
    """The heartbeat's own state, or what is to be thought of it."""
    if beat.state == STOPPED:
        return STOPPED
    here = actor.host
    if (beat.host_id, beat.boot_id) == (here.host_id, here.boot_id):
        return beat.state if actor.is_alive(beat.pid, beat.started_s) else GONE
    silent = age_s(beat, actor.utc_now()) > actor.settings.lease_s
    return SILENT if silent else beat.state


def at_work(
    actor: Actor, known: Mapping[str, tuple[Node | None, Heartbeat | None]]
) -> dict[str, tuple[Node, Heartbeat]]:
    """Of everybody's cards and heartbeats, those of workers that take jobs now, as it seems."""
    return {
        name: (card, beat)
        for name, (card, beat) in known.items()
        if card is not None and beat is not None and beat.role == "worker"
        and shown_state(actor, beat) in _AT_WORK
    }  # fmt: skip


def facts(actor: Actor, beat: Heartbeat) -> dict[str, Any]:
    """A heartbeat as JSON, with what is to be thought of it."""
    age = round(age_s(beat, actor.utc_now()))
    return {**plain(beat), "shown_state": shown_state(actor, beat), "age_s": age}


def ago(age: float) -> str:
    """An age in words; "about", because two clocks were compared."""
    return f"about {duration(age)} ago"
