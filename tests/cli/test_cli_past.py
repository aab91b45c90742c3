"""``spoolctl simulate --since``: what ran in this spool, from the history that its controller wrote."""

import os
from datetime import timedelta

import pytest
from cli_bench import JOB_YAML, NOW, introduce_worker, leave_image

from spoolctl.spool import Code, Ending, Ran, StageTiming, Verdict, conclude, end, find, layout

WORKER = "tower-0"


class Night:
    """A spool that lives through a night by a clock that the test sets."""

    def __init__(self, bench, monkeypatch):
        self.bench, self.monkeypatch = bench, monkeypatch
        self.at(0)
        introduce_worker(
            bench.actor(WORKER), vram_gb=8.0, gpu="RTX 3060", stages=("txt2img",), backend="webui"
        )

    def at(self, seconds):
        moment = (NOW + timedelta(seconds=seconds)).timestamp()
        self.monkeypatch.setattr("spoolctl.spool.system.SystemClock.utc_s", lambda _self: moment)
        return moment

    def submit(self, name, seconds, *options, text=JOB_YAML):
        written = self.at(seconds)
        self.bench.submit(name, text, *options)
        (location,) = find(self.bench.actor(), name)
        os.utime(self.bench.root / location.path, (written, written))

    def run(self, name, began_s, took_s, *, verdict=Verdict.SUCCEEDED, code=None, load_s=0.0):
        self.at(began_s)
        actor, claimed, _ = self.bench.claim(name)
        outputs = () if code else (leave_image(actor, name, claimed.number),)
        began, _ = actor.utc_now(), self.at(began_s + took_s)
        stage = StageTiming(stage="txt2img", seconds=took_s, images=2)
        card = Ran(
            backend="webui", gpu="RTX 3060", vram_gb=8.0, load_s=load_s, was_loaded=not load_s
        )
        ending = Ending(
            verdict, code, outputs=outputs, stages=(stage,), ran=card, started_at=began, duration_s=float(took_s)
        )  # fmt: skip
        end(actor, claimed, conclude(actor, claimed, ending))

    def write_history(self):
        assert self.bench("controller", "run", "--once", "--no-lock").code == 0


@pytest.fixture
def night(bench, monkeypatch):
    return Night(bench, monkeypatch)


def two_jobs(night):
    night.submit("one", 0)
    night.submit("two", 5, "--class", "interactive")
    night.run("one", 10, 50)
    night.run("two", 60, 40)
    night.write_history()
    night.at(7_200)


def test_what_ran_in_the_last_hours_is_simulated_beside_what_really_happened(night):
    two_jobs(night)
    told = night.bench("simulate", "--since", "12h", "--json").document
    assert (told["workers"], round(told["bound_s"], 6)) == ([WORKER], 90.0)
    assert [one["policy"] for one in told["policies"]] == ["spool", "first come", "central"]
    assert (told["was"]["makespan_s"], told["was"]["jobs"]) == (100.0, 2)
    assert told["was"]["waits"]["interactive"]["median_s"] == 55.0
    assert told["policies"][0]["makespan_s"] == pytest.approx(90.0)
    text = night.bench(
        "simulate", "--since", "2026-11-20T21:00Z", "--until", "2026-11-20T23:00Z"
    ).out
    lines = text.splitlines()
    assert lines[0] == (
        "this spool, 2026-11-20 21:00 to 2026-11-20 23:00 UTC: 2 jobs, 1 worker; nobody could end before 1 min 30 s"
    )
    assert lines[2].startswith("as it was   1 min 40 s ")
    assert lines[-1].startswith("not in the history, and not simulated: when workers were paused")


def test_what_if_questions_and_pictures_are_of_the_changed_night(night, tmp_path):
    two_jobs(night)
    drawn = tmp_path / "night.svg"
    told = night.bench(
        "simulate", "--since", "12h", "--more", WORKER, "--alone", "--picture", drawn, "--json"
    ).document
    assert told["workers"] == [WORKER, f"{WORKER}-more"]
    assert told["was"]["makespan_s"] == 100.0, "what happened does not change"
    assert told["policies"][0]["makespan_s"] == pytest.approx(50.0)
    assert f"{WORKER}-more" in drawn.read_text(encoding="utf-8")


def test_what_failed_and_what_is_gone_is_left_out_and_said(night):
    night.submit("bad", 0)
    night.run("bad", 0, 30, verdict=Verdict.FAILED, code=Code.BAD_JOB)
    night.submit("gone", 20)
    night.run("gone", 30, 20)
    two_jobs(night)
    (night.bench.root / layout.pinned_record("gone")).unlink()
    told = night.bench("simulate", "--since", "12h", "--alone", "--json").document
    assert told["policies"][0]["jobs"] == 2
    assert told["notes"][:2] == [
        "1 that did not succeed are left out; their last attempts took 30 s",
        "1 that succeeded are left out: their records or times are gone",
    ]


def test_a_window_holds_only_what_began_in_it(night):
    two_jobs(night)
    told = night.bench("simulate", "--since", "2026-11-20T22:00:30Z", "--alone", "--json").document
    assert told["policies"][0]["jobs"] == 1
    # The worker has the other job until 22:01:00.
    assert told["policies"][0]["makespan_s"] == pytest.approx(70.0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "yesterday"), "'yesterday' is no time"),
        (("--since", "1h", "--until", "2h"), "--since must be before --until"),
        (("--until", "2h"), "--until goes with --since"),
        (("--since", "1h", "--here"), "Name one thing"),
        (("--since", "2h"), "began from 2026-11-20 22:00 to 2026-11-21 00:00 UTC and succeeded"),
    ],
)
def test_a_window_that_makes_no_sense_is_told_with_what_to_do(night, arguments, said):
    night.submit("one", 0)
    night.run("one", -60, 5)
    night.write_history()
    night.at(7_200)
    ran = night.bench("simulate", *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert "hint:" in ran.err


def test_a_spool_whose_controller_never_ran_has_no_history(night):
    ran = night.bench("simulate", "--since", "2h")
    assert (ran.code, "this spool has no history yet" in ran.err) == (2, True)


def test_nothing_is_written(night):
    two_jobs(night)
    before = night.bench.tree()
    assert night.bench("simulate", "--since", "12h", "--alone").code == 0
    assert night.bench.tree() == before
