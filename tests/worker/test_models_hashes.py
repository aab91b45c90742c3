"""A model's digest is that of the file as it lies there, read once; short hashes are those that WebUI shows."""

import json
import os

import pytest

from spoolworker.models import Digests, HashCache, read_digests, short_hash
from tests.worker.model_files import put, safetensors, seen, sha


def no_fault(what):
    pytest.fail(what)


def test_a_digest_is_of_the_whole_file(tmp_path):
    data = os.urandom(1 << 20) + b"a little more than one block"

    assert read_digests(seen(put(tmp_path, "x.ckpt", data))) == Digests(sha(data))


@pytest.mark.parametrize(
    ("name", "data", "lora"),
    [
        ("x.safetensors", safetensors({}, b"tensors"), sha(b"tensors")),
        ("x.SAFETENSORS", safetensors({"ss_steps": "9"}, b"tensors"), sha(b"tensors")),
        ("x.safetensors", safetensors({"sshs_model_hash": "c" * 64}, b"tensors"), "c" * 64),
        ("x.safetensors", safetensors({"sshs_model_hash": "no"}, b"tensors"), sha(b"tensors")),
        ("x.pt", b"pickled", sha(b"pickled")),
        ("x.safetensors", b"short", None),
        ("x.safetensors", b"\xff" * 40, None),
        ("x.safetensors", (9).to_bytes(8, "little") + b"not json.tensors", None),
        ("x.safetensors", (2).to_bytes(8, "little") + b"[]tensors", None),
    ],
)
def test_webui_goes_by_what_a_lora_says_of_itself_else_by_its_tensors_alone(
    tmp_path, name, data, lora
):
    found = read_digests(seen(put(tmp_path, name, data), "loras"))

    assert found == Digests(sha(data), lora)
    assert short_hash("loras", found) == (lora[:12] if lora else None)


def test_a_header_of_more_than_a_block_is_left_out_to_its_last_byte(tmp_path):
    data = safetensors({"ss_tags": "x" * (3 << 20)}, b"tensors")

    assert read_digests(seen(put(tmp_path, "x.safetensors", data), "loras")).lora == sha(b"tensors")


@pytest.mark.parametrize(
    ("kind", "chars"),
    [("checkpoints", 10), ("vaes", 10), ("embeddings", 12), ("upscalers", 0)],
)
def test_all_others_are_shown_by_the_begin_of_their_digest(kind, chars):
    digest = sha(b"x")

    assert short_hash(kind, Digests(digest)) == (digest[:chars] if chars else None)


def test_a_file_that_changed_since_it_was_seen_is_not_read(tmp_path):
    path = put(tmp_path, "x.ckpt")
    before = seen(path)
    path.write_bytes(b"other weights")

    assert read_digests(before) is None


def test_a_file_that_grows_while_it_is_read_has_no_digest(tmp_path):
    path = put(tmp_path, "x.ckpt")

    def grow():
        with path.open("ab") as stream:
            stream.write(b"more")
        return False

    assert read_digests(seen(path), is_stopped=grow) is None


def test_a_file_that_is_touched_while_it_is_read_has_no_digest(tmp_path):
    """Rewritten in place it may keep its size."""
    path = put(tmp_path, "x.ckpt")

    assert read_digests(seen(path), is_stopped=lambda: os.utime(path, ns=(1, 1))) is None


def test_reading_ends_when_it_is_told_to(tmp_path):
    assert read_digests(seen(put(tmp_path, "x.ckpt")), is_stopped=lambda: True) is None


def test_what_was_read_once_is_known_to_the_next_life(tmp_path):
    file = seen(put(tmp_path, "x.ckpt"))
    cache = HashCache(tmp_path / "scratch/cache.json", no_fault)
    cache.keep(file, Digests("a" * 64, "b" * 64))
    cache.save([file])

    assert HashCache(tmp_path / "scratch/cache.json", no_fault).get(file) == Digests(
        "a" * 64, "b" * 64
    )
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["cache.json"]


@pytest.mark.parametrize("change", ["size", "time", "path"])
def test_a_file_of_another_path_size_or_time_is_not_the_one_that_was_read(tmp_path, change):
    path = put(tmp_path, "x.ckpt")
    cache = HashCache(tmp_path / "cache.json", no_fault)
    cache.keep(seen(path), Digests("a" * 64))
    if change == "size":
        times = path.stat().st_mtime_ns
        path.write_bytes(b"longer weights")
        os.utime(path, ns=(times, times))
    elif change == "time":
        os.utime(path, ns=(1, 1))
    else:
        path = path.rename(tmp_path / "y.ckpt")

    assert cache.get(seen(path)) is None


@pytest.mark.parametrize(
    "spoilt", [b"", b"{", b"[]", b"{}", b'{"files": 3}', b"\xff\xfe", b"[" * 100_000]
)
def test_a_cache_that_cannot_be_read_is_told_and_made_anew(tmp_path, spoilt):
    path, told = put(tmp_path, "cache.json", spoilt), []
    file = seen(put(tmp_path, "x.ckpt"))

    cache = HashCache(path, told.append)
    cache.keep(file, Digests("a" * 64))
    cache.save([file])

    assert len(told) == 1
    assert str(path) in told[0]
    assert HashCache(path, no_fault).get(file) == Digests("a" * 64)


@pytest.mark.parametrize(
    "entry",
    [
        3,
        {},
        {"bytes": 7, "mtime_ns": 1, "sha256": "short"},
        {"bytes": 7, "mtime_ns": 1, "sha256": "a" * 64, "lora": 5},
        {"bytes": "7", "mtime_ns": 1, "sha256": "a" * 64},
        {"bytes": 7, "sha256": "a" * 64},
    ],
)
def test_one_entry_that_somebody_spoilt_costs_only_that_file(tmp_path, entry):
    file = seen(put(tmp_path, "good.ckpt"))
    good = {"bytes": file.bytes, "mtime_ns": file.mtime_ns, "sha256": "a" * 64, "lora": None}
    told = {"version": 1, "files": {"/bad.ckpt": entry, str(file.path): good}}
    path = put(tmp_path, "cache.json", json.dumps(told).encode())

    assert HashCache(path, no_fault).get(file) == Digests("a" * 64)


def test_a_cache_that_cannot_be_written_is_told_and_tried_again(tmp_path):
    file, told = seen(put(tmp_path, "x.ckpt")), []
    path = tmp_path / "scratch/cache.json"
    put(tmp_path, "scratch", b"a file is in the way")
    cache = HashCache(path, told.append)
    cache.keep(file, Digests("a" * 64))

    told.clear()
    cache.save([file])
    assert len(told) == 1

    (tmp_path / "scratch").unlink()
    cache.save([file])
    assert HashCache(path, no_fault).get(file) is not None


def test_a_share_that_is_away_costs_no_reading_anew_until_there_are_too_many(tmp_path, monkeypatch):
    here, away = (seen(put(tmp_path, name)) for name in ("here.ckpt", "away.ckpt"))
    path = tmp_path / "cache.json"
    cache = HashCache(path, no_fault)
    cache.keep(here, Digests("a" * 64))
    cache.keep(away, Digests("b" * 64))
    cache.save([here])
    assert HashCache(path, no_fault).get(away) is not None

    monkeypatch.setattr("spoolworker.models.hashes.ENTRIES_MAX", 1)
    cache.keep(here, Digests("a" * 64))
    cache.save([here])

    assert HashCache(path, no_fault).get(away) is None
    assert HashCache(path, no_fault).get(here) is not None
