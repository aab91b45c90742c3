"""The faults of the share in memory: exactly one operation, exactly one effect."""

import errno
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from spoolctl.spool.errors import ShareUnusable
from spoolctl.spool.files import probe_links
from spoolctl.spool.memory import Blind, Crashed, Fault, MemoryFiles

START = {"queue": None, "queue/a": b"abcd", "empty": None}
CALLS = {
    "write_new": lambda f: f.write_new("queue/new", b"12345678"),
    "mkdir": lambda f: f.mkdir("queue/new"),
    "link": lambda f: f.link("queue/a", "queue/new"),
    "rename": lambda f: f.rename("queue/a", "queue/new"),
    "unlink": lambda f: f.unlink("queue/a"),
    "rmdir": lambda f: f.rmdir("empty"),
}
WRITES = ("write_new", "mkdir", "link")
REPEATED = {
    "write_new": FileExistsError, "mkdir": FileExistsError, "link": FileExistsError,
    "rename": FileNotFoundError, "unlink": FileNotFoundError, "rmdir": FileNotFoundError,
}  # fmt: skip


@pytest.fixture
def files() -> MemoryFiles:
    made = MemoryFiles()
    for path, data in START.items():
        made.put(path, data)
    return made


def after(operation: str) -> dict[str, bytes | None]:
    clean = MemoryFiles()
    for path, data in START.items():
        clean.put(path, data)
    CALLS[operation](clean)
    return clean.tree()


def start() -> dict[str, bytes | None]:
    return dict(sorted(START.items()))


@pytest.mark.parametrize("operation", CALLS)
def test_an_error_before_leaves_everything_and_the_next_try_works(files, operation):
    files.fail(0, Fault.BEFORE)
    with pytest.raises(OSError, match=r"queue|empty") as caught:
        CALLS[operation](files)
    assert caught.value.errno == errno.EIO
    assert files.tree() == start()
    CALLS[operation](files)
    assert files.tree() == after(operation)


@pytest.mark.parametrize("operation", CALLS)
def test_a_lost_reply_is_an_error_of_something_done(files, operation):
    files.fail(0, Fault.LOST_REPLY)
    with pytest.raises(OSError, match=r"queue|empty") as caught:
        CALLS[operation](files)
    assert caught.value.errno == errno.EIO
    assert files.tree() == after(operation)


@pytest.mark.parametrize("operation", CALLS)
def test_a_repeated_request_is_told_what_its_first_sending_did(files, operation):
    files.fail(0, Fault.LOST_REPLY_EXISTS)
    with pytest.raises(REPEATED[operation]):
        CALLS[operation](files)
    assert files.tree() == after(operation)


def test_a_repeated_request_that_fails_by_itself_gives_its_own_error(files):
    files.fail(0, Fault.LOST_REPLY_EXISTS)
    with pytest.raises(FileNotFoundError):
        files.link("no", "queue/new")


def test_a_lost_reply_hides_the_servers_own_error(files):
    files.fail(0, Fault.LOST_REPLY)
    with pytest.raises(OSError, match="no") as caught:
        files.unlink("no")
    assert caught.value.errno == errno.EIO


@pytest.mark.parametrize("operation", CALLS)
def test_a_full_share_refuses_what_takes_space_and_nothing_else(files, operation):
    files.fail(0, Fault.FULL, onward=True)
    if operation not in WRITES:
        CALLS[operation](files)
        assert files.tree() == after(operation)
        return
    with pytest.raises(OSError, match="queue") as caught:
        CALLS[operation](files)
    assert caught.value.errno == errno.ENOSPC
    assert files.tree() == start()


@pytest.mark.parametrize("operation", CALLS)
def test_after_a_crash_the_actor_does_nothing_more_and_a_survivor_finds_what_it_left(
    files, operation
):
    for fault, left in ((Fault.CRASH, start()), (Fault.CRASH_AFTER, after(operation))):
        view = files.view()
        view.fail(0, fault)
        with pytest.raises(Crashed):
            CALLS[operation](view)
        for again in (*CALLS.values(), lambda f: f.names("")):
            with pytest.raises(Crashed):
                again(view)
        assert view.operations == 1
        assert view.survivor().tree() == left
        assert sorted(view.survivor().names("")) == sorted(p for p in files.tree() if "/" not in p)


def test_a_crash_is_not_swallowed_by_code_that_handles_exceptions(files):
    files.fail(0, Fault.CRASH)

    def careless() -> None:
        with suppress(Exception):
            files.names("")

    with pytest.raises(Crashed):
        careless()


def test_a_torn_write_leaves_half_of_the_bytes(files, tmp_path: Path):
    (tmp_path / "local").write_bytes(b"12345678")
    for path, call in (
        ("one", lambda f: f.write_new("one", b"12345678")),
        ("two", lambda f: f.store(tmp_path / "local", "two")),
    ):
        view = files.view()
        view.fail(0, Fault.TORN)
        with pytest.raises(Crashed):
            call(view)
        assert files.tree()[path] == b"1234"


def test_a_torn_rename_is_none(files):
    files.fail(0, Fault.TORN)
    with pytest.raises(Crashed):
        files.rename("queue/a", "b")
    assert files.tree() == start()


def test_a_fault_hits_the_operation_of_its_number_only(files):
    files.fail(1, Fault.BEFORE)
    files.names("")
    with pytest.raises(OSError, match="queue"):
        files.names("queue")
    files.names("queue")
    assert files.operations == 3


def test_a_fault_onward_stays_until_the_view_is_healed(files):
    files.fail(1, Fault.BEFORE, onward=True)
    files.names("")
    for _ in range(3):
        with pytest.raises(OSError, match="queue"):
            files.names("queue")
    files.heal()
    files.names("queue")


def test_faults_numbers_and_traces_belong_to_one_view(files):
    other = files.view()
    files.fail(0, Fault.BEFORE, onward=True)
    other.rename("queue/a", "queue/b")
    assert other.trace == [("rename", "queue/a", "queue/b")]
    assert files.operations == 0
    assert files.tree() == other.tree()


def test_somebody_else_can_act_just_before_an_operation(files):
    thief = files.view()
    seen = []

    def steal(operation: str, path: str) -> None:
        seen.append((operation, path))
        if operation == "rename":
            thief.rename("queue/a", "stolen")
            files.names("")  # the view's own operation in here does not come back in here

    files.on_operation = steal
    files.names("queue")
    with pytest.raises(FileNotFoundError):
        files.rename("queue/a", "mine")
    assert seen == [("names", "queue"), ("rename", "queue/a")]
    assert files.tree()["stolen"] == b"abcd"


def test_a_blind_view_sees_nothing_below_a_folder_until_it_sees_again(files):
    files.put("results/s/j/a1/heartbeat.json", b"{}")
    for how in Blind:
        files.blind("results/s", how)
        for folder in ("results/s", "results/s/j/a1"):
            if how is Blind.EMPTY:
                assert files.names(folder) == ()
            else:
                with pytest.raises(OSError, match="results") as caught:
                    files.names(folder)
                assert caught.value.errno == errno.EIO
        assert files.names("results") == ("s",)
        assert files.view().names("results/s") == ("j",)
        files.sees()
        assert files.names("results/s") == ("j",)


def test_a_blind_view_of_the_root_sees_nothing_at_all(files):
    files.blind("", Blind.EMPTY)
    assert files.names("") == ()
    assert files.names("queue") == ()


def test_stamps_come_from_the_shares_clock():
    now = [1000.0]
    files = MemoryFiles(lambda: now[0])
    files.mkdir("a")
    now[0] = 1010.0
    files.write_new("a/b", b"")
    now[0] = 1020.0
    files.rename("a/b", "c")
    assert files.stat("a").mtime_s == 1020.0
    assert files.stat("c").mtime_s == 1010.0
    files.view().set_clock(lambda: 7.0)
    files.mkdir("d")
    assert files.stat("d").mtime_s == 7.0


def test_a_rename_onto_the_other_name_of_the_same_file_leaves_both_as_posix_does(files):
    files.link("queue/a", "queue/b")
    files.rename("queue/a", "queue/b")
    assert sorted(files.names("queue")) == ["a", "b"]


def test_a_folder_moves_with_what_is_in_it_but_not_into_itself(files):
    files.rename("queue", "moved")
    assert files.tree()["moved/a"] == b"abcd"
    with pytest.raises(OSError, match="moved"):
        files.rename("moved", "moved/inner")


def test_of_many_threads_exactly_one_makes_a_folder(files):
    won = []

    def race() -> None:
        view = files.view()
        for number in range(50):
            try:
                view.mkdir(f"queue/{number}")
            except FileExistsError:
                continue
            won.append(number)

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(50))


def test_put_makes_parents_and_replaces(files):
    files.put("x/y/z", b"1")
    files.put("x/y/z", b"2")
    assert files.tree()["x/y/z"] == b"2"
    assert files.operations == 0


class LinksCopy(MemoryFiles):
    """A share whose 'hard link' replaces what is there."""

    def link(self, source: str, target: str) -> None:
        self.put(target, self.tree()[source])


def test_the_probe_refuses_a_share_without_hard_links():
    files = MemoryFiles()
    files.fail(3, Fault.BEFORE)
    with pytest.raises(ShareUnusable, match="cannot make a hard link"):
        probe_links(files, "", "t")
    assert files.tree() == {}


def test_the_probe_refuses_a_share_whose_links_replace():
    files = LinksCopy()
    with pytest.raises(ShareUnusable, match="replaces a file by a hard link"):
        probe_links(files, "", "t")
    assert files.tree() == {}


def test_the_probe_refuses_a_share_that_stops_answering_half_way():
    for number in range(6):
        files = MemoryFiles()
        files.fail(number, Fault.LOST_REPLY)
        with pytest.raises(ShareUnusable):
            probe_links(files, "", "t")
        assert files.tree() == {}
