"""The benchmarks run, and tell what they promise. What they measure is no test's business."""

import importlib
import importlib.util
import json
import re
from pathlib import Path

import pytest

from bench import backlog, peers, results, trips
from bench.counted import counted_spool
from bench.ours import QUEUE, Worker, make, submit_jobs
from spoolctl.spool import records_in

ROOT = Path(__file__).parents[2]


def told(capfd, path):
    return capfd.readouterr().out, json.loads(path.read_text())


def test_a_run_of_the_peers_gives_every_queue_that_is_installed_and_names_the_others(
    tmp_path, capfd
):
    assert (
        peers.main(
            [
                "--quick",
                "--folder",
                str(tmp_path),
                "--only",
                "spool,floor,lean SQLite queue,dirq,rq",
                "--json",
                str(tmp_path / "told.json"),
            ]
        )
        == 0
    )

    table, document = told(capfd, tmp_path / "told.json")
    measured = {"spool", "floor", "lean SQLite queue"} | (
        {"dirq"} if importlib.util.find_spec("dirq") else set()
    )
    assert measured <= set(document["rounds"])
    for row in document["rows"]:
        assert row[0] in table
        assert all(rate > 0 for rate in row[1:6:2]), row
        assert row[-1] in table  # what it does not do
    for name in document["not_measured"]:
        assert f"not measured: {name} (not installed: " in table
    assert set(document["rounds"]) | set(document["not_measured"]) == measured | {"dirq", "rq"}


def test_a_peer_that_does_a_job_twice_is_no_figure(tmp_path, monkeypatch):
    twice = [{"began": 0.0, "ended": 1.0, "done": ["a", "a"]}]
    monkeypatch.setattr(peers, "run", lambda *_: twice)

    with pytest.raises(RuntimeError, match="of 2 jobs 2 were done, 1 different"):
        peers.work_rate(peers.Floor, tmp_path, 2, 1)


def test_the_round_trips_of_every_step_are_told_and_summed(tmp_path, capfd):
    assert (
        trips.main(["--quick", "--folder", str(tmp_path), "--json", str(tmp_path / "told.json")])
        == 0
    )

    table, document = told(capfd, tmp_path / "told.json")
    by_step = {row[0]: row[1] for row in document["rows"]}
    assert list(by_step) == [
        "submit",
        "look",
        "claim",
        "heartbeat",
        "end and settle",
        "merge",
        "submit to merged",
    ]
    assert by_step["submit to merged"] == sum(list(by_step.values())[:-1]) - by_step["heartbeat"]
    assert all(step in table for step in by_step)


def test_a_job_costs_no_more_round_trips_than_the_document_says(tmp_path):
    """Counts, not times: a step that asks more of the share than before is seen here."""
    steps = trips.measure(tmp_path / "spool", 2, 0.0)
    assert {step: max(found) for step, found in steps.trips.items()} == {
        "submit": 4, "look": 2, "claim": 14, "heartbeat": 3, "end and settle": 10, "merge": 19,
    }  # fmt: skip


def test_a_listing_that_did_not_change_costs_one_round_trip(tmp_path):
    actor, native = counted_spool(make(tmp_path / "spool"), "bench")
    submit_jobs(actor, 200)
    native.trips = 0
    assert len(records_in(actor, QUEUE)) == 200
    first = native.trips
    records_in(actor, QUEUE)
    assert (first, native.trips) == (3, 4)


def test_a_worker_of_the_benchmark_commits_what_it_claims(tmp_path):
    actor, _ = counted_spool(make(tmp_path / "spool"), "bench")
    names = submit_jobs(actor, 3)
    assert tuple(Worker(actor).run(records_in(actor, QUEUE))) == names


def test_a_backlog_is_run_to_its_end(tmp_path, capfd):
    assert (
        backlog.main(["--quick", "--folder", str(tmp_path), "--json", str(tmp_path / "told.json")])
        == 0
    )

    table, document = told(capfd, tmp_path / "told.json")
    assert 0 < document["busy"] < 1
    assert "busy" in table


def test_every_question_to_the_index_is_timed(tmp_path, capfd):
    given = ["--quick", "--folder", str(tmp_path), "--json", str(tmp_path / "told.json")]
    assert results.main(given) == 0

    table, document = told(capfd, tmp_path / "told.json")
    assert set(document["asked"]) == {*results.QUERIES, "all groups"}
    assert "one group" in table


@pytest.mark.parametrize("document", ["bench/README.md", "docs/PERFORMANCE.md"])
def test_every_benchmark_that_a_document_names_can_be_run_so(document, capsys):
    text = (ROOT / document).read_text(encoding="utf-8")
    named = dict(re.findall(r"`python -m bench\.(\w+)([^`|]*)`", text))
    assert {"peers", "trips", "latency", "backlog", "start", "results"} <= set(named)
    for name in named:
        with pytest.raises(SystemExit) as ended:
            importlib.import_module(f"bench.{name}").main(["--help"])
        assert ended.value.code == 0
        told = capsys.readouterr().out
        for options in re.findall(rf"bench\.{name}([^`|\n]*)", text):
            assert set(re.findall(r"--[a-z-]+", options)) <= set(re.findall(r"--[a-z-]+", told)), (
                name
            )


def test_the_document_tells_the_round_trips_that_are_counted():
    """As ``test_a_job_costs_no_more_round_trips_than_the_document_says`` has them."""
    text = (ROOT / "docs/PERFORMANCE.md").read_text(encoding="utf-8")
    told = dict(
        re.findall(r"^\| (submit|claim|end and settle|merge) \| (\d+) \|", text, re.MULTILINE)
    )
    assert told == {"submit": "4", "claim": "14", "end and settle": "10", "merge": "19"}
