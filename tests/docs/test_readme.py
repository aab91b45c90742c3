"""The README: its commands run as printed, and what it points at is there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("examples/**/*.md")]
)
BIN = Path(sys.executable).parent


def blocks(text, language="sh"):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def tour():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return blocks(text[text.index("## Five minutes") : text.index("## Where to go on")])


@pytest.fixture
def environment(tmp_path):
    share = tmp_path / "nas"
    share.mkdir()
    return {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "NAS": str(share),
    }


@pytest.mark.skipif(sys.platform == "win32", reason="the tour is written for a POSIX shell")
def test_the_five_minute_tour_runs_as_printed(environment, tmp_path):
    """Every command of the tour, in one shell and in order; the workers are stopped at the end."""
    waiting = (
        'for i in $(seq 300); do ls "$SPOOL_ROOT"/done/*/*.yaml >/dev/null 2>&1 && break; '
        "sleep 0.1; done"
    )
    *first, looking = tour()
    script = "\n".join(["set -eu", "trap 'kill $(jobs -p); wait' EXIT", *first, waiting, looking])
    script = script.replace("/mnt/nas", "$NAS")
    shown = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert "attempt 1: succeeded" in shown.stdout


def test_the_tests_line_is_what_continuous_integration_runs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    after = text[text.index("<!-- the tests, in one line -->") :]
    assert blocks(after)[0].count("\n") == 1
    assert "the tests, in one line" in (ROOT / ".ci/run").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(document):
    text = re.sub(
        r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} points at '{target}'"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_in_a_document_exists_with_its_options(document):
    """Each ``spoolctl ...`` or ``spoolworker ...`` line in a sh block is a command that knows its options."""
    for line in "\n".join(blocks(document.read_text(encoding="utf-8"))).splitlines():
        words = line.split("#")[0].split("&&")[-1].replace("&", "").split()
        if not words or words[0] not in ("spoolctl", "spoolworker"):
            continue
        command = [word for word in words[1:] if not word.startswith("-")][:1]
        shown = help_of(words[0], *command)
        for option in (word.split("=")[0] for word in words if word.startswith("--")):
            assert option in shown or option in help_of(words[0], *words[1:3]), f"{line}: {option}"


_HELP = {}


def help_of(program, *command):
    if (program, command) not in _HELP:
        done = subprocess.run(
            [shutil.which(program, path=str(BIN)) or program, *command, "--help"],
            capture_output=True, text=True, timeout=240, check=False,
            env={**os.environ, "COLUMNS": "200"},
        )  # fmt: skip
        _HELP[program, command] = done.stdout + done.stderr
    return _HELP[program, command]
