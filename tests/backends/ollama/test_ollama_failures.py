"""How the ``ollama`` backend fails, is stopped, and finds out that its server hangs."""

import itertools
import threading

import pytest
from ollama_rig import BY_HAND_S, backend, order, run, text
from ollama_standin import StandIn

from spoolctl.spool import Code, ImageWorkload
from spoolworker.backends.base import BackendError, Interrupted, Watch
from spoolworker.backends.ollama.refusals import code_of, error_of
from tests.backends.background import Background


def failure(call):
    with pytest.raises(BackendError) as caught:
        call()
    return caught.value


def test_a_model_that_is_not_there_is_missing(server, tmp_path):
    error = failure(lambda: run(server, tmp_path, text(model="huge:70b")))

    assert error.code is Code.MODEL_MISSING
    assert "huge:70b" in str(error)


def test_a_model_that_goes_between_the_question_and_the_generation_is_missing(server, tmp_path):
    server.refuse = (404, {"error": "model 'tiny' not found"})

    assert failure(lambda: run(server, tmp_path, text())).code is Code.MODEL_MISSING


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (400, {"error": '"tiny" does not support generate'}, Code.BACKEND_REJECTED),
        (403, {"error": "remote models are off"}, Code.BACKEND_UNAUTHORISED),
        (404, "404 page not found", Code.BACKEND_REJECTED),
        (500, {"error": "cudaMalloc failed: out of memory"}, Code.OUT_OF_MEMORY),
        (500, {"error": "llama runner process has terminated: ErrorOutOfMemory"}, Code.OUT_OF_MEMORY),
        (500, {"error": "model requires more system memory (9.1 GiB) than is available (3.4 GiB)"}, Code.OUT_OF_HOST_MEMORY),
        (500, {"error": "llama runner process has terminated: exit status 2"}, Code.BACKEND_REJECTED),
        (503, {"error": "server busy, please try again.  maximum pending requests exceeded"}, Code.BACKEND_UNREACHABLE),
        (302, "elsewhere", Code.BACKEND_REJECTED),
    ],
)  # fmt: skip
def test_each_refusal_has_its_code_and_the_servers_words(server, tmp_path, status, said, code):
    server.refuse = (status, said)
    error = failure(lambda: run(server, tmp_path, text()))

    assert error.code is code
    words = said["error"] if isinstance(said, dict) else said
    assert words in (error_of(error.log_tail) or error.log_tail)


def test_an_error_in_the_midst_of_a_text_that_began_well_is_heard(server, tmp_path):
    server.error_at = (
        3,
        "an error was encountered while running the model: CUDA error: out of memory",
    )
    error = failure(lambda: run(server, tmp_path, text()))

    assert error.code is Code.OUT_OF_MEMORY
    assert "CUDA error" in str(error)


def test_an_error_before_the_first_token_is_heard(server, tmp_path):
    server.error_at = (0, "unable to load model")

    assert failure(lambda: run(server, tmp_path, text())).code is Code.BACKEND_REJECTED


def test_a_server_that_is_killed_in_the_midst_has_died(server, tmp_path):
    server.break_at = 3
    error = failure(lambda: run(server, tmp_path, text()))

    assert error.code is Code.BACKEND_DIED
    assert "went away" in str(error)


def test_a_stream_that_ends_without_saying_so_left_half_a_text(server, tmp_path):
    server.ends_early = True

    assert failure(lambda: run(server, tmp_path, text())).code is Code.OUTPUT_INCOMPLETE


def test_a_text_by_another_model_is_not_taken(server, tmp_path):
    server.says_model = "huge:70b"

    assert failure(lambda: run(server, tmp_path, text())).code is Code.MODEL_SWITCHED_WRONGLY


def test_a_model_by_its_long_name_is_the_same_model(server, tmp_path):
    server.says_model = "tiny:latest"

    assert run(server, tmp_path, text()).made


def test_a_server_that_is_not_there_is_unreachable(tmp_path):
    with StandIn() as gone:
        pass
    made = backend(gone)

    assert failure(made.probe).code is Code.BACKEND_UNREACHABLE
    assert failure(lambda: run(gone, tmp_path, text())).code is Code.BACKEND_UNREACHABLE


def test_an_image_is_not_its_business(server, tmp_path):
    job = ImageWorkload.model_validate(
        {"kind": "image", "stages": [{"stage": "txt2img"}]}, strict=False
    )
    error = failure(lambda: backend(server).run(order(tmp_path, job.stages[0]), Watch()))

    assert error.code is Code.BACKEND_REJECTED


def test_no_space_left_is_told_as_such(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)

    assert failure(lambda: run(server, tmp_path, text())).code is Code.SCRATCH_FULL


# -- stopping


def test_an_interrupt_breaks_the_generation_off_and_waits_until_the_model_has_left(
    server, tmp_path
):
    server.hold_at = 3
    watch = Watch()
    going = Background(lambda: run(server, tmp_path, text(), watch=watch))
    assert server.held.wait(BY_HAND_S)
    watch.interrupted.set()
    going.join()

    assert isinstance(going.error, Interrupted)
    assert server.cancelled.is_set()
    assert server.loaded == {}
    assert len(server.generations()) == 1


def test_an_interrupt_while_the_model_still_loads_and_nothing_was_answered_yet_does_too(
    server, tmp_path
):
    server.hold_at = 0
    watch = Watch()
    going = Background(lambda: run(server, tmp_path, text(), watch=watch))
    assert server.held.wait(BY_HAND_S)
    watch.interrupted.set()

    assert isinstance(going.join().error, Interrupted)
    assert server.cancelled.is_set()


def test_a_server_that_works_on_is_waited_for(server, tmp_path):
    server.hold_at, server.deaf = 3, True
    watch = Watch()
    going = Background(lambda: run(server, tmp_path, text(), watch=watch))
    assert server.held.wait(BY_HAND_S)
    watch.interrupted.set()
    server.wait_until_asked("/api/ps", 5)
    still_waiting = going.thread.is_alive()
    server.go_on()

    assert isinstance(going.join().error, Interrupted)
    assert still_waiting
    assert server.loaded == {}


def test_a_server_that_died_meanwhile_is_at_rest(tmp_path):
    with StandIn(hold_at=3) as server:
        watch = Watch()
        going = Background(lambda: run(server, tmp_path, text(), watch=watch))
        assert server.held.wait(BY_HAND_S)
        server.server.socket.close()
        watch.interrupted.set()

        assert isinstance(going.join().error, Interrupted)


def test_an_interrupt_between_two_texts_makes_no_further_one(server, tmp_path):
    watch = Watch(on_progress=lambda fraction, _stage: fraction >= 0.5 and watch.interrupted.set())

    with pytest.raises(Interrupted):
        run(server, tmp_path, text(count=2), watch=watch)
    assert not (tmp_path / "work" / "0001-1-text.txt").exists()
    assert len(server.generations()) == 1


# -- silence


class Leaps:
    """A clock that leaps at every look."""

    def __init__(self, by):
        self.ticks = itertools.count(step=by)
        self.lock = threading.Lock()

    def __call__(self):
        with self.lock:
            return float(next(self.ticks))


def test_a_long_silence_of_a_server_that_lives_is_borne(server, tmp_path):
    server.hold_at = 0
    going = Background(lambda: run(server, tmp_path, text(), clock=Leaps(40), silence_s=60))
    server.wait_until_asked("/api/version", 4)
    server.go_on()

    assert going.join().error is None


def test_a_server_that_is_silent_and_answers_nothing_else_either_hangs(
    server, tmp_path, monkeypatch
):
    monkeypatch.setattr("spoolworker.backends.ollama.client._SHORT_S", 0.2)
    server.hold_at = 0
    going = Background(lambda: run(server, tmp_path, text(), clock=Leaps(40), silence_s=60))
    assert server.held.wait(BY_HAND_S)
    server.silent = True
    going.join()

    assert going.error.code is Code.BACKEND_UNREACHABLE
    assert "silent" in str(going.error)


# -- pure


def test_an_error_is_only_what_ollama_calls_one():
    assert error_of('{"error": "no"}') == "no"
    for other in (
        "",
        "<html>",
        "[]",
        '{"error": {"a": 1}}',
        '{"detail": "Not Found"}',
        "[" * 100_000,
    ):
        assert error_of(other) is None


def test_a_page_that_is_not_found_is_not_a_model_that_is_missing():
    assert code_of(404, None) is Code.BACKEND_REJECTED
