"""A run while it runs: progress, previews, cancelling, a server that hangs, dies or belongs to somebody else."""

import base64
import threading

import pytest
from webui_rig import backend, img2img, order, picture_file, run, txt2img, upscale
from webui_standin import StandIn, decode

from spoolctl.spool import Code
from spoolworker.backends.base import BackendError, Interrupted, Watch
from tests.backends.background import Background


class Seen:
    """What a watch was told, and a way to wait for more."""

    def __init__(self):
        self.changed = threading.Condition()
        self.shares, self.previews = [], []
        self.watch = Watch(on_progress=self._progress, on_preview=self._preview)

    def _progress(self, share, stage):
        with self.changed:
            self.shares.append((round(share, 3), stage))
            self.changed.notify_all()

    def _preview(self, image):
        with self.changed:
            self.previews.append(image)
            self.changed.notify_all()

    def wait_for(self, condition):
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self), timeout=30)


@pytest.fixture(params=["api only", "with page"])
def paused(request):
    """A server that holds every job at its second of four steps."""
    with StandIn(ui=request.param == "with page") as standin:
        standin.pause_at = 2
        yield standin


def test_progress_is_that_of_the_whole_chain(paused, tmp_path):
    seen = Seen()
    running = Background(lambda: run(paused, tmp_path, txt2img(), upscale(), watch=seen.watch))
    seen.wait_for(lambda s: s.shares)

    assert 0.24 <= seen.shares[0][0] <= 0.26, "half of the first of two stages"
    paused.go_on()
    assert running.join().error is None
    assert seen.shares[-2:] == [(0.5, "txt2img"), (1.0, "upscale")]


def test_progress_counts_the_images_of_a_request(paused, tmp_path):
    seen = Seen()
    running = Background(lambda: run(paused, tmp_path, txt2img(count=2), watch=seen.watch))
    seen.wait_for(lambda s: s.shares)

    assert 0.24 <= seen.shares[0][0] <= 0.26
    paused.go_on()
    assert running.join().error is None


def test_progress_only_grows(server, tmp_path):
    seen = Seen()
    run(server, tmp_path, txt2img(count=9), img2img(seed=None), watch=seen.watch)

    shares = [share for share, _ in seen.shares]
    assert shares == sorted(set(shares))
    assert shares[-1] == 1.0


def test_what_a_failed_upscale_left_standing_is_not_taken_for_progress(server, tmp_path):
    # A failed extras call leaves job_count 1 and progress 1.0 until the next job.
    server.state.update(job="Upscale", job_count=1, job_no=1, job_timestamp="stuck")
    seen = Seen()
    made = backend(server)
    made._client.refresh()
    with server.queue_lock:  # our request waits, as for a model that loads
        made._line.sure = True
        made._line.make_idle = lambda _watch: None
        running = Background(lambda: made.run(order(tmp_path, txt2img()), seen.watch))
        server.wait_until_asked("txt2img")
        server.wait_until_asked("progress", times=10)
        assert seen.shares == []
    assert running.join().error is None


def test_previews_are_handed_on_and_are_pictures(paused, tmp_path):
    seen = Seen()
    options = {"preview_s": 0.001}
    running = Background(
        lambda: run(paused, tmp_path, txt2img(), watch=seen.watch, options=options)
    )
    seen.wait_for(lambda s: s.previews)
    paused.go_on()

    assert running.join().error is None
    assert decode(base64.b64encode(seen.previews[0]).decode()).size == (8, 8)


def test_no_preview_is_asked_for_that_nobody_wants(paused, tmp_path):
    seen = Seen()
    running = Background(lambda: run(paused, tmp_path, txt2img(), watch=seen.watch))
    seen.wait_for(lambda s: s.shares)
    paused.go_on()

    assert running.join().error is None
    assert seen.previews == []


def test_an_interrupt_stops_our_request_and_the_server_is_idle_afterwards(paused, tmp_path):
    seen = Seen()
    running = Background(lambda: run(paused, tmp_path, txt2img(count=3), watch=seen.watch))
    paused.wait_until_paused()

    seen.watch.interrupted.set()

    assert isinstance(running.join().error, Interrupted)
    assert paused.is_idle
    assert len(paused.posts("txt2img")) == 1


def test_an_interrupt_between_requests_sends_no_more(server, tmp_path):
    watch = Watch()
    watch.on_stage = lambda _made, _timing: watch.interrupted.set()

    with pytest.raises(Interrupted):
        run(server, tmp_path, txt2img(), upscale(), watch=watch)

    assert server.posts("extra-single-image") == []


def test_an_interrupt_while_the_request_only_waits_is_repeated_until_it_is_heard(
    paused, tmp_path, monkeypatch
):
    # The server clears the flag when a job begins, so one that comes before is lost.
    monkeypatch.setattr("spoolworker.backends.webui.posting._INTERRUPT_EVERY_S", 0.01)
    watch = Watch()
    made = backend(paused)
    made.run(
        order(tmp_path / "first", upscale(), inputs=[picture_file(tmp_path / "in.png")]), Watch()
    )
    with paused.queue_lock:
        running = Background(lambda: made.run(order(tmp_path, txt2img()), watch))
        paused.wait_until_asked("txt2img")
        watch.interrupted.set()
        paused.wait_until_asked("interrupt")

    assert isinstance(running.join().error, Interrupted)
    assert paused.is_idle


def test_a_connection_that_breaks_in_mid_request_leaves_nothing_running(server, tmp_path):
    server.pause_at = 2
    server.drop_next = True

    with pytest.raises(BackendError) as caught:
        run(server, tmp_path, txt2img())

    assert caught.value.code is Code.BACKEND_DIED
    assert "went away in the midst" in str(caught.value)
    assert server.posts("interrupt")
    assert server.is_idle
    assert len(server.posts("txt2img")) == 1, "never sent twice"


def test_a_cancel_that_meets_a_broken_connection_still_leaves_the_server_idle(server, tmp_path):
    server.pause_at = 2
    server.drop_next = True
    watch = Watch()
    watch.interrupted.clear()
    made = backend(server)
    send = made._client.generate

    def cancelled_meanwhile(path, body):
        watch.interrupted.set()
        return send(path, body)

    made._client.generate = cancelled_meanwhile
    with pytest.raises(Interrupted):
        made.run(order(tmp_path, txt2img()), watch)

    assert server.is_idle


def test_a_server_that_is_killed_in_mid_request_has_died(tmp_path):
    with StandIn() as standin:
        standin.pause_at = 2
        made = backend(standin)
        running = Background(lambda: made.run(order(tmp_path, txt2img()), Watch()))
        standin.wait_until_paused()
        standin.kill()
        error = running.join().error

    assert isinstance(error, BackendError)
    assert error.code is Code.BACKEND_DIED
    with pytest.raises(BackendError) as caught:
        made.probe()
    assert caught.value.code is Code.BACKEND_UNREACHABLE


def test_a_server_that_answers_nothing_for_too_long_hangs(server, tmp_path, monkeypatch):
    server.pause_at = 2
    made = backend(server, silent_s=0.2)
    running = Background(lambda: made.run(order(tmp_path, txt2img()), Watch()))
    server.wait_until_paused()
    monkeypatch.setattr("spoolworker.backends.webui.client._LIGHT_S", 0.05)
    server.hung.set()

    error = running.join().error

    assert isinstance(error, BackendError)
    assert error.code is Code.STALLED
    assert made._line.sure is False


def test_a_server_that_is_gone_without_a_word_to_our_request_has_died(tmp_path, monkeypatch):
    # Its machine lost its power, or its network: nothing ever closes our connection.
    monkeypatch.setattr("spoolworker.backends.webui.posting._NEWS_S", 0.01)
    with StandIn() as standin:
        standin.pause_at = 2
        made = backend(standin, silent_s=0.1)
        running = Background(lambda: made.run(order(tmp_path, txt2img()), Watch()))
        standin.wait_until_paused()
        standin.stop_listening()
        error = running.join().error

    assert isinstance(error, BackendError)
    assert error.code is Code.BACKEND_DIED
    assert made._line.sure is False


def test_what_a_hung_server_still_does_is_stopped_before_the_next_job(
    server, tmp_path, monkeypatch
):
    server.pause_at = 2
    made = backend(server, silent_s=0.2)
    running = Background(lambda: made.run(order(tmp_path, txt2img()), Watch()))
    server.wait_until_paused()
    monkeypatch.setattr("spoolworker.backends.webui.client._LIGHT_S", 0.05)
    server.hung.set()
    running.join()
    with server.changed:
        server.hung.clear()
        server.changed.notify_all()
    monkeypatch.setattr("spoolworker.backends.webui.client._LIGHT_S", 5.0)

    next_one = Background(
        lambda: made.run(
            order(tmp_path, upscale(), inputs=[picture_file(tmp_path / "a.png")]), Watch()
        )
    )

    assert next_one.join().error is None
    assert server.posts("interrupt")
    server.go_on()


def in_the_midst_of_another(server):
    """The server works on a request that is not ours."""
    server.pause_at = 2
    theirs = Background(
        lambda: backend(server)._client.generate(
            "txt2img", {"prompt": "x", "steps": 4, "width": 64, "height": 64}
        )
    )
    server.wait_until_paused()
    return theirs


def test_an_orphan_of_a_worker_that_died_is_interrupted_first(server, tmp_path):
    orphan = in_the_midst_of_another(server)
    file = picture_file(tmp_path / "a.png")

    product = run(server, tmp_path, upscale(), inputs=[file])

    assert len(product.made) == 1
    assert orphan.join().error is None


def test_another_programs_job_is_waited_for_if_the_server_is_shared(server, tmp_path):
    theirs = in_the_midst_of_another(server)

    with pytest.raises(BackendError) as caught:
        run(server, tmp_path, txt2img(), options={"exclusive": False, "idle_wait_s": 0.05})

    assert caught.value.code is Code.BACKEND_UNREACHABLE
    assert server.posts("interrupt") == []
    server.go_on()
    assert theirs.join().error is None


def test_a_job_may_be_cancelled_while_it_waits_for_another_program(server, tmp_path):
    theirs = in_the_midst_of_another(server)
    watch = Watch()
    watch.interrupted.set()

    with pytest.raises(Interrupted):
        run(server, tmp_path, txt2img(), watch=watch, options={"exclusive": False})

    server.go_on()
    assert theirs.join().error is None


def test_an_instant_server_is_no_trouble(server, tmp_path):
    product = run(server, tmp_path, txt2img(), options={"poll_s": 60})

    assert len(product.made) == 1


def test_no_two_requests_bear_one_task(server, tmp_path):
    run(server, tmp_path, txt2img(count=9), attempt="s1-a2")

    tasks = [post["force_task_id"] for post in server.posts("txt2img")]
    assert tasks == ["spool-s1-a2-1", "spool-s1-a2-2", "spool-s1-a2-3"]


def test_a_full_scratch_disk_is_told_as_such(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)

    with pytest.raises(BackendError) as caught:
        run(server, tmp_path, txt2img())

    assert caught.value.code is Code.SCRATCH_FULL


@pytest.mark.parametrize(
    ("content", "code"), [(None, Code.INPUT_MISSING), (b"no picture", Code.BAD_JOB)]
)
def test_an_input_that_is_no_picture_is_the_jobs_fault(server, tmp_path, content, code):
    file = tmp_path / "in.png"
    if content:
        file.write_bytes(content)

    with pytest.raises(BackendError) as caught:
        run(server, tmp_path, img2img(), inputs=[file])

    assert caught.value.code is code


def test_on_a_shared_server_our_own_job_can_be_cancelled(tmp_path):
    with StandIn(ui=True) as standin:
        standin.pause_at = 2
        watch = Watch()
        options = {"exclusive": False}
        running = Background(
            lambda: run(standin, tmp_path, txt2img(), watch=watch, options=options)
        )
        standin.wait_until_paused()
        watch.interrupted.set()

        assert isinstance(running.join().error, Interrupted)
        assert standin.is_idle


def test_on_a_shared_server_anothers_job_is_not_interrupted_for_ours_that_waits(tmp_path):
    with StandIn(ui=True) as standin:
        watch = Watch()
        made = backend(standin, exclusive=False)
        made._line.make_idle = lambda _watch: setattr(standin, "pause_at", 2)
        body = {"prompt": "x", "steps": 4, "width": 64, "height": 64, "force_task_id": "theirs"}
        standin.pause_at = 2
        theirs = Background(lambda: made._client.generate("txt2img", body))
        standin.wait_until_paused()
        ours = Background(
            lambda: made.run(
                order(tmp_path, img2img(), inputs=[picture_file(tmp_path / "a.png")]), watch
            )
        )
        standin.wait_until_asked("img2img")
        watch.interrupted.set()
        standin.wait_until_asked("/internal/progress", times=5)
        assert standin.posts("interrupt") == []
        standin.go_on()
        assert theirs.join().error is None
        ours.join()
