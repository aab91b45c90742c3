"""The scenes in which the backend is a server: each told for ``webui`` and for ``comfyui``, over real HTTP.

What is the same whatever makes the images is told in the other files of this folder, with ``sketch``.
"""

import contextlib
import os
import signal
import time

import pytest
from at_servers import (
    beat,
    doing,
    free_port,
    node_beat,
    own_server,
    progress,
    start_worker,
    told_at,
    wait_until_held,
    work,
    worker,
)
from processes import AT_ONCE_S, SHORT_LEASE, digest
from standing_in import BACKENDS, KINDS, STEPS

from spoolctl.spool import nodes

DONE = ("succeeded", None)
NO_RETRY = {"attempts_max": 1, "backoff_s": 0.1, "avoid_s": 0.5}
HALF = STEPS // 2


@pytest.fixture(params=BACKENDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture
def serve(kind, tmp_path):
    """``serve()``: one more server."""
    with contextlib.ExitStack() as stack:

        def start():
            folder = tmp_path / f"server{len(list(tmp_path.iterdir()))}"
            return stack.enter_context(kind(folder))

        yield start


@pytest.fixture
def server(serve):
    return serve()


@pytest.mark.parametrize("how", ["errors", "hangs"])
def test_s09_share_away_at_half(scene, server, how):
    """ "At 50 % the share hangs or errors: the GPU keeps working, heartbeats resume, the result is delivered, the attempt
    is still the first."
    """
    word = scene.folder / "share"
    server.hold_at(HALF)
    scene.drop("portrait", work(server))
    one = worker(scene, server, "w1", share=word)
    wait_until_held(scene, server)
    scene.wait_for(lambda: scene.runs("portrait"), "its first heartbeat")
    word.write_text(how)
    counted = node_beat(scene, "w1").counter
    server.go_on()
    scene.wait_for(lambda: server.asked_to_work and server.is_idle, "the server to come to its end")
    if how == "errors":
        scene.wait_for(lambda: one.events("deliver.waits"), "the worker to wait")
        scene.wait_for(lambda: one.events("pulse.missed"), "a heartbeat to be missed")
    assert scene.verdicts("portrait") == [None]
    assert scene.images("portrait", 1) == {}
    word.write_text("well")
    scene.wait_for(lambda: node_beat(scene, "w1").counter > counted, "the heartbeats to resume")
    scene.wait_for_rest(["portrait"], states=("finished",))
    assert scene.verdicts("portrait") == [DONE]
    assert server.asked_to_work == 1
    assert server.interrupts == 0
    assert not one.events("worker.fenced")
    scene.merge()
    scene.check(["portrait"])


def test_s09_share_away_for_longer_than_the_lease(open_scene, server):
    """ "Away for longer than the lease: the worker fences itself and says so." The server is interrupted, and idle."""
    scene = open_scene(**SHORT_LEASE)
    word = scene.folder / "share"
    server.hold_at(HALF)
    scene.drop("portrait", work(server))
    one = worker(scene, server, "w1", share=word)
    wait_until_held(scene, server)
    scene.wait_for(lambda: scene.runs("portrait"), "its first heartbeat")
    word.write_text("hangs")
    scene.wait_for(lambda: one.events("worker.fenced"), "the worker to fence itself")
    assert server.interrupts >= 1
    assert server.is_idle
    server.go_on()
    word.write_text("well")
    scene.wait_for_rest(["portrait"], states=("finished",))
    assert scene.verdicts("portrait") == [("failed", "share_away"), DONE]
    assert scene.manifests("portrait")[2].counts.failures == 0
    scene.merge()
    scene.check(["portrait"])


def test_s10_incomplete_output(open_scene, server):
    """ "The backend reports success with 3 of 4 images, a truncated PNG, an all-black one, or a wrong size: the attempt
    fails with the right code and a log tail."
    """
    scene = open_scene(retry=NO_RETRY)
    worker(scene, server, "w1", sick_after=0)
    lies = {
        "last": ("output_incomplete", ("3 images of 4", "left 0 images")),
        "truncated": ("output_corrupt", ("cannot be read", "cannot be decoded")),
        "black": ("output_corrupt", ("is all black",)),
        "size": ("output_corrupt", ("56x64",)),
    }
    for name, (code, messages) in lies.items():
        server.loses_last, server.spoils = name == "last", None if name == "last" else name
        asked = server.asked_to_work
        scene.drop(name, work(server, count=4))
        scene.wait_for_rest([name], states=("failed",))
        assert server.asked_to_work > asked
        verdict = scene.manifests(name)[1]
        assert (verdict.verdict.value, verdict.code.value) == ("failed", code)
        assert any(one in verdict.message for one in messages), verdict.message
        assert "txt2img: " in verdict.log_tail, f"{name}: {verdict.message}: no log tail"
        assert "lighthouse" not in verdict.log_tail
        assert verdict.outputs == ()
        assert scene.images(name, 1) == {}
    server.spoils = None
    scene.drop("after", work(server, count=4))
    scene.wait_for_rest(["after"], states=("finished",))
    scene.merge()
    scene.check([*lies, "after"])


def test_s11_instant_completion(scene, server):
    """ "The backend is done before the first progress poll: the job is done in under 2 s, not at a timeout." With the
    times that everybody has.
    """
    server.worker_options = ()
    if isinstance(server, KINDS["comfyui"]):
        server.knobs.instant = True
    one = worker(scene, server, "w1")
    scene.wait_for(lambda: doing(scene, "w1") == "idle", "the worker")
    scene.drop("portrait", work(server), folder="queue/interactive")
    scene.wait_for_rest(["portrait"], states=("finished",))
    [manifest] = scene.manifests("portrait").values()
    assert manifest.succeeded
    assert manifest.duration_s < AT_ONCE_S
    assert len(one.events("claimed")) == 1


def test_s12_stall_and_slow(open_scene, serve, kind):
    """ "The backend sticks at 67 %: interrupted after `stall_s`, checked idle, attempt fails as stalled and the job goes
    elsewhere; a slow job that progresses for hours is never touched."
    """
    scene = open_scene(retry={"attempts_max": 3, "backoff_s": 1.0, "avoid_s": 30})
    stuck, slow, stall_s = serve(), serve(), 6.0
    slow.hold_at(1)
    stuck.hold_at(STEPS * 2 // 3)
    first = worker(scene, stuck, "w1")
    worker(scene, slow, "w2")
    # Both are up before the slow job begins: for as long as it takes to start a worker it must not stand still.
    scene.wait_for(lambda: [doing(scene, one) for one in ("w1", "w2")] == ["idle"] * 2, "both")
    first.freeze()
    scene.drop("slow", work(kind, limits={"stall_s": stall_s}))
    wait_until_held(scene, slow)
    began = time.monotonic()
    first.thaw()
    scene.drop("stuck", work(kind, limits={"stall_s": stall_s}))
    wait_until_held(scene, stuck)
    for step in range(1, STEPS):
        slow.hold_at(step)
        wait_until_held(scene, slow)
        scene.wait_for(lambda s=step: progress(scene, "slow") >= s / (2 * STEPS), "its progress")
        counted = beat(scene, "slow").counter
        scene.wait_for(lambda n=counted: beat(scene, "slow").counter > n + 2, "some heartbeats")
        step_ends = began + step * 0.25 * stall_s
        scene.wait_for(
            lambda at=step_ends: time.monotonic() > at, "a quarter of what would be a stall"
        )
    slow.go_on()
    scene.wait_for_rest(["slow", "stuck"], states=("finished",))
    assert scene.verdicts("slow") == [DONE]
    assert scene.manifests("slow")[1].duration_s > stall_s
    assert slow.interrupts == 0
    stalled, won = scene.manifests("stuck").values()
    assert (stalled.worker, stalled.code.value) == ("w1", "stalled")
    assert "at 67%" in stalled.message
    assert won.worker == "w2"
    assert stuck.interrupts >= 1
    assert stuck.is_idle
    scene.merge()
    scene.check(["slow", "stuck"])


def test_s13_backend_down(open_scene, serve, kind):
    """ "Backend down: a later attempt not before its backoff, preferably elsewhere, no failure counted." Nobody claims
    while his server is down, and who comes back claims again.
    """
    scene = open_scene(retry={"attempts_max": 3, "backoff_s": 0.4, "avoid_s": 30})
    away, leaving, up = serve(), serve(), serve()
    away.leave()
    leaving.leaves_after_probe = (
        True  # it was there when it was asked, and is not when it is to work
    )
    silent = worker(scene, away, "w0")
    scene.wait_for(lambda: silent.events("backend.away"), "w0 to find its server away")
    scene.drop("portrait", work(kind))
    left = worker(scene, leaving, "w1")
    scene.wait_for(lambda: (scene.manifests("portrait") or {1: None})[1], "the first deferral")
    won = worker(scene, up, "w2")
    scene.wait_for_rest(["portrait"], states=("finished",))
    deferred, last = scene.manifests("portrait").values()
    assert (deferred.worker, deferred.code.value) == ("w1", "backend_unreachable")
    assert (last.worker, last.succeeded) == ("w2", True)
    assert (last.counts.failures, last.counts.deferrals) == (0, 1)
    [claimed] = won.events("claimed")
    assert claimed["at"] >= deferred.retry_at.isoformat(timespec="milliseconds")
    assert len(left.events("claimed")) == 1
    assert doing(scene, "w0") == "waiting"
    assert silent.events("claimed") == []
    scene.merge()
    scene.check(["portrait"])


def test_s13_backend_back(scene, server, kind):
    """A worker whose server was away when it started takes its first job once the server is there."""
    word = scene.folder / "share"
    server.leave()
    scene.drop("portrait", work(kind))
    one = worker(scene, server, "w1", share=word)
    scene.wait_for(lambda: one.events("backend.away"), "the worker to find its server away")
    assert scene.state("portrait") == "queue"
    port = int(server.url.rpartition(":")[2])
    with kind(scene.folder / "again", port):
        scene.wait_for_rest(["portrait"], states=("finished",))
        assert one.stop() == 0
    assert scene.verdicts("portrait") == [DONE]
    scene.merge()
    scene.check(["portrait"])


def test_s16_graceful_stop(scene, serve, kind):
    """ "SIGTERM: the worker claims no more and finishes its job; a second one hands the job back, and no attempt is
    counted." The server is interrupted, and idle.
    """
    once, twice = serve(), serve()
    workers = {}
    for name, server in (("once", once), ("twice", twice)):
        server.hold_at(HALF)
        scene.drop(name, work(kind, requires={"tags": [name]}))
        workers[name] = worker(scene, server, name, f"--tag={name}")
    for name, server in (("once", once), ("twice", twice)):
        wait_until_held(scene, server)
        scene.wait_for(lambda n=name: scene.runs(n), "its first heartbeat")
        scene.drop(f"{name}-next", work(kind, requires={"tags": [name]}))
        workers[name].send(signal.SIGTERM)

    def handed_back():
        if scene.verdicts("twice") == [None]:
            workers["twice"].send(signal.SIGTERM)
        return scene.verdicts("twice") != [None]

    scene.wait_for(handed_back, "the job to be handed back")
    assert twice.interrupts >= 1
    assert twice.is_idle
    scene.wait_for(lambda: doing(scene, "once") == "draining", "the other to hear it too")
    once.go_on()
    assert [one.ended() for one in workers.values()] == [0, 0]
    assert once.interrupts == 0
    assert scene.verdicts("once") == [DONE]
    assert scene.verdicts("twice") == [("returned", "handed_back")]
    counts = scene.manifests("twice")[1].counts
    assert (counts.failures, counts.crashes, counts.deferrals) == (0, 0, 0)
    assert [len(one.events("claimed")) for one in workers.values()] == [1, 1]
    twice.go_on()
    worker(scene, twice, "w3", "--tag=once", "--tag=twice")
    names = ["once", "twice", "once-next", "twice-next"]
    scene.wait_for_rest(names, states=("finished",))
    scene.merge()
    scene.check(names)


def test_s22_out_of_memory(scene, serve, kind):
    """ "The backend runs out of VRAM: the job goes to a worker with more, not back to the same." Jobs that ran out of
    memory for good are retried by one command.
    """
    small, big = serve(), serve()
    small.fails_with = small.oom
    hopeless = [f"hopeless.{number}" for number in range(3)]
    second = worker(scene, big, "w24", "--vram-gb=24")
    scene.wait_for(lambda: "w24" in nodes(scene.actor("desk")), "w24")
    scene.ctl("pause", "w24")
    scene.wait_for(lambda: second.events("worker.rests"), "w24 to pause")
    for name in hopeless:
        scene.drop(name, work(kind, limits={"attempts_max": 1}), folder="queue/interactive")
    scene.drop("portrait", work(kind))
    first = worker(scene, small, "w8", "--vram-gb=8", sick_after=0)
    scene.wait_for_rest(hopeless, states=("failed",))
    scene.wait_for(lambda: (scene.manifests("portrait") or {1: None})[1], "the first failure")
    scene.wait_for(lambda: scene.state("portrait") == "queue", "it to wait for a bigger card")
    scene.ctl("resume", "w24")
    scene.wait_for_rest(["portrait"], states=("finished",))
    failed, won = scene.manifests("portrait").values()
    assert (failed.worker, failed.code.value, failed.vram_gb_above) == ("w8", "out_of_memory", 8)
    assert "MiB free" in failed.log_tail, "no word about the card"
    assert won.worker == "w24"
    assert sum(one["job"] == "portrait" for one in first.events("claimed")) == 1
    assert first.stop() == 0
    for name in hopeless:
        assert scene.verdicts(name) == [("failed", "out_of_memory")]
    scene.ctl("retry", "--failed", "--code", "out_of_memory")
    scene.wait_for_rest(hopeless, states=("finished",))
    scene.merge()
    scene.check([*hopeless, "portrait"])


def test_s22_no_card_is_larger(scene, server):
    """ "When none has more it fails and says what it would need." """
    server.fails_with = server.oom
    scene.drop("portrait", work(server))
    worker(scene, server, "w8", "--vram-gb=8")

    scene.wait_for_rest(["portrait"], states=("failed",))

    [failed] = scene.manifests("portrait").values()
    assert "needs a card of more than 8 GB, and no worker here has one" in failed.message


def test_s23_share_full(scene, server):
    """ "ENOSPC at any write: the worker keeps its result, holds, reports, and delivers when there is room; nothing is
    marked failed for it and no partial file is taken for a whole one."
    """
    word = scene.folder / "share"
    server.hold_at(HALF)
    scene.drop("portrait", work(server, count=2))
    one = worker(scene, server, "w1", share=word)
    wait_until_held(scene, server)
    scene.wait_for(lambda: scene.runs("portrait"), "its first heartbeat")
    word.write_text("full")
    server.go_on()
    [waits, *_] = scene.wait_for(lambda: one.events("deliver.waits"), "the worker to wait")
    assert "No space left" in waits["error"]
    assert server.is_idle
    assert scene.verdicts("portrait") == [None]
    assert scene.images("portrait", 1) == {}
    word.write_text("well")
    scene.wait_for_rest(["portrait"], states=("finished",))
    assert scene.verdicts("portrait") == [DONE]
    assert len(scene.images("portrait", 1)) == 2
    asked = 2 if isinstance(server, KINDS["comfyui"]) else 1
    assert server.asked_to_work == asked, "it was made again"
    scene.merge()
    scene.check(["portrait"])


def test_s24_sick_node(open_scene, serve, kind):
    """ "A node whose backend fails every job at once: it takes three, not three hundred; the rest finish elsewhere; it
    comes back after a pilot job succeeds."
    """
    # Three different jobs fail before the first of them may be tried again, also on a busy machine.
    scene = open_scene(retry={"attempts_max": 3, "backoff_s": 8, "avoid_s": 0.5})
    sick, well, wait_s = serve(), serve(), 2.0
    sick.fails_with = sick.sick
    names = [f"night.{number}" for number in range(8)]
    for name in names:
        scene.drop(name, work(kind))
    first = worker(scene, sick, "w1", "--tag=w1", sick_wait_s=wait_s)
    scene.wait_for(lambda: doing(scene, "w1") == "sick", "w1 to be sick")
    claimed = first.events("claimed")  # a job that fails again is the same job
    assert {one["job"] for one in claimed} == {"night.0", "night.1", "night.2"}
    sick.fails_with = None
    own = ["own.1", "own.2"]
    for name in own:
        scene.drop(name, work(kind, requires={"tags": ["w1"]}), folder="queue/interactive")
    worker(scene, well, "w2")
    scene.wait_for_rest([*names, *own], states=("finished",))
    taken = len(claimed)
    ended, claimed = first.events("job.ended"), first.events("claimed")
    assert {one["code"] for one in ended[:taken]} == {"backend_rejected"}
    waited = told_at(claimed[taken]) - told_at(ended[taken - 1])
    assert waited.total_seconds() >= wait_s - 0.1, "it did not wait"
    assert [one["job"] for one in claimed[taken : taken + 2]] == own
    scene.wait_for(lambda: doing(scene, "w1") == "idle", "w1 to be well again")
    assert sum(len(scene.manifests(name)) - 1 for name in names) == taken
    scene.merge()
    scene.check([*names, *own])


def test_a_killed_server_is_started_again(scene, kind):
    """The worker starts its server by itself; that is killed in the midst of its work, is started anew, and the job is
    committed by a later attempt.
    """
    backend = "comfyui" if kind is KINDS["comfyui"] else "webui"
    port, hold = free_port(), scene.folder / "hold"
    hold.touch()
    config = own_server(scene, backend, port, hold)
    scene.drop("portrait", work(kind))
    options = [
        f"--backend-option={o}" for o in (f"url=http://127.0.0.1:{port}", *kind.worker_options)
    ]
    one = start_worker(
        scene, "w1", f"--config={config}", f"--backend={backend}", *options,
        share=scene.folder / "share",
    )  # fmt: skip
    scene.wait_for(lambda: scene.runs("portrait"), "the job to run on the worker's own server")
    scene.wait_for(lambda: progress(scene, "portrait") >= 0.2, "it to be at half")
    [started] = one.events("server.started")
    before = digest(scene.root / scene.records()["portrait"][0])
    hold.unlink()
    os.kill(started["pid"], signal.SIGKILL)
    scene.wait_for_rest(["portrait"], states=("finished",))
    lost, won = scene.manifests("portrait").values()
    assert lost.code.value in ("backend_died", "backend_unreachable")
    assert lost.counts.failures == 0
    assert won.succeeded
    assert len(one.events("server.started")) == 2
    assert one.events("server.died")
    assert digest(scene.root / scene.records()["portrait"][0]) == before
    assert one.stop() == 0
    assert one.events("server.ended"), "its server was left behind"
    scene.merge()
    scene.check(["portrait"])
