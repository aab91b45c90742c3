"""A backend is tried out with one tiny job, and a person sees what this worker would take."""

import dataclasses

import pytest

from spoolctl.spool import Code, ModelHere
from spoolworker.backends.base import BackendError
from spoolworker.backends.drills import Drills
from spoolworker.backends.sketch import Sketch
from spoolworker.config import Config
from spoolworker.gpus import GpuReading
from spoolworker.trial import try_backend, would_claim
from tests.spool.spool_world import World

JOB = (
    b"schema: spool.job/1\n%sworkload: {kind: image, stages: [{stage: txt2img, prompt: x}]}\n...\n"
)


class Listing(Sketch):
    """A backend that tells what it has."""

    asked_for = None

    def probe(self):
        models = (ModelHere(name="sdxl"), ModelHere(name="turbo"))
        return dataclasses.replace(
            super().probe(), models=models, loras=tuple(f"lora{i}" for i in range(11)), upscalers=()
        )

    def run(self, order, watch):
        self.asked_for = order.stages[0].model
        return super().run(order, watch)


def test_what_it_can_do_is_told_and_one_image_is_made():
    lines = []
    backend = Listing()

    try_backend(backend, lines.append)

    assert "models: sdxl, turbo" in lines
    assert "LoRAs: lora0, lora1, lora2, lora3, lora4, lora5, lora6, lora7 and 3 more" in lines
    assert "upscalers: none" in lines
    assert lines[-1].startswith("one image of 256x256 in 4 steps: ")
    assert backend.asked_for == "sdxl"


def test_another_model_may_be_tried():
    backend = Listing()

    try_backend(backend, lambda _: None, model="turbo")

    assert backend.asked_for == "turbo"


@pytest.mark.parametrize(
    ("drill", "code"),
    [
        ({"unreachable": True}, Code.BACKEND_UNREACHABLE),
        ({"fail": Code.OUT_OF_MEMORY}, Code.OUT_OF_MEMORY),
        ({"truncate": True}, Code.OUTPUT_CORRUPT),
        ({"short_by": 1}, Code.OUTPUT_INCOMPLETE),
    ],
)
def test_what_goes_wrong_is_told_with_its_code(drill, code):
    with pytest.raises(BackendError) as caught:
        try_backend(Sketch(Drills(**drill)), lambda _: None)

    assert caught.value.code is code


def test_each_waiting_job_is_told_with_every_reason_and_nothing_is_claimed(tmp_path):
    world = World()
    world.drop("a", JOB % b"requires: {vram_gb: 24, tags: [big]}\n")
    world.drop("b", JOB % b"")
    world.drop("c", b"x: [\n", folder="queue/batch")
    before = world.share.tree()
    config = Config(spool=tmp_path, name="w1", scratch=tmp_path, log_folder=tmp_path, vram_gb=8)
    backend = Sketch()

    lines = list(would_claim(world.actor("desk"), config, backend, backend.probe(), GpuReading(())))

    assert lines[:2] == [
        "queue/normal/a.yaml: no: 8 of 24 GB; tag big missing",
        "queue/normal/b.yaml: yes",
    ]
    assert lines[2].startswith("queue/batch/c.yaml: is no job that could run: ")
    assert world.share.tree() == before


def test_what_only_the_backend_knows_is_told_too(tmp_path):
    world = World()
    world.drop("a", JOB % b"")
    config = Config(spool=tmp_path, name="w1", scratch=tmp_path, log_folder=tmp_path)
    backend = Sketch()
    backend.misfits = lambda _stages: ("node 'KSampler' missing",)

    (line,) = would_claim(world.actor("desk"), config, backend, backend.probe(), GpuReading(()))

    assert line == "queue/normal/a.yaml: no: node 'KSampler' missing"


def test_an_empty_spool_is_told(tmp_path):
    config = Config(spool=tmp_path, name="w1", scratch=tmp_path, log_folder=tmp_path)
    backend = Sketch()

    found = would_claim(World().actor("desk"), config, backend, backend.probe(), GpuReading(()))

    assert list(found) == ["no job waits"]
