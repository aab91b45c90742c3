"""Who holds a worker's name: one process for each name, found out without trusting a lock.

The caller holds the filelock ``locks/worker-<name>.lock`` first, which settles it at once between two processes that see each other's
locks. This module settles the rest by the heartbeat in ``nodes/``: it asks ``holder`` until it gets an answer.

Guarantees: no two clocks are compared. Does not guarantee exclusion against a worker that was cut off for longer than the watch;
the protocol does not need it, since sessions differ: a name held twice only confuses people.
"""

from dataclasses import dataclass
from enum import Enum

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import BadRecord, FormatNotUnderstood, NameTaken
from spoolctl.spool.looking import read_record
from spoolctl.spool.publish import replace_own
from spoolctl.spool.records import PROTOCOL_VERSION, Heartbeat, Node

WATCHED_BEATS = 3.5
"""For how many heartbeats a foreign holder's counter must stand still before its name is free."""


def introduce(actor: Actor, node: Node) -> None:
    """Write a worker's card; errors as for ``replace_own``."""
    replace_own(actor, layout.node_card(node.worker), codec.encode(node))


def refuse_other_protocol(actor: Actor) -> None:
    """Refuse to work in a spool where any worker's card names a newer protocol than this program speaks.

    Raises:
        FormatNotUnderstood: A card in ``nodes/`` names a version that this program does not speak.
        OSError: The share did not answer.
    """
    for entry in sorted(actor.files.names(layout.NODES)):
        if not entry.endswith(f".{layout.NODE_CARD}") or entry.startswith("."):
            continue
        try:
            node = read_record(actor, Node, f"{layout.NODES}/{entry}")
        except (BadRecord, FileNotFoundError) as error:
            actor.log("identity.unreadable", file=entry, error=str(error))
            continue
        if node.protocol > PROTOCOL_VERSION:
            raise FormatNotUnderstood(
                f"worker '{node.worker}' on '{node.machine}' speaks protocol {node.protocol}; "
                f"this program speaks {PROTOCOL_VERSION}",
                hint=f"upgrade this machine to version {node.version}, or remove '{layout.NODES}/{entry}' "
                "if that worker is gone for good",
            )


class Vacancy(Enum):
    """What is known of a name that nobody is seen to hold."""

    FREE = "free"
    UNKNOWN = "unknown"
    """A foreign heartbeat is there and has not stood still for long enough; ask again."""


@dataclass
class NameWatch:
    """Watches one worker's name until it is free, or held."""

    actor: Actor
    _seen: int | None = None
    _since_mono: float = 0.0

    def holder(self) -> Heartbeat | Vacancy:
        """Who holds the name: the heartbeat of a process that lives, or what is known otherwise.

        Raises:
            OSError: The share did not answer.
        """
        actor = self.actor
        try:
            path = layout.node_heartbeat(actor.name)
            beat = read_record(actor, Heartbeat, path)
        except FileNotFoundError:
            return Vacancy.FREE
        except BadRecord as error:
            actor.log("identity.unreadable", error=str(error))
            return Vacancy.FREE
        if beat.is_stopped or beat.session == actor.session:
            return Vacancy.FREE
        if beat.host_id == actor.host.host_id:
            if beat.boot_id != actor.host.boot_id:
                return Vacancy.FREE
            return beat if actor.is_alive(beat.pid, beat.started_s) else Vacancy.FREE
        now = actor.clock.mono()
        if self._seen is None:
            self._seen, self._since_mono = beat.counter, now
            return Vacancy.UNKNOWN
        if beat.counter != self._seen:
            return beat
        waited_s = now - self._since_mono
        free = waited_s >= WATCHED_BEATS * actor.settings.heartbeat_s
        return Vacancy.FREE if free else Vacancy.UNKNOWN


def refuse_holder(worker: str, holder: Heartbeat) -> NameTaken:
    """The error for a name that *holder* has."""
    return NameTaken(
        f"the worker name '{worker}' is held by process {holder.pid} on '{holder.machine}' "
        f"(session {holder.session}, last seen {holder.written_at:%Y-%m-%d %H:%M:%S}Z)",
        hint="give this worker another name (--name), or stop that one first",
    )
