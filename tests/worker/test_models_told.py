"""The configured folders of models are shown to whoever asks: by doctor, by check-backend, and by their keys."""

import json
from pathlib import Path

import pytest

from spoolctl.spool import UsageError, create_spool
from spoolworker import cli, config, doctor
from spoolworker.backends.sketch import Sketch
from spoolworker.config import Config, ModelFolders, load
from spoolworker.gpus import GpuReading
from spoolworker.models import Digests, HashCache, together
from spoolworker.trial import tell_folders, would_claim
from tests.spool.spool_world import World
from tests.worker.model_files import put, seen


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(config, "default_file", lambda: tmp_path / "none.toml")


def configured(tmp_path, **folders):
    return Config(
        spool=tmp_path, name="w1", scratch=tmp_path / "scratch", log_folder=tmp_path, models=ModelFolders(**folders),
    )  # fmt: skip


def remember(settings, path, kind, digests):
    file = seen(path, kind)
    cache = HashCache(settings.model_hashes, pytest.fail)
    cache.keep(file, digests)
    cache.save([file])


def from_toml(tmp_path, text):
    file = tmp_path / "worker.toml"
    file.write_text(f"spool = '/s'\nname = 'w1'\n{text}")
    return load({}, file=file, environment={}, log_folder=tmp_path)


def test_the_folders_are_lists_in_a_table_of_their_own(tmp_path):
    found = from_toml(tmp_path, "[models]\nloras = ['/a', '/b']\nvaes = ['/c']\n").config.models

    assert found.by_kind() == {"loras": (Path("/a"), Path("/b")), "vaes": (Path("/c"),)}
    assert from_toml(tmp_path, "").config.models.by_kind() == {}


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("checkpoint = ['/a']", "unknown configuration key 'models.checkpoint'", "'checkpoints'?"),
        ("x = ['/a']", "unknown configuration key 'models.x'", "known: checkpoints, loras, vaes"),
        ("loras = '/a'", "configuration value 'models.loras': Input should be a valid tuple", ""),
        ('loras = ["\\u0000"]', "a path holds no NUL character", ""),
    ],
)
def test_what_is_no_list_of_folders_is_refused_with_the_key(tmp_path, text, said, hint):
    with pytest.raises(UsageError) as caught:
        from_toml(tmp_path, f"[models]\n{text}\n")

    assert said in str(caught.value)
    assert hint in caught.value.hint


def test_doctor_says_what_lies_in_each_folder_and_how_much_of_it_is_known(tmp_path):
    settings = configured(tmp_path, checkpoints=(tmp_path / "sd",), loras=(tmp_path / "lora",))
    path = put(tmp_path, "sd/a.ckpt")
    put(tmp_path, "sd/b.ckpt")
    (tmp_path / "lora").mkdir()
    remember(settings, path, "checkpoints", Digests("a" * 64))

    found = doctor.models(settings)

    assert [(one.severity, one.said) for one in found] == [
        ("ok", f"checkpoints in '{tmp_path / 'sd'}': 2 files, 0.0 GB, SHA-256 known of 1"),
        ("ok", f"loras in '{tmp_path / 'lora'}': 0 files, 0.0 GB, SHA-256 known of 0"),
    ]


def test_doctor_finds_a_folder_that_is_not_there_bad_and_a_file_that_cannot_be_read_a_warning(
    tmp_path, monkeypatch
):
    put(tmp_path, "sd/a.ckpt")
    put(tmp_path, "scratch/models-w1.json", b"spoilt")
    settings = configured(tmp_path, checkpoints=(tmp_path / "sd",), vaes=(tmp_path / "away",))

    found = doctor.models(settings)

    assert [one.severity for one in found] == ["ok", "bad", "warning"]
    assert found[1].said == f"vaes: there is no folder '{tmp_path / 'away'}'"
    assert "is that mounted?" in found[1].hint
    assert "models-w1.json' cannot be read, and is made anew" in found[2].said


def test_doctor_says_nothing_where_no_folder_is_configured(tmp_path):
    assert doctor.models(configured(tmp_path)) == []


def test_check_backend_lists_the_files_with_the_hashes_that_webui_shows(tmp_path):
    settings = configured(tmp_path, checkpoints=(tmp_path / "sd",), loras=(tmp_path / "away",))
    path = put(tmp_path, "sd/a.ckpt")
    for name in "bcdefghij":
        put(tmp_path, f"sd/{name}.ckpt")
    remember(settings, path, "checkpoints", Digests("0123456789" + "a" * 54))
    lines = []

    tell_folders(settings, lines.append)

    sd, away = tmp_path / "sd", tmp_path / "away"
    assert lines[0] == (
        f"checkpoints in '{sd}': 10 files, 0.0 GB, SHA-256 known of 1: "
        "a.ckpt [0123456789], b.ckpt, c.ckpt, d.ckpt, e.ckpt, f.ckpt, g.ckpt, h.ckpt and 2 more"
    )
    assert lines[1] == f"loras in '{away}': 0 files, 0.0 GB, SHA-256 known of 0: none"
    assert lines[2].startswith(f"warning: '{away}' cannot be read: ")


def test_which_jobs_would_be_taken_counts_what_lies_in_the_folders(tmp_path):
    settings = configured(tmp_path, checkpoints=(tmp_path / "sd",))
    remember(settings, put(tmp_path, "sd/a.ckpt"), "checkpoints", Digests("a" * 64))
    world = World()
    text = (
        "schema: spool.job/1\nrequires: {models: [{name: b, sha256: %s}]}\n"
        "workload: {kind: image, stages: [{stage: txt2img, prompt: x}]}\n...\n"
    )
    world.drop("yes", (text % ("a" * 64)).encode())
    world.drop("no", (text % ("b" * 64)).encode())
    found = together(tell_folders(settings, lambda _: None))
    backend = Sketch()

    lines = would_claim(
        world.actor("desk"), settings, backend, backend.probe(), GpuReading(()), found
    )

    assert sorted(lines) == [
        "queue/normal/no.yaml: no: model b missing",
        "queue/normal/yes.yaml: yes",
    ]


def test_the_commands_show_the_folders(tmp_path, monkeypatch, capsys):
    create_spool(tmp_path / "spool")
    put(tmp_path, "sd/a.ckpt")
    file = tmp_path / "worker.toml"
    file.write_text(
        f"spool = {str(tmp_path / 'spool')!r}\nname = 'w1'\nscratch = {str(tmp_path / 'scratch')!r}\n"
        f"[models]\ncheckpoints = [{str(tmp_path / 'sd')!r}]\n"
    )

    def run(*args):
        monkeypatch.setattr("sys.argv", ["spoolworker", *args, "--config", str(file)])
        with pytest.raises(SystemExit):
            cli.main()
        return capsys.readouterr().out

    told = json.loads(run("config", "--json"))["models"]
    assert told["value"]["checkpoints"] == [str(tmp_path / "sd")]
    assert told["from"].startswith("file ")
    assert f"checkpoints in '{tmp_path / 'sd'}': 1 file, 0.0 GB" in run("check-backend")
    assert not (tmp_path / "scratch").exists(), "nothing is read, and nothing written"
