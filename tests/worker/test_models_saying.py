"""The server is given its own name for a model that the job requires by its digest."""

from datetime import UTC, datetime

import pytest

from spoolctl.scheduling.fit import misfits
from spoolctl.spool import (
    NODE_SCHEMA,
    Admission,
    ComfyUIWorkload,
    Life,
    ModelHere,
    Node,
    Verdict,
    parse_job,
)
from spoolworker.backends.sketch import Sketch
from spoolworker.choosing import Chooser
from spoolworker.models import stages_here
from tests.spool.spool_world import World
from tests.worker.execution_rig import Rig

A, B = "a" * 64, "b" * 64
SHORT = "a" * 10


def job(said="dream", sha=A, stages=None, workload=None):
    chain = stages or f"[{{stage: txt2img, prompt: x, model: '{said}'}}]"
    requires = f"requires: {{models: [{{name: dream, sha256: {sha}}}]}}\n" if sha else ""
    work = workload or f"{{kind: image, stages: {chain}}}"
    return parse_job(f"schema: spool.job/1\n{requires}workload: {work}\n".encode())


def node(*models, **has):
    card = {
        "worker": "w1", "session": "s", "machine": "attic", "protocol": 1, "version": "1", "backend": "webui",
        "stages": ("txt2img", "img2img", "upscale", "text", "comfyui"),
        "models": tuple(ModelHere(name=name, sha256=sha) for name, sha in models),
        "started_at": datetime(2026, 3, 27, tzinfo=UTC),
    }  # fmt: skip
    return Node(schema_=NODE_SCHEMA, **{**card, **has})


@pytest.mark.parametrize(
    ("said", "sha", "models", "local"),
    [
        ("dream", A, [("ds8", A)], "ds8"),
        ("Dream.safetensors", A, [("ds8", A)], "ds8"),
        ("photo/dream", A, [("ds8", A)], "ds8"),
        ("dream", A, [("dream", A)], "dream"),
        ("dream", A, [("ds8", A), ("dream", A)], "dream"),
        ("dream", A, [("ds8", A), ("photo/dream.ckpt", A)], "photo/dream.ckpt"),
        ("dream", A, [("dream", B), ("ds8", A)], "ds8"),
        ("dream", A, [("dream", None), ("ds8", A)], "ds8"),
        ("dream", A, [("dream", None)], "dream"),
        ("dream", A, [("dream", B)], "dream"),
        ("dream", A, [], "dream"),
        ("other", A, [("ds8", A)], "other"),
        ("dream", None, [("ds8", A)], "dream"),
        (f"dream [{SHORT}]", None, [("dream.ckpt", A)], "dream.ckpt"),
        (f"dream [{SHORT}]", None, [("ds8", A)], f"dream [{SHORT}]"),
        (f"dream [{SHORT}]", None, [("dream", None)], f"dream [{SHORT}]"),
        (f"dream [{SHORT}]", A, [("ds8", A)], "ds8"),
        ("dream [aaaaaaaa]", None, [("dream", A)], "dream [aaaaaaaa]"),
    ],
)
def test_a_model_is_called_what_it_is_called_here(said, sha, models, local):
    (stage,) = stages_here(job(said, sha), node(*models))

    assert stage.model == local
    assert stage.prompt == "x"


def test_each_stage_and_the_refiner_say_it_so_and_what_says_none_stays_so():
    chain = (
        "[{stage: txt2img, prompt: x, model: base, refiner: {model: dream, switch_at: 0.7}},"
        " {stage: img2img, model: dream}, {stage: img2img}, {stage: upscale}]"
    )
    first, second, third, last = stages_here(job(stages=chain), node(("ds8", A), ("base", B)))

    assert (first.model, first.refiner.model, first.refiner.switch_at) == ("base", "ds8", 0.7)
    assert (second.model, third.model) == ("ds8", None)
    assert last.stage == "upscale"


def test_a_language_model_too():
    text = "{kind: text, model: dream, prompt: hello}"

    (stage,) = stages_here(job(workload=text), node(("llava:7b", A)))

    assert stage.model == "llava:7b"


WORKFLOW = (
    "{kind: comfyui, workflow: {m: {class_type: CheckpointLoaderSimple, inputs: {ckpt_name: dream.ckpt}},"
    " s: {class_type: SaveImage, inputs: {}}}, inputs: {%s: {node: m, field: ckpt_name}}, outputs: {s: {}}}"
)


@pytest.mark.parametrize(("declared", "local"), [("model", "ds8.ckpt"), ("mine", None)])
def test_of_a_workflow_only_the_declared_input_model(declared, local):
    (stage,) = stages_here(job(workload=WORKFLOW % declared), node(("ds8.ckpt", A)))

    assert stage.inputs[declared].value == local
    assert ComfyUIWorkload.model_validate(stage.model_dump()) == stage


@pytest.mark.parametrize("card", [None, node(models=None)])
def test_where_any_name_will_do_every_name_stays(card):
    (stage,) = stages_here(job(), card)

    assert stage.model == "dream"


def test_the_record_stays_as_it_was_submitted():
    one = job()

    stages_here(one, node(("ds8", A)))

    assert one == job()


@pytest.mark.parametrize(
    ("said", "sha"), [("dream", A), (f"dream [{SHORT}]", A), (f"dream [{SHORT}]", None)]
)
@pytest.mark.parametrize("models", [[("ds8", A)], [("dream", A)], [("dream", B), ("ds8", A)]])
def test_a_job_that_fits_is_given_a_name_that_is_here(said, sha, models):
    """Fitting and saying must agree: a job that fits by its digest and is sent by its old name would fail on every node."""
    one, card = job(said, sha), node(*models)

    fits = not misfits(one, card)
    (stage,) = stages_here(one, card)

    assert fits == (stage.model in [name for name, _ in models])


CHAIN = f"""schema: spool.job/1
requires: {{models: [{{name: dream, sha256: {A}}}]}}
workload:
  kind: image
  stages:
  - {{stage: txt2img, prompt: x, model: dream, seed: 7, width: 32, height: 24}}
  - {{stage: upscale, factor: 2}}
...
""".encode()


def test_a_chain_goes_on_on_a_node_that_calls_the_model_otherwise(tmp_path):
    """What is taken over is judged by the record's own bytes, and not by the names that a worker puts in their place."""
    rig = Rig(tmp_path, CHAIN)
    ran, names = [], iter(["ds8", "dreamshaper-8"])

    def act(order, watch):
        ran.append([order.stages[0].model, len(order.done)])
        if len(ran) == 1:
            leave = watch.on_stage

            def on_stage(made, timing):
                leave(made, timing)
                if timing.stage == "txt2img":
                    raise MemoryError

            watch.on_stage = on_stage
        return Sketch().run(order, watch)

    rig.run(act, node=node((next(names), A)))
    rig.next_worker("w2")
    manifest = rig.run(act, node=node((next(names), A)))

    assert ran == [["ds8", 0], ["dreamshaper-8", 1]]
    assert manifest.verdict is Verdict.SUCCEEDED
    assert manifest.resumed_from == 1


def test_what_only_the_backend_knows_is_asked_in_its_own_names_before_the_claim():
    """ComfyUI looks each name up: by the job's own it would say that the file is missing, and the job waited for ever."""
    asked_for = []

    def lacks(stages):
        asked_for.append(stages[0].model)
        return ()

    actor = World().actor("w1")
    chooser = Chooser(actor, Life(actor, "worker"), Admission(), node(("ds8", A)), lacks)

    assert chooser._misfits(job()) == ()
    assert asked_for == ["ds8"]
