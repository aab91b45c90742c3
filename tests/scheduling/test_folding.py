"""Folding: the same attempts give the same figures, in whatever order and however often, and never more than fits."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spoolctl.scheduling.folding import ROWS_MAX, fold, samples_of
from spoolctl.spool import LOAD, encode_json


def line(name="a", *, attempt=1, day="2026-11-20", outcome="", stages=None, **more):
    stages = stages or [{"stage": "txt2img", "units": 30.0, "megapixels": 1.05, "seconds": 12.0}]
    facts = {
        "attempt": attempt, "day": day, "outcome": outcome, "worker": "w1", "model": "m", "at_once": 1.05,
        "stages": stages, "backend": "webui", "gpu": "RTX 4090", "vram_gb": 24.0, **more,
    }  # fmt: skip
    return {"name": name, "ran": [facts]}


def rows_of(*lines):
    found = [one for told in lines for one in samples_of(told)]
    return {(row.stage, row.size, row.card): row for row in fold(None, found).rows}


def test_an_attempt_becomes_a_sample_of_its_stage_size_and_card():
    (row,) = fold(None, samples_of(line(peak_gb=9.8))).rows

    assert (row.backend, row.model, row.stage, row.size) == ("webui", "m", "txt2img", 1.0)
    assert (row.card, row.vram_gb) == ("RTX 4090", 24.0)
    (sample,) = row.samples
    assert sample[1:] == ("", 12.0, 30.0, 1.05, 9.8)


def test_a_load_has_a_row_of_its_worker_and_is_taken_off_the_first_stages_time():
    rows = rows_of(line(load_s=10.5, was_loaded=False))

    assert rows["txt2img", 1.0, "RTX 4090"].samples[0].seconds == 1.5
    assert rows[LOAD, 0.0, "worker w1"].samples[0].seconds == 10.5


def test_a_load_that_was_none_has_no_row():
    assert [stage for stage, _, _ in rows_of(line(load_s=0.02))] == ["txt2img"]


def test_a_load_that_nobody_timed_spoils_the_first_stages_time_only():
    stages = [
        {"stage": "txt2img", "units": 30.0, "megapixels": 1.0, "seconds": 50.0},
        {"stage": "upscale", "units": 4.0, "megapixels": 4.0, "seconds": 3.0},
    ]
    rows = rows_of(line(stages=stages, was_loaded=False))

    assert ("txt2img", 1.0, "RTX 4090") not in rows
    assert rows["upscale", 4.0, "RTX 4090"].samples[0].seconds == 3.0


def test_a_failure_counts_once_at_its_heaviest_stage():
    stages = [
        {"stage": "txt2img", "units": 30.0, "megapixels": 1.0},
        {"stage": "upscale", "units": 4.0, "megapixels": 4.0},
    ]
    rows = rows_of(line(outcome="stalled", stages=stages))

    assert list(rows) == [("upscale", 4.0, "RTX 4090")]


def test_what_ran_out_tells_what_the_backend_had_for_itself():
    rows = rows_of(line(outcome="out_of_memory", peak_gb=23.0, others_gb=9.5))

    assert rows["txt2img", 1.0, "RTX 4090"].samples[0].peak_gb == 14.5


def test_an_attempt_whose_worker_died_is_known_by_its_worker():
    facts = {"backend": None, "gpu": None, "vram_gb": None}
    (row,) = fold(None, samples_of(line(outcome="no_heartbeat", **facts))).rows

    assert (row.backend, row.card, row.vram_gb) == ("", "worker w1", None)


@pytest.mark.parametrize(
    "told",
    [
        {}, {"name": "a", "ran": None}, {"name": "a", "ran": [1, None, {}]}, {"name": "a", "ran": "x"},
        line(day="2026-99-99"), line(stages=[{"stage": "x", "units": "many", "megapixels": 1}]),
        line(stages=[{"stage": "x", "units": float("nan"), "megapixels": 1}]), line(at_once=-1), line(vram_gb=1e999),
        line(stages=[1]), line(day=3),
    ],
)  # fmt: skip
def test_a_line_that_makes_no_sense_teaches_nothing(told):
    assert samples_of(told) == []


def test_a_thousand_kinds_of_work_stay_below_200_kb_and_those_that_ran_last_stay():
    lines = [
        line(f"group.{job:04}~{kind}", day=f"2026-{1 + kind // 100:02}-{1 + kind % 28:02}",
             model=f"some_model_with_a_name_v{kind}", gpu="NVIDIA GeForce RTX 4060 Ti", peak_gb=11.5,
             stages=[{"stage": "txt2img", "units": 31.46, "megapixels": 1.05, "seconds": 12.34 + job}])
        for kind in range(1_000) for job in range(10)
    ]  # fmt: skip
    figures = fold(None, (one for told in lines for one in samples_of(told)))

    assert len(encode_json(figures)) < 200_000
    assert 0 < len(figures.rows) <= ROWS_MAX
    assert {len(row.samples) for row in figures.rows} == {3}
    assert any(row.model.endswith("v999") for row in figures.rows)
    assert not any(row.model.endswith("v0") for row in figures.rows)


LINES = st.builds(
    lambda name, attempt, day, outcome, model, gpu: line(
        name, attempt=attempt, day=f"2026-11-{day:02}", outcome=outcome, model=model, gpu=gpu
    ),
    st.sampled_from("abcdefgh"), st.integers(1, 4), st.integers(1, 20), st.sampled_from(["", "", "stalled"]),
    st.sampled_from("uvwxyz"), st.sampled_from(["R1", "R2", None]),
)  # fmt: skip
SMALL = {"rows_max": 4, "samples_max": 8}


@settings(deadline=None)
@given(st.data(), st.lists(LINES, max_size=40))
def test_order_repetition_and_restarts_change_nothing(data, lines):
    found = [samples_of(one) for one in lines]
    whole = fold(None, (one for part in found for one in part), **SMALL)

    shuffled = data.draw(st.permutations(found))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(found)), max_size=4)))
    figures = None
    for begin, end in pairwise([0, *cuts, len(found)]):
        part = [one for samples in shuffled[begin:end] for one in samples]
        figures = fold(figures, part, **SMALL)
        figures = fold(figures, part, **SMALL)

    assert figures == whole
    assert fold(fold(None, [], **SMALL), [s for p in shuffled for s in p], **SMALL) == whole


@settings(deadline=None)
@given(st.lists(LINES, max_size=60))
def test_never_more_rows_or_samples_than_are_allowed(lines):
    figures = fold(None, (one for told in lines for one in samples_of(told)), **SMALL)

    assert len(figures.rows) <= 4
    assert sum(len(row.samples) for row in figures.rows) <= max(8, 4 * 2)
    assert list(figures.rows) == sorted(
        figures.rows, key=lambda r: (r.backend, r.model, r.stage, r.size, r.card)
    )
