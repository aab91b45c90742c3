"""What the hostile share's clients do, lie by lie, against what was measured on Linux NFS and SMB clients and Samba.

Each lie is played with its switch and without, and on every preset, so that a switch that does nothing fails here.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from math import inf
from typing import Any

import pytest

from spoolctl.spool.memory import MemoryFiles
from tests.hostile.client import Client, Decide, Server, always_done
from tests.hostile.fates import Fate, Request
from tests.hostile.mounts import HONEST, NFS, SMB, WINDOWS, Mount

PRESETS = {"nfs": NFS, "smb": SMB, "windows": WINDOWS, "honest": HONEST}
HOUR_S = 3600.0
SHOWN: set[str] = set()
"""Every switch that some test here shows."""


def lie(*told_by: str, beside: dict[str, Any] | None = None, **switch: Any) -> pytest.MarkDecorator:
    """Play the test with the *switch*, without it, and on each preset; ``lies``: whether the client is to lie.

    Args:
        told_by: The presets that tell this lie.
        beside: Switches that are on both times.
        switch: The one that makes the difference.
    """
    SHOWN.update(switch)
    both = beside or {}
    clock_s = both.get("clock_s", switch.get("clock_s", 0.0))
    cases = [
        pytest.param(Mount(**both | switch), True, id="on"),
        pytest.param(Mount(**both), False, id="off"),
    ]
    cases += [
        pytest.param(replace(preset, clock_s=clock_s), name in told_by, id=name)
        for name, preset in PRESETS.items()
    ]
    return pytest.mark.parametrize(("mount", "lies"), cases)


class Share:
    """A server, and clients with mounts of one kind."""

    def __init__(self, mount: Mount = HONEST, *, folds_case: bool = False) -> None:
        self.mount, self.now_s = mount, 1000.0
        self.files = MemoryFiles(lambda: self.now_s)
        self.server = Server(self.files, folds_case=folds_case)

    def client(self, decide: Decide = always_done, mount: Mount | None = None) -> Client:
        return Client(self.server, mount or self.mount, decide)

    def paths(self) -> list[str]:
        return list(self.files.tree())


def stands(client: Client, path: str) -> bool:
    try:
        client.stat(path)
    except FileNotFoundError:
        return False
    return True


def read(client: Client, path: str) -> bytes:
    with client.open(path) as stream:
        return stream.read()


def write(client: Client, path: str, data: bytes) -> None:
    with client.create(path) as stream:
        stream.write(data)
        client.sync(stream)


def before(kinds: str, act: Callable[[], object]) -> Decide:
    """Let somebody else act just before the first request of these kinds."""
    left = [act]

    def decide(request: Request) -> Fate:
        if request.kind in kinds.split() and left:
            left.pop()()
        return Fate.DONE

    return decide


def fated(fate: Fate) -> Decide:
    """The first request that changes something has this fate, the others none."""
    left = [fate]
    return lambda request: left.pop() if request.changes and left else Fate.DONE


# What caches tell


@lie("nfs", "smb", absence_s=60.0)
def test_a_name_that_was_not_there_is_said_to_be_missing_although_it_was_made_since(mount, lies):
    share = Share(mount)
    one, other = share.client(), share.client()
    assert not stands(one, "x")
    write(other, "x", b"")
    assert stands(one, "x") is not lies
    share.now_s += 61
    assert stands(one, "x")


@lie("nfs", "smb", absence_s=60.0)
def test_a_rename_from_a_name_that_was_not_there_is_refused_without_asking(mount, lies):
    share = Share(mount)
    one, other = share.client(), share.client()
    assert not stands(one, "x")
    write(other, "x", b"")
    if lies:
        with pytest.raises(FileNotFoundError):
            one.replace("x", "y")
    else:
        one.replace("x", "y")
    assert share.paths() == ["x" if lies else "y"]


@lie("nfs", "smb", presence_s=60.0)
def test_a_name_that_was_there_is_said_to_be_there_although_it_was_moved_away(mount, lies):
    share = Share(mount)
    share.files.put("x", b"")
    one, other = share.client(), share.client()
    assert stands(one, "x")
    other.replace("x", "y")
    assert stands(one, "x") is lies
    share.now_s += 61
    assert not stands(one, "x")


@lie("nfs", "smb", presence_s=60.0)
def test_a_path_follows_its_file_to_where_another_moved_it(mount, lies):
    share = Share(mount)
    share.files.put("x", b"content")
    one, other = share.client(), share.client()
    assert stands(one, "x")
    other.replace("x", "y")
    if lies:
        assert read(one, "x") == b"content"
    else:
        with pytest.raises(FileNotFoundError):
            read(one, "x")


@lie("nfs", "smb", presence_s=60.0)
def test_making_a_name_that_was_there_is_refused_without_asking(mount, lies):
    share = Share(mount)
    share.files.put("a1", None)
    one, other = share.client(), share.client()
    assert stands(one, "a1")
    other.rmdir("a1")
    if lies:
        with pytest.raises(FileExistsError):
            one.mkdir("a1")
    else:
        one.mkdir("a1")


@lie("smb", beside={"absence_s": 60.0, "presence_s": 60.0}, listing_refreshes=False)
def test_names_are_old_even_after_their_folder_was_opened(mount, lies):
    share = Share(mount)
    share.files.put("gone", b"")
    one, other = share.client(), share.client()
    assert (stands(one, "gone"), stands(one, "new")) == (True, False)
    other.replace("gone", "new")
    one.ask("")
    assert (stands(one, "gone"), stands(one, "new")) == ((True, False) if lies else (False, True))


@lie("smb", listings_s=1.6)
def test_a_listing_is_given_again_although_the_folder_changed(mount, lies):
    share = Share(mount)
    one, other = share.client(), share.client()
    assert one.names("") == []
    write(other, "x", b"")
    assert one.names("") == ([] if lies else ["x"])
    share.now_s += 2
    assert one.names("") == ["x"]


@pytest.mark.parametrize("mount", PRESETS.values(), ids=PRESETS)
def test_what_a_client_did_itself_it_sees_and_lists(mount):
    share = Share(mount)
    one = share.client()
    assert one.names("") == []
    assert not stands(one, "x")
    write(one, "x", b"data")
    assert (one.names(""), stands(one, "x")) == (["x"], True)
    one.replace("x", "y")
    assert (one.names(""), stands(one, "x"), read(one, "y")) == (["y"], False, b"data")
    one.unlink("y")
    assert (one.names(""), stands(one, "y")) == ([], False)


@lie("nfs", "smb", beside={"presence_s": 60.0}, attributes_s=3.0)
def test_a_file_s_length_lags_behind_what_is_read_from_it(mount, lies):
    share = Share(mount)
    writer, one = share.client(), share.client()
    with writer.create("x") as stream:
        assert one.stat("x").bytes == 0
        stream.write(b"data")
        writer.sync(stream)
    assert one.stat("x").bytes == (0 if lies else 4)
    assert read(one, "x") == b"data"
    assert one.stat("x").bytes == 4, "opening it asked"


@lie("smb", contents_s=4.0)
def test_a_file_that_another_replaced_is_read_as_it_was(mount, lies):
    share = Share(mount)
    share.files.put("beat", b"1")
    share.files.put("new", b"2")
    one, other = share.client(), share.client()
    assert read(one, "beat") == b"1"
    other.replace("new", "beat")
    assert read(one, "beat") == (b"1" if lies else b"2")
    share.now_s += 5
    assert read(one, "beat") == b"2"


def test_a_folder_that_is_not_known_is_asked_for():
    """Others may make it before the server hears the question."""
    share = Share(NFS)
    other = share.client()
    one = share.client(before("stat", lambda: other.mkdir("day")))
    one.mkdir("day/inner")
    assert share.paths() == ["day", "day/inner"]


# Listings and renames


@pytest.mark.parametrize(("source", "target", "seen"), [("z", "b", "am"), ("a", "zz", "amzzz")])
@lie("nfs", "smb", "windows", torn_listings=True)
def test_a_listing_misses_or_doubles_a_name_that_is_renamed_meanwhile(
    mount, lies, source, target, seen
):
    share = Share(mount)
    for name in "amz":
        share.files.put(name, b"")
    other = share.client()
    one = share.client(before("names.rest", lambda: other.replace(source, target)))
    assert "".join(one.names("")) == (seen if lies else "amz")


@lie("windows", rename_by_handle=True)
def test_a_rename_takes_the_file_from_its_winner_and_both_are_told_that_they_won(mount, lies):
    share = Share(mount)
    share.files.put("x", b"")
    other = share.client()
    one = share.client(before("rename rename.set", lambda: other.replace("x", "won.b")))
    if lies:
        one.replace("x", "won.a")
    else:
        with pytest.raises(FileNotFoundError):
            one.replace("x", "won.a")
    assert share.paths() == ["won.a" if lies else "won.b"]


@lie("windows", rename_by_handle=True)
def test_a_late_rename_by_handle_finds_its_file_wherever_it_is_by_then(mount, lies):
    share = Share(mount)
    share.files.put("x", b"mine")
    one, other = (
        share.client(lambda r: Fate.LATER if r.kind in {"rename", "rename.set"} else Fate.DONE),
        share.client(),
    )
    with pytest.raises(OSError, match="x"):
        one.replace("x", "late")
    other.replace("x", "y")
    share.server.carry_out(share.server.late[0])
    assert share.paths() == ["late" if lies else "y"]


@lie("nfs", "smb", beside={"presence_s": 60.0}, same_file_s=60.0)
def test_a_rename_to_a_name_that_the_file_had_before_does_nothing_and_is_said_to_be_done(
    mount, lies
):
    share = Share(mount)
    one, other = share.client(), share.client()
    taken_out_and_put_back(share, one, other)
    share.now_s += 2
    assert one.names("a") == ["x"]
    one.replace("a/x", "b/y")
    assert share.paths() == (["a", "a/x", "b"] if lies else ["a", "b", "b/y"])
    assert one.is_same("a/x", "b/y") is lies
    one.ask_name("b/y")
    assert not one.is_same("a/x", "b/y")
    if lies:
        one.replace("a/x", "b/y")
        assert share.paths() == ["a", "b", "b/y"]


@lie("smb", beside={"presence_s": 2.0}, same_file_s=inf)
def test_over_smb_a_name_is_remembered_for_its_file_however_long_ago_that_was(mount, lies):
    share = Share(mount)
    one, other = share.client(), share.client()
    taken_out_and_put_back(share, one, other)
    share.now_s += HOUR_S
    one.replace("a/x", "b/y")
    assert share.paths() == (["a", "a/x", "b"] if lies else ["a", "b", "b/y"])


def taken_out_and_put_back(share: Share, one: Client, other: Client) -> None:
    for folder in "ab":
        share.files.put(folder, None)
    share.files.put("a/x", b"")
    one.replace("a/x", "b/y")
    other.replace("b/y", "a/x")


@lie("windows", open_files_bar=True)
def test_a_file_that_somebody_reads_is_neither_moved_nor_removed(mount, lies):
    share = Share(mount)
    for name in "xy":
        share.files.put(name, b"")
    one, other = share.client(), share.client()
    with one.open("x"), one.open("y"):
        for act in (lambda: other.replace("x", "z"), lambda: other.unlink("y")):
            if lies:
                with pytest.raises(PermissionError) as caught:
                    act()
                assert caught.value.winerror == 32  # type: ignore[attr-defined]
            else:
                act()
    if lies:
        other.replace("x", "z")
        other.unlink("y")
    assert share.paths() == ["z"]


@pytest.mark.parametrize("mount", PRESETS.values(), ids=PRESETS)
def test_only_one_client_makes_a_folder_a_file_or_a_link(mount):
    for make in ("mkdir", "create", "link"):
        share = Share(mount)
        share.files.put("own", b"")

        def made(client: Client, make: str = make) -> None:
            client.link("own", "x") if make == "link" else getattr(client, make)("x")

        other = share.client()
        one = share.client(before(make, lambda made=made, other=other: made(other)))
        assert not stands(one, "x")
        with pytest.raises(FileExistsError):
            made(one)


@pytest.mark.parametrize("mount", PRESETS.values(), ids=PRESETS)
def test_a_rename_replaces_what_another_made_under_its_target_a_moment_ago(mount):
    share = Share(mount)
    share.files.put("x", b"moved")
    one, other = share.client(), share.client()
    assert not stands(one, "y")
    write(other, "y", b"lost")
    one.replace("x", "y")
    assert share.files.tree() == {"y": b"moved"}


@pytest.mark.parametrize("mount", PRESETS.values(), ids=PRESETS)
def test_what_is_written_goes_to_the_file_wherever_it_was_moved(mount):
    share = Share(mount)
    one, other = share.client(), share.client()
    with one.create("x") as stream:
        other.replace("x", "y")
        stream.write(b"data")
        one.sync(stream)
    assert share.files.tree() == {"y": b"data"}


# Clocks and names


@lie(beside={"stamps_files": True}, clock_s=HOUR_S)
def test_a_client_s_clock_may_be_an_hour_ahead(mount, lies):
    share = Share(replace(mount, stamps_files=True))
    one = share.client()
    write(one, "x", b"")
    assert (one.stat("x").mtime_s == share.now_s + HOUR_S) is (mount.clock_s > 0)
    assert lies is False or mount.clock_s > 0


@lie("smb", beside={"clock_s": HOUR_S}, stamps_files=True)
def test_a_file_bears_its_writer_s_time_and_a_folder_the_server_s(mount, lies):
    share = Share(mount)
    one = share.client()
    write(one, "x", b"")
    one.mkdir("d")
    assert one.stat("x").mtime_s == share.now_s + (HOUR_S if lies else 0)
    assert one.stat("d").mtime_s == share.now_s


@pytest.mark.parametrize("folds", [True, False])
def test_names_that_differ_in_case_are_one_where_the_share_folds_case(folds):
    share = Share(folds_case=folds)
    one = share.client()
    write(one, "Job", b"first")
    assert stands(one, "JOB") is folds
    if folds:
        with pytest.raises(FileExistsError):
            one.create("job")
        one.replace("Job", "job")
    assert share.paths() == ["Job"], "a rename of case alone reports success and changes nothing"


def test_every_switch_is_shown_by_a_test_that_fails_without_it():
    assert {field.name for field in fields(Mount)} == SHOWN
