"""The storm's judge sees each thing that a storm could break; a judge that never objects proves nothing."""

import json
import shutil
import sys

import pytest

from tests.storm.judge import judge
from tests.storm.storm import RECORD, Plan, run

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux lets the storm fork, freeze and kill as it must"
)


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """What a calm of three jobs left."""
    folder = tmp_path_factory.mktemp("calm") / "calm"
    plan = Plan(jobs=3, workers=1, controllers=1, every_s=None, seed=1, limit_s=60.0)
    assert run(folder, plan, print).all_is_well
    return folder / "spool"


class Left:
    """A copy of that tree, to be harmed; ``name`` is its first job."""

    def __init__(self, root):
        self.root = root
        self.names = sorted(path.name for path in root.glob("results/*/*"))
        self.name = self.names[0]
        (self.results,) = root.glob(f"results/*/{self.name}")
        (self.record,) = root.glob(f"done/*/{self.name}~1.yaml")
        self.manifest = self.results / "a1" / "manifest.yaml"
        self.corpus = root / "corpus" / "learning_records.jsonl"

    def judge(self):
        return judge(self.root, dict.fromkeys(self.names, RECORD), images_each=1)

    def rewrite(self, before, after):
        self.manifest.write_text(self.manifest.read_text().replace(before, after))

    def second_attempt(self):
        shutil.copytree(self.results / "a1", self.results / "a2")
        self.manifest = self.results / "a2" / "manifest.yaml"
        self.rewrite("attempt: 1", "attempt: 2")
        self.rewrite("path: a1/", "path: a2/")


@pytest.fixture
def left(calm, tmp_path):
    shutil.copytree(calm, tmp_path / "spool")
    return Left(tmp_path / "spool")


def test_a_whole_tree_is_well(left):
    found = left.judge()

    assert found.all_is_well
    assert (found.committed, found.attempts, found.reaped) == (3, 3, 0)


def test_a_job_without_a_record_is_lost(left):
    left.record.unlink()

    assert left.judge().lost == {left.name}


def test_a_job_of_which_nothing_is_left_is_lost(left):
    left.record.unlink()
    shutil.rmtree(left.results)

    assert left.judge().lost == {left.name}


def test_a_record_in_two_places_is_doubled(left):
    shutil.copy(left.record, left.root / "queue" / "normal")

    assert left.judge().doubled == {left.name}


def test_a_record_that_is_not_at_rest_has_not_ended_and_is_not_lost(left):
    left.record.rename(left.root / "finished" / left.record.name)

    found = left.judge()

    assert (found.unended, found.lost) == ({left.name}, set())
    assert not found.all_is_well


def test_a_commit_that_lies_among_the_failed_is_lost(left):
    day = left.root / "failed" / left.record.parent.name
    day.mkdir(parents=True)
    left.record.rename(day / left.record.name)

    assert left.judge().lost == {left.name}


def test_a_record_of_other_bytes_is_lost(left):
    left.record.write_bytes(RECORD.replace(b"a storm", b"another"))

    assert left.judge().lost == {left.name}


def test_an_attempt_without_a_verdict_is_seen(left):
    left.manifest.unlink()

    assert f"{left.name}: attempt 1 has no verdict" in left.judge().problems


def test_a_torn_verdict_is_seen(left):
    left.rewrite('"name":', '"name": [')

    assert left.judge().lost == {left.name}


def test_two_commits_are_doubled(left):
    left.second_attempt()

    assert left.judge().doubled == {left.name}


def test_a_run_after_the_commit_is_doubled(left):
    left.second_attempt()
    left.rewrite('"verdict": "succeeded"', '"verdict": "lost"')

    found = left.judge()

    assert found.doubled == {left.name}
    assert (found.attempts, found.reaped) == (4, 1)


def test_a_gap_in_the_attempts_is_seen(left):
    left.second_attempt()
    (left.results / "a2").rename(left.results / "a3")

    assert any("has a gap in its attempts: [1, 3]" in one for one in left.judge().problems)


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_an_image_that_is_not_as_its_manifest_says_is_lost(left, harm):
    (image,) = (left.results / "a1").glob("*.png")
    if harm == "gone":
        image.unlink()
    else:
        image.write_bytes(image.read_bytes()[:-1] + b"?")

    assert left.judge().lost == {left.name}


def test_an_image_that_the_corpus_lacks_is_lost_and_one_that_it_has_twice_is_doubled(left):
    lines = left.corpus.read_text().splitlines(keepends=True)
    mine = [one for one in lines if json.loads(one)["metadata"]["spool_job"] == left.name]
    assert len(mine) == 1

    left.corpus.write_text("".join(one for one in lines if one not in mine))
    assert left.judge().lost == {left.name}
    left.corpus.write_text("".join(lines + mine))
    assert left.judge().doubled == {left.name}


def test_a_job_that_nobody_submitted_is_seen(left):
    (left.root / "queue" / "normal" / "stranger.yaml").write_bytes(RECORD)

    assert left.judge().problems == [
        "stranger: was never submitted, but lies at ['queue/normal/stranger.yaml']"
    ]


def test_a_job_that_is_poison_by_policy_is_told_apart_from_a_lost_one(left):
    day = left.root / "failed" / left.record.parent.name
    day.mkdir(parents=True)
    left.record.rename(day / left.record.name)
    left.rewrite('"verdict": "succeeded"', '"verdict": "lost"')
    left.rewrite('"crashes": 0', '"crashes": 1')
    left.corpus.write_text(
        "".join(
            one for one in left.corpus.read_text().splitlines(keepends=True) if left.name not in one
        )
    )

    found = left.judge()

    assert found.poison == {left.name}
    assert found.all_is_well
