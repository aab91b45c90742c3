"""A spool may allow images that are all black; by default they fail their attempt, wherever in the chain they are."""

import pytest

from spoolctl.spool import Code, Verdict
from tests.worker.chain_rig import Chain


def test_an_all_black_image_fails_its_attempt(tmp_path):
    manifest = Chain(tmp_path).work(black=True)

    assert (manifest.verdict, manifest.code) == (Verdict.FAILED, Code.OUTPUT_CORRUPT)
    assert manifest.message == "'0000-1-txt2img.png' is all black"


def test_a_spool_that_allows_black_takes_it(tmp_path):
    assert Chain(tmp_path, refuse_black=False).work(black=True).verdict is Verdict.SUCCEEDED


@pytest.mark.parametrize(
    ("refuses", "ran"), [(False, ["upscale"]), (True, ["txt2img", "img2img", "upscale"])]
)
def test_black_stages_of_an_earlier_attempt_are_taken_over_only_where_black_is_allowed(
    tmp_path, refuses, ran
):
    """The black image of a first stage, found only when the chain was done, would else fail every attempt that resumes from it."""
    chain = Chain(tmp_path, refuse_black=refuses)
    chain.work(black=True, fail=Code.OUT_OF_HOST_MEMORY, fail_stage="upscale")
    chain.next_worker("w2")

    assert chain.work().verdict is Verdict.SUCCEEDED
    assert chain.ran == ran
