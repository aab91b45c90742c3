"""A text job on its whole way: run by a worker over real HTTP, merged, shown, checked, and its texts given to nobody who wants images."""

import json
import sys

import pytest

from spoolctl.cli.app import main
from spoolctl.spool import create_spool, decisions, layout, open_spool
from spoolctl.spool.overview import images_told
from spoolctl.spool.submit import parse_job
from spoolworker.agent import Agent
from spoolworker.config import Config
from spoolworker.stopping import Stopping

JOB = """schema: spool.job/1
workload:
  kind: text
  model: tiny
  prompt: a lighthouse
  count: 2
  seed: 7
  num_predict: 6
...
"""


@pytest.fixture
def spool(tmp_path):
    create_spool(tmp_path / "spool")
    return tmp_path / "spool"


def live(spool, tmp_path, server, backend="ollama"):
    options = {"url": server.url} if backend == "ollama" else {}
    config = Config(
        spool=spool, name="attic", drain=True, scratch=tmp_path / "s", log_folder=tmp_path, backend=backend,
        backend_options=options,
    )  # fmt: skip
    assert Agent(config, Stopping(), lambda *_a, **_k: None).run() == 0


def verdict(spool, name):
    return decisions(open_spool(spool, name="person-reader"), name).highest.verdict


def spoolctl(monkeypatch, capsys, spool, *arguments):
    monkeypatch.setenv("SPOOL_ROOT", str(spool))
    monkeypatch.setattr(sys, "argv", ["spoolctl", *arguments])
    code = main()
    said = capsys.readouterr()
    assert code == 0, said.err
    return said.out


def test_texts_are_delivered_told_in_the_manifest_merged_shown_and_whole(
    spool, tmp_path, server, monkeypatch, capsys
):
    (spool / "queue" / "normal" / "words.yaml").write_text(JOB)
    live(spool, tmp_path, server)
    manifest = verdict(spool, "words")

    assert manifest.succeeded
    assert [(one.path, one.width, one.seed_actual) for one in manifest.outputs] == [
        ("a1/0000-1-text.txt", None, 7), ("a1/0001-1-text.txt", None, 8),
    ]  # fmt: skip
    files = [
        (spool / layout.results("words") / one.path).read_text("utf-8") for one in manifest.outputs
    ]
    assert [one.text for one in manifest.outputs] == files
    assert manifest.warnings == ("text 0 was cut at 6 tokens", "text 1 was cut at 6 tokens")

    spoolctl(monkeypatch, capsys, spool, "controller", "run", "--once")
    shown = spoolctl(monkeypatch, capsys, spool, "show", "words")
    assert "rain a lighthouse above the grey" in shown
    assert "texts" in shown
    assert (spool / "corpus" / "parts" / "singles" / "words.jsonl").read_bytes() == b""
    (line,) = (spool / layout.ENDED_JOBS).read_text().splitlines()
    assert (json.loads(line)["kind"], json.loads(line)["images"]) == ("text", 0)
    report = json.loads(spoolctl(monkeypatch, capsys, spool, "fsck", "--json"))
    assert report["findings"] == []


def test_a_worker_without_ollama_leaves_a_text_job_and_says_why(spool, tmp_path, server):
    (spool / "queue" / "normal" / "words.yaml").write_text(JOB)
    live(spool, tmp_path, server, backend="sketch")

    assert (spool / "queue" / "normal" / "words.yaml").exists()


def test_a_job_for_a_model_that_is_not_there_is_not_claimed(spool, tmp_path, server):
    (spool / "queue" / "normal" / "words.yaml").write_text(JOB.replace("tiny", "huge:70b"))
    live(spool, tmp_path, server)

    assert server.generations() == []
    assert (spool / "queue" / "normal" / "words.yaml").exists()


def test_how_many_texts_depends_on_inputs_that_are_another_jobs():
    job = JOB.replace("workload:", "inputs: [{job: portraits}]\nworkload:", 1)
    images = JOB.replace(
        "workload:", "inputs: [{path: inputs/ab/a.png}, {path: inputs/ab/b.png}]\nworkload:", 1
    )

    assert images_told(parse_job(JOB.encode())) == 2
    assert images_told(parse_job(images.encode())) == 4
    assert images_told(parse_job(job.encode())) is None


@pytest.mark.parametrize(
    "wrong",
    [
        "options: {seed: 4}",
        "options: {num_predict: 4}",
        "seed: 4294967296",
        "prompt: ''",
        "format: yaml",
        "count: 0",
    ],
)
def test_a_record_that_makes_no_sense_is_refused(wrong):
    name = wrong.partition(":")[0]
    kept = "\n".join(line for line in JOB.splitlines() if not line.strip().startswith(name))
    with pytest.raises(Exception, match=name):
        parse_job(kept.replace("  kind: text", f"  kind: text\n  {wrong}").encode())
