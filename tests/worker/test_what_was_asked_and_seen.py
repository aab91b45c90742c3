"""Each verdict that a worker gives once its backend was asked says what was asked, and what its card had then."""

import threading

import pytest
from execution_rig import BY_HAND, JOB, Rig, product, until_interrupted

from spoolctl.spool import Code, Verdict, VramSeen, cancel
from spoolworker.backends.base import BackendError
from spoolworker.execution import BackendHangs

SEEN = VramSeen(gpu="RTX 3060", total_gb=12.0, free_gb=0.3, others_gb=1.9)
ASKED = "txt2img 32x24 x2"


def fails(_rig, _order, _watch):
    raise BackendError(Code.OUT_OF_MEMORY, "1.2 GB were missing")


def is_cancelled(rig, _order, watch):
    cancel(rig.world.person(), "job-1")
    rig.look()
    until_interrupted(watch)


def is_handed_back(rig, _order, watch):
    rig.stopping.hand_back.set()
    until_interrupted(watch)


def is_edited(rig, order, _watch):
    rig.world.removed.add("job-1")
    rig.world.share.put(rig.world.places("job-1")[0], JOB.replace(b"lighthouse", b"mill"))
    return product(order)


@pytest.mark.parametrize(
    ("act", "verdict"),
    [
        (lambda _rig, order, _watch: product(order), Verdict.SUCCEEDED),
        (lambda _rig, order, _watch: product(order, images=1), Verdict.FAILED),
        (fails, Verdict.FAILED),
        (is_edited, Verdict.FAILED),
        (is_cancelled, Verdict.CANCELLED),
        (is_handed_back, Verdict.RETURNED),
    ],
)
def test_every_verdict_tells_both_once_the_backend_was_asked(rig, act, verdict):
    manifest = rig.run(lambda order, watch: act(rig, order, watch), vram_seen=lambda: SEEN)

    assert rig.verdict == manifest
    assert (manifest.verdict, manifest.request, manifest.vram) == (verdict, ASKED, SEEN)


def test_a_backend_that_hangs_was_asked_too(rig):
    over = threading.Event()

    def act(_order, _watch):
        rig.stopping.hand_back.set()
        over.wait(BY_HAND)

    with pytest.raises(BackendHangs) as caught:
        rig.run(act, interrupt_wait_s=0.0, vram_seen=lambda: SEEN)
    over.set()

    assert (caught.value.manifest.request, caught.value.manifest.vram) == (ASKED, SEEN)


def test_what_the_driver_told_last_is_what_counts(rig):
    told = [SEEN]

    def act(order, _watch):
        told.append(SEEN.model_copy(update={"free_gb": 7.5}))
        return product(order)

    assert rig.run(act, vram_seen=lambda: told[-1]).vram.free_gb == 7.5


def test_where_no_driver_tells_anything_only_what_was_asked_is_told(rig):
    manifest = rig.run(product)

    assert (manifest.request, manifest.vram) == (ASKED, None)


def test_an_attempt_that_ended_before_its_backend_was_asked_tells_neither(tmp_path):
    rig = Rig(tmp_path, JOB.replace(b"txt2img", b"img2img").replace(b", count: 2", b""))

    manifest = rig.run(product, vram_seen=lambda: SEEN)

    assert (manifest.code, rig.backend.order) == (Code.INPUT_MISSING, None)
    assert (manifest.request, manifest.vram) == (None, None)
