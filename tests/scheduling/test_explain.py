"""What is told of a job, worker by worker, and who comes first."""

from spoolctl.scheduling.explain import Known, explain
from tests.scheduling.rig import Times, appraiser, job, worker


def explained(one, workers, times=None):
    return explain(one, [Known(seen, "idle", True) for seen in workers], appraiser(times))


def test_loaded_and_free_and_preferring_workers_come_first_then_who_takes_none_then_who_cannot():
    several = [
        worker("busy", free_in_s=100),
        worker("bare"),
        worker("other", prefers=("flux*",)),
        worker("loaded", model="a"),
        worker("small", vram_gb=4.0),
        worker("paused", takes_jobs=False),
    ]
    answers = explained(job("1", needs_gb=8), several)
    names = [one.worker for one in answers]
    assert names == ["loaded", "bare", "other", "busy", "paused", "small"]
    assert (answers[1].offer.load_s, answers[1].offer.ends_in_s) == (20.0, 30.0)


def test_who_is_told_to_be_best_is_who_would_take_it():
    """Loading on the slow one holds up nobody: it was told to be worse than the fast one, which left it the job."""
    slow, fast = worker("slow"), worker("fast")
    answers = explained(job("1"), [fast, slow], Times({"slow": 5.0}))
    assert [one.worker for one in answers] == ["slow", "fast"]
