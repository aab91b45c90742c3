"""A command job on its whole way, from a worker's TOML file to the corpus."""

import json
import sys

import pytest
from command_rig import program

from spoolctl.controller.learning import corpus_records
from spoolctl.spool import Code, UsageError, create_spool, decisions, open_spool, parse_job
from spoolworker.agent import Agent
from spoolworker.config import load
from spoolworker.stopping import Stopping

JOB = """schema: spool.job/1
workload:
  kind: command
  command: draw
  arguments: {width: 6}
  count: 2
...
"""
DRAW = """
width = record["workload"]["arguments"]["width"]
for index in range(2):
    png(f"{index}.png", width)
    say(progress=(index + 1) / 2, output=f"{index}.png", index=index)
(OUT / "words.txt").write_text("a word")
say(output="words.txt", stage="words", final=False)
"""


@pytest.fixture
def spool(tmp_path):
    create_spool(tmp_path / "spool")
    return tmp_path / "spool"


def configured(tmp_path, spool, table):
    file = tmp_path / "worker.toml"
    paths = [
        spool.as_posix(),
        (tmp_path / "s").as_posix(),
        sys.executable,
        str(program(tmp_path, DRAW)),
    ]
    root, scratch, python, script = map(json.dumps, paths)
    file.write_text(
        f"spool = {root}\nname = 'attic'\nbackend = 'command'\nscratch = {scratch}\ndrain = true\n"
        f"[commands.draw]\nrun = [{python}, {script}]\n{table}\n",
        encoding="utf-8",
    )
    return load({}, file=file, environment={}, log_folder=tmp_path).config


def live(config):
    assert Agent(config, Stopping(), lambda *_a, **_k: None).run() == 0


def verdict(spool):
    return decisions(open_spool(spool, name="person-reader"), "pictures").highest.verdict


def test_a_command_job_is_run_checked_delivered_and_told(spool, tmp_path):
    (spool / "queue" / "normal" / "pictures.yaml").write_text(JOB)
    live(configured(tmp_path, spool, "outputs = ['image', 'text']"))
    manifest = verdict(spool)

    assert manifest.succeeded, manifest.message
    assert [(one.path, one.width, one.final, one.text) for one in manifest.outputs] == [
        ("a1/0000-1-command_draw.png", 6, True, None), ("a1/0001-1-command_draw.png", 6, True, None),
        ("a1/0000-2-words.txt", None, False, "a word"),
    ]  # fmt: skip
    records = corpus_records(
        spool_id="s", location_of_results="results", job=parse_job(JOB.encode()), manifest=manifest
    )
    assert [one["metadata"]["spool_image_index"] for one in records] == [0, 1]
    assert not list((tmp_path / "s").glob("command-*.json"))


def test_other_than_the_asked_number_of_outputs_is_incomplete(spool, tmp_path):
    (spool / "queue" / "normal" / "pictures.yaml").write_text(JOB.replace("count: 2", "count: 3"))
    live(configured(tmp_path, spool, "outputs = ['image', 'text']"))

    assert verdict(spool).code is Code.OUTPUT_INCOMPLETE


def test_a_job_for_a_command_that_is_not_allowed_here_is_left_alone(spool, tmp_path):
    (spool / "queue" / "normal" / "pictures.yaml").write_text(JOB.replace("draw", "reboot"))
    live(configured(tmp_path, spool, ""))

    assert (spool / "queue" / "normal" / "pictures.yaml").exists()


def test_what_a_command_has_in_its_environment_is_not_shown(spool, tmp_path):
    config = configured(tmp_path, spool, "environment = {TOKEN = 'geheim'}")

    assert "geheim" not in f"{config!r}{config.model_dump_json()}"


@pytest.mark.parametrize("name", ["Draw", "a-b", "../x", "9", "x" * 33])
def test_a_name_that_no_job_could_use_is_refused(spool, tmp_path, name):
    with pytest.raises(UsageError):
        configured(tmp_path, spool, f"[commands.{json.dumps(name)}]\nrun = ['true']")
    with pytest.raises(Exception, match="command"):
        parse_job(JOB.replace("draw", json.dumps(name)).encode())


@pytest.mark.parametrize(
    "wrong",
    ["shell = true", "memory_mb = 0", "outputs = ['video']", "outputs = []", "timeout_s = -1"],
)
def test_a_table_that_makes_no_sense_is_refused(spool, tmp_path, wrong):
    with pytest.raises(UsageError):
        configured(tmp_path, spool, wrong)
