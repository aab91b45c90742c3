"""A chain that fails at its third stage goes on there, on any node, if what the first stages left is whole."""

import pytest

from spoolctl.spool import Code, Verdict, layout
from spoolctl.spool.memory import Fault
from spoolworker.backends.base import BackendError
from spoolworker.backends.sketch import Sketch
from spoolworker.resuming import Leaving
from tests.worker.chain_rig import FIRST_TWO, Chain


@pytest.fixture
def chain(tmp_path):
    return Chain(tmp_path)


def test_the_stages_before_the_one_that_failed_are_on_the_share(chain):
    chain.fail_at_the_third()

    assert chain.pictures(1) == FIRST_TWO
    assert layout.STAGES in chain.world.share.names(chain.folder)


def test_the_next_attempt_runs_only_what_is_missing_and_says_where_the_rest_lies(chain):
    chain.fail_at_the_third()
    chain.next_worker("w2")

    manifest = chain.work()

    assert manifest.verdict is Verdict.SUCCEEDED
    assert manifest.resumed_from == 1
    assert chain.ran == ["upscale"]
    assert [timing.stage for timing in manifest.stages] == ["upscale"]
    assert [(out.width, out.height) for out in manifest.outputs] == [(64, 48)] * 2
    assert chain.pictures(2) == ["0000-3-upscale.png", "0001-3-upscale.png"]


def test_a_seed_that_was_drawn_by_the_first_attempt_is_the_images_seed_still(chain):
    chain.fail_at_the_third()
    chain.next_worker("w2")

    manifest = chain.work()

    drawn = [made.seed_actual for made in chain.order.done[0]]
    assert drawn[1] == drawn[0] + 1
    assert [out.seed_actual for out in manifest.outputs] == drawn
    assert [out.seed_requested for out in manifest.outputs] == [-1, -1]


def test_a_third_attempt_finds_all_that_the_two_before_it_left(chain):
    chain.work(fail=Code.INTERNAL, fail_stage="img2img")
    chain.next_worker("w2")
    chain.fail_at_the_third()
    chain.next_worker("w3")

    manifest = chain.work()

    assert chain.ran == ["upscale"]
    assert manifest.resumed_from == 2
    assert [made[0].path.name for made in chain.order.done] == FIRST_TWO[:2]


def test_what_a_worker_left_that_was_taken_for_dead_is_taken_over_too(chain):
    """The manifest of a lost attempt is a sweeper's, who knows of no outputs."""

    def act(order, watch):
        leave = watch.on_stage

        def on_stage(made, timing):
            leave(made, timing)
            if timing.stage == "img2img":
                chain.lost_to("w9")
                raise BackendError(Code.INTERNAL, "what a dead worker meets does not matter")

        watch.on_stage = on_stage
        return Sketch().run(order, watch)

    assert chain.run(act) is None
    chain.next_worker("w2")

    assert chain.work().resumed_from == 1
    assert chain.ran == ["upscale"]
    assert chain.world.manifests("job-1")[1].outputs == ()


@pytest.mark.parametrize("spoilt", [None, b"", b"\x89PNG\r\n\x1a\n short"])
def test_an_image_that_is_not_as_it_was_left_makes_the_chain_begin_anew(chain, spoilt):
    chain.fail_at_the_third()
    image = f"{chain.folder}/0001-1-txt2img.png"
    chain.world.share.unlink(image) if spoilt is None else chain.world.share.put(image, spoilt)
    chain.next_worker("w2")

    manifest = chain.work()

    assert manifest.verdict is Verdict.SUCCEEDED
    assert manifest.resumed_from is None
    assert chain.ran == ["txt2img", "img2img", "upscale"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"schema: spool.stages/1\nname: job-1\nattempt: 1\nstages: []\n",
        b"schema: spool.stages/1\nname: other\nattempt: 1\nstages: []\n",
        b"schema: spool.stages/9\n",
        b"- 1\n",
    ],
)
def test_a_list_of_stages_that_a_stranger_wrote_is_passed_over(chain, text):
    chain.fail_at_the_third()
    chain.world.share.put(layout.stages_done("job-1", 1), text)
    chain.next_worker("w2")

    assert chain.work().verdict is Verdict.SUCCEEDED
    assert chain.ran == ["txt2img", "img2img", "upscale"]


def test_a_share_that_fails_while_a_stage_is_left_is_asked_again(chain):
    files = chain.actor.files
    leave = Leaving.leave

    def leave_with_a_fault(self, made, timing):
        if timing.stage == "txt2img":
            files.fail(files.operations, Fault.BEFORE)
        leave(self, made, timing)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Leaving, "leave", leave_with_a_fault)
        chain.fail_at_the_third()
    chain.next_worker("w2")

    assert chain.work().resumed_from == 1
    assert chain.ran == ["upscale"]


def test_a_share_that_is_away_for_good_costs_the_stages_and_not_the_verdict(chain):
    files = chain.actor.files
    put = Leaving._put

    def put_in_vain(self, made, timing):
        files.fail(files.operations, Fault.BEFORE)
        return put(self, made, timing)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Leaving, "_put", put_in_vain)
        chain.fail_at_the_third()
    chain.next_worker("w2")

    assert chain.work().resumed_from is None
    assert chain.ran == ["txt2img", "img2img", "upscale"]


def test_an_attempt_that_ends_well_leaves_every_stage_once(chain):
    manifest = chain.work()

    assert manifest.resumed_from is None
    assert len(manifest.outputs) == 6
    assert sorted(out.path for out in manifest.outputs) == [f"a1/{x}" for x in chain.pictures(1)]
