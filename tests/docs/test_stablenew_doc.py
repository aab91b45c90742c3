"""docs/STABLENEW.md: its Python runs as printed, with real StableNew snapshots, real processes and the protocol library beside it."""

import ast
import hashlib
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from sample_data import stablenew

from spoolctl.cli.app import main
from spoolctl.spool import (
    Actor,
    Admission,
    Claim,
    Facts,
    Life,
    State,
    begin_session,
    claim,
    create_spool,
    find,
    layout,
    open_spool,
    parse_job,
    stages_of,
)

TEXT = (Path(__file__).parents[2] / "docs" / "STABLENEW.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^spoolctl (.+)$", TEXT, re.MULTILINE)
LINES_MAX = 30
FAILS = "test_lora_embed_pack_0.json"
"""Its prompt holds ``[[job]]``, by which the worker of the test is told to fail it."""


@pytest.fixture(scope="module")
def gui(tmp_path_factory):
    """What the document prints, as one program."""
    path = tmp_path_factory.mktemp("gui") / "stablenew_gui.py"
    path.write_text("\n".join(BLOCKS), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("stablenew_gui", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def snapshot(name="test_matrix_pack_0.json"):
    return json.loads((stablenew("generated/njr_snapshots") / name).read_text(encoding="utf-8"))


def png() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(data, "PNG")
    return data.getvalue()


def only_upscale(whole):
    """A chain as StableNew's reprocessing makes it: it begins with an image."""
    for entry in whole["normalized_job"]["stage_chain"]:
        entry["enabled"] = entry["stage_type"] == "upscale"
    return whole


def test_the_program_uses_nothing_but_the_standard_library():
    nodes = ast.walk(ast.parse("\n".join(BLOCKS)))
    imported = {
        alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
    }
    nodes = ast.walk(ast.parse("\n".join(BLOCKS)))
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}

    assert imported
    assert imported <= sys.stdlib_module_names


def test_each_function_is_short_enough_to_copy():
    found = [n for n in ast.parse("\n".join(BLOCKS)).body if isinstance(n, ast.FunctionDef)]

    assert len(found) >= 8
    assert [n.name for n in found if n.end_lineno - n.lineno >= LINES_MAX] == []


# 1 Write a job


@pytest.fixture
def spool(tmp_path) -> Path:
    create_spool(tmp_path / "spool")
    return tmp_path / "spool"


@pytest.mark.parametrize("file", sorted(p.name for p in stablenew("generated/njr_snapshots").glob("*.json")))  # fmt: skip
def test_a_snapshot_is_written_unchanged_and_is_a_job(gui, spool, file):
    name = gui.write_job(spool, snapshot(file))
    (written,) = spool.glob("queue/normal/*")
    job = parse_job(written.read_bytes())

    assert written.name == f"{name}.json"
    assert job.workload.snapshot == snapshot(file) == json.loads(written.read_text("utf-8"))
    assert stages_of(job)


@pytest.mark.parametrize(("priority", "folder"), [(0, "batch"), (1, "normal"), (2, "interactive")])
def test_a_priority_of_stablenew_is_a_class(gui, spool, priority, folder):
    name = gui.write_job(spool, snapshot(), priority)

    assert (spool / "queue" / folder / f"{name}.json").is_file()


def test_a_job_with_more_to_say_gets_the_envelope_and_the_snapshot_stays_as_it_is(gui, spool):
    gui.write_job(
        spool, snapshot(), group="night 7", requires={"vram_gb": 10}, dropped={"start_stage": "txt2img"}
    )  # fmt: skip
    (written,) = spool.glob("queue/normal/*")
    job = parse_job(written.read_bytes())

    assert (job.group, job.job_id) == ("night 7", snapshot()["job_id"])
    assert job.requires.vram_gb == 10
    assert job.workload.dropped.start_stage == "txt2img"
    assert job.workload.snapshot == snapshot()


def test_a_name_that_is_taken_is_refused_and_nothing_is_left_beside(gui, spool):
    gui.write_job(spool, snapshot(), name="mine.0001")
    with pytest.raises(FileExistsError):
        gui.write_job(spool, snapshot("test_matrix_pack_1.json"), name="mine.0001")

    assert os.listdir(spool / "queue/normal") == ["mine.0001.json"]
    assert json.loads((spool / "queue/normal/mine.0001.json").read_text("utf-8")) == snapshot()


def test_a_job_that_cannot_be_written_leaves_no_half_of_it(gui, spool):
    with pytest.raises(ValueError, match="JSON"):
        gui.write_job(spool, {**snapshot(), "seed": float("nan")})

    assert [p for p in spool.glob("queue/normal/*") if not p.name.startswith(".")] == []


def test_names_are_new_and_legal(gui, spool):
    names = {gui.write_job(spool, snapshot()) for _ in range(20)}

    assert len(names) == 20
    assert len(list(spool.glob("queue/normal/*"))) == 20
    assert all(gui.look(spool, name)["state"] == "queue" for name in names)


def test_an_image_is_stored_once_under_its_digest(gui, spool, tmp_path):
    (tmp_path / "photo.PNG").write_bytes(png())
    first = gui.attach(spool, tmp_path / "photo.PNG")

    assert gui.attach(spool, tmp_path / "photo.PNG") == first
    assert (spool / first["path"]).read_bytes() == png()
    assert first["sha256"] == hashlib.sha256(png()).hexdigest()
    assert len([p for p in spool.rglob("inputs/*/*") if p.is_file()]) == 1


# 2 Follow it


def take(spool: Path, name: str) -> tuple[Actor, Claim, Life]:
    """Claim a job, as a worker does."""
    actor = open_spool(spool, name="tower-0")
    begin_session(actor)
    (location,) = find(actor, name, (State.QUEUE,))
    life = Life(actor, "worker", Facts())
    claimed = claim(actor, Admission().admit(actor, location), life, lambda _job, _previous: True)
    assert isinstance(claimed, Claim)
    return actor, claimed, life


def test_a_running_job_tells_its_stage_and_its_preview(gui, spool):
    name = gui.write_job(spool, snapshot())
    assert gui.look(spool, name)["record"] == spool / f"queue/normal/{name}.json"
    _, claimed, life = take(spool, name)
    life.tell(stage="adetailer", progress=0.25, eta_s=12.5)
    life.beat_attempt(name, claimed.number)

    said = gui.look(spool, name)
    assert (said["state"], said["worker"]) == ("running", "tower-0")
    assert (said["stage"], said["progress"], said["eta_s"]) == ("adetailer", 0.25, 12.5)
    assert said["preview"] is None

    (spool / layout.preview(name, claimed.number)).write_bytes(b"a picture")
    assert gui.look(spool, name)["preview"].read_bytes() == b"a picture"


def test_a_record_is_found_with_a_rank_before_and_a_label_behind_its_name(gui, spool):
    name = gui.write_job(spool, snapshot())
    other = gui.write_job(spool, snapshot(), name=f"{name}-2")
    (spool / f"queue/normal/{name}.json").rename(spool / f"queue/batch/07+{name}~1.json")

    assert gui.look(spool, name)["record"].name == f"07+{name}~1.json"
    assert gui.look(spool, other)["record"].name == f"{other}.json"


def test_a_job_that_is_held_or_not_there_is_told_so(gui, spool):
    name = gui.write_job(spool, snapshot())
    (spool / f"queue/normal/{name}.json").rename(spool / f"held/{name}.json")

    assert gui.look(spool, name)["state"] == "held"
    assert gui.look(spool, "nobody.0001") == {"state": "unknown"}


# 3 and 4, with real processes


@pytest.fixture(scope="module")
def night(gui, tmp_path_factory):
    """A spool through which jobs of StableNew's have gone: its root, and the jobs' names by what they are."""
    folder = tmp_path_factory.mktemp("night")
    root = folder / "spool"
    create_spool(root)
    photo = folder / "photo.png"
    photo.write_bytes(png())
    names = {
        "pair": gui.write_job(root, snapshot(), 2, group="pairs"),
        "other": gui.write_job(root, snapshot("test_matrix_pack_1.json"), group="pairs"),
        "beast": gui.write_job(root, snapshot("SDXL_mythical_beasts_Fantasy_0.json")),
        "photo": gui.write_job(root, only_upscale(snapshot()), inputs=[gui.attach(root, photo)]),
        "fails": gui.write_job(root, snapshot(FAILS)),
        "no job": gui.write_job(root, {**snapshot(), "normalized_job": {}}),
    }
    run(
        root, "spoolworker", "run", "--drain", "--quiet", "--name", "w1", "--scratch", folder / "scratch",
        "--backend-option", "fail=bad_job", "--backend-option", "fail_when_prompt=[[job]]",
    )  # fmt: skip
    run(root, "spoolctl", "controller", "run", "--once")
    return root, names


def run(root, module, *arguments):
    environment = {**os.environ, "SPOOL_ROOT": str(root), "XDG_STATE_HOME": str(root.parent)}
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_jobs_that_ended_tell_how_and_why(gui, night):
    root, names = night
    states = {what: gui.look(root, name)["state"] for what, name in names.items()}

    assert states == {
        "pair": "succeeded", "other": "succeeded", "beast": "succeeded", "photo": "succeeded",
        "fails": "failed", "no job": "rejected",
    }  # fmt: skip
    assert gui.look(root, names["fails"])["reason"].startswith("bad_job: ")
    assert "has no stages" in gui.look(root, names["no job"])["reason"]


def test_the_images_are_those_that_were_committed_each_with_its_own_seed(gui, night):
    root, names = night
    pair = gui.read_images(root, names["pair"])

    assert len(pair) == 2
    assert pair[1]["seed"] == pair[0]["seed"] + 1
    for one in [*pair, *gui.read_images(root, names["photo"])]:
        assert hashlib.sha256(one["path"].read_bytes()).hexdigest() == one["sha256"]


def test_the_history_tells_every_end_and_the_corpus_every_image_once(gui, night):
    root, names = night
    ends = gui.read_history(root)
    known = set()
    records = gui.read_new_records(root, known)

    assert {what: ends[name]["verdict"] for what, name in names.items() if name in ends} == {
        "pair": "succeeded", "other": "succeeded", "beast": "succeeded", "photo": "succeeded", "fails": "failed",
    }  # fmt: skip
    assert ends[names["pair"]]["group"] == "pairs"
    assert ends[names["pair"]]["job_id"] == snapshot()["job_id"]
    made = [one for what in ("pair", "other", "beast", "photo") for one in gui.read_images(root, names[what])]  # fmt: skip
    assert {root / one["metadata"]["image_path"] for one in records} == {m["path"] for m in made}
    assert len(records) == len(known) == len(made)
    assert gui.read_new_records(root, known) == []


def test_a_persons_word_on_an_image_is_no_new_image(gui, spool):
    image = {"run_id": "r", "metadata": {"spool_job": "one"}}
    word = {"run_id": "r", "metadata": {"spool_job": "one", "spool_word": 1}}
    foreign = {"run_id": "s", "metadata": {"record_kind": "review_tab_feedback"}}
    lines = [json.dumps(one) + "\n" for one in (word, image, foreign)]
    (spool / "corpus/learning_records.jsonl").write_text("".join(lines), encoding="utf-8")

    assert gui.read_new_records(spool, set()) == [image]


def test_a_spool_without_ledgers_has_no_history_yet(gui, spool):
    assert gui.read_history(spool) == {}
    assert gui.read_new_records(spool, set()) == []


# 5 StableNew's own files


def test_the_commands_bring_everything_to_stablenews_own_files(night, tmp_path, monkeypatch):
    root, names = night
    monkeypatch.setenv("SPOOL_ROOT", str(root))
    monkeypatch.setenv("SPOOL_INDEX", str(tmp_path / "index"))
    monkeypatch.chdir(tmp_path)
    for folder in ("data/learning", "output"):
        (tmp_path / folder).mkdir(parents=True)
    assert len(COMMANDS) == 3
    for command in COMMANDS:
        assert main(command.replace("beasts", "pairs").split()) == 0

    history = (tmp_path / "data/job_history.jsonl").read_text("utf-8").splitlines()
    assert len(history) == len(names) - 1  # all but the file that was no job
    assert len(list((tmp_path / "output/spool").glob("*/*.png"))) == 4
    assert len((tmp_path / "data/learning/learning_records.jsonl").read_bytes().splitlines()) == 6
