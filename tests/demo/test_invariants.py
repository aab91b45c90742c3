"""The demo's checker notices what is wrong in a tree: each test breaks a copy of a good one in one way."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from demo_runs import Run

from spoolctl.cli.app import main
from spoolctl.demo import batch
from spoolctl.demo.invariants import Given, check
from spoolctl.demo.play import Course
from spoolctl.demo.watching import Display

JOB = f"{batch.SHELF}.garden"
LOST = f"{batch.SHELF}.never-there"


@pytest.fixture
def tree(demo_run: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(demo_run.home / "spool", tmp_path / "spool"))


def given() -> Given:
    jobs = {ask.name: ask.data for ask in batch.compose()}
    return Given(jobs, {batch.BROKEN_FILE: batch.BROKEN})


def broken(tree: Path) -> dict[str, tuple[str, ...]]:
    return {one.id: one.problems for one in check(tree, given()) if not one.held}


def results(tree: Path) -> Path:
    return tree / "results" / batch.SHELF / JOB


def record(tree: Path) -> Path:
    (found,) = tree.glob(f"done/*/{JOB}~*.yaml")
    return found


def delete_an_output(tree: Path) -> None:
    (results(tree) / "a1" / "0000-1-txt2img.png").unlink()


def change_an_output(tree: Path) -> None:
    with (results(tree) / "a1" / "0000-1-txt2img.png").open("r+b") as image:
        image.seek(100)
        image.write(b"\0\1\2\3")


def cut_a_manifest(tree: Path) -> None:
    path = results(tree) / "a1" / "manifest.yaml"
    path.write_bytes(path.read_bytes()[:300])


def copy_a_record(tree: Path) -> None:
    shutil.copy(record(tree), tree / "queue" / "normal" / f"{JOB}.yaml")


def delete_a_record(tree: Path) -> None:
    record(tree).unlink()


def leave_a_record_unmerged(tree: Path) -> None:
    record(tree).rename(tree / "finished" / f"{JOB}~1.yaml")


def succeed_twice(tree: Path) -> None:
    shutil.copytree(results(tree) / "a1", results(tree) / "a2")


def leave_an_attempt_open(tree: Path) -> None:
    (results(tree) / "a2").mkdir()


def skip_a_number(tree: Path) -> None:
    (results(tree) / "a1").rename(results(tree) / "a3")


def edit_the_pinned_record(tree: Path) -> None:
    with (results(tree) / "record.yaml").open("ab") as pinned:
        pinned.write(b"# mine\n")


def forget_the_rejected_file(tree: Path) -> None:
    for path in (tree / "rejected").glob("*.reason.yaml"):
        path.unlink()


def edit_the_rejected_file(tree: Path) -> None:
    (file,) = (p for p in (tree / "rejected").iterdir() if not p.name.endswith(".reason.yaml"))
    file.write_bytes(b"gone")


def corpus_lines(tree: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path = tree / "corpus" / "learning_records.jsonl"
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def duplicate_a_corpus_line(tree: Path) -> None:
    corpus_lines(tree, lambda lines: [*lines, lines[0]])


def lose_a_corpus_line(tree: Path) -> None:
    corpus_lines(tree, lambda lines: lines[1:])


def tear_a_corpus_line(tree: Path) -> None:
    corpus_lines(tree, lambda lines: [*lines, b'{"metadata": {"spo'])


def test_the_tree_of_a_good_run_breaks_nothing(tree: Path) -> None:
    assert broken(tree) == {}


@pytest.mark.parametrize(
    ("break_it", "invariants", "said"),
    [
        (delete_an_output, {"I2"}, "is not there"),
        (change_an_output, {"I2"}, "is not what its manifest says"),
        (cut_a_manifest, {"I2", "I3", "I5", "I10"}, "cannot be read"),
        (copy_a_record, {"I1"}, "queue/normal/demo.garden.yaml"),
        (delete_a_record, {"I1", "I5"}, "lies in no state folder"),
        (leave_a_record_unmerged, {"I5"}, "lies at finished/demo.garden~1.yaml"),
        (succeed_twice, {"I3", "I4", "I10"}, "was committed 2 times"),
        (leave_an_attempt_open, {"I3", "I4", "I5"}, "attempt 2 has no verdict"),
        (skip_a_number, {"I2", "I4"}, "has attempts 3"),
        (edit_the_pinned_record, {"I9"}, "is not what was submitted"),
        (forget_the_rejected_file, {"I8"}, "is not in rejected/ with a reason"),
        (edit_the_rejected_file, {"I8"}, "was not kept as it was"),
        (duplicate_a_corpus_line, {"I10"}, "has 2 corpus records"),
        (lose_a_corpus_line, {"I10"}, "has 0 corpus records"),
        (tear_a_corpus_line, {"I10"}, "is no record of an image"),
    ],
)
def test_a_broken_tree_is_noticed(
    tree: Path, break_it: Callable[[Path], None], invariants: set[str], said: str
) -> None:
    break_it(tree)

    found = broken(tree)
    assert set(found) == invariants
    assert any(said in problem for problems in found.values() for problem in problems)


def test_a_job_that_the_tree_knows_nothing_of_is_lost(tree: Path) -> None:
    jobs = {**given().jobs, LOST: b"schema: spool.job/1\n"}
    held = {one.id: one.held for one in check(tree, Given(jobs, {}))}

    assert not held["I1"]
    assert not held["I5"]


def test_a_broken_invariant_ends_the_demo_with_exit_code_1(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    duplicate_a_corpus_line(tree)

    class Replay:
        """A play that leaves the broken tree."""

        def __init__(self, home: Path, _display: Display, *, limit_s: float) -> None:
            self._home = home

        def run(self) -> Course:
            shutil.copytree(tree, self._home / "spool")
            return Course(batch.compose())

    monkeypatch.setattr("spoolctl.cli.demo.Play", Replay)

    assert main(["demo", "--into", str(tmp_path / "home"), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["went_well"]
    assert [one["id"] for one in told["invariants"] if not one["held"]] == ["I10"]

    assert main(["demo", "--into", str(tmp_path / "again")]) == 1
    page = capsys.readouterr().out
    assert "BROKEN  I10" in page
    assert "has 2 corpus records" in page
