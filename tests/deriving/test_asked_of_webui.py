"""The same picture larger, as WebUI is asked for it: the very request of the image's own job but for its number, and a second pass."""

import pytest
from sample_data import stablenew

from spoolctl.deriving import Larger, derived
from spoolctl.spool import (
    MANIFEST_SCHEMA,
    Job,
    Manifest,
    Output,
    Verdict,
    from_mapping,
    parse_job,
    stages_of,
)
from spoolworker.backends.base import Order
from spoolworker.backends.chain import Picture, sow, steps
from spoolworker.backends.webui import asking
from spoolworker.backends.webui.known import Checkpoint, Known

MODEL = "juggernautXL_ragnarokBy"
KNOWN = Known(
    options={"sd_vae": "Automatic", "CLIP_stop_at_last_layers": 1, "samples_format": "png"},
    checkpoints=(Checkpoint(MODEL, MODEL, None, None, frozenset({MODEL})),),
    samplers={"dpm++ 2m": "DPM++ 2M"},
    schedulers={"karras": "Karras", "automatic": "Automatic"},
    upscalers={"4xUltrasharp_4xUltrasharpV10": "/models/ESRGAN/4xUltrasharp.pth"},
    loras=frozenset({"add-detail-xl"}),
)
FIRST_SEED = 4242


def request(job, folder, *, drawn):
    """What txt2img of a job is asked for, and the seeds of its images."""
    step = next(steps(Order(stages_of(job), (), folder, "job")))
    pictures = [Picture(index) for index in range(step.stage.count)]
    sow(step, pictures, lambda: drawn)
    (ask,) = asking.txt2img(step, pictures, KNOWN, at_once=8)
    return dict(ask.body), [one.seed for one in pictures]


@pytest.fixture
def snapshot():
    return parse_job(stablenew("generated/njr_snapshots/test_matrix_pack_1.json").read_bytes())


def test_the_first_pass_is_the_images_own_and_a_second_one_follows(snapshot, tmp_path):
    own, seeds = request(snapshot, tmp_path, drawn=FIRST_SEED)
    assert len(seeds) == own["n_iter"] == 2
    outputs = tuple(
        Output(
            path=f"a1/{index:04d}-3-upscale.png", bytes=9, sha256="ab" * 32, stage="upscale",
            image_index=index, seed_actual=seed,
        )
        for index, seed in enumerate(seeds)
    )  # fmt: skip
    manifest = Manifest(
        schema_=MANIFEST_SCHEMA, name="one", attempt=1, verdict=Verdict.SUCCEEDED, by="s",
        day="2026-11-21", final=True, outputs=outputs,
    )  # fmt: skip
    (record,) = derived(snapshot, manifest, 1, Larger(1.5))

    larger, _ = request(from_mapping(Job, record), tmp_path, drawn=0)

    differ = {key for key in own.keys() | larger.keys() if own.get(key) != larger.get(key)}
    assert differ == {
        "seed", "n_iter", "enable_hr", "hr_scale", "hr_upscaler", "denoising_strength", "hr_second_pass_steps",
    }  # fmt: skip
    assert (larger["seed"], larger["n_iter"]) == (FIRST_SEED + 1, 1)
    assert (larger["enable_hr"], larger["hr_scale"]) == (True, 1.5)
    assert larger["hr_upscaler"] == "4xUltrasharp_4xUltrasharpV10"
