"""What all commands share: the spool's option, errors, exit codes, JSON, version, completion, help."""

import errno
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_bench import Bench, introduce_worker
from typer import Typer

from spoolctl.cli import completing, errors, opening
from spoolctl.cli.app import COMMANDS
from spoolctl.spool import STAGE_NAMES, Life, ShareUnusable, SpoolError
from spoolctl.spool import errors as spool_errors
from spoolctl.views import plain

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/CLI.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    """Every command, families as 'family command'."""
    found = []
    for name, (where, _) in COMMANDS.items():
        command = defined(where)
        if isinstance(command, Typer):
            callbacks = [(one.name, one.callback) for one in command.registered_commands]
            found += [f"{name} {given or inner.__name__}" for given, inner in callbacks]
        else:
            found.append(name)
    return found


def defined(where: str) -> Any:
    module, attribute = where.split(":")
    return getattr(importlib.import_module(f"spoolctl.cli.{module}"), attribute)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_of_a_command_in_the_help_is_the_first_that_it_says_itself(name: str) -> None:
    where, line = COMMANDS[name]
    command = defined(where)
    said = command.info.help if isinstance(command, Typer) else inspect.getdoc(command)
    assert line == said.split("\n\n")[0].replace("\n", " ")


def imported_by(*line: str | Path) -> set[str]:
    """The modules that a command line has imported when it ends."""
    code = (
        "import sys; from spoolctl.cli.app import main; code = main(sys.argv[1:]);"
        "print(*sorted(sys.modules), file=sys.stderr); sys.exit(code)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, *map(str, line)], cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return set(ran.stderr.split())


NEVER = {
    "PIL", "numpy", "requests", "pynvml", "websockets", "watchdog", "spoolworker",
    "asyncio", "concurrent", "http", "logging", "multiprocessing", "sqlite3", "ssl",
}  # fmt: skip
SELDOM = {
    "rich",
    "filelock",
    "spoolctl.controller",
    "spoolctl.fsck",
    "spoolctl.demo",
    "spoolctl.spool.doctor",
}


def test_the_help_imports_nothing_but_typer() -> None:
    heavy = NEVER | SELDOM | {"pydantic", "yaml", "psutil", "spoolctl.spool"}
    assert imported_by("--help") & heavy == set()
    assert "typer" in imported_by("--help")


def test_what_people_type_all_day_imports_nothing_that_it_does_not_need(bench: Bench) -> None:
    bench.submit("one")
    for line in (["submit", bench.file("a.yaml")], ["status"], ["show", "one"], ["nodes"]):
        found = imported_by(*line, "--spool", bench.root)
        assert found & (NEVER | SELDOM | {"psutil", "spoolctl.spool.schemas"}) == set(), line
        assert "spoolctl.spool.submit" in found  # the protocol library comes as a whole
        choosing = {one for one in found if one.startswith("spoolctl.scheduling.")}
        matching = {f"spoolctl.scheduling.{name}" for name in ("fit", "model_names", "work")}
        assert choosing == (matching if line[0] == "submit" else set()), line


def test_status_imports_what_estimates_only_where_a_worker_takes_jobs(bench: Bench) -> None:
    estimating = "spoolctl.scheduling.backlog"
    actor = bench.actor()
    introduce_worker(actor, backend="sketch", stages=STAGE_NAMES)
    life = Life(actor, "worker")
    life.tell(state="idle")
    life.beat()
    assert estimating not in imported_by("status", "--spool", bench.root)
    bench.submit("one")
    assert estimating in imported_by("status", "--spool", bench.root)


def test_a_process_looks_for_no_garbage_when_it_ends_and_a_caller_in_the_same_process_may() -> None:
    code = (
        "import atexit, gc, sys; atexit.register(lambda: print(gc.get_freeze_count()));"
        "from spoolctl.cli.app import main; sys.exit(main({}))"
    )
    frozen = []
    for given in ("", "['--version']"):
        line = [sys.executable, "-c", code.format(given), "--version"]
        ran = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
        frozen.append(int(ran.stdout.split()[-1]))
    assert frozen[0] > 10_000
    assert frozen[1] == 0


def test_the_spool_is_named_before_or_after_the_command_or_by_the_environment(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench("status").code == 0
    monkeypatch.setenv("SPOOL_ROOT", str(bench.files))
    assert bench("status").code == 10
    assert bench("--spool", bench.root, "status").code == 0
    assert bench("status", "--spool", bench.root).code == 0
    assert bench("--spool", bench.files, "status", "--spool", bench.root).code == 0


def test_no_spool_named_says_how_to_name_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPOOL_ROOT")

    ran = bench("status")

    assert ran.code == 10
    assert ran.err == (
        "error: no spool named\n"
        "hint: name one with --spool or SPOOL_ROOT, or make one with 'spoolctl init FOLDER'\n"
    )


def test_a_spool_of_a_newer_format_is_refused(bench: Bench) -> None:
    settings = bench.root / "spool.yaml"
    settings.write_bytes(settings.read_bytes().replace(b"format: 1", b"format: 2"))

    assert bench("status").code == 11


def test_init_makes_a_spool_and_tells_what_next(bench: Bench) -> None:
    root = bench.files / "new"

    ran = bench("init", root, "--heartbeat-s", "5", "--lease-s", "60", "--json")

    assert ran.document["settings"]["lease_s"] == 60.0
    assert bench("status", "--spool", root).code == 0
    assert "set SPOOL_ROOT to this folder" in bench("init", bench.files / "other").out


@pytest.mark.parametrize(
    "options", [["--lease-s", "10"], ["--modes-files", "rw"], ["--heartbeat-s", "0"]]
)
def test_init_refuses_settings_that_make_no_sense(bench: Bench, options: list[str]) -> None:
    ran = bench("init", bench.files / "new", *options)

    assert ran.code == 2
    assert "cannot make a spool so" in ran.err
    assert not (bench.files / "new").exists()


def test_init_refuses_a_folder_that_is_a_spool(bench: Bench) -> None:
    assert bench("init", bench.root).code == 24


@pytest.mark.parametrize("as_json", [False, True])
def test_an_error_of_the_share_is_told_as_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    def names(_self: object, folder: str) -> tuple[str, ...]:
        raise OSError(errno.EIO, "Input/output error", folder)

    monkeypatch.setattr("spoolctl.spool.files.ShareFiles.names", names)

    ran = bench("status", *(["--json"] if as_json else []))

    assert ran.code == 12
    assert ran.err == (
        "error: the share did not do what was asked at 'nodes': Input/output error\n"
        "hint: check that the share is mounted and writable, then try again\n"
    )
    if as_json:
        assert ran.document["exit_code"] == 12


def test_an_interruption_ends_with_130(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("spoolctl.spool.files.ShareFiles.names", interrupted)

    assert bench("status").code == 130


def test_a_bug_shows_itself(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise AssertionError("a bug")

    monkeypatch.setattr("spoolctl.spool.files.ShareFiles.names", broken)

    with pytest.raises(AssertionError, match="a bug"):
        bench("status")


def test_json_may_stand_before_the_command(bench: Bench) -> None:
    assert bench("--json", "status").document["spool_id"] == "spool-test"
    assert bench("--json", "show", "nobody").document["exit_code"] == 20


def test_the_version_is_told(bench: Bench) -> None:
    assert re.fullmatch(r"spoolctl \S.*\n", bench("--version").out)
    assert bench("--version", "--json").document["program"] == "spoolctl"


def test_no_command_shows_the_help_and_fails(bench: Bench) -> None:
    ran = bench()

    assert ran.code == 2
    assert "Commands:" in ran.out


def test_every_command_answers_with_one_json_document(bench: Bench) -> None:
    bench.submit("one")
    bench.claim("one")
    bench.submit("two")
    learning = bench.files / "learning"
    for line in (
        ["init", bench.files / "new"],
        ["submit", bench.file("a.yaml")],
        ["submit", bench.file("a.yaml"), "--dry-run"],
        ["status"],
        ["status", "--all"],
        ["status", "--failed"],
        ["show", "one"],
        ["logs", "one"],
        ["hold", "two"],
        ["release", "two"],
        ["move", "two", "--class", "batch"],
        ["cancel", "two"],
        ["retry", "two"],
        ["adopt", "one", "--attempt", "1"],
        ["nodes"],
        ["pause", "tower-0"],
        ["drain", "tower-0"],
        ["resume", "tower-0"],
        ["schema", "export", bench.files / "schemas"],
        ["corpus", "sync", "--into", learning],
        ["--version"],
    ):
        ran = bench(*line, "--json")
        assert isinstance(json.loads(ran.out), dict), line


def test_schemas_are_exported(bench: Bench) -> None:
    ran = bench("schema", "export", bench.files / "schemas")

    assert ran.code == 0
    assert (bench.files / "schemas/job.schema.json").is_file()
    assert bench("schema", "export", bench.file("taken")).code == 2


def test_the_corpus_is_synced_into_stablenew(bench: Bench) -> None:
    into = bench.files / "learning_records.jsonl"
    assert bench("corpus", "sync", "--into", into).code == 22

    (bench.root / "corpus/learning_records.jsonl").write_text('{"run_id": "a"}\n')
    ran = bench("corpus", "sync", "--into", into)

    assert ran.out == f"appended 1 record to '{into}'; 0 were there, and 0 of StableNew's own\n"
    assert bench("corpus", "sync", "--into", into, "--json").document["already"] == 1


class Context:
    """As much of Typer's context as completion looks at."""

    params: dict[str, object] = {}

    def find_root(self) -> "Context":
        return self


def test_the_shell_is_offered_names(bench: Bench) -> None:
    bench.submit("portrait-a")
    bench.submit("landscape")
    bench.claim("landscape")

    assert completing.jobs(Context(), "por") == ["portrait-a"]
    assert completing.workers(Context(), "t") == ["tower-0"]


def test_the_shell_is_offered_nothing_where_there_is_no_spool(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOOL_ROOT", str(bench.files))
    assert completing.jobs(Context(), "") == completing.workers(Context(), "") == []
    monkeypatch.delenv("SPOOL_ROOT")
    assert completing.jobs(Context(), "") == completing.workers(Context(), "") == []


def test_a_user_without_a_name_is_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found: 1234")

    monkeypatch.setattr("getpass.getuser", nobody)

    assert opening.person() == "person-someone"


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_closed_pipe_is_no_error_of_the_share(bench: Bench, form: list[str]) -> None:
    """A broken pipe is an ``OSError`` too; ``spoolctl status --all | head -1`` is no failing share."""
    for number in range(200):
        bench.submit(f"job-{number:03d}")
    code = "import sys; from spoolctl.cli.app import main; sys.exit(main())"
    line = [sys.executable, "-c", code, "status", "--all", *form, "--spool", str(bench.root)]

    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        err = process.stderr.read() if process.stderr else ""

    assert err == ""


def test_off_a_terminal_there_is_no_colour_and_no_wrapping(bench: Bench) -> None:
    name = "x" * 119
    bench.submit(name)

    out = bench("status", "--all").out

    assert f"{name}  queue  normal\n" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, ""),
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min 00 s"),
        (3_661, "1 h 01 min"),
        (200_000, "2 days"),
        (-3, "0 s"),
    ],
)
def test_durations_are_told_in_words(seconds: float | None, told: str) -> None:
    assert plain.duration(seconds) == told


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (5 << 30, "5.0 GiB"),
        (5 << 40, "5120.0 GiB"),
    ],
)
def test_sizes_are_told_in_words(length: int, told: str) -> None:
    assert plain.size(length) == told


def test_every_command_is_documented_and_explains_itself(bench: Bench) -> None:
    for command in commands():
        assert f"spoolctl {command}" in DOCUMENT, command
        ran = bench(*command.split(), "--help")
        assert ran.code == 0, command
        assert "--json" in ran.out, command


def test_every_option_of_every_command_is_documented(bench: Bench) -> None:
    for command in commands():
        told = bench(*command.split(), "--help").out
        for option in set(re.findall(r"--[a-z][a-z-]+", told)) - {"--help"}:
            assert f"`{option}" in DOCUMENT or f" {option}" in DOCUMENT, (command, option)


def test_every_exit_code_is_in_the_table() -> None:
    kinds = [one for one in vars(spool_errors).values() if isinstance(one, type)]
    codes = {one.exit_code for one in kinds if issubclass(one, SpoolError)}
    for code in codes | {0, errors.INTERRUPTED, ShareUnusable.exit_code}:
        assert re.search(rf"^\| {code} \|", DOCUMENT, re.MULTILINE), code


def test_a_line_that_a_person_adds_to_the_settings_counts(bench: Bench) -> None:
    """They ended in '...' and said 'tokens: {}': whatever was added made every command refuse."""
    settings = bench.root / "spool.yaml"
    with settings.open("a", encoding="utf-8") as file:
        file.write("tokens: {nas: 1}\n")

    ran = bench("tokens")

    assert (ran.code, "nas" in ran.out) == (0, True), ran.err
