"""The examples as a new user tries them: each README's commands, in order, on a fresh spool."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from spoolctl.spool import create_spool, open_spool, parse_job
from spoolctl.spool.looking import all_records
from spoolworker.config import load

EXAMPLES = Path(__file__).parents[2] / "examples"
PLANS = ("sweep", "prompt-pack", "learning-run")
TOPICS = (
    "first-job",
    "chain",
    "batch-of-prompts",
    "gui-drop",
    "stablenew-snapshot",
    "night",
    *PLANS,
)
TIMEOUT_S = 240
_SH_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(topic: str) -> list[str]:
    return _SH_BLOCK.findall((EXAMPLES / topic / "README.md").read_text(encoding="utf-8"))


def environment(tmp_path: Path) -> dict[str, str]:
    """A new user's: nothing set but the spool, and nothing written to this user's home."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, module in (("spoolctl", "spoolctl.cli.app"), ("spoolworker", "spoolworker.cli")):
        script = programs / name
        script.write_text(
            f"#!{sys.executable}\nimport sys\nfrom {module} import main\nsys.exit(main())\n",
            encoding="utf-8",
        )
        script.chmod(0o755)
    python = programs / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SPOOL", "XDG_"))}
    return kept | {
        "PATH": f"{programs}{os.pathsep}{kept['PATH']}",
        "PYTHONPATH": str(EXAMPLES.parent),
        "HOME": str(tmp_path),
        "SPOOL_ROOT": str(tmp_path / "spool"),
    }


def run_block(text: str, folder: Path, env: Mapping[str, str]) -> str:
    """Run one block as a person types it; what it left running is ended."""
    with subprocess.Popen(
        ["sh", "-e"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=dict(env),
        text=True,
        start_new_session=True,
    ) as shell:
        try:
            said, _ = shell.communicate(text, timeout=TIMEOUT_S)
        finally:
            if shell.returncode != 0 and hasattr(os, "killpg"):
                os.killpg(shell.pid, signal.SIGKILL)
    assert shell.returncode == 0, f"this failed:\n{text}\nit said:\n{said}"
    return said


@pytest.fixture
def play(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Path, dict[str, str], str]:
    """Run a topic's README; gives the spool, the environment and all that was said."""
    if sys.platform == "win32":
        pytest.skip("the commands are written for sh")
    topic: str = request.param
    env = environment(tmp_path)
    create_spool(tmp_path / "spool")
    folder = Path(shutil.copytree(EXAMPLES / topic, tmp_path / topic))
    said = "".join(run_block(block, folder, env) for block in blocks(topic))
    return tmp_path / "spool", env, said


def states(spool: Path) -> dict[str, str]:
    actor = open_spool(spool, name="person-reader")
    return {one.name: str(one.place.state) for one in all_records(actor)}


@pytest.mark.parametrize("play", ["first-job"], indirect=True)
def test_the_first_job_becomes_two_large_images(play: tuple[Path, dict[str, str], str]) -> None:
    spool, _, said = play

    assert states(spool) == {"lighthouse": "done"}
    assert said.count("-2-upscale.png") >= 2


@pytest.mark.parametrize("play", ["chain"], indirect=True)
def test_a_chain_runs_link_by_link(play: tuple[Path, dict[str, str], str]) -> None:
    spool, _, said = play

    assert states(spool) == dict.fromkeys(
        ("harbour.0001", "harbour.0002", "harbour.0003"), "finished"
    )
    finals = [path.name for path in spool.glob("results/harbour/harbour.0002/a1/*-3-upscale.png")]
    assert len(finals) == 1
    assert "needs harbour.0001" in said


@pytest.mark.parametrize("play", ["batch-of-prompts"], indirect=True)
def test_prompts_by_seeds_become_a_group_of_jobs(play: tuple[Path, dict[str, str], str]) -> None:
    spool, _, said = play

    assert list(states(spool).values()) == ["finished"] * 6
    assert "prompt003-seed1002.yaml" in said


@pytest.mark.parametrize("play", ["gui-drop"], indirect=True)
def test_a_gui_without_our_package_gets_its_images(play: tuple[Path, dict[str, str], str]) -> None:
    spool, _, said = play
    images = [Path(line) for line in said.splitlines() if line.endswith("-upscale.png")]
    (record,) = spool.glob("results/*/*/record.yaml")
    stage = yaml.safe_load(record.read_text(encoding="utf-8"))["workload"]["stages"][0]

    assert [image.is_file() for image in images] == [True, True]
    assert stage["prompt"] == 'a lighthouse at "night": long exposure'


def test_the_gui_example_imports_nothing_of_ours() -> None:
    text = (EXAMPLES / "gui-drop" / "drop_job.py").read_text(encoding="utf-8")

    assert not re.search(r"^\s*(import|from) spool", text, re.MULTILINE)


@pytest.mark.parametrize("play", ["stablenew-snapshot"], indirect=True)
def test_a_stablenew_snapshot_comes_back_as_learning_records(
    play: tuple[Path, dict[str, str], str],
) -> None:
    spool, _, said = play

    assert states(spool) == {"lake": "done"}
    assert "appended 2 records" in said
    assert "appended 0 records" in said


@pytest.mark.parametrize("play", ["sweep"], indirect=True)
def test_a_sweep_becomes_a_group_in_which_every_variant_comes_first(
    play: tuple[Path, dict[str, str], str],
) -> None:
    spool, _, said = play
    records = [
        yaml.safe_load(p.read_text(encoding="utf-8"))
        for p in sorted(spool.glob("results/*/*/record.yaml"))
    ]

    assert list(states(spool).values()) == ["finished"] * 8
    assert said.startswith("lighthouse sweep: 8 jobs")
    assert [one["workload"]["stages"][0]["seed"] for one in records] == [1000] * 4 + [1001] * 4


@pytest.mark.parametrize("play", ["prompt-pack"], indirect=True)
def test_a_prompt_pack_becomes_the_same_jobs_again(play: tuple[Path, dict[str, str], str]) -> None:
    spool, _, said = play

    assert said.startswith("wrote 8 jobs into jobs\nwrote 8 jobs into again\n")
    assert list(states(spool).values()) == ["finished"] * 8


@pytest.mark.parametrize("play", ["learning-run"], indirect=True)
def test_a_learning_run_comes_back_as_a_record_for_each_step(
    play: tuple[Path, dict[str, str], str],
) -> None:
    spool, _, said = play

    assert list(states(spool).values()) == ["done"] * 3
    assert said.splitlines()[-1] == "3"


def test_every_topic_is_named_in_the_list_and_shows_commands() -> None:
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")

    assert all(blocks(topic) for topic in TOPICS)
    assert all(f"({one.name}" in listed for one in EXAMPLES.iterdir() if one.name != "README.md")


def test_every_job_file_is_a_job() -> None:
    found = [p for p in EXAMPLES.rglob("*") if p.suffix == ".yaml" or p.name == "snapshot.json"]
    others = [EXAMPLES / "notify.yaml", EXAMPLES / "night" / "farm.yaml"]
    files = [p for p in found if p not in others and p.parent.name not in PLANS]

    assert len(files) >= 5
    for file in files:
        assert parse_job(file.read_bytes()).workload


def test_the_configuration_file_is_understood(tmp_path: Path) -> None:
    file = EXAMPLES / "worker.toml"
    loaded = load({}, file=file, environment={}, log_folder=tmp_path)

    assert loaded.origins["name"] == "default", "a copied file would give two machines one name"
    assert loaded.config.tags == ("fast", "attic")
    assert loaded.config.backend_options == {"seconds_per_image": "0.5"}
    text = file.read_text(encoding="utf-8")
    left_out = [field for field in type(loaded.config).model_fields if field not in text]
    assert left_out == ["drain", "once"]  # these are for one run


@pytest.mark.parametrize("play", ["night"], indirect=True)
def test_a_farm_that_is_not_there_is_simulated_and_drawn(
    play: tuple[Path, dict[str, str], str],
) -> None:
    spool, _, said = play

    assert said.count("nobody could end before") == 3
    assert "3 workers" in said
    assert (spool.parent / "night" / "farm.svg").read_text(encoding="utf-8").startswith("<svg")
