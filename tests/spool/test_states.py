"""Where a record belongs, for every place where it may lie and everything that may be decided."""

import pytest

from spoolctl.spool import layout
from spoolctl.spool.layout import TERMINAL, Location, Place, State
from spoolctl.spool.looking import Attempt, Decisions
from spoolctl.spool.names import FileName
from spoolctl.spool.records import (
    MANIFEST_SCHEMA,
    PRUNED_SCHEMA,
    Manifest,
    Pruned,
    Verdict,
)
from spoolctl.spool.spool import default_settings
from spoolctl.spool.states import belongs, class_of, label_for
from spoolctl.spool.submit import parse_job
from tests.spool.spool_world import JOB

DAY = "2026-11-20"
OTHER_DAY = "2026-11-19"
FILE = FileName(name="portrait", shown="portrait")
AT = {
    "queue": layout.queue("batch"),
    "queue itself": Place(State.QUEUE),
    "waiting": layout.WAITING,
    "held": layout.HELD,
    "claimed": layout.claimed("gpu04-1a2b"),
    "finished": layout.FINISHED,
    "done": Place(State.DONE, OTHER_DAY),
    "failed": Place(State.FAILED, OTHER_DAY),
    "failed itself": Place(State.FAILED),
    "cancelled": Place(State.CANCELLED, OTHER_DAY),
    "cancelled itself": Place(State.CANCELLED),
}
FAILED_DAY = f"failed/{DAY}"
CANCELLED_DAY = f"cancelled/{DAY}"
NORMAL = "queue/normal"


def verdict(kind: Verdict, *, final: bool = True) -> Manifest:
    return Manifest(
        schema_=MANIFEST_SCHEMA,
        name="portrait",
        attempt=1,
        verdict=kind,
        by="s/1",
        day=DAY,
        final=final,
    )


def attempt(
    kind: Verdict | None, *, final: bool = True, cancel_asked: bool = False, closed: bool = False
) -> Decisions:
    found = None if kind is None else verdict(kind, final=final)
    return Decisions("portrait", True, Attempt(1, found, cancel_asked, closed))


def pruned(kind: Verdict) -> Decisions:
    stone = Pruned(schema_=PRUNED_SCHEMA, name="portrait", verdict=kind, attempt=1, day=DAY)
    return Decisions("portrait", True, None, stone)


DECIDED = {
    "nothing": Decisions("portrait"),
    "only pinned": Decisions("portrait", True),
    "open": attempt(None),
    "open, cancel asked": attempt(None, cancel_asked=True),
    "succeeded": attempt(Verdict.SUCCEEDED),
    "succeeded, cancel asked": attempt(Verdict.SUCCEEDED, cancel_asked=True),
    "failed, again": attempt(Verdict.FAILED, final=False),
    "lost": attempt(Verdict.LOST, final=False),
    "returned": attempt(Verdict.RETURNED, final=False),
    "failed for good": attempt(Verdict.FAILED),
    "failed for good, closed": attempt(Verdict.FAILED, closed=True),
    "poison": attempt(Verdict.LOST),
    "cancelled": attempt(Verdict.CANCELLED),
    "cancelled, closed": attempt(Verdict.CANCELLED, closed=True),
    "lost, cancel asked": attempt(Verdict.LOST, final=False, cancel_asked=True),
    "pruned success": pruned(Verdict.SUCCEEDED),
    "pruned failure": pruned(Verdict.FAILED),
    "pruned cancel": pruned(Verdict.CANCELLED),
    "pruned poison": pruned(Verdict.LOST),
}

STAYS: dict[str, str] = {}
LEFT_IN_ONE_CLAIM = {"claimed": NORMAL}
AWAY_FROM_THE_REST = {
    "claimed": "waiting", "finished": "waiting", "done": "waiting",
    "failed": "waiting", "failed itself": "waiting",
}  # fmt: skip
TO_FINISHED = {place: "finished" for place in AT if place not in ("finished", "done")}
TO_FAILED = {place: FAILED_DAY for place in AT if place != "failed"}
TO_CANCELLED = {place: CANCELLED_DAY for place in AT if place != "cancelled"}
A_RETRY = ("queue", "queue itself", "waiting", "held")
AT_REST = ("done", "failed", "failed itself", "cancelled", "cancelled itself")

# what is decided: where a record goes from each place; a place that is not named keeps its record
TABLE = {
    "nothing": LEFT_IN_ONE_CLAIM,
    "only pinned": LEFT_IN_ONE_CLAIM,
    "open": STAYS,
    "open, cancel asked": STAYS,
    "succeeded": TO_FINISHED,
    "succeeded, cancel asked": TO_FINISHED,
    "failed, again": AWAY_FROM_THE_REST,
    "lost": AWAY_FROM_THE_REST,
    "returned": AWAY_FROM_THE_REST,
    "failed for good": TO_FAILED,
    "failed for good, closed": {k: v for k, v in TO_FAILED.items() if k not in A_RETRY},
    "poison": TO_FAILED,
    "cancelled": TO_CANCELLED,
    "cancelled, closed": {k: v for k, v in TO_CANCELLED.items() if k not in A_RETRY},
    "lost, cancel asked": TO_CANCELLED,
    "pruned success": {place: f"done/{DAY}" for place in AT if place not in AT_REST},
    "pruned failure": {place: FAILED_DAY for place in AT if place not in AT_REST},
    "pruned cancel": {place: CANCELLED_DAY for place in AT if place not in AT_REST},
    "pruned poison": {place: FAILED_DAY for place in AT if place not in AT_REST},
}


def where(decided: Decisions, place: Place, *, moved_here_by_me: bool = False) -> str | None:
    found = belongs(
        decided, Location(place, FILE), default_class="normal", moved_here_by_me=moved_here_by_me
    )
    return found.folder if found else None


def test_the_table_has_a_row_for_everything_that_can_be_decided() -> None:
    assert set(TABLE) == set(DECIDED)
    assert {place.state for place in AT.values()} == set(State)


@pytest.mark.parametrize("place", AT)
@pytest.mark.parametrize("decided", DECIDED)
def test_a_record_belongs_where_the_table_says(decided: str, place: str) -> None:
    assert where(DECIDED[decided], AT[place]) == TABLE[decided].get(place)


@pytest.mark.parametrize("decided", DECIDED)
@pytest.mark.parametrize("place", AT)
def test_a_record_stays_where_it_was_brought(decided: str, place: str) -> None:
    """Settling ends: nothing is sent from A to B and from B on to C, unless a verdict came between."""
    target = belongs(DECIDED[decided], Location(AT[place], FILE), default_class="normal")

    if target is not None:
        assert where(DECIDED[decided], target, moved_here_by_me=True) is None


@pytest.mark.parametrize("place", A_RETRY)
@pytest.mark.parametrize("decided", ["failed for good, closed", "cancelled, closed"])
def test_a_record_that_i_put_into_a_queue_myself_is_no_retry(decided: str, place: str) -> None:
    wanted = CANCELLED_DAY if decided.startswith("cancelled") else FAILED_DAY

    assert where(DECIDED[decided], AT[place]) is None
    assert where(DECIDED[decided], AT[place], moved_here_by_me=True) == wanted


@pytest.mark.parametrize("place", [place for place, at in AT.items() if at.state in TERMINAL])
def test_nothing_leaves_a_place_of_rest_for_want_of_a_verdict(place: str) -> None:
    for decided in ("nothing", "only pinned", "open", "open, cancel asked"):
        assert where(DECIDED[decided], AT[place]) is None


def test_a_commit_is_never_undone_by_a_cancel_that_came_too_late() -> None:
    assert where(DECIDED["succeeded, cancel asked"], AT["cancelled"]) == "finished"


@pytest.mark.parametrize(
    ("decided", "place", "label"),
    [
        ("nothing", "queue", None),
        ("only pinned", "held", None),
        ("open", "claimed", 1),
        ("lost", "waiting", 2),
        ("lost", "queue", 2),
        ("lost", "held", 2),
        ("succeeded", "finished", 1),
        ("succeeded", "done", 1),
        ("failed for good", "failed", 1),
        ("cancelled", "cancelled", 1),
        ("pruned success", "done", None),
    ],
)
def test_a_label_tells_the_attempt_a_record_is_in_or_due_for(
    decided: str, place: str, label: int | None
) -> None:
    assert label_for(DECIDED[decided], AT[place]) == label


@pytest.mark.parametrize(
    ("said", "ran_in", "asked", "goes_to"),
    [
        (None, None, None, "normal"),
        ("batch", None, None, "batch"),
        ("batch", "interactive", None, "interactive"),
        (None, "interactive", None, "interactive"),
        ("batch", "interactive", "normal", "normal"),
    ],
)
def test_a_job_goes_where_a_person_asks_or_it_ran_or_its_record_says(
    said, ran_in, asked, goes_to
) -> None:
    job = parse_job(JOB.replace(b"...", f"class: {said}\n...".encode()) if said else JOB)
    last = verdict(Verdict.FAILED).model_copy(update={"class_": ran_in}) if ran_in else None
    assert class_of(job, last, default_settings(0.0, "t"), asked) == goes_to


MAY_RUN = {
    "nothing", "only pinned", "failed, again", "lost", "returned",
    "failed for good, closed", "cancelled, closed",
}  # fmt: skip


@pytest.mark.parametrize("decided", DECIDED)
def test_the_chain_rule_allows_an_attempt_only_after_a_verdict_that_allows_it(decided: str) -> None:
    assert DECIDED[decided].may_run is (decided in MAY_RUN)
