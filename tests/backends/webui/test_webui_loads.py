"""How long WebUI took to load a model, as well as can be told from outside."""

import threading

import pytest
from webui_rig import backend, order, txt2img

from spoolworker.backends.base import Watch
from spoolworker.backends.webui.loads import Loads
from tests.backends.background import LIMIT_S, Background


@pytest.mark.parametrize(
    ("loaded", "answers", "seconds"),
    [
        ("a", [("a", 1.5), ("a", 0.7)], 0.0),
        ("a", [("b", 30.0), ("b", 0.7)], 30.0),
        ("a", [("b", 30.0), ("a", 20.0)], 50.0),
        ("a", [("b", None)], None),
        ("a", [("a", None)], 0.0),
        ("a", [(None, 3.0), ("b", 30.0)], 30.0),
        (None, [("a", 30.0)], None),
        ("a", [], None),
    ],
)
def test_a_load_is_the_wait_for_the_first_step_of_another_model(loaded, answers, seconds):
    loads = Loads(loaded)
    for model, waited_s in answers:
        loads.take(model, waited_s)

    assert loads.seconds == seconds


def test_the_second_job_with_the_same_model_loads_nothing(server, tmp_path):
    made = backend(server)
    first = made.run(order(tmp_path / "1", txt2img()), Watch())
    second = made.run(order(tmp_path / "2", txt2img()), Watch())

    assert (first.load_s, second.load_s) == (None, 0.0)


def test_a_switch_of_models_is_timed_up_to_the_first_step(server, tmp_path):
    made = backend(server)
    made.run(order(tmp_path / "1", txt2img(model="sd15")), Watch())
    server.pause_at = 2
    began = threading.Event()
    watch = Watch(on_progress=lambda *_: began.set())
    running = Background(lambda: made.run(order(tmp_path / "2", txt2img(model="other")), watch))
    assert began.wait(LIMIT_S)
    server.go_on()

    assert running.join().error is None
    assert running.result.load_s > 0
