"""How attempts end, and what a person may ask of them."""

import signal
import time

from processes import LIMIT_S, job_text, snapshot

from spoolctl.spool import Cancelled, StateForbids, cancel, layout

DONE = ("succeeded", None)
CANCELLED = ("cancelled", "requested")
SOON_S = 30.0
"""Within seconds on an idle machine; the backend that is to be interrupted would go on for ten minutes."""


def test_s10_incomplete_output(open_scene):
    """ "The backend reports success with 3 of 4 images, a truncated PNG, an all-black one where that is checked, or a
    wrong size: the attempt fails with the right code and a log tail."
    """
    scene = open_scene(retry={"attempts_max": 1, "backoff_s": 0.1, "avoid_s": 0.5})
    lies = {
        "short-by": ({"short_by": 1}, "output_incomplete", "3 final images, but 4 were asked for"),
        "truncate": ({"truncate": "true"}, "output_corrupt", "cannot be decoded"),
        "black": ({"black": "true"}, "output_corrupt", "all black"),
        "wrong-size": ({"wrong_size": "true"}, "output_corrupt", "56 pixels wide, but 64"),
    }
    for name, (drill, _, _) in lies.items():
        scene.drop(name, job_text(count=4, requires={"tags": [name]}))
        scene.worker(name, "--tag", name, "--once", **drill)
    scene.wait_for_rest(lies, states=("failed",))
    for name, (_, code, message) in lies.items():
        verdict = scene.manifests(name)[1]
        assert (verdict.verdict.value, verdict.code.value) == ("failed", code)
        assert message in verdict.message
        assert "sketch: txt2img" in verdict.log_tail
        assert verdict.outputs == ()
        assert scene.images(name, 1) == {}
    assert scene.merge().merged == 0
    scene.check(lies)


def test_s13_retry_policy(open_scene):
    """ "Backend down: a later attempt not before its backoff, preferably elsewhere, no failure counted. Bad job: no
    retry. After `attempts_max` it lies in `failed/` with every attempt's record, and the queue goes on."
    """
    scene = open_scene(retry={"attempts_max": 3, "backoff_s": 0.4, "avoid_s": 30})
    scene.drop("away", job_text(requires={"tags": ["one"]}))
    silent = scene.worker("w0", "--tag", "one", unreachable="true")
    down = scene.worker("w1", "--tag", "one", fail="backend_unreachable")
    scene.wait_for(lambda: (scene.manifests("away") or {1: None})[1], "the first deferral")
    up = scene.worker("w2", "--tag", "one", fail="internal", fail_when_prompt="never")
    scene.wait_for_rest(["away"], states=("finished",))
    assert [silent.stop(), down.stop()] == [0, 0]
    missing = {"path": f"inputs/ab/{'ab' * 32}.png", "sha256": "ab" * 32}
    upscale = {"kind": "image", "stages": [{"stage": "upscale", "factor": 2}]}
    scene.drop("bad", job_text(inputs=[missing], workload=upscale))
    scene.drop("hopeless", job_text("never"))
    scene.drop("later")
    names = ["away", "bad", "hopeless", "later"]
    scene.wait_for_rest(names, states=("finished", "failed"))

    *deferred, won = scene.manifests("away").values()
    assert {one.code.value for one in deferred} == {"backend_unreachable"}
    assert won.succeeded
    assert won.worker == "w2"
    assert won.counts.failures == 0
    assert won.counts.deferrals == len(deferred)
    claims = [*down.events("claimed"), *up.events("claimed")]
    began = {event["attempt"]: event["at"] for event in claims if event["job"] == "away"}
    for one in deferred:
        assert began[one.attempt + 1] >= one.retry_at.isoformat(timespec="milliseconds")
    assert silent.events("claimed") == []
    assert silent.events("backend.away")

    assert scene.verdicts("bad") == [("failed", "input_missing")]
    assert scene.verdicts("hopeless") == [("failed", "internal")] * 3
    assert [m.counts.failures for m in scene.manifests("hopeless").values()] == [1, 2, 3]
    assert scene.state("hopeless") == "failed"
    assert scene.verdicts("later") == [DONE]
    scene.merge()
    scene.check(names)


def test_s14_cancel_in_every_phase(scene):
    """ "A queued, a just claimed and a running job are cancelled: the first never runs, the others stop within seconds
    with the backend interrupted; against a finish at the same instant exactly one outcome, the same for every reader."
    """
    actor = scene.actor()
    for name in ("queued", "dragged"):
        scene.drop(name, folder="queue/batch")
    asked = scene.drop("asked", folder="held")
    asked.rename(scene.root / "cancelled" / asked.name)
    assert cancel(actor, "queued") is Cancelled.DONE
    assert scene.verdicts("queued") == [CANCELLED]

    slow = scene.worker("w1", seconds_per_image=600)
    scene.drop("claimed", folder="queue/interactive")
    scene.wait_for(scene.attempt("claimed", 1).exists, "an attempt, however young")
    assert cancel(actor, "claimed") is Cancelled.ASKED
    scene.wait_for_rest(["queued", "asked", "claimed"], SOON_S, states=("cancelled",))
    scene.wait_for(
        lambda: scene.runs("dragged"), "the worker, its backend stopped, at the next job"
    )
    record = scene.root / scene.records()["dragged"][0]
    record.rename(scene.root / "cancelled" / record.name)  # as a person does with the mouse
    scene.wait_for_rest(["dragged"], SOON_S, states=("cancelled",))
    scene.drop("running")
    scene.wait_for(lambda: scene.runs("running"), "a running job")
    assert "cancelled" in scene.ctl("cancel", "running", "--wait", str(SOON_S))
    scene.wait_for_rest(["running"], SOON_S, states=("cancelled",))
    names = ["queued", "asked", "claimed", "dragged", "running"]
    for name in names:
        (verdict,) = scene.verdicts(name)
        assert verdict[0] == "cancelled"
    assert len(slow.events("claimed")) == 3, "what was never claimed must never run"
    assert slow.stop() == 0
    scene.merge()
    scene.check(names)


def test_s14_cancel_against_a_finish(scene):
    """ "Against a finish at the same instant exactly one outcome, the same for every reader." """
    actor = scene.actor()
    worker = scene.worker("w1")
    scene.wait_for(lambda: worker.events("worker.started"), "the worker")
    names = [f"race.{number:02d}" for number in range(30)]
    refused = set()
    for number, name in enumerate(names):
        scene.drop(name)
        folder = scene.attempt(name, 1)
        # Each later than the one before: from "hardly begun" over "delivering" to "done".
        mark = (folder, folder / layout.HEARTBEAT, folder / "0000-1-txt2img.png")[number % 3]
        until = time.monotonic() + LIMIT_S
        while not mark.exists():  # without a pause, which would always come after the end
            assert time.monotonic() < until, scene.tell()
        try:
            cancel(actor, name)
        except StateForbids:
            refused.add(name)
    scene.wait_for_rest(names, states=("finished", "cancelled"))
    for name in names:
        (verdict,) = scene.verdicts(name)
        assert verdict in (DONE, CANCELLED)
        assert scene.state(name) == ("finished" if verdict == DONE else "cancelled")
        assert name not in refused or verdict == DONE
    scene.merge()
    scene.check(names)


def test_s15_retry_by_hand(open_scene):
    """ "`spoolctl retry J` twice at once, or the file dragged by hand: one new attempt, the record's bytes unchanged,
    earlier attempts' files kept; retrying a running job is refused."
    """
    scene = open_scene(retry={"attempts_max": 1, "backoff_s": 0.1, "avoid_s": 0.5})
    text = job_text("flaky")
    scene.drop("portrait", text)
    worker = scene.worker(
        "w1", seconds_per_image=0.1, fail="internal", fail_when_prompt="flaky", fail_times=2
    )
    scene.wait_for_rest(["portrait"], states=("failed",))
    scene.wait_for((scene.attempt("portrait", 1) / layout.CLOSED).exists, "the note of its rest")
    first = snapshot(scene.attempt("portrait", 1))

    worker.freeze()  # so that a second retry cannot come after the new attempt's end
    both = [scene.begin_ctl("retry", "portrait") for _ in range(2)]
    said = [popen.communicate(timeout=LIMIT_S) for popen in both]
    assert [popen.returncode for popen in both] == [0, 0], said
    assert scene.state("portrait") == "queue"
    worker.thaw()
    scene.wait_for_rest(["portrait"], states=("failed",))
    assert scene.verdicts("portrait") == [("failed", "internal")] * 2
    scene.wait_for((scene.attempt("portrait", 2) / layout.CLOSED).exists, "the note of its rest")

    record = scene.root / scene.records()["portrait"][0]
    record.rename(scene.root / "queue/interactive" / record.name)
    scene.wait_for_rest(["portrait"], states=("finished",))
    assert scene.verdicts("portrait") == [("failed", "internal")] * 2 + [DONE]
    assert snapshot(scene.attempt("portrait", 1)) == first
    assert (scene.root / scene.records()["portrait"][0]).read_bytes() == text

    scene.drop("long", job_text(count=900))
    scene.wait_for(lambda: scene.runs("long"), "a running job")
    assert "attempt 1 is running" in scene.ctl("retry", "long", code=22)
    assert list(scene.manifests("long")) == [1]
    cancel(scene.actor(), "long")
    scene.wait_for_rest(["long"], states=("cancelled",))
    scene.merge()
    scene.check(["portrait", "long"])


def test_s16_graceful_stop(scene):
    """ "SIGTERM or Ctrl-C: the worker claims no more and finishes its job; a second one hands the job back, and no
    attempt is counted."
    """
    workers = {}
    for name, signals in (
        ("term", [signal.SIGTERM]),
        ("int", [signal.SIGINT]),
        ("term-twice", [signal.SIGTERM] * 2),
        ("int-twice", [signal.SIGINT] * 2),
    ):
        seconds = 600 if len(signals) == 2 else 5.0
        workers[name] = (scene.worker(name, "--tag", name, seconds_per_image=seconds), signals)
    for name, (worker, signals) in workers.items():
        scene.drop(name, job_text(requires={"tags": [name]}))
        scene.wait_for(lambda name=name: scene.runs(name), f"{name} at work")
        scene.drop(f"{name}-next", job_text(requires={"tags": [name]}))
        worker.send(signals[0])
        if len(signals) == 2:  # an impatient person; two signals at one instant might count as one

            def handed_back(name=name, worker=worker, number=signals[1]):
                return scene.verdicts(name) != [None] or worker.send(number)

            scene.wait_for(handed_back, f"{name} to hand its job back")
    assert [worker.ended() for worker, _ in workers.values()] == [0] * 4
    for name, (worker, signals) in workers.items():
        assert [e["job"] for e in worker.events("claimed")] == [name], "it claimed more"
        assert worker.events("worker.stopped")
        if len(signals) == 1:
            assert scene.verdicts(name) == [DONE]
        else:
            assert scene.verdicts(name) == [("returned", "handed_back")]
            counts = scene.manifests(name)[1].counts
            assert (counts.failures, counts.crashes, counts.deferrals) == (0, 0, 0)
            assert not scene.manifests(name)[1].final
    assert [p.name for p in (scene.root / "claimed").iterdir()] == []

    scene.worker("w2", *(f"--tag={name}" for name in workers))
    names = [*workers, *(f"{name}-next" for name in workers)]
    scene.wait_for_rest(names, states=("finished",))
    assert scene.verdicts("term-twice") == [("returned", "handed_back"), DONE]
    scene.merge()
    scene.check(names)


def test_a_chain_is_split_over_two_machines(scene):
    """The small card drafts, the large one enlarges: the second job waits for the first and gets its images."""
    enlarge = {"kind": "image", "stages": [{"stage": "upscale", "factor": 2}]}
    scene.drop(
        "print",
        job_text(inputs=[{"job": "draft"}], workload=enlarge, requires={"tags": ["large"]}),
        "waiting",
    )
    large = scene.worker("w2", "--tag", "large")
    scene.wait_for(lambda: large.events("worker.started"), "the large card")
    scene.drop("draft", job_text(count=2, requires={"tags": ["small"]}))
    scene.worker("w1", "--tag", "small")
    scene.controller()

    scene.wait_for_rest(["draft", "print"], states=("done",))

    draft, printed = scene.manifests("draft")[1], scene.manifests("print")[1]
    assert (draft.worker, printed.worker) == ("w1", "w2")
    assert [(one.stage, one.width, one.height) for one in printed.images] == [
        ("upscale", 128, 128)
    ] * 2
    assert draft.ended_at <= printed.started_at
    scene.wait_for(
        lambda: len(scene.corpus()) == 4, "the controller's merge, which follows a verdict"
    )
    scene.check(["draft", "print"])
