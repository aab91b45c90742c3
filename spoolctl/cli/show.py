"""``spoolctl show``: everything about one job."""

from typing import Any

from spoolctl.cli import rendering
from spoolctl.cli.opening import JobArgument, JsonOption, SpoolOption, opened
from spoolctl.cli.rendering import Page
from spoolctl.spool import (
    Actor,
    Attempt,
    BadRecord,
    Job,
    Manifest,
    TextWorkload,
    VramSeen,
    layout,
    stages_of,
)
from spoolctl.spool.overview import JobView, images_told, resolve, view
from spoolctl.spool.waiting import needed
from spoolctl.views import liveness
from spoolctl.views.plain import counted, duration, moment, size

_LOG_LINES_SHOWN = 15


def show(job: JobArgument, spool: SpoolOption = None, as_json: JsonOption = False) -> None:
    """Show one job, its attempts and their reasons."""
    actor = opened(spool)
    seen = view(actor, resolve(actor, job))
    rendering.answer(_document(actor, seen), lambda page: _page(page, actor, seen), as_json=as_json)


def _document(actor: Actor, seen: JobView) -> dict[str, Any]:
    waiting = seen.waiting
    return {
        "job": seen.name,
        "at": [one.path for one in seen.locations],
        "results": layout.results(seen.name),
        "pinned": seen.pinned,
        "problem": seen.problem,
        "record": seen.job,
        "waiting": {
            "until": waiting.until,
            "needs": waiting.need,
            "when": waiting.when,
            "is_there": waiting.is_there,
            "problem": waiting.problem,
        }
        if waiting
        else None,
        "lacks": seen.lacks,
        "approval": seen.approval,
        "heartbeat": liveness.facts(actor, seen.beat) if seen.beat else None,
        "attempts": [
            {
                "attempt": one.number,
                "open": one.is_open,
                "cancel_asked": one.cancel_asked,
                "closed": one.closed,
                "manifest": one.verdict,
            }
            for one in seen.attempts
        ],
        "pruned": seen.pruned,
    }


def _page(page: Page, actor: Actor, seen: JobView) -> None:
    page.line(seen.name, style="bold")
    page.pairs(
        [
            ("lies at", ", ".join(one.path for one in seen.locations) or "nowhere"),
            ("problem", seen.problem),
            ("waits", _waits(seen)),
            *(_record(seen.job) if seen.job else ()),
            ("approved", _approved(seen)),
            ("results", layout.results(seen.name) if seen.pinned or seen.attempts else None),
        ]
    )
    if seen.pruned is not None:
        page.line(
            f"retention removed it; attempt {seen.pruned.attempt} {seen.pruned.verdict} "
            f"on {seen.pruned.day}"
        )
    for attempt in seen.attempts:
        _attempt(page, actor, seen, attempt)
    _log(page, seen)


def _waits(seen: JobView) -> str | None:
    if seen.waiting is None:
        return f"for {seen.lacks}" if seen.lacks else None
    until = f"until {moment(seen.waiting.until)}" if seen.waiting.until else ""
    needs = f"for {needed(seen.waiting)}" if seen.waiting.need else ""
    told = ", and ".join(part for part in (until, needs) if part)
    return told or seen.waiting.problem or "for the next sweep"


def _approved(seen: JobView) -> str | None:
    one = seen.approval
    if one is None:
        return None
    images = f"images {', '.join(map(str, one.images))}" if one.images else "all images"
    by = f" by {one.by}" if one.by else ""
    return f"{images}{by}{f': {one.note}' if one.note else ''}"


def _record(job: Job) -> list[tuple[str, str | None]]:
    try:
        stages = stages_of(job)
        chain = " > ".join(one.stage for one in stages)
        prompt = getattr(stages[0], "prompt", None)
        images = images_told(job)
    except BadRecord as error:
        return [("job_id", job.job_id), ("group", job.group), ("problem", str(error))]
    return [
        ("job_id", job.job_id),
        ("group", job.group),
        ("class", job.class_),
        ("priority", str(job.priority)),
        ("stages", chain),
        (
            "texts" if isinstance(job.workload, TextWorkload) else "images",
            str(images) if images else None,
        ),
        ("prompt", prompt),
        ("model", getattr(stages[0], "model", None)),
        ("inputs", ", ".join(one.path or one.job or "" for one in job.inputs)),
        ("after", ", ".join(f"{one.job} ({one.when})" for one in job.after)),
        ("tokens", ", ".join(job.requires.tokens)),
        ("not before", moment(job.not_before)),
    ]


def _card(seen: VramSeen | None) -> str | None:
    """The card's memory, as it was last seen."""
    if seen is None:
        return None
    free = "" if seen.free_gb is None else f"{seen.free_gb:g} GB free"
    of = "" if seen.total_gb is None else f"{seen.total_gb:g} GB"
    memory = " of ".join(part for part in (free, of) if part)
    others = f", {seen.others_gb:g} GB held by other programs" if seen.others_gb else ""
    return f"{seen.gpu}, {memory}{others}"


def _attempt(page: Page, actor: Actor, seen: JobView, attempt: Attempt) -> None:
    manifest = attempt.verdict
    if manifest is None:
        page.heading(f"attempt {attempt.number}: open")
        _open(page, actor, seen, attempt)
        return
    code = f" ({manifest.code})" if manifest.code else ""
    page.heading(f"attempt {attempt.number}: {manifest.verdict}{code}")
    page.pairs(
        [
            ("why", manifest.message),
            ("worker", manifest.worker or f"none; by {manifest.by}"),
            ("ended", moment(manifest.ended_at) or manifest.day),
            ("took", duration(manifest.duration_s)),
            ("asked", manifest.request),
            ("card", _card(manifest.vram)),
            ("adopted", f"from attempt {manifest.adopted_from}" if manifest.adopted_from else None),
            ("resumed", f"from attempt {manifest.resumed_from}" if manifest.resumed_from else None),
            ("cancel", "asked for" if attempt.cancel_asked else None),
            ("next", _next(attempt, manifest)),
            *(("warning", warning) for warning in manifest.warnings),
        ]
    )
    rows = [
        (
            one.path,
            size(one.bytes),
            f"{one.width} x {one.height}" if one.width and one.height else "",
            "" if one.seed_actual is None else str(one.seed_actual),
            "" if one.final else "between",
        )
        for one in manifest.outputs
    ]
    if rows:
        page.table(("OUTPUT", "SIZE", "PIXELS", "SEED", ""), rows, folds=("OUTPUT",))
    for one in manifest.outputs:
        if one.text is not None:
            page.heading(one.path)
            page.verbatim(one.text, indent="  ")


def _next(attempt: Attempt, manifest: Manifest) -> str | None:
    if attempt.is_commit or attempt.is_final:
        return None
    at = moment(manifest.retry_at)
    return f"another attempt follows{f', not before {at}' if at else ''}"


def _open(page: Page, actor: Actor, seen: JobView, attempt: Attempt) -> None:
    beat = seen.beat
    if attempt.cancel_asked:
        page.line("asked to stop")
    if beat is None:
        page.line(f"no heartbeat yet; given up after {duration(actor.settings.lease_s)}")
        return
    done = f"{beat.progress:.0%}" if beat.progress is not None else None
    page.pairs(
        [
            ("worker", f"{beat.worker} on {beat.machine}"),
            ("state", liveness.shown_state(actor, beat)),
            ("stage", beat.stage),
            ("done", done),
            ("left", duration(beat.eta_s)),
            ("last beat", liveness.ago(liveness.age_s(beat, actor.utc_now()))),
            ("says", beat.message),
        ]
    )


def _log(page: Page, seen: JobView) -> None:
    """The end of the last unsuccessful attempt's log, if the job has not succeeded since."""
    last = seen.attempts[-1].verdict if seen.attempts else None
    if last is None or last.succeeded or not last.log_tail:
        return
    lines = last.log_tail.rstrip("\n").split("\n")
    page.heading(f"the log of attempt {last.attempt} ends with")
    page.verbatim("\n".join(lines[-_LOG_LINES_SHOWN:]), indent="  ")
    if len(lines) > _LOG_LINES_SHOWN:
        hidden = counted(len(lines) - _LOG_LINES_SHOWN, "line")
        page.line(f"({hidden} more: spoolctl logs {seen.name})")
