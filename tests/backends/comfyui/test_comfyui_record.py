"""The record of a job with a workflow of its own."""

import copy
import json

import pytest
from comfyui_rig import WORKFLOW, WORKLOAD

from spoolctl.controller.learning import corpus_records
from spoolctl.scheduling.fit import misfits
from spoolctl.spool import (
    BadRecord,
    ComfyUIWorkload,
    Manifest,
    Node,
    decode,
    encode,
    images_asked,
    needs_inputs,
    parse_job,
    stages_of,
)
from spoolctl.spool.records import Job


def job(**workload):
    return Job.model_validate({"schema": "spool.job/1", "workload": {**WORKLOAD, **workload}})


def test_a_workflow_is_a_chain_of_one_stage_and_says_how_many_images_it_leaves():
    one = job()

    [stage] = stages_of(one)
    assert isinstance(stage, ComfyUIWorkload)
    assert stage.stage == "comfyui"
    assert images_asked(one, inputs=1) == 3
    assert needs_inputs(one)
    assert not needs_inputs(job(inputs={}))
    assert "KSampler" in stage.classes


def test_it_survives_writing_and_reading():
    assert decode(Job, encode(job())) == job()


def test_it_tells_what_a_sampling_stage_tells():
    said = job().workload.said

    assert said.prompt == "a dog"
    assert said.model == "mini-b.safetensors"  # stands in the workflow
    assert said.seed == -1
    assert job(inputs={"prompt": {"node": "6", "field": "positive"}}).workload.said.prompt is None


def test_only_workers_with_the_backend_and_the_model_fit():
    about = {
        "schema": "spool.node/1", "worker": "w", "session": "s", "machine": "m", "protocol": 1, "version": "1",
        "backend": "comfyui", "stages": ("comfyui",), "models": ({"name": "other"},), "started_at": "2026-11-20T00:00:00Z",
    }  # fmt: skip
    node = Node.model_validate(about, strict=False)

    assert misfits(job(), node) == ("model mini-b.safetensors missing",)
    webui = node.model_copy(update={"stages": ("txt2img",), "models": None})
    assert misfits(job(), webui) == ("stage comfyui missing",)


def test_the_corpus_learns_what_the_workflow_says():
    about = {
        "schema": "spool.manifest/1", "name": "x", "attempt": 1, "verdict": "succeeded", "by": "w", "day": "2026-11-20",
        "final": True, "outputs": [{
            "path": "a1/0000-1-comfyui.png", "bytes": 1, "sha256": "0" * 64, "stage": "comfyui", "image_index": 0,
            "width": 64, "height": 64, "seed_actual": 7,
        }],
    }  # fmt: skip
    manifest = Manifest.model_validate_json(json.dumps(about))

    [record] = corpus_records(
        spool_id="s", location_of_results="results/singles/x", job=job(), manifest=manifest
    )

    assert record["base_config"]["prompt"] == "a dog"
    assert record["primary_model"] == "mini-b.safetensors"
    assert record["stage_plan"] == ["comfyui"]
    assert record["metadata"]["seed"] == 7


EDITOR = b"""schema: spool.job/1
workload:
  kind: comfyui
  workflow: {nodes: [], links: []}
  outputs: {"1": {}}
...
"""


def test_the_editors_own_format_is_refused_with_what_to_do():
    with pytest.raises(BadRecord, match=r"Export \(API\)"):
        parse_job(EDITOR)


@pytest.mark.parametrize(
    "workload",
    [
        {"outputs": {}},
        {"outputs": {"99": {}}},
        {"outputs": {"8": {"count": 0}}},
        {"inputs": {"x": {"node": "99", "field": "text", "value": 1}}},
        {"inputs": {"x": {"node": "2", "field": "text", "value": 1, "file": 0}}},
        {"inputs": {"steps": {"node": "6", "field": "steps", "value": "many"}}},
        {"inputs": {"seed": {"node": "6", "field": "seed", "value": -2}}},
        {"workflow": {}},
        {"workflow": {**WORKFLOW, "1": {"class_type": 1, "inputs": {}}}},
        {"workflow": {**WORKFLOW, "1": {"class_type": "X"}}},
        {"unknown": 1},
    ],
)
def test_what_needs_no_server_to_be_refused_is_refused(workload):
    with pytest.raises(ValueError, match=r"."):
        job(**copy.deepcopy(workload))
