"""Files reach the share whole or not at all, and are believed once they were read back."""

import errno
import hashlib

import pytest

from spoolctl.spool import layout
from spoolctl.spool.memory import Crashed, Fault
from spoolworker.backends.base import Made
from spoolworker.delivery import Damaged, deliver, deliver_log
from tests.spool.spool_world import World

DATA = bytes(range(256)) * 40


class Rig:
    def __init__(self, tmp_path):
        self.world = World()
        self.world.submit("job-1")
        worker = self.world.worker()
        self.claim = worker.claim()
        self.actor, self.files = worker.actor, worker.actor.files
        self.folder = layout.attempt("job-1", 1)
        self.made = []
        for index in range(2):
            path = tmp_path / f"{index:04d}-1-txt2img.png"
            path.write_bytes(DATA + bytes([index]))
            self.made.append(
                Made(path, "txt2img", index, final=True, width=8, height=4, seed_actual=7 + index)
            )

    def deliver(self):
        return deliver(self.actor, self.claim, tuple(self.made))

    def images(self):
        """What a reader of the folder sees under final names."""
        prefix = f"{self.folder}/"
        tree = self.world.share.tree()
        return {
            path.removeprefix(prefix): data
            for path, data in tree.items()
            if path.startswith(prefix) and path.endswith(".png")
        }

    def whole(self):
        return {one.path.name: one.path.read_bytes() for one in self.made}


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def test_an_output_says_what_was_read_back_and_what_the_backend_told(rig):
    first, second = rig.deliver()

    assert rig.images() == rig.whole()
    assert first.path == "a1/0000-1-txt2img.png"
    assert (first.bytes, first.sha256) == (10_241, hashlib.sha256(DATA + b"\0").hexdigest())
    assert (second.image_index, second.final, second.seed_actual) == (1, True, 8)
    assert (second.width, second.height, second.stage) == (8, 4, "txt2img")


@pytest.mark.parametrize("fault", list(Fault))
def test_no_half_file_ever_has_a_final_name_whatever_fails(tmp_path, fault):
    at = 0
    while True:
        folder = tmp_path / str(at)
        folder.mkdir()
        rig = Rig(folder)
        before = rig.files.operations
        rig.files.fail(before + at, fault)
        try:
            outputs = rig.deliver()
        except (OSError, Crashed):
            outputs = None
        reached = rig.files.operations > before + at
        rig.files.heal()
        assert rig.images().items() <= rig.whole().items()
        if fault not in (Fault.CRASH, Fault.CRASH_AFTER, Fault.TORN):
            assert len(rig.deliver()) == 2, "may be called again after any error"
            assert rig.images() == rig.whole()
        if not reached:
            assert outputs is not None
            return
        at += 1


def test_a_failed_delivery_leaves_no_temporary_file(rig):
    rig.files.fail(rig.files.operations + 2, Fault.BEFORE)  # list, store, rename

    with pytest.raises(OSError, match="Input/output error"):
        rig.deliver()

    assert not [path for path in rig.world.share.tree() if path.endswith(".tmp")]


def test_what_was_delivered_is_not_sent_twice(rig):
    rig.deliver()
    begin = rig.files.operations

    rig.deliver()

    assert {operation for operation, *_ in rig.files.trace[begin:]} == {"names", "digest"}


def test_a_file_that_reads_back_as_other_bytes_is_damaged_and_the_next_call_sends_it_again(rig):
    path = f"{rig.folder}/0001-1-txt2img.png"
    store = rig.files.store

    def bad_cable(local, target):
        store(local, target)
        if local.name.startswith("0001"):
            rig.world.share.put(target, local.read_bytes()[:-1] + b"?")

    rig.files.store = bad_cable
    with pytest.raises(Damaged, match=f"'{path}' reads back as 10241 bytes, 10241 were written"):
        rig.deliver()

    rig.files.store = store
    rig.deliver()

    assert rig.images() == rig.whole()


def test_a_full_share_is_told_as_such(rig):
    rig.files.fail(0, Fault.FULL, onward=True)

    with pytest.raises(OSError) as caught:  # noqa: PT011 - by its number
        rig.deliver()

    assert caught.value.errno == errno.ENOSPC
    assert rig.images() == {}


def test_nothing_is_written_outside_the_attempts_own_folder(rig, tmp_path):
    begin = rig.files.operations
    log = tmp_path / "said.txt"
    log.write_text("done")

    rig.deliver()
    deliver_log(rig.actor, rig.claim, log)

    writes = [path for op, *paths in rig.files.trace[begin:] for path in paths if op != "names"]
    assert all(path.startswith(f"{rig.folder}/") or path == str(log) for path in writes)
    assert rig.world.share.tree()[f"{rig.folder}/log.txt"] == b"done"
