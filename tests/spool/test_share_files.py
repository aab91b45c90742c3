"""What only a real share does: stale caches, open handles on Windows, long paths, permissions."""

import errno
import os
import stat
import sys
from pathlib import Path, PureWindowsPath

import pytest

from spoolctl.spool import files as adapter
from spoolctl.spool.errors import ShareUnusable
from spoolctl.spool.files import ShareFiles
from spoolctl.spool.native import long_path, parts_of
from spoolctl.spool.records import Modes

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and symlinks")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "share"
    made.mkdir()
    return made


@pytest.fixture
def share(root: Path) -> ShareFiles:
    return ShareFiles(root)


@posix_only
def test_a_rename_of_a_file_onto_its_own_other_name_is_refused_and_both_stay(share: ShareFiles):
    """The system calls it done and does nothing, and a record would be believed to have moved."""
    share.write_new("one", b"content")
    share.link("one", "two")
    with pytest.raises(FileExistsError):
        share.rename("one", "two")
    assert sorted(share.names("")) == ["one", "two"]


# Caches: when a client sees what another did, in a rehearsal.


class StaleCache:
    """An NFS client's cache: a name is not found until its own folder was opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *stale: Path) -> None:
        self.stale = {str(path) for path in stale}
        self.asked: list[str] = []
        self._scandir = os.scandir
        monkeypatch.setattr(os, "scandir", self.scandir)
        for name in ("open", "replace", "link", "unlink", "mkdir", "rmdir", "lstat", "listdir"):
            monkeypatch.setattr(os, name, self.cached(getattr(os, name)))

    def hidden(self, path: str) -> bool:
        return any(path == name or path.startswith(f"{name}/") for name in self.stale)

    def cached(self, call):
        def answer(*args, **kwargs):
            for path in args:
                if isinstance(path, str) and self.hidden(path):
                    raise FileNotFoundError(errno.ENOENT, "cached", path)
            return call(*args, **kwargs)

        return answer

    def scandir(self, folder: str):
        self.asked.append(folder)
        if self.hidden(folder):
            raise FileNotFoundError(errno.ENOENT, "cached", folder)
        self.stale = {name for name in self.stale if os.path.dirname(name) != folder}
        return self._scandir(folder)


@pytest.mark.parametrize(
    "call",
    [
        lambda share, _: share.read("queue/a", bytes_max=9),
        lambda share, _: share.digest("queue/a"),
        lambda share, tmp: share.fetch("queue/a", tmp / "copy"),
        lambda share, _: share.rename("queue/a", "queue/b"),
        lambda share, _: share.link("queue/a", "queue/b"),
        lambda share, _: share.unlink("queue/a"),
        lambda share, _: share.stat("queue/a"),
        lambda share, _: share.write_new("queue/b", b""),
        lambda share, _: share.mkdir("queue/b"),
        lambda share, _: share.names("queue"),
    ],
)
@pytest.mark.parametrize("stale", ["queue/a", "queue"])
def test_a_cached_not_found_is_not_believed(share, root, monkeypatch, call, stale):
    (root / "queue").mkdir()
    (root / "queue/a").write_bytes(b"x")
    StaleCache(monkeypatch, root / stale)
    call(share, root.parent)


def test_a_cached_not_found_of_a_whole_branch_is_asked_from_the_root_down(share, root, monkeypatch):
    (root / "results/s/j/a1").mkdir(parents=True)
    cache = StaleCache(monkeypatch, root / "results", root / "results/s", root / "results/s/j/a1")
    assert share.names("results/s/j/a1") == ()
    branch = ("", "results", "results/s", "results/s/j", "results/s/j/a1")
    assert cache.asked[-5:] == [str(root / folder) for folder in branch]


def test_a_look_asks_the_folder_even_when_the_cache_says_it_is_there(share, root, monkeypatch):
    (root / "a").write_bytes(b"")
    cache = StaleCache(monkeypatch)
    share.stat("a")
    assert cache.asked == [str(root)]


def test_an_answer_that_costs_nothing_extra_is_not_asked_for_twice(share, root, monkeypatch):
    (root / "a").write_bytes(b"")
    cache = StaleCache(monkeypatch)
    share.read("a", bytes_max=1)
    share.rename("a", "b")
    assert cache.asked == []


def test_an_error_while_asking_is_not_taken_for_not_found(share, monkeypatch):
    def unreachable(folder):
        raise OSError(errno.EIO, "gone", folder)

    monkeypatch.setattr(os, "scandir", unreachable)
    with pytest.raises(OSError, match="gone") as caught:
        share.read("no", bytes_max=1)
    assert caught.value.errno == errno.EIO


# Windows: an open handle in the way.


def held_open(code: int) -> PermissionError:
    error = PermissionError(errno.EACCES, "in use")
    error.winerror = code
    return error


def failing(call, errors):
    def answer(*args, **kwargs):
        if errors:
            raise errors.pop(0)
        return call(*args, **kwargs)

    return answer


@pytest.mark.parametrize("code", [5, 32, 33])
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("replace", lambda share: share.rename("a", "b")),
        ("unlink", lambda share: share.unlink("a")),
        ("link", lambda share: share.link("a", "b")),
        ("open", lambda share: share.read("a", bytes_max=9)),
        ("open", lambda share: share.write_new("b", b"")),
        ("mkdir", lambda share: share.mkdir("b")),
    ],
)
def test_a_handle_in_the_way_is_waited_for(root, monkeypatch, name, call, code):
    waits: list[float] = []
    share = ShareFiles(root, sleep=waits.append)
    (root / "a").write_bytes(b"x")
    monkeypatch.setattr(os, name, failing(getattr(os, name), [held_open(code)] * 3))
    call(share)
    assert waits == list(ShareFiles.waits_s[:3])


def test_a_handle_that_stays_in_the_way_is_an_error_after_two_seconds(root, monkeypatch):
    waits: list[float] = []
    share = ShareFiles(root, sleep=waits.append)
    monkeypatch.setattr(os, "unlink", failing(os.unlink, [held_open(32)] * 99))
    with pytest.raises(PermissionError):
        share.unlink("a")
    assert waits == list(ShareFiles.waits_s)
    assert sum(waits) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "no"), held_open(1314)])
def test_a_plain_refusal_is_not_tried_again(root, monkeypatch, error):
    share = ShareFiles(root, sleep=lambda _: pytest.fail("waited"))
    monkeypatch.setattr(os, "unlink", failing(os.unlink, [error]))
    with pytest.raises(PermissionError):
        share.unlink("a")


# Paths.


@pytest.mark.parametrize(
    ("given", "long"),
    [
        (r"C:\spool\queue", r"\\?\C:\spool\queue"),
        ("Z:/spool/queue", r"\\?\Z:\spool\queue"),
        (r"\\nas\spool\queue", r"\\?\UNC\nas\spool\queue"),
        ("//nas/spool", r"\\?\UNC\nas\spool"),
        (r"\\?\C:\x", r"\\?\C:\x"),
        (r"\\?\UNC\nas\spool", r"\\?\UNC\nas\spool"),
        (r"\\.\pipe\x", r"\\.\pipe\x"),
    ],
)
def test_a_windows_path_is_prefixed_once(given, long):
    assert long_path(given) == long
    assert long_path(long) == long
    assert PureWindowsPath(long).is_absolute()


@pytest.mark.parametrize(
    "path", ["C:/x", "c:x", "a/c:x", "a\\b", "\\\\nas\\x", "..\\x", "a:stream"]
)
def test_drives_streams_and_backslashes_are_refused_on_windows(path):
    with pytest.raises(ValueError, match="not a path inside the share"):
        parts_of(path, windows=True)


@posix_only
def test_a_file_with_a_backslash_or_colon_in_its_name_can_be_moved_away(share, root):
    """A person on Linux can drop such a file; refusing its name would stop the loop that lists it."""
    for name in ("a\\b.yaml", "12:30.yaml"):
        (root / name).write_bytes(b"x")
        assert name in share.names("")
        share.rename(name, "rejected.yaml")
        assert share.read("rejected.yaml", bytes_max=1) == b"x"


def test_a_relative_root_stays_where_it_was_when_the_process_goes_elsewhere(
    tmp_path, root, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    share = ShareFiles(Path("share"))
    monkeypatch.chdir(root)
    share.write_new("a", b"x")
    assert (root / "a").read_bytes() == b"x"


# Symlinks and permissions.


@posix_only
def test_a_symlink_in_a_files_place_is_not_followed(share, root, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "a").symlink_to(tmp_path / "secret")
    for call in (
        lambda: share.read("a", bytes_max=99),
        lambda: share.digest("a"),
        lambda: share.fetch("a", tmp_path / "copy"),
    ):
        with pytest.raises(OSError, match="a") as caught:
            call()
        assert caught.value.errno == errno.ELOOP
    with pytest.raises(FileExistsError):
        share.write_new("a", b"")
    assert not share.stat("a").is_folder


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix_only
def test_the_settings_modes_hold_against_the_umask(root, tmp_path):
    share = ShareFiles(root, modes=Modes(files="0664", folders="2775"))
    (tmp_path / "local").write_bytes(b"x")
    before = os.umask(0o077)
    try:
        share.write_new("a", b"x")
        share.store(tmp_path / "local", "b")
        share.mkdir("c")
    finally:
        os.umask(before)
    assert [mode_of(root / name) for name in "abc"] == [0o664, 0o664, 0o2775]


@posix_only
def test_without_modes_the_umask_rules(root):
    before = os.umask(0o027)
    try:
        share = ShareFiles(root, modes=Modes())
        share.write_new("a", b"")
        share.mkdir("b")
    finally:
        os.umask(before)
    assert (mode_of(root / "a"), mode_of(root / "b")) == (0o640, 0o750)


@posix_only
def test_a_share_that_refuses_modes_refuses_before_a_byte_is_written(root, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "acl says no")

    monkeypatch.setattr(os, "chmod", refuse)
    share = ShareFiles(root, modes=Modes(files="0666"))
    before = os.umask(0o077)
    try:
        with pytest.raises(PermissionError):
            share.write_new("a", b"data")
    finally:
        os.umask(before)
    assert (root / "a").read_bytes() == b""


@posix_only
def test_a_mode_that_is_there_already_is_not_set_again(root, monkeypatch):
    """A share with restricted ACLs refuses any chmod, also one that changes nothing."""
    before = os.umask(0o022)
    try:
        monkeypatch.setattr(os, "chmod", lambda *_: pytest.fail("chmod"))
        share = ShareFiles(root, modes=Modes(files="0644", folders="0755"))
        share.write_new("a", b"")
        share.mkdir("b")
    finally:
        os.umask(before)


@posix_only
def test_the_group_of_the_settings_is_given(root, monkeypatch):
    import grp

    group = grp.getgrgid(os.getgid())
    other = group.gr_gid + 1
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "chown", lambda _path, uid, gid: given.append((uid, gid)))
    share = ShareFiles(root, modes=Modes(group=group.gr_name))
    share.write_new("own", b"")
    monkeypatch.setattr(share._native, "_gid", other)
    share.write_new("other", b"")
    share.mkdir("folder")
    assert given == [(-1, other), (-1, other)]


@posix_only
def test_a_group_that_this_machine_does_not_know_is_named(root):
    with pytest.raises(ShareUnusable, match="no-such-group-here") as caught:
        ShareFiles(root, modes=Modes(group="no-such-group-here"))
    assert "modes.group" in caught.value.hint


# Writing.


def test_what_is_written_is_synced_before_it_is_closed(share, root, monkeypatch):
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda _fd: synced.append((root / "a").stat().st_size))
    share.write_new("a", b"12345")
    assert synced == [5]


def test_a_failed_write_is_an_error_and_leaves_its_file_to_the_caller(share, root, monkeypatch):
    def full(_fd):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full"):
        share.write_new("a", b"12345")
    assert (root / "a").exists()
    share.unlink("a")


def test_a_large_file_is_copied_in_pieces(share, root, tmp_path, monkeypatch):
    monkeypatch.setattr(adapter, "CHUNK_BYTES", 7)
    data = bytes(range(100))
    (tmp_path / "local").write_bytes(data)
    share.store(tmp_path / "local", "a")
    assert share.fetch("a", tmp_path / "copy") == share.digest("a")
    assert (tmp_path / "copy").read_bytes() == data


def test_a_second_name_that_the_client_bars_for_a_moment_is_asked_again(tmp_path, monkeypatch):
    """Linux's SMB client said EINVAL to the second name of a file that it had closed less than a second ago.

    So no spool could be made there: the probe for hard links read the second name at once.
    """
    (tmp_path / "second").write_bytes(b"here")
    waits = []
    real_open = os.open

    def as_on_smb(path, flags, *rest):
        if sum(waits) < 1.0:
            raise OSError(errno.EINVAL, "Invalid argument", path)
        return real_open(path, flags, *rest)

    monkeypatch.setattr(os, "open", as_on_smb)
    files = ShareFiles(tmp_path, sleep=waits.append)
    assert files.read("second", bytes_max=10) == b"here"
    monkeypatch.setattr(os, "open", lambda *_: (_ for _ in ()).throw(OSError(errno.EINVAL, "no")))
    with pytest.raises(OSError, match="no"):
        files.read("second", bytes_max=10)


class _Stale:
    """A file that was replaced on the server between its opening and its reading."""

    def __init__(self, stream):
        self._stream = stream

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stream.close()

    def read(self, _size):
        raise OSError(errno.ESTALE, "stale file handle")


@pytest.mark.parametrize(("stale", "is_read"), [(0, True), (1, True), (2, False)])
def test_a_file_that_was_replaced_while_it_was_read_is_opened_once_more(
    tmp_path, monkeypatch, stale, is_read
):
    """A real NFS client said ESTALE of heartbeats, which are replaced all the time, and a command ended with it."""
    share = ShareFiles(tmp_path)
    share.write_new("beat.json", b"{}")
    whole = share._native.open
    left = [_Stale] * stale

    def open_stale(path):
        return left.pop()(whole(path)) if left else whole(path)

    monkeypatch.setattr(share._native, "open", open_stale)

    if is_read:
        assert share.read("beat.json", bytes_max=10) == b"{}"
    else:
        with pytest.raises(OSError, match="stale"):
            share.read("beat.json", bytes_max=10)
