"""One evening on a real WebUI and a real ComfyUI, which the worker starts itself: every stage, another model, a killed server, a cancel.

Runs where a server can be started: ``SPOOL_TEST_WEBUI`` or ``SPOOL_TEST_COMFYUI`` is the address where it will listen, and
``SPOOL_TEST_WEBUI_START`` or ``SPOOL_TEST_COMFYUI_START`` its program and arguments as a JSON list. It needs two checkpoints, and random
weights do; a processor does, too (some minutes). What a server says and does in detail is in ``tests/backends``, on real ones as well.
"""

import json
import os
import subprocess
import sys

import psutil
import pytest
import requests
from at_servers import doing, progress, start_worker
from processes import REPOSITORY, job_text

from spoolctl.spool import nodes

DONE, DIED, CANCELLED = ("succeeded", None), ("failed", "backend_died"), ("cancelled", "requested")
SLOW_S = 240
"""A server that starts, or loads a model, on a processor."""


@pytest.fixture(params=["webui", "comfyui"])
def backend(request):
    name = f"SPOOL_TEST_{request.param.upper()}"
    if not os.environ.get(name) or not os.environ.get(f"{name}_START"):
        pytest.skip(f"no real server: {name} and {name}_START say nothing")
    return request.param


@pytest.fixture
def evening(scene, backend):
    return Evening(scene, backend)


class Evening:
    """A worker, and the real server that it starts."""

    def __init__(self, scene, backend):
        name = f"SPOOL_TEST_{backend.upper()}"
        self.scene, self.backend, self.url = scene, backend, os.environ[name].rstrip("/")
        self.config = scene.folder / "worker.toml"
        start = json.dumps(json.loads(os.environ[f"{name}_START"]))
        self.config.write_text(f"[server]\nstart = {start}\ngrace_s = {SLOW_S}\n")
        self.flags = (
            f"--config={self.config}",
            f"--backend={backend}",
            f"--backend-option=url={self.url}",
        )
        self.worker = start_worker(scene, "w1", *self.flags)
        scene.wait_for(
            lambda: self.card and doing(scene, "w1") == "idle", "the server to answer", SLOW_S
        )

    @property
    def card(self):
        return nodes(self.scene.actor()).get("w1", (None, None))[0]

    @property
    def models(self):
        first, second = dict.fromkeys(model.name for model in self.card.models)
        return first, second

    def drop(self, name, *more, model=None, steps=2, seed=7, **keys):
        first = {
            "stage": "txt2img", "prompt": "a lighthouse", "model": model or self.models[0], "seed": seed, "steps": steps,
            "width": 64, "height": 64,
        }  # fmt: skip
        self.scene.drop(
            name, job_text(workload={"kind": "image", "stages": [first, *more]}, **keys)
        )

    def wait_until_in_the_midst(self, name):
        scene = self.scene
        scene.wait_for(lambda: scene.runs(name), f"{name} to be claimed", SLOW_S)
        scene.wait_for(lambda: 0.05 < progress(scene, name) < 0.9, f"{name} to get on", SLOW_S)

    def rests(self, name):
        self.scene.wait_for_rest([name], SLOW_S, states=("finished", "failed", "cancelled"))
        return self.scene.verdicts(name)

    def kill_server(self):
        told = json.loads((self.scene.folder / "scratch" / "w1" / "server-w1.json").read_text())
        leader = psutil.Process(told["pid"])
        for one in (*leader.children(recursive=True), leader):
            one.kill()

    def check_backend(self):
        """What ``spoolworker check-backend`` says beside the worker, whose server it uses."""
        command = [
            sys.executable, "-m", "spoolworker.cli", "check-backend", "--spool", str(self.scene.root), "--name", "w1", *self.flags,
        ]  # fmt: skip
        return subprocess.run(
            command, capture_output=True, text=True, timeout=SLOW_S, check=True, cwd=REPOSITORY,
            env=self.scene.environment(),
        ).stdout  # fmt: skip

    def is_idle(self):
        if self.backend == "webui":
            state = requests.get(f"{self.url}/sdapi/v1/progress", timeout=20).json()["state"]
            return not state["job_count"]
        queue = requests.get(f"{self.url}/queue", timeout=20).json()
        return not queue["queue_running"] and not queue["queue_pending"]


def test_an_evening_on_a_real_server(evening):
    scene = evening.scene
    first, second = evening.models
    evening.drop(
        "chain", {"stage": "img2img", "denoising_strength": 0.5}, {"stage": "upscale", "factor": 2}
    )
    assert evening.rests("chain") == [DONE]
    made = scene.manifests("chain")[1]
    assert [one.stage for one in made.stages] == ["txt2img", "img2img", "upscale"]
    assert [(one.width, one.height, one.seed_actual) for one in made.images] == [(128, 128, 7)]
    assert first.rpartition(".")[0] in made.backend.model

    evening.drop("other-model", model=second)
    assert evening.rests("other-model") == [DONE]
    assert second.rpartition(".")[0] in scene.manifests("other-model")[1].backend.model

    evening.drop("killed", model=second, steps=150)
    evening.wait_until_in_the_midst("killed")
    evening.kill_server()
    assert evening.rests("killed") == [DIED, DONE]
    assert len(evening.worker.events("server.started")) == 2

    # Of another seed: ComfyUI answers what it made before from its memory, at once.
    evening.drop("cancelled", model=second, steps=150, seed=8)
    evening.wait_until_in_the_midst("cancelled")
    scene.ctl("cancel", "cancelled")
    assert evening.rests("cancelled") == [CANCELLED]
    assert evening.is_idle(), "it works on for nobody"

    evening.drop("next", model=second)
    assert evening.rests("next") == [DONE]
    said = evening.check_backend()
    assert "one image of 256x256 in 4 steps" in said
    assert first.rpartition(".")[0] in said
    scene.merge()
    scene.check(["chain", "other-model", "killed", "cancelled", "next"])
    assert evening.worker.stop(60) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(evening.url, timeout=20)  # ended with the worker that started it
