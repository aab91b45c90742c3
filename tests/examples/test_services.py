"""The service files: their keys, and that the programs know every option in them."""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
UNITS = {
    "spoolworker@.service": "spoolworker",
    "spoolctl-controller.service": "spoolctl",
}
MODULES = {"spoolctl": "spoolctl.cli.app", "spoolworker": "spoolworker.cli"}
TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


def unit(name: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string((EXAMPLES / "systemd" / name).read_text(encoding="utf-8"))
    return parsed


def accept(program: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Let the program read a command line and only show its help: unknown options are refused before."""
    code = f"import sys; from {MODULES[program]} import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments, "--help"],
        capture_output=True,
        text=True,
        check=False,
        cwd=EXAMPLES.parent,
    )


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_names_a_program_and_options_that_exist(name: str) -> None:
    executable, *arguments = shlex.split(unit(name)["Service"]["ExecStart"])
    arguments = [one.replace("%i", "0").replace("%l", "attic") for one in arguments]

    assert Path(executable).name == UNITS[name]
    done = accept(UNITS[name], arguments)
    assert done.returncode == 0, done.stderr


def test_an_option_that_does_not_exist_would_be_noticed() -> None:
    assert accept("spoolworker", ["run", "--gpus", "0"]).returncode != 0


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_waits_for_the_share_and_lets_a_job_finish(name: str) -> None:
    parsed = unit(name)

    assert parsed["Unit"]["RequiresMountsFor"] == parsed["Service"]["ReadWritePaths"]
    assert parsed["Unit"]["AssertPathExists"].endswith("/spool.yaml")
    assert parsed["Service"]["Restart"] == "on-failure"  # a drain would not last otherwise
    assert "TimeoutStopSec" in parsed["Service"]
    assert parsed["Install"]["WantedBy"] == "multi-user.target"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit(name: str, tmp_path: Path) -> None:
    text = (EXAMPLES / "systemd" / name).read_text(encoding="utf-8")
    executable = unit(name)["Service"]["ExecStart"].split()[0]
    # systemd asks whether the program is there, and on this machine it lies elsewhere.
    file = tmp_path / name.replace("@.", "@0.")
    file.write_text(text.replace(executable, sys.executable), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.returncode == 0


def test_the_windows_task_starts_a_worker_with_options_that_exist() -> None:
    task = ET.parse(EXAMPLES / "windows" / "worker-task.xml").getroot()
    command = task.findtext(f"{TASK}Actions/{TASK}Exec/{TASK}Command") or ""
    arguments = task.findtext(f"{TASK}Actions/{TASK}Exec/{TASK}Arguments") or ""

    assert command.endswith("\\spoolworker.exe")
    done = accept("spoolworker", arguments.split())
    assert done.returncode == 0, done.stderr


def test_the_windows_task_is_never_ended_by_a_limit_nor_started_twice() -> None:
    settings = ET.parse(EXAMPLES / "windows" / "worker-task.xml").getroot().find(f"{TASK}Settings")

    assert settings is not None
    assert settings.findtext(f"{TASK}ExecutionTimeLimit") == "PT0S"
    assert settings.findtext(f"{TASK}MultipleInstancesPolicy") == "IgnoreNew"


def test_the_windows_script_registers_that_task_and_calls_commands_that_exist() -> None:
    text = (EXAMPLES / "windows" / "register-worker.ps1").read_text(encoding="utf-8")
    (called,) = re.findall(r"spoolworker\.exe' (.+)$", text, re.MULTILINE)

    assert "worker-task.xml" in text
    assert accept("spoolworker", shlex.split(called)).returncode == 0


def test_what_was_not_seen_on_windows_says_so() -> None:
    text = (EXAMPLES / "windows" / "README.md").read_text(encoding="utf-8")

    assert "Not yet seen on a real Windows" in text
