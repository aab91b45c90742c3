"""A past night as a farm: what the history tells of it, what really happened, and what is said to be unknown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from spoolctl.scheduling.simulate.ends import Known, end_of
from spoolctl.scheduling.simulate.past import UNTOLD, Recalled, Window, past
from spoolctl.scheduling.simulate.policies import POLICIES
from spoolctl.scheduling.simulate.report import summarise
from spoolctl.scheduling.simulate.traces import farm
from spoolctl.scheduling.simulate.world import simulate
from spoolctl.spool import Choosing, Heartbeat
from spoolctl.spool.records.job import Need
from tests.scheduling.rig import Times, job, worker

BEGAN = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
WINDOW = Window(BEGAN, BEGAN + timedelta(hours=12))


def at(seconds):
    return BEGAN + timedelta(seconds=seconds)


def ended(name, began_s, took_s, *, on="w1", came_s=0.0, seen=None, model="a", load_s=0.0, **told):
    """A job that succeeded, and its record."""
    seen = seen or job(name, model)
    ran = {
        "attempt": told.get("attempts", 1), "backend": "webui", "load_s": load_s,
        "stages": [{"stage": "txt2img", "seconds": took_s}], **told.pop("ran", {}),
    }  # fmt: skip
    line = {
        "name": name, "class": seen.job_class, "verdict": "succeeded", "attempts": 1, "worker": on, "day": "2026-11-20",
        "started_at": at(began_s).isoformat(), "ended_at": at(began_s + took_s).isoformat(), "duration_s": took_s,
        "ran": [ran], **told,
    }  # fmt: skip
    end = end_of(line)
    assert end is not None
    return Known(end, seen.job, None if came_s is None else at(came_s))


def night(*ends, nodes=None, timing=None, window=WINDOW, times_ended=None):
    cards = {name: (worker(name).node, None) for name in ("w1", "w2")} if nodes is None else nodes
    told = (
        {one.end.name: (one.end.ended_at,) for one in ends} if times_ended is None else times_ended
    )
    return past(Recalled(window, ends, told, cards), timing or Times(), Choosing())


def lived(found):
    return simulate(found.farm, Choosing(), POLICIES["spool"])


@pytest.mark.parametrize("trace", ["evening-and-night", "three-people"])
def test_a_night_that_went_as_the_simulator_says_is_simulated_as_it_went(trace):
    """The whole way there and back: what a simulated farm did, told as a history, is what simulating that history gives."""
    planned = farm(trace, seed=4, jobs=150)
    # Of workers that are idle equally long the first one looks first.
    by_name = sorted(planned.workers, key=lambda one: one.name)
    planned = replace(planned, workers=tuple(by_name))
    first = simulate(planned, Choosing(), POLICIES["spool"])
    ends = [
        ended(
            run.job.name, run.began_s, run.ended_s - run.began_s, on=run.worker, came_s=run.arrived_s, seen=run.job,
            load_s=run.load_s,
        )
        for run in first.runs
    ]  # fmt: skip
    found = night(
        *ends,
        nodes={one.name: (one.node, None) for one in planned.workers},
        timing=planned.timing,
    )
    begin = planned.arrivals[0].at_s

    told = lived(found)

    assert len(told.runs) == 150
    for before, after in zip(
        sorted(first.runs, key=lambda one: one.job.name),
        sorted(told.runs, key=lambda one: one.job.name),
        strict=True,
    ):
        assert (after.job.name, after.worker) == (before.job.name, before.worker)
        assert after.began_s + begin == pytest.approx(before.began_s, abs=0.01)
        assert after.ended_s + begin == pytest.approx(before.ended_s, abs=0.01)
    simulated, real = (summarise("x", found.farm, one) for one in (told, found.was))
    assert real.makespan_s == pytest.approx(simulated.makespan_s, abs=0.01)
    assert (real.switches, real.jobs) == (simulated.switches, 150)


def test_a_job_takes_on_another_card_what_that_card_makes_of_it():
    timing = Times({"w2": 3.0})
    found = night(ended("j1", 0, 40), ended("j2", 0, 60, on="w2"), timing=timing)
    only = found.farm.without("w2")
    runs = {run.job.name: run for run in simulate(only, Choosing(), POLICIES["spool"]).runs}
    assert runs["j1"].ended_s - runs["j1"].began_s - runs["j1"].load_s == pytest.approx(40)
    # Twice what is expected of w2, so twice what is expected of w1.
    assert runs["j2"].ended_s - runs["j2"].began_s - runs["j2"].load_s == pytest.approx(20)


def test_what_really_happened_is_told_as_it_was():
    found = night(
        ended("j1", 30, 40, load_s=12.0),
        ended("j2", 10, 20, on="w2", came_s=5),
        ended("j3", 70, 30, came_s=40),
    )
    told = summarise("as it was", found.farm, found.was)
    assert (told.jobs, told.makespan_s, told.switches) == (3, 100.0, 1)
    assert told.waits["normal"].median_s == 30.0
    assert dict(found.was.passed) == {"j1": 1}, "w2 could have taken it, and took a younger one"


def test_what_is_delivered_while_the_next_job_runs_counts_once():
    found = night(
        ended("j1", 0, 30, duration_s=36.0, ended_at=at(36).isoformat()), ended("j2", 30, 30)
    )
    told = summarise("as it was", found.farm, found.was)
    assert (told.makespan_s, told.busy) == (60.0, 1.0)


def test_a_job_that_began_in_the_second_in_which_it_came_came_then():
    assert night(ended("j1", 10, 5, came_s=10.9)).farm.arrivals[0].at_s == 0.0
    assert "nobody knows when" not in " ".join(night(ended("j1", 10, 5, came_s=10.9)).notes)
    assert "nobody knows when" in " ".join(night(ended("j1", 10, 5, came_s=12)).notes)


def test_a_job_comes_when_what_it_waited_for_had_come():
    needs = job("j2")
    needs = replace(needs, job=needs.job.model_copy(update={"after": (Need(job="j1"),)}))
    moment = job("j3")
    moment = replace(moment, job=moment.job.model_copy(update={"not_before": at(90)}))
    found = night(
        ended("j1", 10, 20), ended("j2", 50, 20, seen=needs), ended("j3", 95, 5, seen=moment)
    )
    assert {one.job.name: one.at_s for one in found.farm.arrivals} == {"j1": 0, "j2": 30, "j3": 90}
    assert (
        "2 of the jobs waited for another's end, a retry or a moment; they come at that"
        in found.notes
    )


def test_a_job_that_failed_and_was_wanted_again_comes_when_it_had_failed():
    again = ended("j1", 100, 20, attempts=2)
    found = night(again, times_ended={"j1": (at(60), at(120))})
    assert found.was.runs[0].wait_s == 40.0


def test_of_what_waited_when_the_window_begins_the_wait_counts_from_there():
    early = ended("j1", 50, 20, came_s=-500)
    (run,) = night(early, ended("j0", -100, 60, came_s=-200)).was.runs
    assert (run.job.name, run.arrived_s, run.began_s) == ("j1", 0.0, 50.0)


def test_a_worker_that_was_at_work_when_the_window_begins_is_free_when_it_was():
    under_way = ended("j0", -100, 130, came_s=-200, model="b")
    found = night(under_way, ended("j1", 40, 20, came_s=-50, load_s=3.0))
    (attic,) = found.farm.workers
    assert (attic.free_at_s, attic.model) == (30.0, "b")
    (run,) = lived(found).runs
    assert (run.began_s, run.load_s > 0) == (30.0, True)


def test_what_was_loaded_at_the_beginning_is_what_the_first_job_found_loaded():
    there = ended("j1", 5, 20, ran={"load_s": None, "was_loaded": True})
    assert night(there).farm.workers[0].model == "a"
    untold = night(ended("j1", 5, 20, ran={"load_s": None}))
    assert untold.farm.workers[0].model is None
    assert "w1: what it had loaded at the beginning is not told; taken as nothing" in untold.notes
    assert (
        "1 of the jobs loaded a model in a time that nobody took; taken as what is expected"
        in untold.notes
    )


def test_a_worker_whose_card_is_gone_counts_by_what_it_ran():
    found = night(ended("j1", 0, 10, ran={"gpu": "RTX 3060", "vram_gb": 12.0}), nodes={})
    (was,) = (one.node for one in found.farm.workers)
    assert (was.gpu, was.vram_gb, was.stages, was.backend) == (
        "RTX 3060",
        12.0,
        ("txt2img",),
        "webui",
    )
    assert [one.name for one in was.models] == ["a"]
    assert "w1: its card is gone; it counts as able to do what it did then" in found.notes
    assert len(lived(found).runs) == 1


def test_a_card_that_lacks_a_model_now_had_it_then():
    fewer = worker("w1", models=()).node
    found = night(ended("j1", 0, 10), nodes={"w1": (fewer, None)})
    assert lived(found).never == []


def beat(session, written_s):
    return Heartbeat(
        schema_="spool.heartbeat/1", role="worker", session=session, worker="w2", counter=1, machine="m", host_id="h",
        boot_id="b", pid=1, started_s=0.0, state="idle", written_at=at(written_s),
    )  # fmt: skip


def test_a_worker_that_had_no_job_counts_only_if_it_surely_was_there():
    nodes = {"w1": (worker("w1").node, None), "w2": (worker("w2").node, beat("w2-s", 13 * 3_600))}
    assert [one.name for one in night(ended("j1", 0, 10), nodes=nodes).farm.workers] == ["w1", "w2"]
    for doubtful in (beat("w2-s", 3_600), beat("another", 13 * 3_600)):
        found = night(ended("j1", 0, 10), nodes={**nodes, "w2": (nodes["w2"][0], doubtful)})
        assert [one.name for one in found.farm.workers] == ["w1"]
        assert "w2 had no job then, and nothing tells whether it was there: left out" in found.notes


def test_what_is_left_out_is_counted_and_said():
    failed = ended("j2", 0, 33, verdict="failed")
    pruned = replace(ended("j3", 0, 10), job=None)
    twice = ended(
        "j1", 50, 10, attempts=2,
        ran={"attempt": 2},
    )  # fmt: skip
    twice = replace(
        twice,
        end=twice.end.model_copy(
            update={"ran": (twice.end.ran[0].model_copy(update={"attempt": 1}), *twice.end.ran)}
        ),
    )
    unwritten = ended("j4", 70, 10, came_s=None)
    found = night(failed, pruned, twice, unwritten)
    assert [one.job.name for one in found.farm.arrivals] == ["j1", "j4"]
    assert found.notes == (
        "1 that did not succeed are left out; their last attempts took 33 s",
        "1 that succeeded are left out: their records or times are gone",
        "1 attempts that failed or were lost before a job succeeded are left out",
        "w2 had no job then, and nothing tells whether it was there: left out",
        "1 of the jobs came nobody knows when; they come when they began",
        UNTOLD,
    )


@pytest.mark.parametrize(
    "damage",
    [
        {"started_at": None}, {"started_at": "2026-11-20T20:00:00"}, {"ended_at": "soon"}, {"duration_s": -1}, {"ran": 7},
        {"name": "../x"}, {"day": "../x"}, {"worker": "w" * 101}, {"class": "x"},
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_no_end(damage):
    line = ended("j1", 0, 10).end.model_dump(mode="json", by_alias=True)
    assert end_of(line) is not None
    assert end_of({**line, **damage}) is None


def test_what_if_questions_work_on_a_past_night_too():
    ends = [ended(f"j{number}", 20 * number, 20) for number in range(6)]
    found = night(*ends)
    alone, two = (
        summarise("x", one, simulate(one, Choosing(), POLICIES["spool"]))
        for one in (found.farm, found.farm.with_another("w1"))
    )
    assert two.makespan_s < alone.makespan_s
    names = [one.name for one in found.farm.with_another("w1").with_another("w1").workers]
    assert names == ["w1", "w1-more", "w1-more-more"]
