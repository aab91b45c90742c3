"""A job's inputs are the files that were meant, or the job does not run."""

import errno
import hashlib

import pytest

from spoolctl.spool import Code, layout, parse_job
from spoolworker.backends.base import BackendError
from spoolworker.inputs import fetch_inputs
from tests.spool.spool_world import JOB, World

DATA = b"\x89PNG input"
SHA256 = hashlib.sha256(DATA).hexdigest()
PATH = f"inputs/{SHA256[:2]}/{SHA256}.png"
CHANGED = f"{layout.attempt('first', 1)}/0001-1-txt2img.png"


class Rig:
    def __init__(self, tmp_path):
        self.world = World()
        self.world.share.put(PATH, DATA)
        self.actor = self.world.actor("w1")
        self.folder = tmp_path

    def fetch(self, *inputs):
        job = parse_job(
            JOB.replace(b"workload:", f"inputs: [{', '.join(inputs)}]\nworkload:".encode())
        )
        return fetch_inputs(self.actor, job, self.folder)

    def refused(self, *inputs):
        with pytest.raises(BackendError) as caught:
            self.fetch(*inputs)
        assert caught.value.code is Code.INPUT_MISSING
        return str(caught.value)

    def commit(self, name="first", images=3):
        """Another job that left so many images."""
        self.world.drop(name)
        worker = self.world.worker("w2")
        claimed = worker.claim()
        ending = worker.deliver(claimed)
        (one,) = ending.outputs
        outputs = [one.model_copy(update={"image_index": 9, "final": False})]
        for index in reversed(range(images)):
            data = f"image {index}".encode()
            path = f"a1/{index:04d}-1-txt2img.png"
            self.world.share.put(f"{layout.results(name)}/{path}", data)
            found = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            outputs.append(one.model_copy(update={"path": path, "image_index": index, **found}))
        worker.end(claimed, type(ending)(**{**vars(ending), "outputs": tuple(outputs)}))
        return claimed


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def test_a_job_without_inputs_asks_the_share_nothing(rig):
    assert rig.fetch() == ()
    assert rig.actor.files.operations == 0


def test_inputs_come_in_their_order_under_names_of_their_own(rig):
    rig.world.share.put("inputs/zz/Other.JPG", b"other")

    found = rig.fetch(f"{{path: {PATH}, sha256: {SHA256}}}", "{path: inputs/zz/Other.JPG}")

    assert [path.name for path in found] == ["input-0000.png", "input-0001.jpg"]
    assert [path.read_bytes() for path in found] == [DATA, b"other"]


def test_an_input_of_other_bytes_than_its_digest_is_refused(rig):
    rig.world.share.put(PATH, DATA + b"!")

    message = rig.refused(f"{{path: {PATH}, sha256: {SHA256}}}")

    other = hashlib.sha256(DATA + b"!").hexdigest()
    assert message == (
        f"'{PATH}' is another file than was meant: SHA-256 {other[:12]}, not {SHA256[:12]}"
    )


def test_an_input_that_is_not_there_says_what_to_do(rig):
    assert rig.refused("{path: inputs/no.png}") == (
        "'inputs/no.png' is not in the spool; attach it at submit"
    )


@pytest.mark.parametrize("path", ["inputs", f"{PATH}/x.png"])
def test_an_input_that_is_no_file_is_missing(rig, path):
    """It used to look like a share that is away, so that the job was put off again and again, for ever."""
    assert rig.refused(f"{{path: {path}}}") == f"'{path}' is no file in the spool"


def test_a_share_that_does_not_answer_says_nothing_about_the_input(rig):
    def away(_path, _local):
        raise OSError(errno.ETIMEDOUT, "Connection timed out")

    rig.actor.files.fetch = away

    with pytest.raises(TimeoutError):
        rig.fetch(f"{{path: {PATH}}}")


def test_another_jobs_final_images_come_in_the_order_of_their_index(rig):
    rig.commit()

    found = rig.fetch("{job: First}", f"{{path: {PATH}}}")

    assert [path.read_bytes() for path in found] == [b"image 0", b"image 1", b"image 2", DATA]


@pytest.mark.parametrize("index", [0, 2])
def test_one_image_of_another_job(rig, index):
    rig.commit()

    (found,) = rig.fetch(f"{{job: first, image_index: {index}}}")

    assert found.read_bytes() == f"image {index}".encode()


@pytest.mark.parametrize("index", [0, 3])
def test_an_image_that_the_other_job_does_not_have_is_named_by_its_index(rig, index):
    """Index 0 was left out of the message."""
    rig.commit(images=3 if index else 0)

    assert rig.refused(f"{{job: first, image_index: {index}}}") == (
        f"job 'first' has no image {index}"
    )


def test_another_jobs_image_that_was_changed_since_is_refused(rig):
    rig.commit()
    rig.world.share.put(CHANGED, b"image X")

    assert f"'{CHANGED}' is another file" in rig.refused("{job: first}")


@pytest.mark.parametrize("ended", [False, True])
def test_another_job_that_is_not_committed_has_no_images(rig, ended):
    rig.world.drop("first")
    worker = rig.world.worker("w2")
    if ended:
        worker.work(fail=Code.STALLED)

    assert rig.refused("{job: first}") == "job 'first', whose images are wanted, is not committed"


def test_images_of_an_attempt_that_was_not_the_commit_are_not_taken(rig):
    rig.world.drop("first")
    worker = rig.world.worker("w2")
    worker.work(fail=Code.STALLED)
    rig.world.share.put(
        f"{layout.attempt('first', 1)}/0000-1-txt2img.png", b"of the failed attempt"
    )
    rig.world.turn(600)
    worker.sweep()
    worker.work()

    (found,) = rig.fetch("{job: first}")

    assert found.read_bytes().startswith(b"\x89PNG")


# Approved images


def approved(rig, text, wanted="{job: first}"):
    rig.world.share.put(layout.approved("first"), text)
    after = b"after: [{job: first, when: approved}]\nworkload:"
    data = JOB.replace(b"workload:", f"inputs: [{wanted}]\n".encode() + after)
    return fetch_inputs(rig.actor, parse_job(data), rig.folder)


@pytest.mark.parametrize(
    ("text", "images"),
    [(b"{}", [0, 1, 2]), (b"images: [0, 2]\n...\n", [0, 2]), (b"", [0, 1, 2])],
)
def test_of_a_job_that_had_to_be_approved_only_the_approved_images_are_inputs(rig, text, images):
    rig.commit()
    found = approved(rig, text)
    assert [path.read_bytes() for path in found] == [f"image {n}".encode() for n in images]


def test_an_image_that_was_not_approved_is_no_input(rig):
    rig.commit()
    with pytest.raises(BackendError, match="'first' has no approved image 1"):
        approved(rig, b"images: [0, 2]\n...\n", "{job: first, image_index: 1}")
    with pytest.raises(BackendError, match="unknown key 'imgs'"):
        approved(rig, b"imgs: [0, 2]\n...\n")


def test_whoever_needs_only_success_takes_every_image_whatever_was_approved(rig):
    rig.commit()
    rig.world.share.put(layout.approved("first"), b"images: [1]\n...\n")
    assert len(rig.fetch("{job: first}")) == 3


def test_an_approval_that_was_taken_away_leaves_nothing_to_run_on(rig):
    rig.commit()
    after = b"after: [{job: first, when: approved}]\ninputs: [{job: first}]\nworkload:"
    job = parse_job(JOB.replace(b"workload:", after))
    with pytest.raises(BackendError, match="'first' is not approved any more"):
        fetch_inputs(rig.actor, job, rig.folder)
