"""What every implementation of the port ``Files`` does: the real share, the one in memory, and the hostile ones while nobody else acts."""

import errno
import hashlib
from pathlib import Path

import pytest

from spoolctl.spool.errors import ShareUnusable
from spoolctl.spool.files import ShareFiles, probe_links
from spoolctl.spool.memory import MemoryFiles
from spoolctl.spool.ports import Digest, Files
from tests.hostile.client import Client, Server
from tests.hostile.mounts import HONEST, NFS, SMB, WINDOWS

MOUNTS = {"honest": HONEST, "nfs": NFS, "smb": SMB, "windows": WINDOWS}
CONTENT = b"what was decided\r\n\x00\xff"


@pytest.fixture(params=["share", "memory", *MOUNTS])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    if request.param == "memory":
        return MemoryFiles()
    if request.param in MOUNTS:
        client = Client(Server(MemoryFiles()), MOUNTS[request.param])
        return ShareFiles(Path("share"), native=client)
    root = tmp_path / "share"
    root.mkdir()
    return ShareFiles(root)


def digest_of(data: bytes) -> Digest:
    return Digest(len(data), hashlib.sha256(data).hexdigest())


def read(files: Files, path: str) -> bytes:
    return files.read(path, bytes_max=1 << 20)


def test_what_is_written_is_read_byte_for_byte(files: Files):
    files.write_new("a.yaml", CONTENT)
    assert read(files, "a.yaml") == CONTENT


def test_an_empty_file_is_a_file(files: Files):
    files.write_new("empty", b"")
    assert read(files, "empty") == b""
    assert files.stat("empty").bytes == 0


def test_the_root_is_the_empty_path(files: Files):
    assert files.names("") == ()
    assert files.stat("").is_folder
    files.write_new("spool.yaml", b"x")
    assert files.names("") == ("spool.yaml",)


def test_names_lists_files_and_folders_without_their_content(files: Files):
    files.mkdir("queue")
    files.mkdir("queue/batch")
    files.write_new("queue/batch/deep.yaml", b"")
    files.write_new("queue/a.yaml", b"")
    assert sorted(files.names("queue")) == ["a.yaml", "batch"]


def test_names_of_a_missing_folder_is_not_found(files: Files):
    with pytest.raises(FileNotFoundError):
        files.names("queue")
    with pytest.raises(FileNotFoundError):
        files.names("queue/batch/deeper")


def test_names_of_a_file_is_not_a_folder(files: Files):
    files.write_new("a", b"")
    with pytest.raises(NotADirectoryError):
        files.names("a")


def test_a_path_through_a_file_is_not_a_folder(files: Files):
    files.write_new("a", b"")
    with pytest.raises(NotADirectoryError):
        read(files, "a/b")


def test_reading_a_missing_file_is_not_found(files: Files):
    with pytest.raises(FileNotFoundError):
        read(files, "a.yaml")
    with pytest.raises(FileNotFoundError):
        read(files, "no/such/folder/a.yaml")


def test_a_file_as_long_as_the_limit_is_read(files: Files):
    files.write_new("a", b"12345")
    assert files.read("a", bytes_max=5) == b"12345"


def test_a_file_longer_than_the_limit_is_refused_as_too_big(files: Files):
    files.write_new("a", b"123456")
    with pytest.raises(OSError, match="a") as caught:
        files.read("a", bytes_max=5)
    assert caught.value.errno == errno.EFBIG


def test_a_folder_is_not_read_as_a_file(files: Files):
    files.mkdir("a")
    with pytest.raises(IsADirectoryError):
        read(files, "a")


def test_a_second_writer_of_a_name_is_refused_and_changes_nothing(files: Files):
    files.write_new("a", b"first")
    with pytest.raises(FileExistsError):
        files.write_new("a", b"second")
    assert read(files, "a") == b"first"


def test_nothing_is_written_into_a_missing_folder(files: Files):
    with pytest.raises(FileNotFoundError):
        files.write_new("no/a", b"")


def test_a_link_is_a_second_name_of_the_same_content(files: Files):
    files.write_new("tmp", CONTENT)
    files.link("tmp", "final")
    files.unlink("tmp")
    assert read(files, "final") == CONTENT
    assert files.names("") == ("final",)


def test_a_link_to_a_name_that_exists_is_refused_and_replaces_nothing(files: Files):
    files.write_new("mine", b"mine")
    files.write_new("final", b"theirs")
    with pytest.raises(FileExistsError):
        files.link("mine", "final")
    assert read(files, "final") == b"theirs"
    assert read(files, "mine") == b"mine"


def test_a_link_of_a_missing_file_or_into_a_missing_folder_is_not_found(files: Files):
    with pytest.raises(FileNotFoundError):
        files.link("no", "final")
    files.write_new("a", b"")
    with pytest.raises(FileNotFoundError):
        files.link("a", "no/final")


def test_a_folder_cannot_be_linked(files: Files):
    files.mkdir("a")
    with pytest.raises(PermissionError):
        files.link("a", "b")


def test_a_rename_moves_a_file_between_folders(files: Files):
    files.mkdir("queue")
    files.mkdir("claimed")
    files.write_new("queue/a", CONTENT)
    files.rename("queue/a", "claimed/a~1")
    assert files.names("queue") == ()
    assert read(files, "claimed/a~1") == CONTENT


def test_a_rename_replaces_what_lies_at_its_target(files: Files):
    files.write_new("new", b"new")
    files.write_new("beat", b"old")
    files.rename("new", "beat")
    assert files.names("") == ("beat",)
    assert read(files, "beat") == b"new"


def test_a_rename_of_a_missing_file_is_not_found_and_leaves_the_target(files: Files):
    files.write_new("target", b"stays")
    with pytest.raises(FileNotFoundError):
        files.rename("no", "target")
    assert read(files, "target") == b"stays"


def test_a_rename_into_a_missing_folder_is_not_found_and_leaves_the_source(files: Files):
    files.write_new("a", b"stays")
    with pytest.raises(FileNotFoundError):
        files.rename("a", "no/a")
    assert read(files, "a") == b"stays"


def test_a_file_does_not_replace_a_folder(files: Files):
    files.write_new("a", b"")
    files.mkdir("b")
    with pytest.raises(IsADirectoryError):
        files.rename("a", "b")


def test_a_rename_of_one_name_does_not_move_the_other_name_of_the_same_file(files: Files):
    files.write_new("one", CONTENT)
    files.link("one", "two")
    files.rename("one", "three")
    assert sorted(files.names("")) == ["three", "two"]


def test_unlink_removes_a_file_once(files: Files):
    files.write_new("a", b"")
    files.unlink("a")
    with pytest.raises(FileNotFoundError):
        files.unlink("a")
    assert files.names("") == ()


def test_a_folder_is_made_once(files: Files):
    files.mkdir("a1")
    with pytest.raises(FileExistsError):
        files.mkdir("a1")


def test_a_folder_is_not_made_over_a_file_nor_without_its_parent(files: Files):
    files.write_new("a", b"")
    with pytest.raises(FileExistsError):
        files.mkdir("a")
    with pytest.raises(FileNotFoundError):
        files.mkdir("no/a1")


def test_only_an_empty_folder_is_removed(files: Files):
    files.mkdir("a")
    files.write_new("a/b", b"")
    with pytest.raises(OSError, match="a") as caught:
        files.rmdir("a")
    assert caught.value.errno in (errno.ENOTEMPTY, errno.EEXIST)
    files.unlink("a/b")
    files.rmdir("a")
    with pytest.raises(FileNotFoundError):
        files.rmdir("a")


def test_a_look_tells_length_and_kind(files: Files):
    files.mkdir("folder")
    files.write_new("file", b"12345")
    assert files.stat("folder").is_folder
    assert files.stat("folder").bytes == 0
    assert not files.stat("file").is_folder
    assert files.stat("file").bytes == 5
    assert files.stat("file").mtime_s > 0
    with pytest.raises(FileNotFoundError):
        files.stat("no")


def test_a_stored_file_is_what_the_local_one_was(files: Files, tmp_path: Path):
    local = tmp_path / "local.png"
    data = bytes(range(256)) * 5000  # more than one chunk
    local.write_bytes(data)
    files.store(local, "out.png")
    assert files.digest("out.png") == digest_of(data)
    with pytest.raises(FileExistsError):
        files.store(local, "out.png")


def test_storing_a_missing_local_file_makes_nothing(files: Files, tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        files.store(tmp_path / "no", "out.png")
    assert files.names("") == ()


def test_a_fetched_file_comes_with_the_digest_of_what_was_read(files: Files, tmp_path: Path):
    files.write_new("in.png", CONTENT)
    assert files.fetch("in.png", tmp_path / "copy") == digest_of(CONTENT)
    assert (tmp_path / "copy").read_bytes() == CONTENT


def test_fetching_or_digesting_a_missing_file_is_not_found(files: Files, tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        files.fetch("no", tmp_path / "copy")
    with pytest.raises(FileNotFoundError):
        files.digest("no")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "./a", "a//b", "a/", "a\0b"])
def test_a_path_that_leaves_the_share_is_the_callers_bug(files: Files, path: str):
    for call in (files.names, files.stat, files.unlink, files.mkdir, files.rmdir, files.digest):
        with pytest.raises(ValueError, match="not a path inside the share"):
            call(path)
    with pytest.raises(ValueError, match="not a path inside the share"):
        files.write_new(path, b"")
    files.write_new("ok", b"")
    for call in (files.rename, files.link):
        with pytest.raises(ValueError, match="not a path inside the share"):
            call("ok", path)


def test_the_root_itself_is_neither_made_nor_moved_nor_removed(files: Files):
    for call in (files.mkdir, files.rmdir, lambda path: files.rename(path, "x")):
        with pytest.raises(ValueError, match="root"):
            call("")


def test_odd_names_that_people_give_are_names_like_any_other(files: Files):
    for name in ("My Job (2).yaml", "naïve ☃.yaml", "-rf", "~$x", "a+b~3.yaml"):
        files.write_new(name, name.encode())
        assert name in files.names("")
        assert read(files, name) == name.encode()


def test_a_good_share_passes_the_probe_and_is_left_as_it_was(files: Files):
    files.mkdir("locks")
    probe_links(files, "locks", "0123456789abcdef")
    probe_links(files, "", "0123456789abcdef")
    assert files.names("locks") == ()
    assert files.names("") == ("locks",)


def test_a_probe_in_a_folder_that_is_not_there_says_so(files: Files):
    with pytest.raises(ShareUnusable, match="cannot make a folder in 'locks'") as caught:
        probe_links(files, "locks", "0123456789abcdef")
    assert caught.value.hint
