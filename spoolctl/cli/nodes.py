"""``spoolctl nodes``: every worker that has introduced itself, what it can do and whether it seems to live."""

from typing import Any

from spoolctl.cli import rendering
from spoolctl.cli.opening import JsonOption, SpoolOption, opened
from spoolctl.spool import nodes as known_nodes
from spoolctl.views import liveness
from spoolctl.views.plain import duration, plain

_MODELS_SHOWN = 20


def nodes(spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """List workers and controllers."""
    actor = opened(spool)
    known = []
    for name, (card, beat) in known_nodes(actor).items():
        seen = liveness.facts(actor, beat) if beat else None
        known.append({"name": name, "card": plain(card), "heartbeat": seen})

    def text(page: rendering.Page) -> None:
        if not known:
            page.line("no worker has introduced itself yet; start one with 'spoolworker run'")
            return
        columns = ("NAME", "STATE", "LAST BEAT", "GPU", "VRAM", "BACKEND")
        page.table(columns, [_row(one) for one in known], folds=("GPU",))
        resting = [
            (one["name"], one["heartbeat"]["rests"])
            for one in known
            if "rests" in (one["heartbeat"] or {})
        ]
        if resting:
            page.heading("resting")
            page.pairs(resting)
        kept = [(one["name"], "; ".join((one["card"] or {}).get("hours", ()))) for one in known]
        if any(hours for _, hours in kept):
            page.heading("hours, in each machine's own time")
            page.pairs((name, hours or "always") for name, hours in kept)
        having = [(one["name"], _models(one["card"])) for one in known if one["card"]]
        if having:
            page.heading("models")
            page.pairs(having)

    rendering.answer({"nodes": known}, text, as_json=as_json)


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    card, beat = one["card"] or {}, one["heartbeat"] or {}
    vram = f"{card['vram_gb']:g} GB" if "vram_gb" in card else ""
    return (
        one["name"],
        beat.get("shown_state", "no heartbeat"),
        duration(beat.get("age_s")),
        card.get("gpu", "") or ("controller" if beat.get("role") == "controller" else ""),
        vram,
        f"{card.get('backend', '')} {card.get('backend_version', '')}".strip(),
    )


def _models(card: dict[str, Any]) -> str:
    """The models in words, below the table because their names are long."""
    if "models" not in card:
        return "any"
    names = [model["name"] for model in card["models"]]
    more = len(names) - _MODELS_SHOWN
    return ", ".join(names[:_MODELS_SHOWN]) + (f" and {more} more" if more > 0 else "")
