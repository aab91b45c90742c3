"""What people ask of a spool in which strangers wrote: an answer or an error with its hint, and never a traceback."""

import contextlib
import io
import json
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from spoolctl.cli.app import main
from tests.fuzz.steady import steady
from tests.fuzz.test_fuzz_decisions import _A1, _victims, spoilt, with_
from tests.fuzz.test_fuzz_spool import Strange, strange_files
from tests.spool.spool_world import World

_ASKED = (
    ("status",), ("status", "--all"), ("status", "--failed"), ("status", "--group", "x"), ("nodes",),
    ("show", "victim"), ("logs", "victim"), ("show", "hero.0017"),
)  # fmt: skip
_CODES = {0, 1, 12, 20, 23}
"""docs/CLI.md: fine, an error of the share, no such job or log, a record that cannot be read."""


def on_disk(world: World, root: Path) -> None:
    """The world's share as real folders, without the names that this machine's file system refuses."""
    for path, data in world.share.tree().items():
        try:
            if data is None:
                (root / path).mkdir(parents=True, exist_ok=True)
            else:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(data)
        except (OSError, ValueError):
            continue


def ask(root: Path, *arguments: str) -> tuple[int, str, str]:
    """Run one command line; a bug comes out as it is."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["--spool", str(root), *arguments])
    return code, out.getvalue(), err.getvalue()


def assert_answers(root: Path) -> None:
    for arguments in _ASKED:
        for more in ((), ("--json",)):
            code, out, err = ask(root, *arguments, *more)
            assert code in _CODES, (arguments, code, err)
            assert (code == 0) is (err == ""), (arguments, err)
            if code:
                assert err.startswith("error: "), err
                assert "\nhint: " in err, err
            if more:
                assert isinstance(json.loads(out), dict)
            assert "\x1b" not in out + err


@given(spoilt(), strange_files())
@example(with_("finished", f"{_A1}/manifest.yaml", outputs=[]), {})
@example(
    with_("failed", f"{_A1}/manifest.yaml", message="\x1b[2J", log_tail="\x00\x1b[31m\r\n"), {}
)
@example(
    with_("open", f"{_A1}/heartbeat.json", eta_s=1e308, progress=0.5, pid=10**299, name="\x1b[2J"),
    {},
)
@example(
    with_(
        "open",
        "nodes/w1.heartbeat.json",
        written_at="0001-01-01T00:00:00Z",
        worker="\x1b",
        role="controller",
    ),
    {},
)
@example(
    with_("open", "nodes/w1.node.yaml", vram_gb=1e308, models=[{"name": "\x1b[2J"}], gpu="\n"), {}
)
@steady(10, shrinks=False)
def test_every_command_that_only_looks_answers_whatever_lies_there(
    spoiling: tuple[str, dict[str, bytes]], strange: Strange
) -> None:
    phase, files = spoiling
    world = _victims()[phase].copy()
    for path, data in {**strange, **files}.items():
        world.share.put(path, data)
    with tempfile.TemporaryDirectory() as folder:
        on_disk(world, Path(folder))
        assert_answers(Path(folder))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12))
@example("../../etc")
@example("a\nb")
@example("*")
@steady(15)
def test_any_word_given_for_a_job_is_answered(word: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        on_disk(_victims()["failed"], Path(folder))
        code, _, err = ask(Path(folder), "show", "--", word)
        assert code in (0, 20), err
        assert err.count("\n") <= 2
