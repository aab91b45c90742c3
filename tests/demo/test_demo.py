"""The demo as somebody runs it: what it shows at the end, and that it leaves no process behind."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import psutil
import pytest
from demo_runs import COMMAND, Run
from PIL import Image
from rich.console import Console
from rich.live import Live

from spoolctl.cli.app import main
from spoolctl.demo import batch
from spoolctl.demo.news import Item
from spoolctl.demo.watching import Display, Picture
from spoolctl.fsck import check
from spoolctl.spool import Heartbeat, layout, open_spool

END_S = 60


def test_the_demo_goes_well_within_its_time(demo_run: Run) -> None:
    assert demo_run.told["not_happened"] == []
    assert [one["problems"] for one in demo_run.told["invariants"]] == [[]] * 8
    assert demo_run.told["went_well"]
    assert demo_run.exit_code == 0
    assert demo_run.complaints == ""


def test_it_names_every_invariant_that_a_tree_can_show(demo_run: Run) -> None:
    named = [one["id"] for one in demo_run.told["invariants"]]

    assert named == ["I1", "I2", "I3", "I4", "I5", "I8", "I9", "I10"]
    assert all(one["held"] and one["checked"] for one in demo_run.told["invariants"])


def test_the_killed_workers_job_is_lost_once_and_succeeds_on_another_try(demo_run: Run) -> None:
    told = demo_run.told
    name = told["killed_while_running"]
    attempts = next(one["attempts"] for one in told["jobs"] if one["job"] == name)

    assert told["lost"] == [name]
    assert [(one["verdict"], one["code"]) for one in attempts] == [
        ("lost", "process_gone"),
        ("succeeded", None),
    ]
    assert attempts[0]["worker"] == "bob"


def test_fsck_finds_the_spool_sound_in_which_a_worker_was_killed(demo_run: Run) -> None:
    (settings,) = demo_run.home.rglob(layout.SETTINGS)
    report = check(open_spool(settings.parent, name="person-fsck"), deep=True, pause_s=0)

    assert report.is_sound, report.findings


def test_the_fragile_job_fails_once_and_then_succeeds(demo_run: Run) -> None:
    told = demo_run.told
    attempts = next(one["attempts"] for one in told["jobs"] if one["job"] == batch.FRAGILE)

    assert told["failed_then_succeeded"] == [batch.FRAGILE]
    assert [(one["verdict"], one["code"]) for one in attempts] == [
        ("failed", "backend_rejected"),
        ("succeeded", None),
    ]


def test_the_broken_file_is_rejected_with_its_line_and_a_hint(demo_run: Run) -> None:
    (rejected,) = demo_run.told["rejected"]

    assert rejected["file"] == batch.BROKEN_FILE
    assert rejected["line"] == 5
    assert "stepz" in rejected["error"]
    assert "steps" in rejected["hint"]


def test_the_batch_has_all_classes_and_chains(demo_run: Run) -> None:
    jobs = demo_run.told["jobs"]

    assert {one["class"] for one in jobs} == {"interactive", "normal", "batch"}
    assert {tuple(one["stages"]) for one in jobs} == {
        ("txt2img",),
        ("txt2img", "upscale"),
        ("txt2img", "adetailer", "upscale"),
        ("img2img", "upscale"),
    }


def test_the_contact_sheet_has_a_tile_for_each_image(demo_run: Run) -> None:
    images = sum(one["images"] for one in demo_run.told["jobs"])

    with Image.open(demo_run.told["contact_sheet"]) as sheet:
        sheet.load()
        assert sheet.format == "PNG"
        assert sheet.text["tiles"] == str(images)  # type: ignore[attr-defined]
    assert demo_run.told["images"] == images


def test_everything_it_wrote_lies_in_its_folder(demo_run: Run) -> None:
    names = {path.name for path in demo_run.home.iterdir()}

    assert names >= {"spool", "logs", "contact-sheet.png"}
    assert (demo_run.home / "logs" / "worker-ada.jsonl").stat().st_size > 0


def test_a_folder_that_holds_something_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")

    assert main(["demo", "--into", str(tmp_path), "--json"]) == 2
    assert "is not empty" in json.loads(capsys.readouterr().out)["error"]


def test_a_demo_that_takes_too_long_says_what_did_not_happen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("spoolctl.cli.demo.LIMIT_S", 0.0)

    assert main(["demo", "--into", str(tmp_path / "home"), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert "not in time: that ada took a job" in told["not_happened"]
    assert psutil.Process().children(recursive=True) == []


def test_on_a_terminal_it_draws_workers_with_their_progress() -> None:
    said = StringIO()
    console = Console(file=said, force_terminal=True, width=100, height=35)
    began = datetime(2026, 11, 20, 22, 0, 0, tzinfo=UTC)
    beat = Heartbeat(
        schema_="spool.heartbeat/1", role="worker", session="ada-x", worker="ada", counter=1,
        machine="m", host_id="h", boot_id="b", pid=1, started_s=0.0, state="running",
        written_at=began, name="demo.fox", attempt=2, stage="upscale", progress=0.5,
    )  # fmt: skip
    with Live(console=console, auto_refresh=False) as live:
        shown = Display(console, live, began)
        shown.tell(Item(began + timedelta(seconds=3), "bob dies\nhere", "red"))
        shown.show(
            Picture("/tmp/spool", 13, {"queue": 4, "done": 6}, {"ada": beat, "bob": None}),
            began + timedelta(seconds=5),
        )

    text = said.getvalue()
    for word in ("/tmp/spool", "6 of 13 jobs", "fox (2)", "upscale", "50%", "killed", "3.0 s"):
        assert word in text
    assert "bob dies here" in text


@contextmanager
def _under_way(home: Path) -> Iterator[tuple["subprocess.Popen[str]", list[psutil.Process]]]:
    """A demo whose first worker is ready, and the processes that it has started."""
    with subprocess.Popen(
        [*COMMAND, "--into", str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as running:
        assert running.stdout is not None
        try:
            for line in running.stdout:
                if "ready to work" in line:
                    break
            yield running, psutil.Process(running.pid).children(recursive=True)
        finally:
            running.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that asks a process")
def test_a_demo_that_is_asked_to_end_ends_its_processes_first(tmp_path: Path) -> None:
    with _under_way(tmp_path / "demo") as (running, started):
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=END_S)

        assert len(started) >= 2
        assert not [one for one in started if one.is_running()]
        assert running.returncode == 130


def test_a_demo_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    with _under_way(tmp_path / "demo") as (running, started):
        running.kill()
        _, left = psutil.wait_procs(started, timeout=END_S)

        assert len(started) >= 2
        assert left == []
