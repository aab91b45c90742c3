"""What ``spoolctl status`` tells, as text; the documents come from ``views.status``."""

from collections.abc import Iterator
from typing import Any

from spoolctl.cli.rendering import Page, one_line
from spoolctl.spool import State
from spoolctl.views import liveness
from spoolctl.views.plain import counted, duration, moment

_SHARES = (
    ("to do", (State.QUEUE, State.WAITING, State.HELD)),
    ("running", (State.CLAIMED, State.FINISHED)),
    ("ended", (State.DONE, State.FAILED, State.CANCELLED)),
)
_MOSTLY = 0.5
"""From this part of the work on its time counts as learned."""
_MESSAGE_CHARS_MAX = 160
_SAID_CHARS_MAX = 500


def overview_page(page: Page, view: dict[str, Any]) -> None:
    """The whole picture."""
    group = f", group '{view['group']}'" if view["group"] else ""
    page.line(f"{view['spool_id']}{group}  {moment(view['at'])}", style="bold")
    told = [(word, _counts(view["jobs"], states)) for word, states in _SHARES]
    page.pairs([*told, *(("left", text) for text in _left(view["expected"]))])
    _workers(page, view)
    _controllers(page, view["controllers"], view["jobs"])
    _waiting(page, view)
    _failed(page, view)
    _rejected(page, view["rejected"])


def listing_page(page: Page, view: dict[str, Any]) -> None:
    """Every job."""
    if not view["jobs"]:
        page.line("no jobs")
        return
    rows = [
        (
            one["job"],
            one["state"],
            one["class"] or one["worker"] or one["day"] or "",
            str(one["attempt"] or ""),
        )
        for one in view["jobs"]
    ]
    page.table(("JOB", "STATE", "WHERE", "ATTEMPT"), rows, folds=("JOB",))


def failed_page(page: Page, view: dict[str, Any]) -> None:
    """Every failed job."""
    if not view["failed"]:
        page.line("no failed jobs")
        return
    for one in view["failed"]:
        _failure(page, one)


def _counts(jobs: dict[str, Any], states: tuple[State, ...]) -> str:
    told = []
    for state in states:
        if state is not State.QUEUE:
            told.append(f"{state} {jobs[state]}")
            continue
        queues = jobs[state]
        classes = ", ".join(f"{count} {name}" for name, count in queues.items() if count)
        told.append(f"queue {sum(queues.values())}" + (f" ({classes})" if classes else ""))
    return ", ".join(told)


def _workers(page: Page, view: dict[str, Any]) -> None:
    page.heading("workers")
    living = [one for one in view["workers"] if one["shown_state"] != liveness.STOPPED]
    if not living:
        page.line("none; start one with 'spoolworker run'")
    else:
        columns = ("NAME", "STATE", "JOB", "STAGE", "DONE", "LEFT", "LAST BEAT")
        left = {one["job"]: one["left"] for one in view["running"] if one.get("left")}
        rows = [_worker_row(one, left.get(one.get("name"))) for one in living]
        page.table(columns, rows, folds=("JOB",))
    for one in living:
        if one.get("rests") and one["shown_state"] not in (liveness.GONE, liveness.SILENT):
            page.line(f"{one['worker']} rests: {one_line(one['rests'])}", style="yellow")
        _says(page, one)
    for one in view["running"]:
        if not one["told"]:
            worker = f"'{one['worker']}'" if one["worker"] else "nobody"
            page.line(f"{one['job']} is claimed by {worker}, whose heartbeat does not speak of it")


def _says(page: Page, beat: dict[str, Any]) -> None:
    """What a worker or controller tells in its heartbeat: what it waits for, or what a person must look at."""
    if beat.get("message"):
        said = one_line(beat["message"])
        shown = said if len(said) <= _SAID_CHARS_MAX else f"{said[: _SAID_CHARS_MAX - 3]}..."
        page.line(f"{beat['worker']}: {shown}", style="yellow")


def _left(queue: dict[str, Any]) -> Iterator[str]:
    """When the queue will be done; nothing if it is empty."""
    if not queue["jobs"]:
        return
    if not queue.get("workers"):
        yield "not known: no worker takes jobs now"
        return
    looked_at = "" if queue["looked_at"] >= queue["jobs"] else f"{queue['looked_at']} of "
    jobs, workers = counted(queue["jobs"], "job"), counted(queue["workers"], "worker")
    without = "".join(
        f"; about {queue[key]} {why}"
        for key, why in (("unfit", "fit none of them"), ("unserved", "fit none but reserved ones"))
        if queue[key]
    )
    known = "not known"
    if "mid_s" in queue:
        known = f"{_ranged(queue)}, {'learned' if queue['learned'] >= _MOSTLY else 'by formula'}"
    yield f"{known}, from {looked_at}{jobs} on {workers}{without}"


def _ranged(left: dict[str, Any]) -> str:
    low, mid, high = (duration(left[f"{word}_s"]) for word in ("low", "mid", "high"))
    return f"{mid} ({low} to {high})"


def _worker_row(beat: dict[str, Any], left: dict[str, Any] | None) -> tuple[str, ...]:
    job = beat.get("name") or ""
    attempt = f" (attempt {beat['attempt']})" if job and beat.get("attempt", 1) > 1 else ""
    progress = beat.get("progress")
    return (
        beat["worker"],
        beat["shown_state"],
        f"{job}{attempt}",
        beat.get("stage") or "",
        f"{progress:.0%}" if progress is not None and job else "",
        _ranged(left) if left else duration(beat.get("eta_s")) if job else "",
        liveness.ago(beat["age_s"]),
    )


def _controllers(page: Page, controllers: list[dict[str, Any]], jobs: dict[str, Any]) -> None:
    page.heading("controller")
    for one in controllers:
        state = "" if one["shown_state"] == one["state"] else f"{one['shown_state']}, "
        page.line(
            f"{one['worker']} on {one['machine']}, {state}last beat {liveness.ago(one['age_s'])}"
        )
        _says(page, one)
    if not controllers:
        finished = jobs[State.FINISHED]
        waits = f"; {finished} finished wait to be merged" if finished else ""
        page.line(f"none; jobs run all the same{waits}")


def _need(one: dict[str, Any]) -> str:
    if not one["is_there"]:
        return f"needs {one['needs']}, which is not there"
    become = {"any": " to end", "approved": " to be approved"}
    return f"needs {one['needs']}{become.get(one['when'], '')}"


def _waiting(page: Page, view: dict[str, Any]) -> None:
    if not view["waiting"]:
        return
    page.heading("waiting")
    rows = []
    for one in view["waiting"]:
        reasons = []
        if one["until"]:
            reasons.append(f"until {moment(one['until'])}")
        if one["needs"]:
            reasons.append(_need(one))
        if one["problem"]:
            reasons.append(one["problem"])
        rows.append((one["job"], ", ".join(reasons) or "the next sweep takes it up"))
    page.pairs(rows)
    more = view["jobs"][State.WAITING] - len(rows)
    if more > 0:
        page.line(f"and {more} more")


def _failed(page: Page, view: dict[str, Any]) -> None:
    if not view["failed"]:
        return
    page.heading("failed last")
    for one in view["failed"]:
        _failure(page, one)
    if view["jobs"][State.FAILED] > len(view["failed"]):
        page.line("'spoolctl status --failed' lists all")


def _failure(page: Page, one: dict[str, Any]) -> None:
    worker = f" on {one['worker']}" if one.get("worker") else ""
    when = moment(one.get("ended_at")) or one["day"]
    page.line(f"{one['job']}  {one.get('code') or 'verdict unreadable'}{worker}, {when}")
    if one.get("message"):
        page.line(f"  {' '.join(one['message'].split())[:_MESSAGE_CHARS_MAX]}")


def _rejected(page: Page, rejected: dict[str, Any]) -> None:
    if not rejected["count"]:
        return
    page.heading(f"rejected files: {rejected['count']}")
    for reason in rejected["latest"]:
        line = f", line {reason.line}" if reason.line else ""
        page.line(f"{reason.file}{line}: {reason.error}")
        page.line(f"  {reason.hint}")
