"""What lies in the configured folders is found, and nothing that is wrong with one of them hides another."""

import os
import sys

import pytest

from spoolworker.models import KINDS, scan_folders
from tests.worker.model_files import put

links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")


def names(found):
    return [(file.kind, file.name) for file in found.files]


def test_models_are_named_by_their_path_below_the_folder(tmp_path):
    put(tmp_path, "sd/one.safetensors", b"12345")
    put(tmp_path, "sd/sub/Two.CKPT")

    found = scan_folders({"checkpoints": [tmp_path / "sd"]})

    assert names(found) == [("checkpoints", "one.safetensors"), ("checkpoints", "sub/Two.CKPT")]
    assert found.files[0].bytes == 5
    assert found.files[0].mtime_ns == (tmp_path / "sd/one.safetensors").stat().st_mtime_ns
    assert found.problems == ()


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("a.safetensors", [*KINDS]),
        ("a.ckpt", [*KINDS]),
        ("a.pt", [*KINDS]),
        ("a.pth", [*KINDS]),
        ("a.sft", [*KINDS]),
        ("a.gguf", [*KINDS]),
        ("a.bin", ["embeddings"]),
        ("a.yaml", []),
        ("a.preview.png", []),
        ("a.safetensors.part", []),
        ("._a.safetensors", []),
        ("@eaDir/a.safetensors", []),
        ("#recycle/a.safetensors", []),
        (".git/a.safetensors", []),
    ],
)
def test_a_file_is_a_model_by_its_suffix_and_only_an_embedding_may_be_called_bin(
    tmp_path, name, kinds
):
    put(tmp_path, name)
    every = {kind: [tmp_path] for kind in KINDS}

    assert [file.kind for file in scan_folders(every).files] == kinds


def test_several_folders_of_one_kind_are_read_in_their_order(tmp_path):
    put(tmp_path, "b/x.pt")
    put(tmp_path, "a/x.pt")

    found = scan_folders({"loras": [tmp_path / "b", tmp_path / "a"]})

    assert [file.path.parent.name for file in found.files] == ["b", "a"]


def test_a_folder_that_is_not_there_is_told_and_the_others_are_read(tmp_path):
    put(tmp_path, "here/x.pt")

    found = scan_folders(
        {"loras": [tmp_path / "away", tmp_path / "here"], "vaes": [tmp_path / "here"]}
    )

    assert names(found) == [("loras", "x.pt"), ("vaes", "x.pt")]
    (problem,) = found.problems
    assert problem.startswith(f"'{tmp_path / 'away'}' cannot be read: ")


@links
def test_a_link_that_leads_back_up_is_not_followed_and_one_to_elsewhere_is(tmp_path):
    put(tmp_path, "sd/x.pt")
    put(tmp_path, "big/y.pt")
    (tmp_path / "sd/loop").symlink_to(tmp_path / "sd")
    (tmp_path / "sd/disk").symlink_to(tmp_path / "big")
    (tmp_path / "big/back").symlink_to(tmp_path / "sd")

    found = scan_folders({"checkpoints": [tmp_path / "sd"]})

    assert [file.name for file in found.files] == ["disk/y.pt", "x.pt"]
    assert found.problems == ()


@links
def test_a_link_to_nothing_is_told_and_stops_nothing(tmp_path):
    put(tmp_path, "z.pt")
    (tmp_path / "a.pt").symlink_to(tmp_path / "gone.pt")

    found = scan_folders({"vaes": [tmp_path]})

    assert [file.name for file in found.files] == ["z.pt"]
    assert found.problems == (f"'{tmp_path / 'a.pt'}' cannot be read: No such file or directory",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are none")
def test_what_is_no_plain_file_is_none_of_ours(tmp_path):
    """Opening a pipe waits until somebody writes to it, for ever."""
    os.mkfifo(tmp_path / "x.pt")

    assert scan_folders({"loras": [tmp_path]}).files == ()


def test_a_folder_that_cannot_be_listed_is_told_and_its_neighbours_are_read(tmp_path, monkeypatch):
    put(tmp_path, "a/x.pt")
    put(tmp_path, "b/y.pt")
    whole = os.scandir

    def refusing(folder):
        if folder.endswith("a"):
            raise PermissionError(13, "Permission denied")
        return whole(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    found = scan_folders({"loras": [tmp_path]})

    assert [file.name for file in found.files] == ["b/y.pt"]
    assert found.problems == (f"'{tmp_path / 'a'}' cannot be read: Permission denied",)


def test_a_drive_named_by_mistake_is_read_up_to_a_limit_and_that_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("spoolworker.models.scan.FILES_MAX", 2)
    for name in ("a.pt", "b.pt", "c.pt"):
        put(tmp_path, name)

    found = scan_folders({"loras": [tmp_path]})

    assert [file.name for file in found.files] == ["a.pt", "b.pt"]
    assert found.problems == (f"'{tmp_path}' is not read to its end: more than 2 files",)


def test_folders_without_end_are_read_to_a_depth_and_that_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("spoolworker.models.scan.DEPTH_MAX", 2)
    put(tmp_path, "a/b/c.pt")
    put(tmp_path, "a/c.pt")

    found = scan_folders({"loras": [tmp_path]})

    assert [file.name for file in found.files] == ["a/c.pt"]
    assert found.problems == (f"'{tmp_path / 'a' / 'b'}' is not read: more than 2 folders deep",)


def test_a_walk_that_is_told_to_stop_ends_at_the_next_folder(tmp_path):
    put(tmp_path, "a/x.pt")
    answers = iter([False, True])

    assert scan_folders({"loras": [tmp_path]}, is_stopped=lambda: next(answers)) is None
