"""``spoolctl tokens``: which tokens there are, and who holds them."""

from typing import Any

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption, SpoolOption, opened
from spoolctl.spool import Slot, slots


def tokens(spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """List the spool's tokens, their slots and who holds them."""
    actor = opened(spool)
    found = [
        _facts(slot) for token in sorted(actor.settings.tokens) for slot in slots(actor, token)
    ]
    rendering.answer({"slots": found}, lambda page: _page(page, found), as_json=as_json)


def _facts(slot: Slot) -> dict[str, Any]:
    held = None if slot.is_free else slot.last
    return {
        "token": slot.token,
        "slot": slot.number,
        "free": slot.is_free,
        "job": held.name if held else None,
        "attempt": held.attempt if held else None,
        "worker": held.worker if held else None,
        "since": held.at if held else None,
        "held_so_far": slot.count,
    }


def _page(page: rendering.Page, found: list[dict[str, Any]]) -> None:
    if not found:
        page.line("no tokens; spool.yaml may name some, like 'tokens: {nas: 1}'")
        return
    rows = [(one["token"], str(one["slot"]), *_held(one)) for one in found]
    page.table(("TOKEN", "SLOT", "HELD BY", "ATTEMPT", "WORKER"), rows, folds=("HELD BY",))


def _held(one: dict[str, Any]) -> tuple[str, str, str]:
    if one["free"]:
        return ("", "", "")
    if one["job"] is None:
        return ("unreadable: see fsck", "", "")
    return (one["job"], str(one["attempt"]), one["worker"])
