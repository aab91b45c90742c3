"""The command: exit codes, lines, JSON, one line; and repair with and without a dry run."""

import json

import pytest

from spoolctl.cli.app import main
from spoolctl.spool import create_spool

JOB = """\
schema: spool.job/1
workload:
  kind: image
  stages:
    - {stage: txt2img, prompt: a lighthouse}
...
"""


@pytest.fixture
def spool(tmp_path, monkeypatch):
    root = tmp_path / "spool"
    create_spool(root)
    monkeypatch.setenv("SPOOL_ROOT", str(root))
    return root


@pytest.fixture
def run(capsys):
    def run(*arguments):
        capsys.readouterr()
        code = main(["fsck", "--pause", "0", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_fresh_spool_is_sound(spool, run):
    code, out, err = run()
    assert (code, err) == (0, "")
    assert out.startswith("0 damaged, 0 stuck, 0 notes; 0 jobs, ")


def test_a_finding_names_invariant_place_and_remedy_and_ends_with_1(spool, run):
    (spool / "rejected/x.yaml").write_text("x")
    code, out, _ = run()
    assert code == 1
    assert "I8" in out
    assert "rejected/x.yaml" in out
    assert "a person must: " in out
    assert out.rstrip().split("\n")[-1].startswith("1 damaged, 0 stuck, 0 notes; 0 jobs")


def test_notes_alone_end_with_0(spool, run):
    (spool / "queue/normal/job-1.yaml").write_text(JOB)
    code, out, _ = run()
    assert code == 0
    assert "start one: 'spoolworker run'" in out


def test_quiet_is_one_line(spool, run):
    (spool / "rejected/x.yaml").write_text("x")
    code, out, _ = run("--quiet")
    assert code == 1
    assert out.count("\n") == 1


def test_json_is_one_document(spool, run):
    (spool / "rejected/x.yaml").write_text("x")
    code, out, _ = run("--json")
    document = json.loads(out)
    assert code == 1
    assert document["sound"] is False
    assert document["findings"][0]["code"] == "no-reason"
    assert document["checked"]["jobs"] == 0
    assert document["repaired"] == []


def test_repair_does_what_is_safe_and_a_dry_run_only_tells(spool, run):
    (spool / "held").rmdir()
    code, out, _ = run("--repair", "--dry-run")
    assert code == 1
    assert "would make the folder" in out
    assert not (spool / "held").exists()
    code, out, _ = run("--repair")
    assert code == 0
    assert "made 'held/'" in out
    assert (spool / "held").is_dir()


def test_a_dry_run_without_repair_makes_no_sense(run, spool):
    code, _, err = run("--dry-run")
    assert code == 2
    assert "--repair" in err


def test_of_many_findings_of_one_kind_the_first_are_shown(spool, run):
    for number in range(30):
        (spool / f"queue/normal/{number}.png").write_text("x")
    _, out, _ = run()
    assert "and 18 more 'stranger'; --json lists all" in out
    assert len(json.loads(run("--json")[1])["findings"]) == 30


def test_a_clean_terminal_is_left_by_a_strange_name(spool, run):
    (spool / "rejected/a\x1b[31m.yaml").write_text("x")
    assert "\x1b" not in run()[1]
