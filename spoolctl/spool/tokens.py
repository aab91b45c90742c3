"""Tokens: how many jobs of a kind run at once, in the whole spool (``tokens`` in ``spool.yaml``, ``requires.tokens`` in a record).

A token has as many slots as the settings say, and each slot a row of holders, ``tokens/<token>/<slot>/h1.yaml``, ``h2.yaml``, ...: each is
published once and names an attempt. *Holder k+1 may be published only by who has read the verdict on the attempt that holder k names*; so
nobody gives a token back: the verdict does, whoever writes it, and a dead worker's token is free when its attempt is reaped.

A token is taken *after* its attempt, which is therefore there, and comes to its verdict by itself, wherever its owner dies. Who finds the
slots taken meanwhile ends the attempt as ``returned``.

Guarantees: of the attempts that hold one slot at most one has no verdict. Does not guarantee who is next, nor that a worker which was cut
off has stopped when its token is free (as for attempts: two runs at once).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.looking import attempt, decisions, read_record
from spoolctl.spool.publish import Outcome, ensure_folder, publish_once
from spoolctl.spool.records import HOLDER_SCHEMA, Holder, Job

HOLDERS_KEPT = 100
"""So many of a slot's last holders stay; who looked so long ago that more came since must look again, and does (``_is_last``)."""


@dataclass(frozen=True)
class Slot:
    """One slot of a token, as its folder shows it."""

    token: str
    number: int
    count: int = 0
    """How many have held it so far."""
    last: Holder | None = None
    is_free: bool = True


def slots(actor: Actor, token: str) -> Iterator[Slot]:
    """All slots of a token, one look at each; none for a token that the settings do not know.

    Raises:
        OSError: The share did not tell.
    """
    for number in range(1, actor.settings.tokens.get(token, 0) + 1):
        yield _slot(actor, token, number)


def lacking(actor: Actor, job: Job) -> str | None:
    """The first token that *job* requires and that nobody can take now, to be asked before its attempt is made; errors as for ``slots``."""
    tokens = sorted(set(job.requires.tokens))
    return next((one for one in tokens if not any(s.is_free for s in slots(actor, one))), None)


def take_all(actor: Actor, job: Job, name: str, number: int) -> str | None:
    """Take all tokens that *job* requires for an attempt that this actor has just made.

    Always in the order of their names, and waiting for none: whoever lacks one ends the attempt, which frees the others.

    Returns:
        None, or the token that could not be taken: the attempt must end now, for it may hold some.

    Raises:
        OSError: The share did not tell; the same.
    """
    tokens = sorted(set(job.requires.tokens))
    return next((one for one in tokens if not _take_one(actor, one, name, number)), None)


def waits_for(actor: Actor, job: Job) -> str | None:
    """For people: which token keeps *job* from running now, and who holds it; errors as for ``slots``."""
    token = lacking(actor, job)
    if token is None:
        return None
    known = actor.settings.tokens
    if token not in known:
        return f"token '{token}', which spool.yaml does not know ({told_tokens(known)})"
    held = ", ".join(f"'{one.last.name}'" if one.last else "?" for one in slots(actor, token))
    return f"token '{token}', held by {held}"


def told_tokens(known: dict[str, int]) -> str:
    """The tokens of a spool in words."""
    return "it knows " + ", ".join(f"'{one}'" for one in sorted(known)) if known else "it has none"


def _slot(actor: Actor, token: str, number: int) -> Slot:
    count = max(_holders(actor, token, number), default=0)
    if count == 0:
        return Slot(token, number)
    try:
        last = read_record(actor, Holder, layout.holder(token, number, count))
        return Slot(token, number, count, last, _has_ended(actor, last))
    except BadRecord as error:
        # Taken until a person mends it: who holds it, or whether that has ended, is not known.
        actor.log("token.unreadable", token=token, slot=number, error=str(error))
        return Slot(token, number, count, is_free=False)


def _holders(actor: Actor, token: str, number: int) -> list[int]:
    try:
        entries = actor.files.names(layout.token_slot(token, number))
    except FileNotFoundError:
        return []
    return [n for entry in entries if (n := layout.holder_number(entry)) is not None]


def _has_ended(actor: Actor, held: Holder) -> bool:
    """True only on a verdict that was read. The attempt was made before its holder, so one that is not there is unseen, or was pruned."""
    try:
        if not attempt(actor, held.name, held.attempt).is_open:
            return True
    except FileNotFoundError:
        pass
    pruned = decisions(actor, held.name).pruned
    return pruned is not None and pruned.attempt >= held.attempt


def _take_one(actor: Actor, token: str, name: str, number: int) -> bool:
    for slot in slots(actor, token):
        if slot.is_free and _publish(actor, slot, name, number):
            actor.log("token.taken", token=token, slot=slot.number, job=name, attempt=number)
            return True
    return False


def _publish(actor: Actor, slot: Slot, name: str, number: int) -> bool:
    path = layout.holder(slot.token, slot.number, slot.count + 1)
    holder = Holder(
        schema_=HOLDER_SCHEMA,
        token=slot.token,
        name=name,
        attempt=number,
        by=actor.session,
        worker=actor.name,
        at=actor.utc_now(),
    )
    data = codec.encode(holder)
    try:
        outcome = publish_once(actor, path, data)
    except FileNotFoundError:  # the first holder of this slot
        for folder in (layout.TOKENS, f"{layout.TOKENS}/{slot.token}", layout.parent(path)):
            ensure_folder(actor, folder)
        outcome = publish_once(actor, path, data)
    return outcome is Outcome.WON and _is_last(actor, slot)


def _is_last(actor: Actor, slot: Slot) -> bool:
    """True if the holder just published is seen, and none above it: one that was removed as old could be published anew."""
    mine = slot.count + 1
    there = _holders(actor, slot.token, slot.number)
    if max(there, default=0) != mine:
        actor.log(
            "token.unsure",
            token=slot.token,
            slot=slot.number,
            holder=mine,
            last=max(there, default=0),
        )
        return False
    for old in sorted(there)[:-HOLDERS_KEPT]:
        try:
            actor.files.unlink(layout.holder(slot.token, slot.number, old))
        except OSError as error:
            actor.log("token.not_tidied", token=slot.token, slot=slot.number, error=str(error))
    return True
