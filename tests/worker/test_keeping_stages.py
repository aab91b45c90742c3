"""Where a spool does not keep the images of earlier stages, a job that succeeds leaves those that it asked for, and nobody is misled."""

import hashlib

import pytest

from spoolctl.spool import Code, Verdict, layout
from spoolctl.spool.memory import Crashed, Fault
from spoolworker import concluding
from spoolworker.resuming import drop_stages
from tests.spool.spool_world import verdict_of
from tests.worker.chain_rig import CHAIN, FIRST_TWO, Chain
from tests.worker.execution_rig import Rig, product

LAST = ["0000-3-upscale.png", "0001-3-upscale.png"]
DROPS = 6
"""Operations of one drop: a look, the list of stages, four images."""


@pytest.fixture
def chain(tmp_path):
    return Chain(tmp_path, keep_stages=False)


def at_the_drop(monkeypatch, act):
    """Have *act* done when an attempt is about to drop its stages."""

    def acting(actor, claim, manifest):
        act()
        drop_stages(actor, claim, manifest)

    monkeypatch.setattr(concluding, "drop_stages", acting)


def die_at_the_drop(chain, monkeypatch, number, fault):
    """The worker dies at that operation of its drop, and is taken for dead."""
    files = chain.actor.files
    with monkeypatch.context() as patch:
        at_the_drop(patch, lambda: files.fail(files.operations + number, fault))
        with pytest.raises(Crashed):
            chain.work()
    chain.lost_to("w9")


def listed(chain, attempt):
    return layout.STAGES in chain.world.share.names(layout.attempt("job-1", attempt))


def assert_all_there(chain, manifest):
    tree = chain.world.share.tree()
    for output in manifest.outputs:
        data = tree[f"{layout.results('job-1')}/{output.path}"]
        assert hashlib.sha256(data).hexdigest() == output.sha256


def test_a_job_that_succeeds_leaves_the_images_of_its_last_stage_only(chain):
    manifest = chain.work()

    assert manifest.verdict is Verdict.SUCCEEDED
    assert [out.path for out in manifest.outputs] == [f"a1/{name}" for name in LAST]
    assert all(out.final for out in manifest.outputs)
    assert [timing.stage for timing in manifest.stages] == ["txt2img", "img2img", "upscale"]
    assert chain.pictures(1) == LAST
    assert not listed(chain, 1)
    assert_all_there(chain, manifest)


def test_a_job_of_one_stage_leaves_what_it_always_left(tmp_path):
    rig = Rig(tmp_path, keep_stages=False)

    assert len(rig.run(product).outputs) == 2


def test_an_attempt_that_fails_keeps_its_stages_and_the_next_takes_nothing_from_its_folder(chain):
    chain.fail_at_the_third()
    assert chain.pictures(1) == FIRST_TWO
    before = {p: d for p, d in chain.world.share.tree().items() if p.startswith(f"{chain.folder}/")}
    chain.next_worker("w2")

    manifest = chain.work()

    assert manifest.resumed_from == 1
    assert chain.ran == ["upscale"]
    assert chain.pictures(2) == LAST
    after = chain.world.share.tree()
    assert {path: after[path] for path in before} == before


def test_an_attempt_that_resumed_drops_the_stages_that_it_made_itself(chain):
    chain.work(fail=Code.INTERNAL, fail_stage="img2img")
    chain.next_worker("w2")

    chain.work()

    assert chain.ran == ["img2img", "upscale"]
    assert chain.pictures(2) == LAST
    assert chain.pictures(1) == FIRST_TWO[::2]
    assert (listed(chain, 1), listed(chain, 2)) == (True, False)


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.CRASH_AFTER])
@pytest.mark.parametrize("number", range(DROPS))
def test_whoever_comes_after_a_death_in_the_midst_of_the_drop_finds_all_stages_or_none(
    chain, monkeypatch, number, fault
):
    die_at_the_drop(chain, monkeypatch, number, fault)

    whole = listed(chain, 1)
    assert whole == (number == 0 or (number, fault) == (1, Fault.CRASH))
    assert not whole or chain.pictures(1) == sorted(FIRST_TWO + LAST)
    chain.next_worker("w2")
    manifest = chain.work()

    assert manifest.verdict is Verdict.SUCCEEDED
    assert chain.ran == (["upscale"] if whole else ["txt2img", "img2img", "upscale"])
    assert_all_there(chain, manifest)
    assert chain.pictures(2) == LAST


def test_after_such_a_death_of_one_that_had_resumed_the_attempt_before_it_is_resumed_again(
    chain, monkeypatch
):
    chain.work(fail=Code.INTERNAL, fail_stage="img2img")
    chain.next_worker("w2")
    files = chain.actor.files
    with monkeypatch.context() as patch:
        at_the_drop(patch, lambda: files.fail(files.operations + 1, Fault.CRASH_AFTER))
        with pytest.raises(Crashed):
            chain.work()
    chain.lost_to("w9")
    chain.next_worker("w3")

    manifest = chain.work()

    assert manifest.resumed_from == 1
    assert chain.ran == ["img2img", "upscale"]
    assert_all_there(chain, manifest)


def test_a_list_that_a_hung_write_brought_back_after_its_images_went_makes_the_chain_begin_anew(
    chain, monkeypatch
):
    told = []
    path = layout.stages_done("job-1", 1)
    at_the_drop(monkeypatch, lambda: told.append(chain.world.share.tree()[path]))
    files = chain.actor.files
    with monkeypatch.context() as patch:
        patch.setattr(
            concluding,
            "end",
            lambda *_: files.fail(files.operations, Fault.CRASH) or files.names(""),
        )
        with pytest.raises(Crashed):
            chain.work()
    chain.world.share.put(path, told[0])
    chain.lost_to("w9")
    chain.next_worker("w2")

    assert chain.work().verdict is Verdict.SUCCEEDED
    assert chain.ran == ["txt2img", "img2img", "upscale"]


@pytest.mark.parametrize(
    ("number", "left"),
    [(0, FIRST_TWO), (1, FIRST_TWO), (2, FIRST_TWO[:1]), (DROPS - 1, FIRST_TWO[3:])],
)
def test_what_cannot_be_removed_stays_and_holds_up_no_verdict(chain, monkeypatch, number, left):
    """On Windows an image that somebody looks at cannot be removed."""
    files = chain.actor.files
    at_the_drop(monkeypatch, lambda: files.fail(files.operations + number, Fault.BEFORE))

    manifest = chain.work()

    assert manifest.verdict is Verdict.SUCCEEDED
    assert [out.path for out in manifest.outputs] == [f"a1/{name}" for name in LAST]
    assert chain.pictures(1) == sorted([*left, *LAST])
    assert listed(chain, 1) == (left == FIRST_TWO)
    assert len(chain.world.events("stages.not_dropped")) == 1


def test_an_image_that_was_removed_with_the_reply_lost_is_gone(chain, monkeypatch):
    files = chain.actor.files
    at_the_drop(monkeypatch, lambda: files.fail(files.operations + 2, Fault.LOST_REPLY_EXISTS))

    chain.work()

    assert chain.pictures(1) == LAST
    assert not chain.world.events("stages.not_dropped")


def test_who_was_taken_for_dead_leaves_its_stages_to_the_next_attempt(chain, monkeypatch):
    at_the_drop(monkeypatch, lambda: chain.lost_to("w9"))

    assert chain.work() is None
    assert chain.pictures(1) == sorted(FIRST_TWO + LAST)
    kept = verdict_of(chain.world.share.tree()[layout.superseded("job-1", 1)])
    assert len(kept.outputs) == 2
    monkeypatch.undo()
    chain.next_worker("w2")

    assert chain.work().resumed_from == 1


def test_a_job_whose_file_was_edited_while_it_ran_did_not_succeed_and_keeps_its_stages(chain):
    chain.world.removed.add("job-1")
    record = chain.world.places("job-1")[0]
    chain.world.share.put(record, CHAIN.replace(b"lighthouse", b"mill"))

    assert chain.work().code is Code.RECORD_CHANGED
    assert set(FIRST_TWO) < set(chain.pictures(1))
    assert listed(chain, 1)
