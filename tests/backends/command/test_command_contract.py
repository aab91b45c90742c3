"""The contract between a worker and the programs that it may run, kept and broken."""

import json
import os
import sys

import pytest
from command_rig import Command, Leaps, allowed, order, run, workload

from spoolctl.spool import Code, Txt2Img, UsageError
from spoolworker.backends import open_backend
from spoolworker.backends.base import BackendError, Watch
from spoolworker.backends.command.codes import EXIT_CODES
from spoolworker.backends.command.talk import Tail, read_line
from spoolworker.commands import AllowedCommand

LOOK = """
(OUT / "seen.txt").write_text(json.dumps({
    "argv": sys.argv[1:], "stdin": record, "file": json.loads(Path(os.environ["SPOOL_RECORD"]).read_text("utf-8")),
    "inputs": sorted(p.name for p in Path(os.environ["SPOOL_INPUTS"]).iterdir()), "attempt": os.environ["SPOOL_ATTEMPT"],
    "environment": dict(os.environ), "folder": os.getcwd(),
}))
"""


def failure(call):
    with pytest.raises(BackendError) as caught:
        call()
    return caught.value


def seen(product):
    return json.loads(product.made[0].path.read_text("utf-8"))


def test_the_program_gets_the_record_as_a_file_and_on_its_standard_input(tmp_path):
    told = seen(
        run(
            tmp_path,
            LOOK,
            work=workload(arguments={"n": None, "prompt": "a\nb"}),
            outputs=("text",),
        )
    )

    assert told["stdin"] == told["file"]
    assert told["file"]["job_id"] == "O'Hara; $(reboot)"
    assert told["file"]["workload"] == {
        "kind": "command", "command": "draw", "arguments": {"n": None, "prompt": "a\nb"}, "count": 1,
    }  # fmt: skip


def test_nothing_of_a_record_becomes_part_of_the_command_line_or_of_a_variable(tmp_path):
    evil = "; touch owned; $(touch owned) `touch owned` --config=/etc/passwd"
    told = seen(
        run(tmp_path, LOOK, work=workload(arguments={evil: evil, "run": ["sh"]}), outputs=("text",))
    )

    assert told["argv"] == []
    assert not any("owned" in value for value in told["environment"].values())
    assert not (tmp_path / "owned").exists()


def test_the_inputs_lie_in_a_folder_of_their_own_in_their_order(tmp_path):
    inputs = [tmp_path / "input-0000.png", tmp_path / "input-0001.txt"]
    for path in inputs:
        path.write_bytes(b"x")

    assert seen(run(tmp_path, LOOK, *inputs, outputs=("text",)))["inputs"] == [
        "input-0000.png",
        "input-0001.txt",
    ]


def test_the_environment_is_the_workers_without_what_may_be_its_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("SPOOLWORKER_BACKEND_OPTIONS", "token=geheim")
    monkeypatch.setenv("KEPT", "yes")
    told = seen(run(tmp_path, LOOK, environment={"ADDED": "1"}, outputs=("text",)))["environment"]

    assert "geheim" not in json.dumps(told)
    assert (told["KEPT"], told["ADDED"]) == ("yes", "1")


def test_it_runs_in_the_configured_folder_or_else_in_an_empty_one(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert seen(run(tmp_path / "a", LOOK, outputs=("text",)))["folder"] == str(
        tmp_path / "a" / "work" / "folder"
    )
    assert seen(run(tmp_path / "b", LOOK, outputs=("text",), folder=tmp_path))["folder"] == str(
        tmp_path
    )


def test_without_a_word_every_file_is_an_output_in_the_order_of_the_names(tmp_path):
    product = run(tmp_path, "png('b.png', 5, 6); png('a.png'); (OUT / '.hidden').touch()")

    assert [(one.path.name, one.width, one.height) for one in product.made] == [
        ("0000-1-command_draw.png", 4, 3), ("0001-1-command_draw.png", 5, 6),
    ]  # fmt: skip
    assert all(one.final and one.path.is_file() for one in product.made)
    assert [(one.stage, one.images) for one in product.timings] == [("command_draw", 2)]


def test_outputs_that_it_tells_of_bear_their_stages_indexes_and_seeds(tmp_path):
    product = run(tmp_path, """
for i in range(2):
    png(f"t{i}.png"); say(output=f"t{i}.png", stage="txt2img", index=i, final=False)
os.mkdir(OUT / "up")
for i in range(2):
    png(f"up/{i}.png", 8, 6); say(output=f"up/{i}.png", stage="upscale", index=i, seed=40 + i)
say(model="sd15.safetensors", version="2.6", message="done")
""")  # fmt: skip

    assert [(one.path.name, one.final, one.seed_actual) for one in product.made] == [
        ("0000-1-txt2img.png", False, None), ("0001-1-txt2img.png", False, None),
        ("0000-2-upscale.png", True, 40), ("0001-2-upscale.png", True, 41),
    ]  # fmt: skip
    assert (product.used.model, product.used.version) == ("sd15.safetensors", "2.6")
    assert "done" in product.log_tail


def test_progress_is_told_as_it_comes_and_only_if_it_grew(tmp_path):
    told = []
    watch = Watch(on_progress=lambda fraction, stage: told.append((fraction, stage)))
    run(tmp_path, """
say(progress=0.25, stage="txt2img"); say(progress=0.1); say(progress=0.25); say(progress=1)
png("a.png")
""", watch=watch)  # fmt: skip

    assert told == [(0.25, "txt2img"), (1.0, "command_draw")]


def test_all_other_lines_of_both_streams_go_into_the_log(tmp_path):
    product = run(tmp_path, r"""
print("loading"); print('{"level": "info"}'); print('{"progress": "half"}'); print("{broken")
sys.stdout.flush()
sys.stderr.write("a warning\n"); sys.stderr.flush()
sys.stdout.buffer.write(b"caf\xe9\n")
png("a.png")
""")  # fmt: skip

    for line in (
        "loading",
        '{"level": "info"}',
        '{"progress": "half"}',
        "{broken",
        "a warning",
        "caf\ufffd",
    ):
        assert f"{line}\n" in product.log_tail


def test_a_program_that_says_very_much_neither_waits_nor_fills_the_memory(tmp_path):
    product = run(tmp_path, """
sys.stderr.write("x" * 5_000_000 + "\\n")
for number in range(20_000): print("line", number)
png("a.png")
""")  # fmt: skip

    assert "line 19999\n" in product.log_tail
    assert len(product.log_tail) < 200_000


@pytest.mark.parametrize("exit_code", [*EXIT_CODES, 1, 2, 255])
def test_each_exit_code_has_its_meaning(tmp_path, exit_code):
    error = failure(
        lambda: run(tmp_path, f"say(message='it broke'); print('why'); sys.exit({exit_code})")
    )

    assert error.code is EXIT_CODES.get(exit_code, Code.INTERNAL)
    assert f"exit code {exit_code}: it broke" in str(error)
    assert "why" in error.log_tail


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_program_that_was_killed_by_somebody_else_failed(tmp_path):
    error = failure(lambda: run(tmp_path, "os.kill(os.getpid(), 9)"))

    assert (error.code, "signal 9" in str(error)) == (Code.INTERNAL, True)


def test_outputs_of_a_program_that_failed_are_not_taken(tmp_path):
    failure(lambda: run(tmp_path, "png('a.png'); say(output='a.png'); sys.exit(1)"))

    assert not list((tmp_path / "work").glob("*.png"))


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("say(output='a.png')", Code.OUTPUT_INCOMPLETE, "not there: 'a.png'"),
        ("say(output='a\\0b.png')", Code.OUTPUT_INCOMPLETE, "not there"),
        ("say(output='')", Code.BACKEND_REJECTED, "wrong 'output'"),
        ("os.mkdir(OUT / 'a.png'); say(output='a.png')", Code.OUTPUT_INCOMPLETE, "not there"),
        ("say(output='../record.json')", Code.BACKEND_REJECTED, "outside of its folder"),
        ("say(output=os.environ['SPOOL_RECORD'])", Code.BACKEND_REJECTED, "outside of its folder"),
        ("png('a.png'); say(output='a.png', stage='../x')", Code.BACKEND_REJECTED, "wrong 'stage'"),
        ("png('a.png'); say(output='a.png', index=-1)", Code.BACKEND_REJECTED, "wrong 'index'"),
        ("png('a.png'); png('b.png'); say(output='a.png', index=0); say(output='b.png', index=0)", Code.BACKEND_REJECTED, "told twice"),
        ("(OUT / 'a.exe').write_bytes(b'MZ')", Code.OUTPUT_CORRUPT, "neither a .png nor a .txt"),
        ("(OUT / 'a.txt').write_text('words')", Code.OUTPUT_CORRUPT, "allows only image"),
        ("(OUT / 'a.png').write_bytes(b'GIF89a')", Code.OUTPUT_CORRUPT, "cannot be read as a PNG"),
    ],
)  # fmt: skip
def test_an_output_that_is_none_is_not_taken(tmp_path, body, code, words):
    error = failure(lambda: run(tmp_path, f"print('said'); {body}"))

    assert error.code is code
    assert words in str(error)
    assert "said" in error.log_tail


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    body = f"os.symlink({str(tmp_path / 'secret.png')!r}, OUT / 'a.png'); say(output='a.png')"

    assert failure(lambda: run(tmp_path, body)).code is Code.BACKEND_REJECTED
    assert (tmp_path / "secret.png").read_bytes() == b"secret"


def test_a_command_that_is_not_allowed_here_is_not_run(tmp_path):
    error = failure(lambda: run(tmp_path, "", work=workload(command="reboot")))

    assert error.code is Code.BACKEND_REJECTED
    assert "'reboot' is not allowed" in str(error)


def test_an_image_chain_is_not_its_business(tmp_path):
    backend = Command({"draw": allowed(tmp_path, "")})

    assert (
        failure(lambda: backend.run(order(tmp_path, Txt2Img(stage="txt2img")), Watch())).code
        is Code.BACKEND_REJECTED
    )


def test_the_card_lists_the_commands_whose_program_is_there(tmp_path):
    gone = AllowedCommand(run=(str(tmp_path / "gone"),))
    found = Command({"draw": allowed(tmp_path, ""), "gone": gone}).probe()

    assert (found.stages, found.extensions, found.models) == (("command_draw",), ("draw",), None)


def test_a_worker_none_of_whose_programs_is_there_has_nothing_to_offer(tmp_path):
    backend = Command({"gone": AllowedCommand(run=("no-such-program-anywhere",))})

    assert failure(backend.probe).code is Code.BACKEND_UNREACHABLE


def test_a_program_that_cannot_be_started_is_the_machines_fault_and_not_the_jobs(tmp_path):
    error = failure(lambda: run(tmp_path, "", folder=tmp_path / "gone"))

    assert error.code is Code.BACKEND_UNREACHABLE


def test_a_program_by_its_bare_name_is_looked_for_in_the_path_it_would_have(tmp_path):
    name = os.path.basename(sys.executable)
    there = AllowedCommand(run=(name,), environment={"PATH": os.path.dirname(sys.executable)})
    nowhere = AllowedCommand(run=(name,), environment={"PATH": str(tmp_path)})

    assert Command({"a": there, "b": nowhere}).probe().extensions == ("a",)


def test_a_full_disk_is_told_as_such(tmp_path, monkeypatch):
    def full(*_args, **_how):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    backend = Command({"draw": AllowedCommand(run=(sys.executable,))})

    assert (
        failure(lambda: backend.run(order(tmp_path, workload()), Watch())).code is Code.SCRATCH_FULL
    )


def test_nothing_allowed_and_options_it_does_not_have_are_told_at_the_start():
    with pytest.raises(UsageError, match="allows nothing"):
        open_backend("command", {})
    with pytest.raises(UsageError, match="no option 'url'"):
        open_backend("command", {"url": "x"})


@pytest.mark.parametrize("run", [(), ("./here",), ("bin/program",), ("a", "b\0c")])
def test_a_command_line_that_is_none_is_refused(run):
    with pytest.raises(ValueError, match="run"):
        AllowedCommand(run=run)


def test_a_deep_line_is_for_the_log():
    assert read_line('{"output": ' + "[" * 100_000) is None


def test_the_log_keeps_the_end():
    tail = Tail()
    for number in range(100_000):
        tail.add(f"line {number}")

    assert tail.text.endswith("line 99999\n")
    assert len(tail.text) <= 64_000


def test_a_job_may_run_for_its_time_and_no_longer(tmp_path):
    error = failure(
        lambda: run(
            tmp_path, "print('begun', flush=True); for_ever()", timeout_s=50, clock=Leaps(40)
        )
    )

    assert error.code is Code.TIMEOUT
    assert "may run 50 s" in str(error)
