"""One suite against the stand-in and, unchanged, against a real Ollama whose address stands in ``SPOOL_TEST_OLLAMA``.

The real one is used as by a worker that has it for itself. It needs one model, the first that it lists; which one says
``SPOOL_TEST_OLLAMA_MODEL``.
"""

import json
import os
import threading

import pytest
from ollama_rig import order, picture_file
from ollama_standin import StandIn

from spoolctl.spool import Code, TextWorkload
from spoolworker.backends import open_backend
from spoolworker.backends.base import BackendError, Interrupted, Watch
from tests.backends.background import Background

LONG = 2_000
"""Tokens that no server is done with before it is interrupted."""


class Place:
    """A server to test against."""

    def __init__(self, url, standin):
        self.standin = standin
        self.backend = open_backend("ollama", {"url": url})
        self.found = self.backend.probe()
        self.model = os.environ.get("SPOOL_TEST_OLLAMA_MODEL") if standin is None else None
        self.model = self.model or self.found.models[0].name

    def run(self, tmp_path, *inputs, watch=None, **said):
        fields = {
            "kind": "text",
            "model": self.model,
            "prompt": "Describe a lighthouse.",
            "seed": 7,
            "num_predict": 8,
        }
        workload = TextWorkload(**{**fields, **said})
        return self.backend.run(order(tmp_path, workload, *inputs), watch or Watch())


@pytest.fixture(params=["stand-in", "real"])
def place(request):
    if request.param == "real":
        address = os.environ.get("SPOOL_TEST_OLLAMA")
        if not address:
            pytest.skip("SPOOL_TEST_OLLAMA names no real server")
        yield Place(address, None)
        return
    with StandIn() as standin:
        yield Place(standin.url, standin)


def failure(call):
    with pytest.raises(BackendError) as caught:
        call()
    return caught.value


def test_it_tells_version_and_models_with_their_digests(place):
    assert place.found.version
    assert all(len(one.sha256 or "") == 64 for one in place.found.models)


def test_a_prompt_becomes_a_text(place, tmp_path):
    (made,) = place.run(tmp_path).made

    assert made.path.read_text("utf-8").strip()
    assert place.model in (name.name for name in place.backend.probe().models)


def test_the_model_is_loaded_afterwards(place, tmp_path):
    place.run(tmp_path)

    assert place.backend.probe().loaded_model in (place.model, f"{place.model}:latest")


def test_two_runs_with_one_seed_and_no_warmth_say_the_same(place, tmp_path):
    first, second = (
        place.run(tmp_path / name, options={"temperature": 0.0}).made[0] for name in ("a", "b")
    )

    assert first.path.read_bytes() == second.path.read_bytes()


def test_a_text_that_is_cut_at_its_length_is_told(place, tmp_path):
    assert place.run(tmp_path, num_predict=2).warnings == ("text 0 was cut at 2 tokens",)


def test_json_is_json(place, tmp_path):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    (made,) = place.run(tmp_path, format=schema, num_predict=500).made

    assert json.loads(made.path.read_text("utf-8")) is not None


def test_a_model_that_is_not_there_is_missing(place, tmp_path):
    error = failure(lambda: place.run(tmp_path, model="no-such-model:1b"))

    assert error.code is Code.MODEL_MISSING


def test_a_blind_model_is_not_shown_an_image(place, tmp_path):
    image = picture_file(tmp_path / "one.png")
    if any("llava" in one.name for one in place.found.models) and place.standin is None:
        pytest.skip("the real server's model can see")

    assert failure(lambda: place.run(tmp_path, image)).code is Code.BAD_JOB


def test_thinking_of_a_model_that_does_not_think_is_refused(place, tmp_path):
    assert failure(lambda: place.run(tmp_path, think=True)).code is Code.BACKEND_REJECTED


def test_a_prompt_that_is_too_long_is_refused(place, tmp_path):
    error = failure(lambda: place.run(tmp_path, prompt="word " * 900, options={"num_ctx": 256}))

    assert error.code is Code.BACKEND_REJECTED


def test_an_interrupt_in_the_midst_leaves_the_server_idle(place, tmp_path):
    grew = threading.Event()
    watch = Watch(on_progress=lambda _f, _s: grew.set())
    if place.standin:
        place.standin.hold_at, place.standin.ends_after = 4, LONG
    said = {"num_predict": LONG, "prompt": "Count from 1 to 1000, in words."}
    going = Background(lambda: place.run(tmp_path, watch=watch, **said))
    assert grew.wait(300)
    watch.interrupted.set()
    going.join()

    assert isinstance(going.error, Interrupted)
    assert place.backend.probe().loaded_model is None


def test_it_works_after_an_interrupt(place, tmp_path):
    watch = Watch()
    watch.interrupted.set()
    with pytest.raises(Interrupted):
        place.run(tmp_path, watch=watch)

    assert place.run(tmp_path).made
