"""Compiling a ledger from its parts: once each, whole, whatever crashes or is missed on the way."""

import itertools
import json
from datetime import UTC, datetime

import pytest

from spoolctl.controller.ledger import Compiled, compile_ledger
from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.memory import Blind, Crashed, Fault, MemoryFiles
from spoolctl.spool.ports import Host
from spoolctl.spool.records import SETTINGS_SCHEMA, Settings

TARGET = "corpus/learning_records.jsonl"
TOKENS = itertools.count(1)


class Still:
    """A clock that stands, and tokens that nobody else draws."""

    def mono(self) -> float:
        return 0.0

    def utc_s(self) -> float:
        return 0.0

    def token(self) -> str:
        return f"{next(TOKENS):016x}"

    def fraction(self) -> float:
        return 0.5


def actor(files: MemoryFiles, log=None) -> Actor:
    still = Still()
    settings = Settings(
        schema=SETTINGS_SCHEMA, spool_id="s", created_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    told = log if log is not None else []
    return Actor(
        session="c", name="controller-c", files=files, clock=still, entropy=still,
        host=Host("m", "h", "b", 1, 0.0), settings=settings,
        log=lambda event, **facts: told.append((event, facts)),
    )  # fmt: skip


def share() -> MemoryFiles:
    files = MemoryFiles()
    for folder in layout.FOLDERS:
        files.put(folder, None)
    return files


def put(files: MemoryFiles, name: str, *, lines: int = 1) -> None:
    text = "".join(f'{{"run_id": "{name}/{i}"}}\n' for i in range(lines))
    files.put(layout.part("corpus", name), text.encode())


def ids(files: MemoryFiles) -> list[str]:
    data = files.tree().get(TARGET)
    assert data is not None
    assert data.endswith(b"\n")
    return [json.loads(line)["run_id"] for line in data.splitlines()]


def reads(files: MemoryFiles, begin: int = 0) -> list[str]:
    return [path for op, path, *_ in files.trace[begin:] if op == "read" and "/parts/" in path]


def test_parts_come_once_each_in_order_of_shelf_and_name() -> None:
    files = share()
    for name in ("b.2", "a.2", "single", "a.1", "b.1"):
        put(files, name, lines=2)
    assert compile_ledger(actor(files), "corpus", touched=None) == Compiled(10, 10, True)
    order = ["a.1", "a.2", "b.1", "b.2", "single"]
    assert ids(files) == [f"{name}/{i}" for name in order for i in (0, 1)]


def test_one_more_part_reads_only_that_part() -> None:
    files = share()
    for number in range(20):
        put(files, f"a.{number:02d}")
    compile_ledger(actor(files), "corpus", touched=None)
    put(files, "a.99")
    put(files, "new.1")
    view = files.view()
    assert compile_ledger(actor(view), "corpus", touched={"a"}) == Compiled(22, 2, False)
    assert reads(view) == ["corpus/parts/a/a.99.jsonl", "corpus/parts/new/new.1.jsonl"]
    assert len(set(ids(files))) == 22


def test_nothing_new_costs_a_handful_of_operations_and_moves_no_file() -> None:
    files = share()
    for number in range(30):
        put(files, f"shelf{number}.1")
    compile_ledger(actor(files), "corpus", touched=None)
    view = files.view()
    assert compile_ledger(actor(view), "corpus", touched={"shelf3"}) == Compiled(30, 0, False)
    assert [op for op, *_ in view.trace] == ["names", "read", "names", "names", "stat"]


def test_a_part_on_a_known_shelf_that_nobody_named_is_found_by_the_full_look() -> None:
    files = share()
    put(files, "a.1")
    compile_ledger(actor(files), "corpus", touched=None)
    put(files, "a.2")
    assert compile_ledger(actor(files), "corpus", touched=()).added == 0
    assert compile_ledger(actor(files), "corpus", touched=None) == Compiled(2, 1, False)


@pytest.mark.parametrize("bad", [None, b"", b'{"run_id": "a.1/0"}\n', b"torn", b"x" * 40])
def test_a_compiled_file_that_was_edited_cut_or_lost_is_made_anew(bad) -> None:
    files = share()
    for number in range(3):
        put(files, f"a.{number}")
    compile_ledger(actor(files), "corpus", touched=None)
    if bad is None:
        files.unlink(TARGET)
    else:
        files.put(TARGET, bad)
    assert compile_ledger(actor(files), "corpus", touched=()) == Compiled(3, 3, True)
    assert ids(files) == ["a.0/0", "a.1/0", "a.2/0"]


def test_an_edit_of_the_same_length_is_seen_by_the_full_look() -> None:
    files = share()
    put(files, "a.1")
    compile_ledger(actor(files), "corpus", touched=None)
    files.put(TARGET, ids_edited := files.tree()[TARGET].replace(b"a.1", b"b.7"))
    assert compile_ledger(actor(files), "corpus", touched=()).rebuilt is False
    assert files.tree()[TARGET] == ids_edited
    assert compile_ledger(actor(files), "corpus", touched=None).rebuilt is True
    assert ids(files) == ["a.1/0"]


@pytest.mark.parametrize("touched", [None, {"a"}])
@pytest.mark.parametrize("lose_file", [False, True])
def test_a_listing_that_misses_everything_removes_no_line(touched, lose_file) -> None:
    files = share()
    put(files, "a.1")
    put(files, "b.1")
    compile_ledger(actor(files), "corpus", touched=None)
    if lose_file:
        files.put(TARGET, b"cut")
    view = files.view()
    view.blind("corpus/parts", Blind.EMPTY)
    assert compile_ledger(actor(view), "corpus", touched=touched).lines == 2
    assert sorted(ids(files)) == ["a.1/0", "b.1/0"]


def test_a_share_that_fails_leaves_the_file_as_it_was() -> None:
    files = share()
    put(files, "a.1")
    compile_ledger(actor(files), "corpus", touched=None)
    put(files, "a.2")
    view = files.view()
    view.blind("corpus/parts", Blind.FAILS)
    with pytest.raises(OSError, match=r"corpus/parts|Input"):
        compile_ledger(actor(view), "corpus", touched=None)
    assert ids(files) == ["a.1/0"]


def test_a_part_that_is_no_json_lines_stays_out_and_is_logged_and_may_be_mended() -> None:
    files = share()
    put(files, "a.1")
    files.put("corpus/parts/a/a.2.jsonl", b'{"run_id": "x"}\n[1, 2]\n')
    files.put("corpus/parts/a/a.3.jsonl", b'{"run_id": "\xff"}\n')
    files.put("corpus/parts/a/.tmp.jsonl", b'{"run_id": "half')
    log = []
    assert compile_ledger(actor(files, log), "corpus", touched=None).lines == 1
    assert [e for e, _ in log].count("ledger.part_unreadable") == 2
    put(files, "a.2")
    assert compile_ledger(actor(files), "corpus", touched=None).added == 1
    assert ids(files) == ["a.1/0", "a.2/0"]


def test_an_unreadable_index_is_made_anew() -> None:
    files = share()
    put(files, "a.1")
    compile_ledger(actor(files), "corpus", touched=None)
    (index,) = [path for path in files.tree() if path.startswith("corpus/index-")]
    files.put(index, b"[]")
    assert compile_ledger(actor(files), "corpus", touched=()) == Compiled(1, 1, True)
    assert compile_ledger(actor(files), "corpus", touched=()) == Compiled(1, 0, False)


def test_an_empty_ledger_makes_no_file() -> None:
    files = share()
    assert compile_ledger(actor(files), "corpus", touched=None) == Compiled(0, 0, False)
    assert TARGET not in files.tree()


def test_history_has_its_own_file() -> None:
    files = share()
    files.put(layout.part("history", "a.1"), b'{"name": "a.1"}\n')
    assert compile_ledger(actor(files), "history", touched=None).lines == 1
    assert files.tree()["history/history.jsonl"] == b'{"name": "a.1"}\n'


def started(*, parts: int = 2) -> MemoryFiles:
    files = share()
    for number in range(parts):
        put(files, f"a.{number}")
    compile_ledger(actor(files), "corpus", touched=None)
    put(files, "a.8")
    put(files, "b.1")
    return files


def whole(files: MemoryFiles) -> None:
    assert len(set(ids(files))) == len(ids(files))


LONGEST = 20
FAULTS = (Fault.CRASH, Fault.CRASH_AFTER, Fault.TORN, Fault.BEFORE, Fault.LOST_REPLY, Fault.FULL)


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_operation_fails_the_file_is_whole_and_the_next_compile_has_all(fault) -> None:
    for number in range(LONGEST):
        files = started()
        view = files.view()
        view.fail(number, fault, onward=fault is Fault.FULL)
        try:
            compile_ledger(actor(view), "corpus", touched={"a"})
        except (Crashed, OSError):
            whole(files)
        # The next one need not be told which shelves the failed one was told.
        survivor = files.survivor()
        compile_ledger(actor(survivor), "corpus", touched={"a"})
        assert sorted(ids(files)) == ["a.0/0", "a.1/0", "a.8/0", "b.1/0"]
        whole(files)
        compile_ledger(actor(survivor), "corpus", touched=None)
        left = [path for path in files.tree() if path.startswith(("corpus/.", "corpus/index-"))]
        assert len(left) == 1, left
    assert view.operations < LONGEST


def test_two_compilers_at_once_end_well_wherever_the_other_cuts_in() -> None:
    for number in range(LONGEST):
        files = started()
        view, other = files.view(), files.view()

        def cut_in(_operation: str, _path: str, at=number, me=view, him=other) -> None:
            if me.operations - 1 == at:
                put(him, "c.1")
                compile_ledger(actor(him), "corpus", touched={"c"})

        view.on_operation = cut_in
        try:
            compile_ledger(actor(view), "corpus", touched={"a"})
        except OSError:
            pass
        view.on_operation = None
        whole(files)
        # Nobody names c again: what the loser had is found by the index that it left.
        if number < view.operations:
            compile_ledger(actor(other), "corpus", touched=())
            found = ids(files)
            assert sorted(found) == ["a.0/0", "a.1/0", "a.8/0", "b.1/0", "c.1/0"], number
            whole(files)


def test_the_compiled_file_is_always_a_newly_written_one() -> None:
    files = share()
    put(files, "a.1")
    compile_ledger(actor(files), "corpus", touched=None)
    put(files, "a.2")
    view = files.view()
    compile_ledger(actor(view), "corpus", touched={"a"})
    renames = [targets for op, *targets in view.trace if op == "rename"]
    assert renames[-1][1] == TARGET
    assert all(TARGET not in paths for op, *paths in view.trace if op in ("write_new", "store"))
