"""Where a record belongs, by what is decided. Pure: a table, tested as one.

The folder shows a state; it decides none, with two exceptions that people rely on: a record that a person put into a queue
after its job had come to rest asks for a retry, and one put into ``cancelled/`` while nothing is decided asks for a cancel.
"""

from spoolctl.spool import layout
from spoolctl.spool.layout import TERMINAL, Location, Place, State
from spoolctl.spool.looking import Attempt, Decisions
from spoolctl.spool.records import Job, JobClass, Manifest, Settings, Verdict

_VERDICT_STATE = {
    Verdict.SUCCEEDED: State.DONE,
    Verdict.CANCELLED: State.CANCELLED,
}


def belongs(
    decided: Decisions, at: Location, *, default_class: str, moved_here_by_me: bool = False
) -> Place | None:
    """Where the record at *at* belongs; ``None``: leave it where it lies.

    Args:
        decided: What was read of the job's decisions, after *at* was seen.
        at: Where the record lies.
        default_class: The class of a record whose verdicts name none.
        moved_here_by_me: This very actor just moved it here; if that was into a queue although the verdict is
            final, it is no person's retry and goes on.
    """
    state = at.place.state
    if decided.pruned is not None:
        wanted = _VERDICT_STATE.get(decided.pruned.verdict, State.FAILED)
        return None if state in TERMINAL else Place(wanted, decided.pruned.day)
    last = decided.highest
    if last is None:
        return layout.queue(default_class) if state is State.CLAIMED else None
    if last.verdict is None:
        # Open: its owner fetches the record itself, or its reaper publishes a verdict first.
        return None
    if last.is_commit:
        return None if state in (State.FINISHED, State.DONE) else layout.FINISHED
    if last.is_final:
        return _final_place(last, at, moved_here_by_me=moved_here_by_me)
    if state in (State.QUEUE, State.CANCELLED, State.HELD, State.WAITING):
        return None
    return layout.WAITING


def _final_place(last: Attempt, at: Location, *, moved_here_by_me: bool) -> Place | None:
    state = at.place.state
    by_a_person = state in (State.QUEUE, State.HELD, State.WAITING)
    if by_a_person and last.closed and not moved_here_by_me:
        return None
    assert last.verdict is not None  # noqa: S101 - is_final says so
    cancelled = last.verdict.verdict is Verdict.CANCELLED or last.cancel_asked
    wanted = State.CANCELLED if cancelled else State.FAILED
    if state is wanted and at.place.part:
        return None
    return Place(wanted, last.verdict.day)


def class_of(
    job: Job | None, verdict: Manifest | None, settings: Settings, asked: JobClass | None = None
) -> JobClass:
    """The class of the queue that a job goes (back) to.

    Args:
        job: Its record; ``None`` if that cannot be read.
        verdict: The last one, if any: it names the queue from which the job was claimed.
        settings: The spool's settings.
        asked: What a person asks for, which goes before all.
    """
    before = verdict.class_ if verdict else None
    return asked or before or (job.class_ if job else None) or settings.default_class


def label_for(decided: Decisions, place: Place) -> int | None:
    """The label that a record bears in *place*: the attempt it is in, or the one it is due for."""
    last = decided.highest
    if last is None:
        return None
    return (
        last.number + 1 if place.state in (State.QUEUE, State.WAITING, State.HELD) else last.number
    )
