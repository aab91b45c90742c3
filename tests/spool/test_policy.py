"""What an attempt's end means for its job: the whole table, by literal expectations."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spoolctl.spool.policy import AVOID_MAX, POLICY, Judgement, counts_before, judge
from spoolctl.spool.records import (
    JOB_SCHEMA,
    MANIFEST_SCHEMA,
    SETTINGS_SCHEMA,
    Code,
    Counts,
    ImageWorkload,
    Job,
    Limits,
    Manifest,
    Retry,
    Settings,
    Upscale,
    Verdict,
)

NOW_S = 1_800_000_000.0
NOW = datetime.fromtimestamp(NOW_S, tz=UTC)
SPOOL = Settings(
    schema_=SETTINGS_SCHEMA,
    spool_id="test",
    created_at=NOW,
    retry=Retry(attempts_max=3, crashes_max=5, backoff_s=16.0, backoff_s_max=1_000.0),
)
FIXED = settings(derandomize=True, deadline=None)
FAILED, LOST, CANCELLED, RETURNED = (
    Verdict.FAILED,
    Verdict.LOST,
    Verdict.CANCELLED,
    Verdict.RETURNED,
)

# code: verdict it comes with, (failures, crashes, deferrals) it adds, final at once, waits, avoids the worker
TABLE = {
    "bad_job": (FAILED, (1, 0, 0), True, False, True),
    "input_missing": (FAILED, (1, 0, 0), True, False, True),
    "dependency_failed": (FAILED, (1, 0, 0), True, False, True),
    "record_changed": (FAILED, (1, 0, 0), True, False, True),
    "backend_rejected": (FAILED, (1, 0, 0), False, True, True),
    "model_missing": (FAILED, (0, 0, 1), False, True, True),
    "model_switched_wrongly": (FAILED, (1, 0, 0), False, True, True),
    "out_of_memory": (FAILED, (1, 0, 0), False, True, True),
    "out_of_host_memory": (FAILED, (1, 0, 0), False, True, True),
    "stalled": (FAILED, (1, 0, 0), False, True, True),
    "timeout": (FAILED, (1, 0, 0), False, True, True),
    "output_incomplete": (FAILED, (1, 0, 0), False, True, True),
    "output_corrupt": (FAILED, (1, 0, 0), False, True, True),
    "internal": (FAILED, (1, 0, 0), False, True, True),
    "backend_unreachable": (FAILED, (0, 0, 1), False, True, True),
    "backend_died": (FAILED, (0, 1, 0), False, True, True),
    "backend_unauthorised": (FAILED, (0, 0, 1), False, True, True),
    "share_full": (FAILED, (0, 0, 1), False, True, False),
    "scratch_full": (FAILED, (0, 0, 1), False, True, True),
    "share_away": (FAILED, (0, 0, 1), False, True, False),
    "no_heartbeat": (LOST, (0, 1, 0), False, False, False),
    "process_gone": (LOST, (0, 1, 0), False, False, False),
    "machine_restarted": (LOST, (0, 1, 0), False, False, False),
    "worker_restarted": (LOST, (0, 1, 0), False, False, False),
    "requested": (CANCELLED, (0, 0, 0), True, False, False),
    "record_removed": (CANCELLED, (0, 0, 0), True, False, False),
    "handed_back": (RETURNED, (0, 0, 0), False, False, False),
}


def ends(
    code: str | None,
    *,
    verdict: Verdict | None = None,
    after: Manifest | None = None,
    worker: str | None = "gpu04",
    attempts_max: int | None = None,
    jitter: float = 0.5,
) -> Judgement:
    job = Job(
        schema_=JOB_SCHEMA,
        limits=Limits(attempts_max=attempts_max),
        workload=ImageWorkload(kind="image", stages=(Upscale(stage="upscale"),)),
    )
    return judge(
        verdict or (TABLE[code][0] if code else Verdict.SUCCEEDED),
        Code(code) if code else None,
        previous=after,
        job=job,
        settings=SPOOL,
        worker=worker,
        share_now_s=NOW_S,
        jitter=jitter,
    )


def manifest(judged: Judgement, verdict: Verdict = FAILED) -> Manifest:
    return Manifest(
        schema_=MANIFEST_SCHEMA,
        name="x",
        attempt=1,
        verdict=verdict,
        by="s/1",
        day="2026-11-20",
        final=judged.final,
        counts=judged.counts,
        avoid=judged.avoid,
    )


def counted(failures: int = 0, crashes: int = 0, deferrals: int = 0, **changes: object) -> Manifest:
    counts = Counts(failures=failures, crashes=crashes, deferrals=deferrals)
    return manifest(
        Judgement(final=bool(changes.get("final")), counts=counts, retry_at=None, avoid=())
    )


def waits_s(judged: Judgement) -> float:
    assert judged.retry_at is not None
    return (judged.retry_at - NOW) / timedelta(seconds=1)


def test_every_code_has_a_policy_and_a_row_in_this_table() -> None:
    assert set(POLICY) == set(Code)
    assert set(TABLE) == {code.value for code in Code}


@pytest.mark.parametrize("code", TABLE)
def test_the_first_end_with_a_code_means_what_the_table_says(code: str) -> None:
    _, adds, final, waits, avoids = TABLE[code]

    judged = ends(code)

    counts = judged.counts
    assert (counts.failures, counts.crashes, counts.deferrals) == adds
    assert judged.final is final
    assert (judged.retry_at is not None) is waits
    assert judged.avoid == (("gpu04",) if avoids else ())


@pytest.mark.parametrize("code", [code for code, row in TABLE.items() if row[1] == (1, 0, 0)])
def test_a_failure_is_final_when_the_budget_is_used_up(code: str) -> None:
    assert ends(code, after=counted(failures=2)).final
    assert ends(code, after=counted(failures=1)).final is TABLE[code][2]


@pytest.mark.parametrize("code", [code for code, row in TABLE.items() if row[1] == (0, 1, 0)])
def test_a_job_under_which_five_workers_died_is_poison(code: str) -> None:
    assert not ends(code, after=counted(crashes=3)).final
    assert ends(code, after=counted(crashes=4)).final


@pytest.mark.parametrize("code", [code for code, row in TABLE.items() if row[1] == (0, 0, 1)])
def test_a_deferral_never_ends_a_job(code: str) -> None:
    assert not ends(code, after=counted(deferrals=1_000)).final


def test_a_job_handed_back_counts_against_nothing() -> None:
    judged = ends("handed_back", after=counted(failures=2, crashes=4, deferrals=7))

    assert judged.counts == Counts(failures=2, crashes=4, deferrals=7)
    assert not judged.final
    assert judged.retry_at is None


def test_a_jobs_own_limit_is_taken_before_the_spools() -> None:
    assert ends("timeout", attempts_max=1).final
    assert not ends("timeout", attempts_max=9, after=counted(failures=7)).final
    assert ends("timeout", attempts_max=9, after=counted(failures=8)).final


def test_a_job_that_cannot_be_read_is_judged_by_the_spools_settings() -> None:
    judged = judge(
        LOST,
        Code.NO_HEARTBEAT,
        previous=counted(crashes=4),
        job=None,
        settings=SPOOL,
        worker=None,
        share_now_s=NOW_S,
        jitter=0.0,
    )

    assert judged.final


def test_success_is_final_and_forgets_whom_to_avoid() -> None:
    judged = ends(None, after=counted(failures=2))

    assert judged == Judgement(final=True, counts=Counts(failures=2), retry_at=None, avoid=())


def test_a_cancel_is_final_whatever_its_code() -> None:
    assert ends("handed_back", verdict=CANCELLED).final


def test_a_retry_by_hand_starts_every_budget_anew() -> None:
    final = counted(failures=3, crashes=4, deferrals=9, final=True)

    assert counts_before(final) == Counts()
    assert counts_before(None) == Counts()
    judged = ends("timeout", after=final)
    assert judged.counts == Counts(failures=1)
    assert not judged.final


def test_a_retry_by_hand_forgets_whom_to_avoid() -> None:
    avoiding = manifest(ends("bad_job", worker="gpu01"))

    assert avoiding.avoid == ("gpu01",)
    assert ends("timeout", worker="gpu02", after=avoiding).avoid == ("gpu02",)


def test_the_workers_to_avoid_gather_and_are_bounded() -> None:
    last = None
    for number in range(AVOID_MAX + 5):
        last = manifest(ends("backend_unreachable", worker=f"gpu{number:02d}", after=last))

    assert last is not None
    assert last.avoid == tuple(f"gpu{n:02d}" for n in range(5, AVOID_MAX + 5))


def test_a_worker_that_failed_twice_is_named_once() -> None:
    once = manifest(ends("timeout", worker="gpu01"))

    assert ends("timeout", worker="gpu01", after=once).avoid == ("gpu01",)


@pytest.mark.parametrize(
    ("failures_before", "wait_s"), [(0, 16.0), (1, 32.0), (2, 64.0), (3, 128.0), (5, 512.0), (6, 1_000.0), (60, 1_000.0)]
)  # fmt: skip
def test_the_wait_doubles_up_to_its_limit(failures_before: int, wait_s: float) -> None:
    judged = ends("timeout", attempts_max=100, after=counted(failures=failures_before))

    assert waits_s(judged) == wait_s


def test_the_wait_grows_with_failures_and_deferrals_together() -> None:
    assert waits_s(ends("share_full", after=counted(failures=1, deferrals=1))) == 64.0
    assert waits_s(ends("share_full", after=counted(deferrals=10_000))) == 1_000.0


def test_crashes_do_not_lengthen_the_wait() -> None:
    assert waits_s(ends("timeout", after=counted(crashes=4))) == 16.0


@FIXED
@given(st.floats(0, 1, exclude_max=True), st.integers(0, 40))
def test_jitter_spreads_the_wait_by_a_quarter_each_way(jitter: float, before: int) -> None:
    middle = waits_s(ends("share_full", after=counted(deferrals=before)))

    wait = waits_s(ends("share_full", after=counted(deferrals=before), jitter=jitter))

    assert 0.75 * middle <= wait <= 1.25 * middle


def test_two_different_draws_give_two_different_waits() -> None:
    assert waits_s(ends("timeout", jitter=0.0)) == 12.0
    assert waits_s(ends("timeout", jitter=0.999)) == pytest.approx(19.992)


@FIXED
@given(
    st.sampled_from([code for code in TABLE if code not in ("requested", "record_removed")]),
    st.integers(0, 10),
    st.integers(0, 10),
)
def test_nothing_is_both_final_and_due_again(code: str, failures: int, crashes: int) -> None:
    judged = ends(code, after=counted(failures=failures, crashes=crashes))

    assert not (judged.final and judged.retry_at is not None)
