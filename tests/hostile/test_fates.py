"""What may become of a request, fate by fate: what was done, what its sender is told, and what comes later."""

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from spoolctl.spool.memory import Crashed, MemoryFiles
from tests.hostile.client import Client, Server
from tests.hostile.fates import CHANGES, LOOKS, Fate, Request, faults_of
from tests.hostile.mounts import NFS, WINDOWS
from tests.hostile.test_client import write

T = TypeVar("T")
GONE = object()
BEFORE = {"empty": None, "own": b"content"}


@dataclass
class Act:
    """Something that a client does by one request of a kind, and what is different on the share after it."""

    act: Callable[[Client], Any]
    done: dict[str, Any]
    undone: dict[str, Any]
    repeated: int = 0
    """What a server says that was asked for it twice."""


def _write(client: Client) -> None:
    write(client, "new", b"data")


ACTS = {
    "create": Act(lambda client: client.create("new"), {"new": b""}, {}, errno.EEXIST),
    "sync": Act(_write, {"new": b"data"}, {"new": b""}),
    "link": Act(lambda client: client.link("own", "new"), {"new": b"content"}, {}, errno.EEXIST),
    "mkdir": Act(lambda client: client.mkdir("new"), {"new": None}, {}, errno.EEXIST),
    "rename": Act(
        lambda client: client.replace("own", "new"), {"own": GONE, "new": b"content"}, {}, errno.ENOENT
    ),
    "unlink": Act(lambda client: client.unlink("own"), {"own": GONE}, {}, errno.ENOENT),
    "rmdir": Act(lambda client: client.rmdir("empty"), {"empty": GONE}, {}, errno.ENOENT),
}  # fmt: skip
EVERY = pytest.mark.parametrize("kind", ACTS)
SHOWN: set[Fate] = set()


def shows(*fates: Fate) -> Callable[[T], T]:
    """Note which fates a test shows."""
    SHOWN.update(fates)
    return lambda test: test


def changed(by: dict[str, Any]) -> dict[str, Any]:
    return {path: data for path, data in sorted((BEFORE | by).items()) if data is not GONE}


class Played:
    """One act of one client, whose request has one fate."""

    def __init__(self, kind: str, fate: Fate) -> None:
        self.files = MemoryFiles()
        for path, data in BEFORE.items():
            self.files.put(path, data)
        self.server = Server(self.files)
        decide = lambda request: fate if request.kind == kind else Fate.DONE  # noqa: E731
        self.client = Client(self.server, decide=decide)
        self.told: int | type | None = None
        try:
            ACTS[kind].act(self.client)
        except OSError as error:
            self.told = error.errno
        except Crashed:
            self.told = Crashed
        self.is_done = self._is(ACTS[kind].done)
        self.is_undone = self._is(ACTS[kind].undone)
        self._kind = kind

    def _is(self, change: dict[str, Any]) -> bool:
        return self.files.tree() == changed(change)

    def lands(self) -> bool:
        """Let what is under way take effect; true if all is done then."""
        self.server.carry_out(self.server.late[0])
        return self._is(ACTS[self._kind].done)

    def is_dead(self) -> bool:
        """True if not even a cache answers this client any more."""
        try:
            self.client.stat("")
        except Crashed:
            return True
        return False


@shows(Fate.DONE)
@EVERY
def test_a_request_that_is_done_is_answered(kind):
    played = Played(kind, Fate.DONE)
    assert (played.told, played.is_done, played.is_dead()) == (None, True, False)


@shows(Fate.REFUSED, Fate.FULL, Fate.STALE)
@pytest.mark.parametrize(
    ("fate", "code"),
    [(Fate.REFUSED, errno.EIO), (Fate.FULL, errno.ENOSPC), (Fate.STALE, errno.ESTALE)],
)
@EVERY
def test_a_request_that_is_refused_changes_nothing_and_its_sender_is_told_why(kind, fate, code):
    played = Played(kind, fate)
    assert (played.told, played.is_undone, played.is_dead()) == (code, True, False)


@shows(Fate.LOST_REPLY)
@EVERY
def test_a_lost_reply_leaves_the_effect_and_an_error(kind):
    played = Played(kind, Fate.LOST_REPLY)
    assert (played.told, played.is_done, played.is_dead()) == (errno.EIO, True, False)


@shows(Fate.REPEATED)
@pytest.mark.parametrize("kind", [kind for kind in ACTS if ACTS[kind].repeated])
def test_what_was_done_and_is_asked_again_of_a_restarted_server_is_told_as_another_s(kind):
    played = Played(kind, Fate.REPEATED)
    assert (played.told, played.is_done) == (ACTS[kind].repeated, True)


@shows(Fate.LATER)
@EVERY
def test_a_request_may_take_effect_after_its_sender_gave_up(kind):
    played = Played(kind, Fate.LATER)
    assert (played.told, played.is_undone, played.is_dead()) == (errno.EIO, True, False)
    assert played.lands()


@shows(Fate.CRASH)
@EVERY
def test_a_process_may_die_before_its_request_is_sent(kind):
    played = Played(kind, Fate.CRASH)
    assert (played.told, played.is_undone, played.is_dead()) == (Crashed, True, True)


@shows(Fate.CRASH_AFTER)
@EVERY
def test_a_process_may_die_before_it_hears_that_it_was_done(kind):
    played = Played(kind, Fate.CRASH_AFTER)
    assert (played.told, played.is_done, played.is_dead()) == (Crashed, True, True)


@shows(Fate.CRASH_LATER)
@EVERY
def test_a_request_may_take_effect_after_its_process_was_killed(kind):
    played = Played(kind, Fate.CRASH_LATER)
    assert (played.told, played.is_undone, played.is_dead()) == (Crashed, True, True)
    assert played.lands()


@shows(Fate.TORN)
def test_a_process_may_die_with_half_of_its_file_written():
    played = Played("sync", Fate.TORN)
    assert (played.told, played.files.tree()["new"], played.is_dead()) == (Crashed, b"da", True)


@shows(Fate.BLIND)
def test_a_listing_may_come_back_empty_without_an_error():
    files = MemoryFiles()
    files.put("x", b"")
    assert Client(Server(files), decide=lambda _request: Fate.BLIND).names("") == []


def test_a_late_rename_takes_whatever_lies_under_its_name_by_then():
    played = Played("rename", Fate.LATER)
    played.files.rename("own", "moved")
    played.files.write_new("own", b"another's")
    played.server.carry_out(played.server.late[0])
    assert played.files.tree() == {"empty": None, "moved": b"content", "new": b"another's"}


def test_a_late_request_whose_time_is_over_does_nothing_and_nobody_hears_of_it():
    played = Played("mkdir", Fate.LATER)
    played.files.mkdir("new")
    played.server.carry_out(played.server.late[0])
    assert (played.server.late, played.files.names("new")) == ([], ())


def test_a_refusal_that_nobody_heard_is_a_lost_reply_all_the_same():
    files = MemoryFiles()
    client = Client(Server(files), decide=lambda _request: Fate.LOST_REPLY)
    with pytest.raises(OSError, match="no") as caught:
        client.unlink("no")
    assert caught.value.errno == errno.EIO


def test_a_cached_answer_is_no_request_and_has_no_fate():
    files = MemoryFiles()
    asked: list[str] = []

    def decide(request: Request) -> Fate:
        asked.append(str(request))
        return Fate.DONE

    client = Client(Server(files), NFS, decide)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            client.stat("x")
    assert asked == ["stat x"]


def test_a_file_is_held_open_until_the_request_to_close_it():
    files = MemoryFiles()
    files.put("x", b"")
    asked: list[str] = []

    def decide(request: Request) -> Fate:
        asked.append(request.kind)
        return Fate.DONE

    Client(Server(files), WINDOWS, decide).open("x").close()
    assert asked == ["open", "close"]


# What is chosen from


def any_request(kind: str, *, private: bool = False) -> Request:
    return Request(kind, ".0123.tmp" if private else "a", "b" if "link" in kind else "")


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("kind", sorted(CHANGES))
def test_a_process_may_die_at_everything_that_it_changes(kind, private):
    """With the effect done; and where it is not its own business alone, also with it not done, or done later."""
    request = any_request(kind, private=private)
    fates = set(faults_of(request))
    assert Fate.CRASH_AFTER in fates
    assert (
        request.is_private or {Fate.CRASH, Fate.CRASH_LATER, Fate.LATER, Fate.LOST_REPLY} <= fates
    )


@pytest.mark.parametrize("kind", sorted(LOOKS - {"names.rest"}))
def test_a_process_may_die_at_everything_that_it_looks_at(kind):
    assert Fate.CRASH in faults_of(any_request(kind))


def test_every_fate_is_chosen_somewhere():
    kinds = CHANGES | LOOKS | {"close"}
    chosen = {fate for kind in kinds for fate in faults_of(any_request(kind))}
    assert chosen | {Fate.DONE} == set(Fate)


@pytest.mark.parametrize("kind", ["create", "sync", "link", "mkdir"])
def test_whatever_takes_space_may_find_the_share_full(kind):
    assert Fate.FULL in faults_of(any_request(kind))


def test_every_fate_is_shown_by_a_test():
    assert set(Fate) == SHOWN
