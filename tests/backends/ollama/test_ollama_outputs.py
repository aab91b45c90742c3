"""Texts as outputs of an attempt: what the agent believes, delivers and tells, and what a person can adopt."""

import pytest
from PIL import Image

from spoolctl.spool import (
    TEXT_BYTES_MAX,
    BackendUsed,
    Code,
    Ending,
    Outcome,
    TextWorkload,
    Txt2Img,
    Verdict,
    adopt,
    conclude,
    decisions,
    end,
    layout,
)
from spoolworker.backends.base import BackendError, Made, Product
from spoolworker.delivery import deliver
from spoolworker.outputs import check
from tests.spool.spool_world import World

TEXT = TextWorkload(kind="text", model="tiny", prompt="x")
JOB = b"""schema: spool.job/1
workload: {kind: text, model: tiny, prompt: a lighthouse, count: 3}
...
"""


def left(folder, index=0, data=b"a lighthouse", *, suffix="txt", size=(0, 0)):
    path = folder / f"{index:04d}-1-text.{suffix}"
    path.write_bytes(data)
    return Made(path, "text", index, final=True, width=size[0], height=size[1])


def judge(made, stage=TEXT):
    product = Product((made,), (), BackendUsed(name="played"), log_tail="said")
    check(product, images_asked=1, stages=(stage,))


def refusal(made, stage=TEXT):
    with pytest.raises(BackendError) as caught:
        judge(made, stage)
    assert caught.value.log_tail == "said"
    return caught.value


def test_a_text_is_believed(tmp_path):
    judge(left(tmp_path, data="Ein Leuchtturm über dem Meer 🌊\n".encode()))


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"", Code.OUTPUT_INCOMPLETE, "is empty"),
        (b" \n\t", Code.OUTPUT_INCOMPLETE, "is blank"),
        (b"caf\xe9", Code.OUTPUT_CORRUPT, "no text in UTF-8"),
        (b"\xed\xa0\xbd", Code.OUTPUT_CORRUPT, "no text in UTF-8"),
        (b"x" * (TEXT_BYTES_MAX + 1), Code.OUTPUT_CORRUPT, "longer than"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_not(tmp_path, data, code, words):
    error = refusal(left(tmp_path, data=data))

    assert error.code is code
    assert words in str(error)


def test_a_text_is_no_image_and_an_image_is_no_text(tmp_path):
    image = Made(tmp_path / "0000-1-text.png", "text", 0, final=True, width=8, height=8)
    Image.new("RGB", (8, 8), (1, 2, 3)).save(image.path)

    assert refusal(image).code is Code.OUTPUT_CORRUPT
    assert refusal(left(tmp_path), Txt2Img(stage="txt2img")).code is Code.OUTPUT_CORRUPT


@pytest.fixture
def claimed():
    world = World()
    world.drop("words", JOB)
    worker = world.worker("w1")
    return world, worker.actor, worker.claim()


def test_the_manifest_tells_short_texts_and_leaves_long_ones_to_their_files(claimed, tmp_path):
    _, actor, claim = claimed
    texts = ["short", "x" * 8_000, "x" * 8_001]
    made = tuple(left(tmp_path, i, text.encode()) for i, text in enumerate(texts))
    outputs = deliver(actor, claim, made)

    assert [one.text for one in outputs] == ["short", "x" * 8_000, None]
    assert [one.bytes for one in outputs] == [5, 8_000, 8_001]
    assert all(one.is_text and one.width is None for one in outputs)


def test_many_texts_together_do_not_make_a_manifest_that_nobody_can_read(claimed, tmp_path):
    _, actor, claim = claimed
    made = tuple(left(tmp_path, index, b"x" * 5_000) for index in range(100))
    outputs = deliver(actor, claim, made)

    assert sum(len(one.text or "") for one in outputs) == 100_000
    assert outputs[0].text is not None
    assert outputs[-1].text is None


def test_texts_that_nobody_told_of_can_be_adopted(claimed, tmp_path):
    world, actor, claim = claimed
    deliver(actor, claim, tuple(left(tmp_path, index) for index in range(3)))
    failed = Ending(Verdict.FAILED, Code.BAD_JOB, "it died")
    assert end(actor, claim, conclude(actor, claim, failed)) is Outcome.WON
    person = world.person()
    verdict = adopt(person, "words", from_attempt=1)

    assert [one.path for one in verdict.outputs] == [
        f"a1/{index:04d}-1-text.txt" for index in range(3)
    ]
    assert decisions(person, "words").highest.is_commit
    assert layout.OUTPUT_NAME.match("0000-1-text.txt")
