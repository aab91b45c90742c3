"""From an image to new jobs and their images, through the whole path: what the backend is asked for is this image's."""

import io
import json

import pytest
from PIL import Image
from sample_data import stablenew

from spoolctl.deriving import Larger, UpscaleOnly, Variations, prepare, submit
from spoolctl.spool import (
    NODE_SCHEMA,
    PROTOCOL_VERSION,
    Node,
    NoSuchJob,
    StateForbids,
    UsageError,
    approve,
    definitions_of,
    introduce,
    layout,
    parse_job,
    prune_job,
    prune_outputs,
    records_in,
    stages_of,
)

SKY = b"""schema: spool.job/1
job_id: mine
group: night
class: batch
requires: {tags: [desk], models: [m], vram_gb: 1}
learning: {experiment_name: sweep, variable_under_test: CFG Scale, variant_value: 7}
randomizer: {prompt_pack: beasts, variant_index: 3, variant_total: 9}
metadata: {album: summer}
workload:
  kind: image
  stages:
  - {stage: txt2img, prompt: a lighthouse, model: m, width: 64, height: 48, count: 3, options: {tiling: true}}
  - {stage: upscale, factor: 2, upscaler: Nearest}
...
"""
SEEDED = b"""schema: spool.job/1
workload:
  kind: image
  stages:
  - {stage: txt2img, prompt: a lighthouse, seed: 7, width: 64, height: 48, count: 3}
...
"""
HIRES = SEEDED.replace(
    b"count: 3", b"count: 3, hires: {scale: 2, steps: 5, denoising_strength: 0.3}"
)
NIGHT = b"""schema: spool.job/1
inputs: [{job: sky}]
after: [{job: sky, when: approved}]
workload:
  kind: image
  stages:
  - {stage: img2img, prompt: at night, seed: 50}
...
"""


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB").tobytes()


def record(farm, name):
    return parse_job(farm.world.share.tree()[layout.pinned_record(name)])


# Variations


def test_variations_are_the_same_job_with_seeds_that_it_did_not_use(farm):
    sky = farm.made("sky", SKY)
    names = farm.derive(sky, 1, Variations(4))

    seeds = [farm.seeds(name) for name in names]
    assert all(len(one) == 1 for one in seeds)
    drawn = [one[0] for one in seeds]
    assert drawn == list(range(drawn[0], drawn[0] + 4))
    assert not set(drawn) & set(farm.seeds(sky))
    for name, seed in zip(names, drawn, strict=True):
        first, second = farm.asked(name)
        like, second_like = farm.asked(sky)
        assert first == like.model_copy(update={"seed": seed, "count": 1})
        assert second == second_like


def test_who_asks_twice_gets_other_variations_and_each_image_has_its_own(farm):
    sky = farm.made("sky", SKY)
    first = farm.derive(sky, 1, Variations(2))
    again = farm.derive(sky, 1, Variations(2))
    other = farm.derive(sky, 2, Variations(2))
    seeds = [farm.seeds(name)[0] for name in (*first, *again, *other)]
    assert len(set(seeds)) == 6


def test_what_is_prepared_twice_is_the_same_until_it_is_submitted(farm):
    sky, actor = farm.made("sky", SKY), farm.world.person()
    one, two = (prepare(actor, sky, 1, Variations(2)) for _ in range(2))
    assert one == two


def test_a_variation_of_a_variation_is_its_own(farm):
    sky = farm.made("sky", SKY)
    (first,) = farm.derive(sky, 0, Variations(1))
    (second,) = farm.derive(first, 0, Variations(1))
    assert farm.seeds(second) != farm.seeds(first)
    assert record(farm, second).metadata["derived_from"]["job"] == first


def test_preparing_writes_nothing(farm):
    sky = farm.made("sky", SKY)
    before = farm.world.share.tree()
    prepare(farm.world.person(), sky, 1, Variations(4))
    prepare(farm.world.person(), sky, 1, UpscaleOnly(2))
    assert farm.world.share.tree() == before


# Larger


def test_the_same_picture_larger_has_the_seed_that_this_image_really_had(farm):
    sky = farm.made("sky", SKY)
    (name,) = farm.derive(sky, 2, Larger(1.5))

    assert farm.seeds(sky) == [1000, 1001, 1002]  # drawn: the record says none
    assert farm.seeds(name) == [1002]
    first, second = farm.asked(name)
    assert (first.seed, first.count, first.width, first.height) == (1002, 1, 64, 48)
    assert (first.hires.scale, first.hires.upscaler) == (1.5, "Nearest")
    assert 0 < first.hires.denoising_strength < 0.5
    assert (first.prompt, first.model, first.options) == ("a lighthouse", "m", {"tiling": True})
    assert second.factor == 2
    (image,) = farm.commit(name).images
    assert (image.width, image.height) == (192, 144)


def test_the_composition_is_the_first_passs_of_the_image_itself(farm):
    """The embedded backend draws by words, seed and size, and enlarges; so its larger picture is its first one, enlarged."""
    sky = farm.made("sky", SEEDED)
    (name,) = farm.derive(sky, 2, Larger(2))
    with Image.open(io.BytesIO(farm.image(sky, 2))) as image:
        enlarged = image.convert("RGB").resize((128, 96), Image.Resampling.LANCZOS)
    assert pixels(farm.image(name)) == enlarged.tobytes()


def test_a_second_pass_that_is_there_is_multiplied_and_stays_as_it_is_otherwise(farm):
    sky = farm.made("sky", HIRES)
    (name,) = farm.derive(sky, 1, Larger(2))
    (stage,) = farm.asked(name)
    assert stage.seed == 8
    like = farm.asked(sky)[0].hires
    assert stage.hires == like.model_copy(update={"scale": 4.0})


def test_a_second_pass_that_cannot_be_larger_is_refused_with_what_it_can(farm):
    sky = farm.made("sky", HIRES)
    with pytest.raises(UsageError) as caught:
        prepare(farm.world.person(), sky, 1, Larger(5))
    assert caught.value.hint == "the largest factor is 4"


# Only enlarged


def test_only_enlarging_takes_the_image_itself_by_the_upscaler_of_its_job(farm):
    sky = farm.made("sky", SKY)
    (name,) = farm.derive(sky, 1, UpscaleOnly(2))

    (stage,) = farm.asked(name)
    assert (stage.stage, stage.factor, stage.upscaler) == ("upscale", 2, "Nearest")
    (given,) = farm.backend.orders[name].inputs
    assert given.name == "input-0000.png"
    (image,) = farm.commit(name).images
    assert (image.width, image.height) == (256, 192)
    with Image.open(io.BytesIO(farm.image(sky, 1))) as source:
        enlarged = source.convert("RGB").resize((256, 192), Image.Resampling.LANCZOS)
    assert pixels(farm.image(name)) == enlarged.tobytes()


def test_enlarging_needs_no_model_and_stays_where_its_submitter_wants_it(farm):
    sky = farm.made("sky", SKY)
    (name,) = farm.derive(sky, 1, UpscaleOnly(2))
    needs = record(farm, name).requires
    assert (needs.tags, needs.models, needs.vram_gb) == (("desk",), (), 0)


def test_enlarging_is_no_approval(farm):
    sky = farm.made("sky", SKY)
    farm.derive(sky, 1, UpscaleOnly(2))
    assert layout.approved(sky) not in farm.world.share.tree()


# Where they go and what they say


@pytest.mark.parametrize("wanted", [Variations(2), Larger(2), UpscaleOnly(2)])
def test_what_is_derived_is_found_beside_its_image_and_counts_in_no_experiment(farm, wanted):
    sky = farm.made("sky", SKY)
    names = farm.derive(sky, 1, wanted)
    for name in names:
        job = record(farm, name)
        assert (job.group, job.class_, job.priority) == ("night", "interactive", 50)
        assert job.learning is None
        assert job.job_id is None
        assert job.randomizer == {"prompt_pack": "beasts"}
        assert job.metadata["album"] == "summer"
        origin = job.metadata["derived_from"]
        assert (origin["job"], origin["image_index"]) == (sky, 1)
    (definition,) = definitions_of(farm.world.person(), "night")
    assert tuple(definition.members) == names


def test_of_a_job_without_a_group_they_join_those_that_were_submitted_with_it(farm):
    made = farm.made("batch.0001", SEEDED)
    (name,) = farm.derive(made, 0, Variations(1))
    assert record(farm, name).group == "batch"


def test_of_a_job_that_came_alone_they_form_a_group_called_like_it(farm):
    made = farm.made("alone", SEEDED)
    (name,) = farm.derive(made, 0, Variations(1))
    assert record(farm, name).group == "alone"


def test_a_group_and_a_class_that_are_named_go_before(farm):
    sky = farm.made("sky", SKY)
    (name,) = farm.derive(sky, 0, Variations(1), group="mine", job_class="batch")
    assert (record(farm, name).group, record(farm, name).class_) == ("mine", "batch")
    with pytest.raises(UsageError, match="no class 'soon'"):
        prepare(farm.world.person(), sky, 0, Variations(1), job_class="soon")


def test_jobs_that_are_in_are_not_denied_because_their_groups_definition_could_not_be_written(farm):
    sky, actor = farm.made("sky", SKY), farm.world.person()
    farm.world.share.put("groups/night", b"a file in the way")
    names = submit(actor, prepare(actor, sky, 0, Variations(2)))
    farm.run()
    assert [farm.commit(name).succeeded for name in names] == [True, True]
    assert any(event == "derived.group_not_defined" for _, event, _ in farm.world.log)


@pytest.mark.parametrize(
    ("wanted", "summary"),
    [
        (Larger(2), "1 txt2img > upscale job, 64x48 times 2 in a second pass, seed 1001"),
        (UpscaleOnly(3), "1 upscale job, 128x96 times 3 by Nearest"),
    ],
)
def test_one_line_says_what_would_be_submitted(farm, wanted, summary):
    sky = farm.made("sky", SKY)
    assert prepare(farm.world.person(), sky, 1, wanted).summary == summary


def test_the_line_tells_the_seeds_of_variations(farm):
    sky = farm.made("sky", SKY)
    prepared = prepare(farm.world.person(), sky, 1, Variations(4))
    first = stages_of(prepared.jobs[0])[0].seed
    said = f"4 txt2img > upscale jobs, 64x48, seeds {first} to {first + 3}"
    assert prepared.summary == said
    assert prepared.folder == "queue/interactive"


# Chains on images


def test_a_variation_of_a_changed_image_takes_the_one_image_that_it_was_made_of(farm):
    farm.world.submit("night", NIGHT, layout.WAITING)
    sky = farm.made("sky", SEEDED)
    approve(farm.world.person(), sky, images=(0, 2))
    farm.run()
    (name,) = farm.derive("night", 1, Variations(1))

    job = record(farm, name)
    assert [(one.job, one.image_index) for one in job.inputs] == [(sky, 2)]
    assert job.after == ()
    (stage,) = farm.asked(name)
    assert stage.prompt == "at night"
    assert stage.seed not in farm.seeds("night")
    (given,) = farm.backend.orders[name].inputs
    assert given.name == "input-0000.png"


def test_where_no_second_pass_is_the_hint_says_what_can_be_done(farm):
    farm.world.submit(
        "night", NIGHT.replace(b"after: [{job: sky, when: approved}]", b""), layout.WAITING
    )
    farm.made("sky", SEEDED)
    with pytest.raises(StateForbids, match="begins with img2img") as caught:
        prepare(farm.world.person(), "night", 0, Larger(2))
    assert "--upscale" in caught.value.hint
    (name,) = farm.derive("night", 0, UpscaleOnly(2))
    assert farm.commit(name).succeeded


# StableNew's snapshots


@pytest.mark.parametrize(
    "path", sorted(stablenew("generated/njr_snapshots").glob("*.json")), ids=lambda path: path.stem
)
def test_every_snapshot_can_be_varied_made_larger_and_enlarged(farm, path):
    data = path.read_bytes()
    job = parse_job(data)
    stages = stages_of(job)
    small = {"width": 64, "height": 48}
    told = json.loads(data)
    told["normalized_job"] |= small
    told["normalized_job"]["config"] |= small
    made = farm.made("snapshot", json.dumps(told).encode())
    images = farm.commit(made).images
    which = images[-1].image_index

    (varied,) = farm.derive(made, which, Variations(1))
    (larger,) = farm.derive(made, which, Larger(2))
    (enlarged,) = farm.derive(made, which, UpscaleOnly(2))

    for name in (varied, larger):
        asked = farm.asked(name)
        assert [one.stage for one in asked] == [one.stage for one in stages]
        assert asked[0].prompt == stages[0].prompt
        assert asked[0].model == stages[0].model
        assert asked[0].sampler == stages[0].sampler
        assert len(farm.commit(name).images) == 1
    assert farm.seeds(larger) == [images[-1].seed_actual]
    assert farm.seeds(varied)[0] not in farm.seeds(made)
    scale = stages[0].hires.scale if stages[0].hires else 1
    assert farm.asked(larger)[0].hires.scale == 2 * scale
    assert farm.commit(larger).images[0].width == 2 * images[-1].width
    assert farm.commit(enlarged).images[0].width == 2 * images[-1].width
    pack = told["normalized_job"].get("prompt_pack_name")
    assert (record(farm, larger).randomizer or {}).get("prompt_pack") == (pack or None)


# Errors


def test_an_image_that_is_not_there_is_refused(farm):
    sky, actor = farm.made("sky", SKY), farm.world.person()
    with pytest.raises(StateForbids, match="'sky' has no image 3"):
        prepare(actor, sky, 3, Larger(2))
    with pytest.raises(UsageError, match="has 3 images"):
        prepare(actor, sky, None, Larger(2))


def test_a_job_that_is_not_there_or_has_not_succeeded_is_refused(farm):
    actor = farm.world.person()
    farm.world.submit("sky", SKY)
    with pytest.raises(StateForbids, match="has not succeeded"):
        prepare(actor, "sky", 0, Larger(2))
    for name in ("none", "../sky", ""):
        with pytest.raises(NoSuchJob):
            prepare(actor, name, 0, Larger(2))


def at_rest(farm, name):
    """The job's record where the controller has brought it."""
    farm.world.controller().scan()
    actor = farm.world.actor("controller-c")
    (day,) = {path.split("/")[1] for path in farm.world.share.tree() if path.startswith("done/20")}
    (location,) = records_in(actor, layout.Place(layout.State.DONE, day))
    assert location.name == name
    return actor, location


def test_of_an_image_that_retention_took_all_can_be_made_but_what_takes_the_image(farm):
    sky = farm.made("sky", SKY)
    assert prune_outputs(*at_rest(farm, sky))
    with pytest.raises(StateForbids, match="not there any more") as caught:
        prepare(farm.world.person(), sky, 1, UpscaleOnly(2))
    assert "--larger" in caught.value.hint
    (name,) = farm.derive(sky, 1, Larger(2))
    assert farm.seeds(name) == [1001]


def test_of_a_job_that_retention_took_nothing_can_be_made(farm):
    sky = farm.made("sky", SKY)
    assert prune_job(*at_rest(farm, sky))
    with pytest.raises(StateForbids, match="retention removed 'sky'"):
        prepare(farm.world.person(), sky, 1, Larger(2))


def test_what_no_known_worker_can_run_is_refused_unless_one_comes_later(farm):
    sky, actor = farm.made("sky", SKY), farm.world.person()
    card = Node(
        schema_=NODE_SCHEMA, worker="w9", session="w9-1", machine="m", protocol=PROTOCOL_VERSION,
        version="1", started_at=actor.utc_now(), backend="ollama", stages=("text",),
    )  # fmt: skip
    introduce(farm.world.actor("w9"), card)
    with pytest.raises(UsageError, match="no known worker can run it"):
        prepare(actor, sky, 1, UpscaleOnly(2))
    assert prepare(actor, sky, 1, UpscaleOnly(2), anyway=True).jobs
