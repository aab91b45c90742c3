"""The worker's command line: its configuration told, and every operating error in two lines."""

import json
import sys
import time

import pytest

from spoolctl.spool import HangWatch, create_spool
from spoolctl.spool.version import VERSION
from spoolworker import cli, config
from spoolworker.availability import PauseFile


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch, tmp_path):
    for key in ("SPOOL_ROOT", "SPOOLWORKER_GPU"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setattr(config, "default_file", lambda: tmp_path / "none.toml")
    monkeypatch.setattr(cli, "default_folder", lambda: tmp_path / "logs")
    monkeypatch.setattr("signal.signal", lambda *_: None)


class Ran:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def spoolworker(monkeypatch, capsys):
    def run(*args):
        monkeypatch.setattr(sys, "argv", ["spoolworker", *map(str, args)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return Ran(caught.value.code or 0, *capsys.readouterr())

    return run


def test_the_version_is_printed(spoolworker):
    assert spoolworker("version").out == f"{VERSION}\n"


def test_config_tells_every_value_and_where_it_came_from(spoolworker, monkeypatch, tmp_path):
    monkeypatch.setenv("SPOOL_ROOT", "/mnt/spool")
    monkeypatch.setenv("SPOOLWORKER_GPU", "1")

    ran = spoolworker("config", "--name", "w1", "--tag", "big", "--backend-option", "a=1", "--json")

    told = json.loads(ran.out)
    assert set(told) == set(config.Config.model_fields)
    assert told["spool"] == {"value": "/mnt/spool", "from": "environment"}
    assert told["gpu"] == {"value": 1, "from": "environment"}
    assert told["name"] == {"value": "w1", "from": "flag"}
    assert told["tags"] == {"value": ["big"], "from": "flag"}
    assert told["backend_options"] == {"value": {"a": "1"}, "from": "flag"}
    assert told["log_folder"] == {"value": str(tmp_path / "logs"), "from": "default"}


def test_config_says_plainly_what_cannot_be_measured_here(spoolworker, monkeypatch, tmp_path):
    monkeypatch.setattr(cli, "unmeasured", lambda _config: {"input_idle_s": "there is no loginctl"})

    ran = spoolworker("config", "--spool", "/s", "--name", "w1")
    told = spoolworker("config", "--spool", "/s", "--name", "w1", "--json")

    said = "# availability.input_idle_s cannot be measured here and does not count: there is no loginctl\n"
    assert ran.out.endswith(said)
    unknown = json.loads(told.out)["availability"]["unknown"]
    assert unknown == {"input_idle_s": "there is no loginctl"}


def test_a_worker_is_paused_and_resumed_on_its_own_machine_whichever_its_spool(
    spoolworker, tmp_path
):
    ran = spoolworker("pause", "--name", "w1", "--now", "--for", "2h", "--message", "a game")

    assert ran.code == 0
    assert ran.out.startswith("w1: paused; it hands back what it runs, then claims nothing until ")
    assert "no worker 'w1' has run here" in ran.err
    pause = PauseFile(tmp_path / "logs" / "pause-w1.json").read(0.0)
    assert (pause.now, pause.why) == (True, "a game")
    assert abs(pause.until.timestamp() - time.time() - 7200) < 60

    assert spoolworker("resume", "--name", "w1").out == "w1: goes on\n"
    assert spoolworker("resume", "--name", "w1").out == "w1: was not paused on this machine\n"


def test_a_pause_lies_where_the_configuration_says(spoolworker, tmp_path):
    file, where = tmp_path / "worker.toml", tmp_path / "paused"
    file.write_text(f"name = 'w1'\n[availability]\npause_file = '{where}'\n")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker-w1.jsonl").touch()

    ran = spoolworker("pause", "--config", file)

    assert ran.out == (
        "w1: paused; it finishes what it runs, then claims nothing until 'spoolworker resume'\n"
    )
    assert ran.err == ""
    assert where.exists()


def test_hours_that_cannot_be_read_are_refused_in_one_line(spoolworker, tmp_path):
    file = tmp_path / "worker.toml"
    file.write_text("spool = '/s'\n[availability]\nhours = ['mon-fry 9-17']\n")

    ran = spoolworker("config", "--config", file)

    assert ran.code == 2
    assert "'availability.hours': " in ran.err
    assert "'fry' is no weekday" in ran.err


def test_an_unknown_key_of_the_availability_names_the_nearest(spoolworker, tmp_path):
    file = tmp_path / "worker.toml"
    file.write_text("spool = '/s'\n[availability]\nhour = ['mon 9-17']\n")

    assert "did you mean 'hours'?" in spoolworker("config", "--config", file).err


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_backends_password_is_shown_to_nobody(spoolworker, form):
    args = ("--spool", "/s", "--name", "w1", "--backend-option", "login=ann:s3cret", "--backend-option", "token=t0ken")  # fmt: skip

    ran = spoolworker("config", *args, *form)

    assert "s3cret" not in ran.out
    assert "t0ken" not in ran.out
    assert ran.out.count("***") == 2


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_login_in_an_address_and_what_an_environment_sets_are_shown_to_nobody(
    spoolworker, tmp_path, form
):
    file = tmp_path / "worker.toml"
    file.write_text(
        "spool = '/s'\nname = 'w1'\n[server]\nstart = ['/x']\nenvironment = {KEY = 's3cret'}\n"
        "[commands.sheet]\nrun = ['/x']\nenvironment = {KEY = 's3cret'}\n"
        "[backend_options]\nurl = 'http://ann:s3cret@nas:7860/x'\n"
    )

    ran = spoolworker("config", "--config", file, *form)

    assert "s3cret" not in ran.out
    assert "http://***@nas:7860/x" in ran.out


def test_config_for_people_has_one_line_for_each_value(spoolworker):
    ran = spoolworker("config", "--spool", "/s", "--name", "w1")

    lines = ran.out.splitlines()
    assert len(lines) == len(config.Config.model_fields)
    assert lines[0].split() == ["spool", '"/s"', "#", "flag"]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("run",), 2, "which spool? none is named"),
        (("run", "--spool", "/s", "--name", "A b"), 2, "worker name 'A b'"),
        (
            ("config", "--spool", "/s", "--backend-option", "x"),
            2,
            "backend option 'x' is not KEY=VALUE",
        ),
        (("config", "--spool", "/s", "--config", "/no.toml"), 2, "'/no.toml' is not there"),
        (("run", "--spool", "/no/spool", "--name", "w1"), 10, "no spool at '/no/spool'"),
    ],
)
def test_an_operating_error_is_two_lines_and_an_exit_code(spoolworker, args, code, said):
    ran = spoolworker(*args)

    assert ran.code == code
    error, hint = ran.err.splitlines()
    assert error.startswith("error: ")
    assert said in error
    assert hint.startswith("hint: ")


def test_an_event_log_that_cannot_be_written_is_an_operating_error(spoolworker, tmp_path):
    """It used to be a traceback."""
    (tmp_path / "logs").write_text("a file, not a folder")

    ran = spoolworker("run", "--spool", tmp_path, "--name", "w1")

    assert ran.code == 2
    assert ran.err.startswith(
        f"error: cannot write the event log '{tmp_path / 'logs' / 'worker-w1.jsonl'}'"
    )
    assert "--log-folder" in ran.err


def test_an_unknown_backend_names_those_that_there_are(spoolworker, tmp_path):
    create_spool(tmp_path / "spool")

    ran = spoolworker("run", "--spool", tmp_path / "spool", "--name", "w1", "--backend", "sketsh")

    assert ran.code == 2
    assert "did you mean 'sketch'?" in ran.err


def test_a_share_that_fails_at_the_start_is_an_operating_error(spoolworker, tmp_path, monkeypatch):
    create_spool(tmp_path / "spool")

    def away(_self):
        raise TimeoutError(110, "Connection timed out")

    monkeypatch.setattr(cli.Agent, "run", away)
    ran = spoolworker("run", "--spool", tmp_path / "spool", "--name", "w1", "-q")

    assert ran.code == 12
    assert "failed: [Errno 110] Connection timed out" in ran.err


def test_the_agents_exit_code_is_the_commands(spoolworker, tmp_path, monkeypatch):
    create_spool(tmp_path / "spool")
    monkeypatch.setattr(cli.Agent, "run", lambda _self: 70)

    assert spoolworker("run", "--spool", tmp_path / "spool", "--name", "w1", "-q").code == 70


def test_events_are_told_on_the_terminal_unless_quiet(spoolworker, tmp_path, monkeypatch):
    create_spool(tmp_path / "spool")
    monkeypatch.setattr(cli.Agent, "run", lambda self: self._actor.log("said", a=1) or 0)
    args = ("run", "--spool", tmp_path / "spool", "--name", "w1")

    assert "said" in spoolworker(*args).err
    assert spoolworker(*args, "--quiet").err == ""
    assert len((tmp_path / "logs" / "worker-w1.jsonl").read_text().splitlines()) == 2


def test_while_a_worker_runs_its_calls_to_the_share_are_watched(spoolworker, tmp_path, monkeypatch):
    create_spool(tmp_path / "spool")
    life = []
    monkeypatch.setattr(HangWatch, "__enter__", lambda _self: life.append("watched"))
    monkeypatch.setattr(HangWatch, "__exit__", lambda *_: life.append("left"))
    monkeypatch.setattr(cli.Agent, "run", lambda _self: life.append("run") or 0)

    assert spoolworker("run", "--spool", tmp_path / "spool", "--name", "w1", "-q").code == 0

    assert life == ["watched", "run", "left"]
