"""A worker's configuration: who has the last word, and what is said of every value that makes no sense."""

from pathlib import Path

import pytest

from spoolctl.spool import UsageError
from spoolworker import config
from spoolworker.config import load, parse_options

LOGS = Path("/logs")


def loaded(flags=None, *, toml=None, environment=None, folder=None):
    file = None
    if toml is not None:
        file = folder / "worker.toml"
        file.write_bytes(toml if isinstance(toml, bytes) else toml.encode())
    said = {"spool": Path("/spool"), **(flags or {})}
    return load(said, file=file, environment=environment or {}, log_folder=LOGS)


@pytest.fixture(autouse=True)
def _no_file_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(config, "default_file", lambda: tmp_path / "none" / "worker.toml")


def refused(**how):
    with pytest.raises(UsageError) as caught:
        loaded(**how)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return str(caught.value), caught.value.hint


# Precedence


@pytest.mark.parametrize(
    ("said", "gpu", "origin"),
    [
        ((None, None, None), 0, "default"),
        (("gpu = 1", None, None), 1, "file"),
        (("gpu = 1", "2", None), 2, "environment"),
        (("gpu = 1", "2", 3), 3, "flag"),
        ((None, "2", None), 2, "environment"),
        (("gpu = 1", None, 3), 3, "flag"),
        (("gpu = 1", "", None), 1, "file"),
    ],
)
def test_the_last_to_say_something_wins_and_its_origin_is_told(tmp_path, said, gpu, origin):
    toml, environment, flag = said
    variables = {} if environment is None else {"SPOOLWORKER_GPU": environment}

    found = loaded({"gpu": flag}, toml=toml, environment=variables, folder=tmp_path)

    assert found.config.gpu == gpu
    assert found.origins["gpu"].split()[0] == origin


def test_every_value_has_an_origin_and_a_files_origin_names_it(tmp_path):
    found = loaded(
        toml="backend = 'sketch'", environment={"SPOOLWORKER_DRAIN": "true"}, folder=tmp_path
    )

    assert set(found.origins) == set(config.Config.model_fields)
    assert found.origins["backend"] == f"file {tmp_path / 'worker.toml'}"
    assert (found.origins["drain"], found.config.drain) == ("environment", True)
    assert (found.origins["log_folder"], found.config.log_folder) == ("default", LOGS)


def test_the_spool_of_the_command_line_tools_is_the_workers_too_unless_it_has_its_own():
    both = {"SPOOL_ROOT": "/a", "SPOOLWORKER_SPOOL": "/b"}
    for environment, spool in (
        ({"SPOOL_ROOT": "/a"}, "/a"),
        (both, "/b"),
        ({**both, "SPOOLWORKER_SPOOL": ""}, "/a"),
    ):
        found = load({}, file=None, environment=environment, log_folder=LOGS)
        assert (found.config.spool, found.origins["spool"]) == (Path(spool), "environment")


def test_a_worker_is_named_after_its_machine_and_its_card_and_has_a_scratch_of_that_name(
    monkeypatch,
):
    monkeypatch.setattr("platform.node", lambda: "Attic PC.local")

    found = loaded(environment={"SPOOLWORKER_GPU": "1"}).config

    assert found.name == "attic-pc-local-gpu1"
    assert found.scratch.name == found.name
    assert loaded({"name": "w7"}).config.scratch.name == "w7"


def test_backend_options_of_all_sources_are_put_together(tmp_path):
    found = loaded(
        {"backend_options": {"c": "flag"}},
        toml="[backend_options]\na = 1\nb = true\nc = 'file'\nd = 0.5",
        environment={"SPOOLWORKER_BACKEND_OPTIONS": "b=2, c=3"},
        folder=tmp_path,
    )

    assert found.config.backend_options == {"a": "1", "b": "2", "c": "flag", "d": "0.5"}


def test_tags_come_from_a_list_or_from_a_variable_with_commas(tmp_path):
    assert loaded(toml="tags = ['a', 'b']", folder=tmp_path).config.tags == ("a", "b")
    assert loaded(environment={"SPOOLWORKER_TAGS": " a, ,b "}).config.tags == ("a", "b")


def test_options_are_pairs():
    assert parse_options(["a=1", " b = x=y "]) == {"a": "1", "b": "x=y"}


@pytest.mark.parametrize("pair", ["seconds_per_image", "=2", " =2", ""])
def test_an_option_that_is_no_pair_is_refused(pair):
    with pytest.raises(UsageError, match=f"backend option '{pair}' is not KEY=VALUE") as caught:
        parse_options([pair])
    assert caught.value.hint == "like seconds_per_image=2"


# Bad values


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        ({"gpu": -1}, "gpu"),
        ({"gpu": 64}, "gpu"),
        ({"gpu": "first"}, "gpu"),
        ({"gpu": 0.5}, "gpu"),
        ({"vram_gb": -0.1}, "vram_gb"),
        ({"vram_gb": "24 GB"}, "vram_gb"),
        ({"vram_gb": "nan"}, "vram_gb"),
        ({"vram_gb": "inf"}, "vram_gb"),
        ({"interrupt_wait_s": 0}, "interrupt_wait_s"),
        ({"interrupt_wait_s": "inf"}, "interrupt_wait_s"),
        ({"drain": "perhaps"}, "drain"),
        ({"once": "2"}, "once"),
        ({"tags": 5}, "tags"),
        ({"backend": 5}, "backend"),
        ({"backend_options": "a=1"}, "backend_options"),
        ({"scratch": 5}, "scratch"),
    ],
)
def test_a_value_that_makes_no_sense_is_named_with_what_was_given(flags, field):
    """An infinite vram_gb was believed, and ended the worker when it wrote its card."""
    message, hint = refused(flags=flags)

    (value,) = flags.values()
    assert message.startswith(f"configuration value '{field}': ")
    assert message.endswith(f", not {value!r}")
    assert hint == "'spoolworker config' prints every value and where it came from"


@pytest.mark.parametrize("name", ["Attic", "a b", "a_b", "", "x" * 41, "ä", "../w"])
def test_a_name_that_is_no_workers_name_is_refused(name):
    message, hint = refused(flags={"name": name})

    assert f"worker name '{name}'" in message
    assert "--name" in hint


def test_no_spool_is_asked_for():
    with pytest.raises(UsageError, match="which spool") as caught:
        load({}, file=None, environment={}, log_folder=LOGS)
    assert caught.value.hint == "name its folder with --spool or SPOOL_ROOT"


@pytest.mark.parametrize(
    ("key", "hint"), [("gpuu", "did you mean 'gpu'?"), ("backends", "did you mean 'backend'?")]
)
def test_an_unknown_key_names_the_nearest_known_one(tmp_path, key, hint):
    expected = (f"unknown configuration key '{key}'", hint)

    assert refused(toml=f"{key} = 'x'", folder=tmp_path) == expected
    assert refused(environment={f"SPOOLWORKER_{key.upper()}": "x"}) == expected


def test_an_unknown_key_like_none_lists_them_all(tmp_path):
    message, hint = refused(toml="zzz = 1", folder=tmp_path)

    assert message == "unknown configuration key 'zzz'"
    assert hint.startswith("known: spool, name, backend,")


def test_variables_of_others_are_none_of_ours():
    assert (
        loaded(environment={"SPOOLWORK": "x", "PATH": "/bin", "spoolworker_gpu": "1"}).config.gpu
        == 0
    )


# Bad files


def test_a_file_that_was_named_must_be_there_and_the_default_one_need_not(tmp_path):
    with pytest.raises(UsageError, match=r"'.*no\.toml' is not there") as caught:
        load({}, file=tmp_path / "no.toml", environment={}, log_folder=LOGS)
    assert caught.value.hint == "check --config"
    assert loaded().config.gpu == 0


@pytest.mark.parametrize("toml", ["gpu: 1", "gpu = ", "gpu = 1\ngpu = 2"])
def test_a_file_that_is_not_toml_is_refused(tmp_path, toml):
    message, hint = refused(toml=toml, folder=tmp_path)

    assert message.startswith(f"cannot read configuration file '{tmp_path / 'worker.toml'}': ")
    assert hint == "it must be TOML, in UTF-8"


def test_a_file_in_utf_16_is_refused_without_a_traceback(tmp_path):
    """What PowerShell's '>' writes."""
    assert (
        refused(toml="gpu = 1".encode("utf-16"), folder=tmp_path)[1] == "it must be TOML, in UTF-8"
    )


def test_a_file_with_a_byte_order_mark_is_read(tmp_path):
    """What Notepad writes; it was 'invalid statement at line 1, column 1'."""
    assert loaded(toml=b"\xef\xbb\xbfgpu = 1\r\n", folder=tmp_path).config.gpu == 1


def test_a_folder_in_the_files_place_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot read configuration file") as caught:
        load({}, file=tmp_path, environment={}, log_folder=LOGS)
    assert "--config" in caught.value.hint
