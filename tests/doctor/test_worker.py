"""``spoolworker doctor``: card, backend, share, scratch, configuration and name, each told for what it is."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from doctor_world import severities

from spoolctl.spool import Code, Life, ModelHere, create_spool, open_spool
from spoolctl.spool.doctor import Mount, ThisMachine
from spoolworker import cli, config
from spoolworker import doctor as node
from spoolworker.availability import InputSeen, Pause, PauseFile, measuring
from spoolworker.backends.base import Abilities, BackendError
from spoolworker.gpus import Gpu, GpuReading

RTX = Gpu(0, "RTX 3090", "GPU-1", 24.0, 22.5)


@pytest.fixture
def root(tmp_path):
    create_spool(tmp_path / "spool")
    return tmp_path / "spool"


@pytest.fixture
def loaded(root, tmp_path, monkeypatch):
    monkeypatch.setattr(config, "default_file", lambda: tmp_path / "none.toml")

    def load(**flags):
        given = {"spool": root, "name": "tower-0", "scratch": tmp_path / "scratch", **flags}
        return config.load(given, file=None, environment={}, log_folder=tmp_path / "logs")

    return load


@pytest.fixture
def share_is_fine(monkeypatch):
    """For what the share has no part in; the checks of it take a while on a real disk."""
    monkeypatch.setattr(node, "examine", lambda _ward: [])


def look(loaded, reading=None, sleep=lambda _s: None):
    reading = reading or GpuReading((RTX,))
    told = []
    found = node.examine_node(loaded, tell=told.append, sleep=sleep, read=lambda: reading)
    return {one.about: one for one in found} | {"told": told}


def test_a_node_that_is_ready_has_nothing_bad(loaded, root):
    before = set(root.rglob("*"))
    found = look(loaded())
    del found["told"]
    assert "bad" not in {one.severity for one in found.values()}
    assert {"configuration", "card", "backend", "scratch", "log folder", "name", "rename"} <= set(
        found
    )
    assert set(root.rglob("*")) == before


@pytest.mark.usefixtures("share_is_fine")
def test_the_card_is_told_with_its_memory(loaded):
    assert look(loaded())["card"].said == "0: RTX 3090, 22.5 of 24.0 GB free"


@pytest.mark.usefixtures("share_is_fine")
def test_a_card_that_is_not_there_is_bad_and_the_others_are_named(loaded):
    told = look(loaded(gpu=2))["card"]
    assert (told.severity, "0 (RTX 3090)" in told.said) == ("bad", True)


@pytest.mark.parametrize(
    ("flags", "severity"),
    [
        ({}, "note"),
        ({"backend": "webui"}, "bad"),
        ({"backend": "webui", "vram_gb": 8.0}, "warning"),
    ],
)
@pytest.mark.usefixtures("share_is_fine")
def test_a_driver_that_does_not_answer_matters_as_far_as_the_backend_needs_it(
    loaded, flags, severity
):
    silent = GpuReading((), "no NVIDIA driver answers: NVML not found")
    told = look(loaded(**flags), silent)["card"]
    assert told.severity == severity
    assert "no NVIDIA driver answers" in told.said


def test_a_problem_of_another_card_is_a_warning(loaded):
    found = node.card(loaded().config, GpuReading((RTX,), "GPU 1 cannot be read: lost"))
    assert [one.severity for one in found] == ["ok", "warning"]


@pytest.mark.usefixtures("share_is_fine")
def test_an_unknown_backend_is_bad_with_the_known_ones(loaded):
    told = look(loaded(backend="skech"))["backend"]
    assert (told.severity, told.hint) == ("bad", "did you mean 'sketch'?")


class Probed:
    name = "webui"

    def __init__(self, answer):
        self._answer = answer

    def probe(self):
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "severity", "said"),
    [
        (
            BackendError(Code.BACKEND_UNREACHABLE, "connection refused"),
            "bad",
            "does not answer: connection refused",
        ),
        (Abilities("webui", "1.10", ("txt2img",), ()), "warning", "has no model"),
        (Abilities("webui", "1.10", ("txt2img",), (ModelHere(name="sdxl"),)), "ok", "models: sdxl"),
        (Abilities("webui", None, ("txt2img",), None), "ok", "any model"),
    ],
)
@pytest.mark.usefixtures("share_is_fine")
def test_a_backend_is_told_by_what_its_probe_says(loaded, monkeypatch, answer, severity, said):
    monkeypatch.setattr(node, "open_backend", lambda *_, **__: Probed(answer))
    told = look(loaded())["backend"]
    assert told.severity == severity
    assert said in told.said


@pytest.mark.usefixtures("share_is_fine")
def test_scratch_on_a_network_mount_is_a_warning(loaded, monkeypatch):
    nfs = Mount("/mnt/nas", "nfs4", "nas:/x", ("rw", "hard"))
    monkeypatch.setattr(ThisMachine, "mount", lambda _self: nfs)
    told = look(loaded())["scratch"]
    assert (told.severity, "--scratch" in told.hint) == ("warning", True)


@pytest.mark.usefixtures("share_is_fine")
def test_scratch_that_cannot_be_written_is_bad(loaded, monkeypatch):
    monkeypatch.setattr(node, "_cannot_write", lambda _folder: "Permission denied")
    found = look(loaded())
    assert found["scratch"].severity == "bad"
    assert found["log folder"].severity == "bad"


@pytest.mark.usefixtures("share_is_fine")
def test_a_scratch_folder_that_is_not_there_yet_is_not_made(loaded, tmp_path):
    look(loaded(scratch=tmp_path / "not" / "yet"))
    assert not (tmp_path / "not").exists()


@pytest.mark.usefixtures("share_is_fine")
def test_a_configuration_says_which_values_were_given_and_where(loaded):
    told = look(loaded(gpu=0))["configuration"]
    assert "gpu (flag)" in told.said
    assert told.facts["origins"]["backend"] == "default"


@pytest.mark.usefixtures("share_is_fine")
def test_a_folder_without_a_spool_is_bad(loaded, tmp_path):
    (tmp_path / "empty").mkdir()
    assert look(loaded(spool=tmp_path / "empty"))["spool"].severity == "bad"
    assert look(loaded(spool=tmp_path / "nowhere"))["spool"].severity == "bad"


def beating(root, **host):
    """A worker 'tower-0' that has shown life once; as another machine's if so told."""
    from dataclasses import replace

    actor = open_spool(root, name="tower-0")
    actor = replace(actor, host=replace(actor.host, **host))
    life = Life(actor, "worker")
    life.beat()
    return life


@pytest.mark.usefixtures("share_is_fine")
def test_a_name_that_this_machine_itself_works_under_is_only_noted(loaded, root):
    beating(root)
    told = look(loaded())["name"]
    assert (told.severity, "on this machine" in told.said) == ("note", True)


@pytest.mark.usefixtures("share_is_fine")
def test_a_name_that_a_worker_elsewhere_holds_is_bad(loaded, root):
    life = beating(root, host_id="another", machine="barn")
    found = look(loaded(), sleep=lambda _s: life.beat())
    assert found["name"].severity == "bad"
    assert "'barn'" in found["name"].said
    assert len(found["told"]) == 1


@pytest.mark.usefixtures("share_is_fine")
def test_a_name_whose_worker_elsewhere_stands_still_is_free(loaded, root, monkeypatch):
    beating(root, host_id="another", machine="barn")
    now = [1_000.0]
    monkeypatch.setattr("spoolctl.spool.system.SystemClock.mono", lambda _self: now[0])
    found = look(loaded(), sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    assert found["name"].severity == "ok"


@pytest.mark.usefixtures("share_is_fine")
def test_a_name_that_is_locked_without_a_heartbeat_is_a_warning(loaded, root):
    release = ThisMachine(root).lock("locks/worker-tower-0.lock")
    assert look(loaded())["name"].severity == "warning"
    release()
    assert look(loaded())["name"].severity == "ok"


@pytest.fixture
def spoolworker(monkeypatch, capsys, tmp_path):
    monkeypatch.delenv("SPOOL_ROOT", raising=False)
    monkeypatch.setattr(config, "default_file", lambda: tmp_path / "none.toml")
    monkeypatch.setattr(cli, "default_folder", lambda: tmp_path / "logs")

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["spoolworker", "doctor", *map(str, args)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code or 0, *capsys.readouterr()

    return run


def test_the_command_answers_with_findings_and_a_summary(spoolworker, root, tmp_path):
    code, out, _ = spoolworker("--spool", root, "--scratch", tmp_path / "scratch")
    assert code == 0, out
    assert out.splitlines()[-1].split()[1] == "findings:"


def test_as_json_it_is_one_document(spoolworker, root, tmp_path):
    code, out, _ = spoolworker("--spool", root, "--scratch", tmp_path / "scratch", "--json")
    document = json.loads(out)
    assert (code, document["bad"]) == (0, False)
    assert {"about", "severity", "said"} <= set(document["findings"][0])


def test_an_unknown_key_in_the_file_is_a_finding_that_names_the_nearest_one(
    spoolworker, root, tmp_path
):
    file = tmp_path / "worker.toml"
    file.write_text(f"spool = '{Path(root).as_posix()}'\nscrach = '/tmp'\n")
    code, out, _ = spoolworker("--config", file)
    assert code == 1
    assert "unknown configuration key 'scrach'" in out
    assert "did you mean 'scratch'?" in out


@pytest.mark.usefixtures("share_is_fine")
def test_severities_are_the_four_words(loaded):
    found = look(loaded())
    del found["told"]
    assert set(severities(list(found.values())).values()) <= {"ok", "note", "warning", "bad"}


@pytest.mark.usefixtures("share_is_fine")
def test_hours_are_told_with_what_they_are_just_now(loaded):
    week = {"hours": ["mon-sun all day"], "when_closing": "stop"}
    found = look(loaded(availability=week))

    assert found["availability"].severity == "ok"
    assert found["availability"].said.startswith("open (mon-sun all day; it is ")


@pytest.mark.usefixtures("share_is_fine")
def test_what_counts_as_use_and_cannot_be_measured_here_is_a_warning(loaded, monkeypatch):
    monkeypatch.setattr(
        measuring.idle, "read_input", lambda _now: InputSeen(None, "there is no loginctl")
    )
    told = loaded(
        availability={"while_in_use": "stop", "input_idle_s": 60, "others_vram_gb": 2},
    ).config

    found = node.availability(
        told, lambda: GpuReading((replace(RTX, vram_free_gb=None),)), lambda: 0.0
    )

    assert [(one.severity, one.said) for one in found[1:]] == [
        ("warning", "others_vram_gb has no effect here: the card's driver does not tell what is free"),
        ("warning", "input_idle_s has no effect here: there is no loginctl"),
    ]  # fmt: skip
    assert "spoolworker pause" in found[2].hint


def test_a_pause_on_the_machine_is_a_warning(loaded):
    told = loaded().config
    PauseFile(told.pause_file).write(Pause())

    assert "paused on this machine" in node.availability(told)[1].said
