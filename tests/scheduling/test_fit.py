"""Why a job does not fit a worker: every reason, with its numbers."""

from datetime import UTC, datetime

import pytest

from spoolctl.scheduling.fit import lacking_gb, misfits
from spoolctl.spool import (
    MANIFEST_SCHEMA,
    NODE_SCHEMA,
    BadRecord,
    Code,
    Manifest,
    ModelHere,
    Node,
    Verdict,
    parse_job,
)

SHA_A, SHA_B = "a" * 64, "b" * 64


def job(requires="{}", stages="[{stage: txt2img, prompt: x}]"):
    return parse_job(
        f"schema: spool.job/1\nrequires: {requires}\nworkload: {{kind: image, stages: {stages}}}\n".encode()
    )


def node(**has):
    card = {
        "worker": "w1", "session": "s", "machine": "attic", "protocol": 1, "version": "1", "backend": "sketch",
        "stages": ("txt2img", "img2img", "upscale"), "vram_gb": 8.0,
        "started_at": datetime(2026, 3, 27, tzinfo=UTC),
    }  # fmt: skip
    return Node(schema_=NODE_SCHEMA, **{**card, **has})


def ran_out(above=8.0, *, final=False):
    return Manifest(
        schema_=MANIFEST_SCHEMA, name="job-1", attempt=1, verdict=Verdict.FAILED, code=Code.OUT_OF_MEMORY, by="w1",
        day="2026-03-27", final=final, vram_gb_above=above,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("requires", "has", "reasons"),
    [
        ("{}", {}, ()),
        ("{}", {"vram_gb": None}, ()),
        ("{vram_gb: 8}", {}, ()),
        ("{vram_gb: 8.5}", {}, ("8 of 8.5 GB",)),
        ("{vram_gb: 8}", {"vram_gb": None}, ("unknown of 8 GB",)),
        ("{vram_gb: 0}", {"vram_gb": None}, ()),
        ("{backends: [sketch, webui]}", {}, ()),
        ("{backends: [webui]}", {}, ("backend is sketch, wanted webui",)),
        ("{backends: [webui, comfy]}", {}, ("backend is sketch, wanted webui or comfy",)),
        ("{tags: [fast]}", {"tags": ("fast", "quiet")}, ()),
        ("{tags: [fast, big]}", {"tags": ("fast",)}, ("tag big missing",)),
        ("{stages: [txt2img]}", {}, ()),
        ("{stages: [adetailer]}", {}, ("stage adetailer missing",)),
        ("{}", {"stages": ()}, ("stage txt2img missing",)),
        ("{stages: [txt2img]}", {"stages": ()}, ("stage txt2img missing",)),
    ],
)
def test_each_requirement_that_fails_is_told_with_its_numbers(requires, has, reasons):
    assert misfits(job(requires), node(**has)) == reasons


@pytest.mark.parametrize(
    ("wanted", "here", "reasons"),
    [
        ("[sdxl]", None, ()),
        ("[sdxl]", (), ("model sdxl missing",)),
        ("[sdxl]", (ModelHere(name="sdxl"),), ()),
        (f"[{{name: sdxl, sha256: {SHA_A}}}]", (ModelHere(name="sdxl"),), ()),
        (f"[{{name: sdxl, sha256: {SHA_A}}}]", (ModelHere(name="sdxl", sha256=SHA_A),), ()),
        (
            f"[{{name: sdxl, sha256: {SHA_A}}}]",
            (ModelHere(name="sdxl", sha256=SHA_B),),
            (f"model sdxl has other contents (SHA-256 {SHA_B} here)",),
        ),
        (
            f"[{{name: sdxl, sha256: {SHA_A}}}]",
            (ModelHere(name="sdxl", sha256=SHA_B), ModelHere(name="sdxl", sha256=SHA_A)),
            (),
        ),
    ],
)
def test_a_model_must_be_there_and_of_the_contents_that_are_asked_for(wanted, here, reasons):
    assert misfits(job(f"{{models: {wanted}}}"), node(models=here)) == reasons


def test_the_models_that_the_stages_name_are_needed_too_each_told_once():
    stages = (
        "[{stage: txt2img, prompt: x, model: sdxl}, {stage: img2img, model: sdxl},"
        " {stage: img2img, model: turbo}, {stage: upscale}]"
    )

    found = misfits(job("{models: [sdxl]}", stages), node(models=()))

    assert found == ("model sdxl missing", "model turbo missing")


def test_every_reason_is_told_not_only_the_first():
    found = misfits(
        job("{vram_gb: 24, backends: [webui], tags: [big], models: [sdxl], stages: [adetailer]}"),
        node(stages=(), models=()),
    )

    assert found == (
        "8 of 24 GB",
        "backend is sketch, wanted webui",
        "stage txt2img missing",
        "stage adetailer missing",
        "tag big missing",
        "model sdxl missing",
    )


@pytest.mark.parametrize(
    ("has", "reasons"),
    [
        (8.0, ("8 GB, and it ran out of memory with 8 GB",)),
        (6.0, ("6 GB, and it ran out of memory with 8 GB",)),
        (None, ("unknown GB, and it ran out of memory with 8 GB",)),
        (8.1, ()),
    ],
)
def test_a_job_that_ran_out_of_memory_asks_for_a_bigger_card(has, reasons):
    assert misfits(job(), node(vram_gb=has), ran_out()) == reasons


def test_a_final_verdict_asks_for_nothing_since_what_follows_is_a_persons_retry():
    assert misfits(job(), node(), ran_out(final=True)) == ()


def test_a_verdict_without_a_number_asks_for_nothing():
    assert misfits(job(), node(), ran_out(None)) == ()


def test_a_chain_that_cannot_be_read_is_an_error_and_no_reason():
    data = b"schema: spool.job/1\nworkload: {kind: stablenew, snapshot: {normalized_job: {}}}\n"

    with pytest.raises(BadRecord):
        misfits(parse_job(data), node())


@pytest.mark.parametrize(
    "said",
    [
        "sdxl",
        "SDXL.safetensors",
        "sdxl.safetensors [31e35c80fc]",
        "photo/sdxl.ckpt",
        r"photo\sdxl",
    ],
)
def test_a_model_may_be_said_as_webui_or_comfyui_or_a_person_writes_it(said):
    """A snapshot says the bare name, ComfyUI lists files, WebUI adds a short hash: the job waited for ever."""
    stages = f"[{{stage: txt2img, prompt: x, model: '{said}'}}]"

    assert misfits(job("{}", stages), node(models=({"name": "sdxl.safetensors"},))) == ()


def test_loras_that_the_prompts_call_are_needed_where_the_backend_tells_which_it_has():
    stages = (
        "[{stage: txt2img, prompt: 'a <lora:detail:0.6> b <lora:Sketchy:1:0.5>',"
        " negative_prompt: '<lora:bad:1>'}, {stage: img2img, prompt: '<lora:more:1>'}]"
    )

    has = node(loras=("detail.safetensors", "sketchy"))

    assert misfits(job("{}", stages), has) == ("LoRA bad missing", "LoRA more missing")
    assert misfits(job("{}", stages), node()) == ()


def test_an_upscaler_is_needed_where_the_backend_tells_which_it_has():
    stages = "[{stage: txt2img, prompt: x}, {stage: upscale, upscaler: 4x-UltraSharp}]"

    assert misfits(job("{}", stages), node(upscalers=("Lanczos",))) == (
        "upscaler 4x-UltraSharp missing",
    )
    assert misfits(job("{}", stages), node(upscalers=("Lanczos", "4x-UltraSharp.pth"))) == ()


def here(*models):
    return tuple(ModelHere(name=name, sha256=sha) for name, sha in models)


def asks(name="sdxl", sha=SHA_A, *, model=None, refiner=None):
    said = f", model: '{model}'" if model else ""
    second = f", refiner: {{model: {refiner}}}" if refiner else ""
    digest = f", sha256: {sha}" if sha else ""
    requires = f"{{models: [{{name: '{name}'{digest}}}]}}" if name else "{}"
    return job(requires, f"[{{stage: txt2img, prompt: x{said}{second}}}]")


@pytest.mark.parametrize(
    ("models", "reasons"),
    [
        ([("turbo", SHA_A)], ()),
        ([("sdxl", SHA_B), ("turbo", SHA_A)], ()),
        ([("sdxl", None)], ()),
        ([("turbo", SHA_B)], ("model sdxl missing",)),
        ([("turbo", None)], ("model sdxl missing",)),
        ([("sdxl", SHA_B)], (f"model sdxl has other contents (SHA-256 {SHA_B} here)",)),
    ],
)
@pytest.mark.parametrize("model", [None, "sdxl", "SDXL.safetensors"])
def test_a_model_of_the_digest_fits_under_any_name_and_its_stages_mean_that_one(
    models, reasons, model
):
    """The stage's own name was missed though the required file was there."""
    found = misfits(asks(model=model), node(models=here(*models)))

    assert {one.replace(model or "sdxl", "sdxl") for one in found} == set(reasons)


def test_a_digest_that_one_model_requires_says_nothing_of_another():
    found = misfits(asks(model="turbo"), node(models=here(("x", SHA_A), ("turbo", SHA_B))))

    assert found == ()


@pytest.mark.parametrize(
    ("said", "sha", "fits"),
    [
        (f"sdxl [{SHA_A[:10]}]", SHA_A, True),
        (f"sdxl.safetensors [{SHA_A[:10]}]", SHA_A, True),
        (f"sdxl [{SHA_A}]", SHA_A, True),
        (f"sdxl [{SHA_A[:10]}]", None, True),
        (f"sdxl [{SHA_A[:10]}]", SHA_B, False),
        (f"sdxl [{SHA_A}]", SHA_B, False),
        (f"sdxl [{SHA_A[:8]}]", SHA_B, True),
        (f"sdxl [{SHA_A[:12]}]", SHA_B, True),
    ],
)
def test_webuis_short_hash_must_agree_with_the_digest_where_that_is_known(said, sha, fits):
    """Eight digits are an old hash of something else, and twelve a LoRA's, of its tensors alone."""
    reasons = () if fits else (f"model {said} has other contents (SHA-256 {sha} here)",)

    assert misfits(asks(None, model=said), node(models=here(("sdxl", sha)))) == reasons
    assert misfits(asks(said, None), node(models=here(("sdxl", sha)))) == reasons


KINDS = ("loras", "vaes", "embeddings", "upscalers")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "sha", "digests", "reasons"),
    [
        ("film", None, None, ()),
        ("film", SHA_A, None, ()),
        ("film", SHA_A, SHA_A, ()),
        ("film", SHA_A, SHA_B, (f"model film has other contents (SHA-256 {SHA_B} here)",)),
        ("grain", SHA_A, SHA_A, ()),
        ("grain", None, SHA_A, ("model grain missing",)),
    ],
)
def test_a_required_model_may_be_of_any_kind(kind, name, sha, digests, reasons):
    told = {kind: {"style/film.pt": digests}} if digests else None
    card = node(models=(), digests=told, **{kind: ("style/film.pt",)})

    assert misfits(asks(name, sha), card) == reasons


def test_a_lora_is_no_checkpoint_for_a_stage():
    assert misfits(asks(None, model="film"), node(models=(), loras=("film",))) == (
        "model film missing",
    )


def test_the_refiners_model_is_needed_too():
    card = node(models=here(("base", None)))

    assert misfits(asks(None, model="base", refiner="sdxl"), card) == ("model sdxl missing",)
    assert misfits(asks(None, model="base", refiner="base"), card) == ()


def test_where_any_model_name_will_do_no_digest_is_asked_for():
    assert misfits(asks(model="sdxl"), node()) == ()


def test_what_a_card_lacks_is_told_in_gigabytes_and_only_where_it_lacks_some():
    asked = job("{vram_gb: 12}")
    assert lacking_gb(asked, node(vram_gb=10.5)) == 1.5
    assert lacking_gb(asked, node(vram_gb=12.0)) is None
    assert lacking_gb(asked, node(vram_gb=None)) is None
    assert lacking_gb(job(), node(vram_gb=8.0), ran_out(above=8.0)) == 0.0
    assert lacking_gb(job(), node(vram_gb=12.0), ran_out(above=8.0)) is None
