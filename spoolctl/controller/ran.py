"""What a line of history tells of each attempt, for the figures: what was asked, on what it ran, how it went.

Pure, but for ``earlier_attempts``. A line tells of the attempt that ended the job and of those that failed or were lost before it, back to
the end before that, which has its own line. So every attempt that ran is told once, in a part that is published once.

Left out: what was cancelled, handed back or adopted, and what failed before its backend was asked for anything; it says nothing of how
long such work takes. An attempt whose worker died is told by its worker alone, for nobody else knows its card.
"""

from collections.abc import Iterable
from typing import Any

from spoolctl.scheduling.model_names import plain_name
from spoolctl.scheduling.work import Piece, Work, work_of
from spoolctl.spool import Actor, BadRecord, Job, Manifest, Verdict, attempt

EARLIER_MAX = 20
"""So many attempts before the last are told; budgets end most jobs far below."""

JsonObject = dict[str, Any]


def earlier_attempts(actor: Actor, manifest: Manifest) -> tuple[Manifest, ...]:
    """The verdicts on the attempts before *manifest*'s, back to the job's end before it; one round trip or two for each.

    Raises:
        OSError: The share did not tell.
    """
    found: list[Manifest] = []
    for number in range(manifest.attempt - 1, 0, -1):
        try:
            verdict = attempt(actor, manifest.name, number).verdict
        except (BadRecord, FileNotFoundError) as error:
            actor.log("history.unreadable", job=manifest.name, attempt=number, error=str(error))
            continue
        if verdict is None or verdict.final or len(found) >= EARLIER_MAX:
            break
        found.append(verdict)
    return tuple(reversed(found))


def ran(job: Job | None, manifests: Iterable[Manifest]) -> list[JsonObject]:
    """The facts on each attempt that says something.

    Args:
        job: The pinned record; ``None`` if it cannot be read: then nothing is known of what was asked.
        manifests: The verdicts.
    """
    try:
        work = work_of(job) if job else None
    except BadRecord:
        work = None
    if work is None:
        return []
    every = (_attempt(work, manifest) for manifest in manifests)
    return [told for told in every if told is not None]


def _attempt(work: Work, manifest: Manifest) -> JsonObject | None:
    if manifest.verdict not in (Verdict.SUCCEEDED, Verdict.FAILED, Verdict.LOST):
        return None
    if manifest.adopted_from is not None:
        return None
    seen = manifest.ran
    if seen is None and manifest.verdict is not Verdict.LOST:
        return None
    reported = manifest.backend.model if manifest.backend else None
    told: JsonObject = {
        "attempt": manifest.attempt,
        "day": manifest.day,
        "outcome": "" if manifest.succeeded else (manifest.code or manifest.verdict).value,
        "worker": manifest.worker,
        "model": work.model or (plain_name(reported) if reported else ""),
        "at_once": work.at_once,
        "stages": _stages(work, manifest),
    }
    if seen is not None:
        told |= seen.model_dump(exclude_none=True, exclude={"peak_of"})
    return told


def _stages(work: Work, manifest: Manifest) -> list[JsonObject]:
    """Each stage, and its seconds if the attempt tells: one that took over earlier stages tells those that it made itself."""
    timed = manifest.stages if manifest.succeeded else ()
    first = len(work.pieces) - len(timed)
    own = work.pieces[first:] if first >= 0 else ()
    if [piece.stage for piece in own] != [one.stage for one in timed]:
        timed, first = (), len(work.pieces)
    return [
        _stage(piece, timed[index - first].seconds if index >= first else None)
        for index, piece in enumerate(work.pieces)
    ]


def _stage(piece: Piece, seconds: float | None) -> JsonObject:
    told: JsonObject = {
        "stage": piece.stage,
        "units": float(f"{piece.units:.5g}"),
        "megapixels": float(f"{piece.megapixels:.5g}"),
    }
    return told | ({} if seconds is None else {"seconds": float(f"{seconds:.5g}")})
