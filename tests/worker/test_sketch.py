"""The embedded backend: what it makes of a chain, what it reports, and what it cannot do."""

import errno
import threading

import pytest
from PIL import Image
from sketching import PlayedEvent, order, pixels, run, txt2img

from spoolctl.spool import (
    STAGE_NAMES,
    ADetailer,
    Code,
    Hires,
    Img2Img,
    Upscale,
)
from spoolworker.backends import drawing
from spoolworker.backends.base import BackendError, Interrupted, Watch
from spoolworker.backends.infotext import read_infotext
from spoolworker.backends.sketch import Sketch


def picture_file(path, size=(40, 30)):
    drawing.draw("an input", 5, *size).save(path)
    return path


# The chain


def test_txt2img_makes_count_images_and_image_i_has_seed_plus_i(tmp_path):
    product = run(tmp_path, txt2img(seed=7, count=3))

    assert [made.path.name for made in product.made] == [
        "0000-1-txt2img.png",
        "0001-1-txt2img.png",
        "0002-1-txt2img.png",
    ]
    assert [(m.image_index, m.seed_requested, m.seed_actual) for m in product.made] == [
        (0, 7, 7),
        (1, 8, 8),
        (2, 9, 9),
    ]
    assert all(m.final and (m.width, m.height) == (32, 24) for m in product.made)
    assert pixels(product.made[2].path) == drawing.draw("a castle", 9, 32, 24).tobytes()


@pytest.mark.parametrize("asked", [-1, None])
def test_a_seed_left_open_is_drawn_once_and_reported(tmp_path, asked):
    product = run(tmp_path, txt2img(seed=asked, count=2), Upscale(stage="upscale"))

    assert [m.seed_actual for m in product.made] == [1000, 1001, 1000, 1001]
    assert {m.seed_requested for m in product.made} == {asked}


def test_a_real_draw_of_seeds_stays_in_webuis_range(tmp_path):
    product = Sketch().run(order(tmp_path, txt2img()), Watch())

    assert 0 <= product.made[0].seed_actual < 2**32


def test_the_largest_seed_goes_round_and_not_over(tmp_path):
    product = run(tmp_path, txt2img(seed=2**64 - 1, count=2))

    assert [m.seed_actual for m in product.made] == [2**64 - 1, 0]


def test_the_same_job_gives_the_same_pixels(tmp_path):
    chain = (
        txt2img(seed=1, count=2),
        Img2Img(stage="img2img"),
        ADetailer(stage="adetailer"),
        Upscale(stage="upscale"),
    )

    one, two = run(tmp_path / "one", *chain), run(tmp_path / "two", *chain)

    assert [pixels(m.path) for m in one.made] == [pixels(m.path) for m in two.made]


def test_each_stage_changes_the_image_and_leaves_a_file_of_its_own(tmp_path):
    product = run(
        tmp_path,
        txt2img(seed=1),
        Img2Img(stage="img2img"),
        ADetailer(stage="adetailer"),
        Upscale(stage="upscale", factor=1.5),
    )

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0000-1-txt2img.png",
        "0000-2-img2img.png",
        "0000-3-adetailer.png",
        "0000-4-upscale.png",
    ]
    assert len({pixels(m.path) for m in product.made}) == 4
    assert [m.final for m in product.made] == [False, False, False, True]
    assert [(t.stage, t.images) for t in product.timings] == [(s, 1) for s in STAGE_NAMES]
    assert (product.made[-1].width, product.made[-1].height) == (48, 36)


def test_what_a_stage_leaves_out_is_what_the_last_stage_said(tmp_path):
    product = run(
        tmp_path,
        txt2img(seed=5, model="dream", sampler="Euler a", steps=30, cfg_scale=6.5, count=2),
        Img2Img(stage="img2img", prompt="a ship", steps=12),
        Upscale(stage="upscale"),
        ADetailer(stage="adetailer", seed=90),
    )

    with Image.open(product.made[-1].path) as image:
        told = read_infotext(image.info["parameters"])
    assert told.prompt == "a ship"
    assert told.fields["Steps"] == "12"
    assert told.fields["CFG scale"] == "6.5"
    assert (told.fields["Sampler"], told.fields["Model"]) == ("Euler a", "dream")
    assert told.fields["Seed"] == "91"
    assert [m.seed_actual for m in product.made] == [5, 6, 5, 6, 5, 6, 90, 91]
    assert product.used.model == "dream"


def test_every_file_carries_its_infotext_in_any_script(tmp_path):
    product = run(tmp_path, txt2img(prompt="château, 城", negative_prompt="low\nquality", seed=3))

    with Image.open(product.made[0].path) as image:
        told = read_infotext(image.info["parameters"])
    assert (told.prompt, told.negative_prompt) == ("château, 城", "low\nquality")
    assert told.fields["Size"] == "32x24"
    assert told.fields["Version"] == "sketch"


def test_hires_makes_the_image_larger_by_its_scale(tmp_path):
    product = run(tmp_path, txt2img(seed=1, hires=Hires(scale=1.5)))

    assert (product.made[0].width, product.made[0].height) == (48, 36)


def test_upscale_is_pillows_lanczos_on_the_jobs_input(tmp_path):
    source = picture_file(tmp_path / "input.png")

    product = run(
        tmp_path / "scratch",
        Upscale(stage="upscale", factor=2.5, upscaler="4x-UltraSharp"),
        inputs=[source],
    )

    with Image.open(source) as image:
        expected = image.resize((100, 75), Image.Resampling.LANCZOS).tobytes()
    assert pixels(product.made[0].path) == expected
    assert product.used.model == "sketch"


def test_img2img_blends_its_input_with_a_new_drawing(tmp_path):
    source = picture_file(tmp_path / "input.png")
    scratch = tmp_path / "scratch"

    kept, half, new = (
        pixels(
            run(
                scratch,
                Img2Img(stage="img2img", prompt="a ship", seed=1, denoising_strength=strength),
                inputs=[source],
            )
            .made[0]
            .path
        )
        for strength in (0.0, 0.5, 1.0)
    )

    assert kept == pixels(source)
    assert new == drawing.draw("a ship", 1, 40, 30).tobytes()
    assert all(abs(h - (k + n) / 2) <= 1 for h, k, n in zip(half, kept, new, strict=True))


def test_img2img_resizes_to_the_size_it_says_each_way_on_its_own(tmp_path):
    source = picture_file(tmp_path / "input.png")

    product = run(tmp_path / "s", Img2Img(stage="img2img", width=64), inputs=[source, source])

    assert [(m.image_index, m.width, m.height) for m in product.made] == [(0, 64, 30), (1, 64, 30)]


def test_the_probe_tells_all_stages_and_any_model_and_what_ran_last(tmp_path):
    backend = Sketch()

    before = backend.probe()
    backend.run(order(tmp_path, txt2img(model="dream")), Watch())

    assert (before.backend, before.stages, before.models) == ("sketch", STAGE_NAMES, None)
    assert before.loaded_model is None
    assert backend.probe().loaded_model == "dream"


# What cannot be done


@pytest.mark.parametrize("stage", [Img2Img(stage="img2img"), Upscale(stage="upscale")])
def test_a_chain_that_needs_inputs_and_has_none_fails_with_input_missing(tmp_path, stage):
    with pytest.raises(BackendError) as caught:
        run(tmp_path, stage)

    assert caught.value.code is Code.INPUT_MISSING


def test_an_input_that_is_not_there_fails_with_input_missing(tmp_path):
    with pytest.raises(BackendError) as caught:
        run(tmp_path / "s", Upscale(stage="upscale"), inputs=[tmp_path / "gone.png"])

    assert caught.value.code is Code.INPUT_MISSING


@pytest.mark.parametrize("damage", ["words", "half"])
def test_an_input_that_is_no_image_fails_with_bad_job(tmp_path, damage):
    source = picture_file(tmp_path / "input.png", (200, 200))
    whole = source.read_bytes()
    source.write_bytes(b"not a picture" if damage == "words" else whole[: len(whole) // 2])

    with pytest.raises(BackendError) as caught:
        run(tmp_path / "s", Upscale(stage="upscale"), inputs=[source])

    assert caught.value.code is Code.BAD_JOB


def test_txt2img_in_the_middle_of_a_chain_fails_with_bad_job(tmp_path):
    with pytest.raises(BackendError) as caught:
        run(tmp_path, txt2img(), txt2img())

    assert caught.value.code is Code.BAD_JOB


def test_an_upscale_beyond_all_measure_fails_with_bad_job_before_it_takes_the_memory(tmp_path):
    grow = Upscale(stage="upscale", factor=8.0)

    with pytest.raises(BackendError) as caught:
        run(tmp_path, txt2img(width=2064, height=16), grow)

    assert caught.value.code is Code.BAD_JOB


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (OSError(errno.ENOSPC, "no space left on device"), Code.SCRATCH_FULL),
        (MemoryError(), Code.OUT_OF_HOST_MEMORY),
    ],
)
def test_a_full_disk_or_memory_fails_with_its_own_code(tmp_path, monkeypatch, fault, code):
    def save(*_args, **_kwargs):
        raise fault

    monkeypatch.setattr(Image.Image, "save", save)

    with pytest.raises(BackendError) as caught:
        run(tmp_path, txt2img())

    assert caught.value.code is code


def test_another_fault_of_the_disk_is_not_renamed(tmp_path, monkeypatch):
    def save(*_args, **_kwargs):
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(Image.Image, "save", save)

    with pytest.raises(OSError, match="input/output"):
        run(tmp_path, txt2img())


# Progress and interrupts


def told_progress(tmp_path, *stages, **drills):
    told = []
    watch = Watch(PlayedEvent(), lambda fraction, stage: told.append((fraction, stage)))
    run(tmp_path, *stages, watch=watch, **drills)
    return told


def test_progress_grows_over_the_whole_chain_image_by_image(tmp_path):
    told = told_progress(tmp_path, txt2img(count=2), Upscale(stage="upscale"))

    assert told == [
        (0.0, "txt2img"),
        (0.25, "txt2img"),
        (0.5, "txt2img"),
        (0.75, "upscale"),
        (1.0, "upscale"),
    ]


def test_progress_grows_within_a_slow_image(tmp_path):
    told = [fraction for fraction, _ in told_progress(tmp_path, txt2img(), seconds_per_image=1.0)]

    assert told == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])


def test_each_image_of_each_stage_takes_its_seconds(tmp_path):
    event = PlayedEvent()

    run(
        tmp_path,
        txt2img(count=2),
        Upscale(stage="upscale"),
        watch=Watch(event),
        seconds_per_image=0.5,
    )

    assert sum(event.waits) == pytest.approx(2.0)
    assert max(event.waits) <= 0.2


def test_an_interrupt_within_one_image_stops_the_run_before_its_file(tmp_path):
    event = PlayedEvent(after=7)

    with pytest.raises(Interrupted):
        run(tmp_path, txt2img(count=3), watch=Watch(event), seconds_per_image=1.0)

    assert [path.name for path in tmp_path.iterdir()] == ["0000-1-txt2img.png"]
    assert len(event.waits) == 7


def test_an_interrupt_between_images_stops_a_run_that_never_waits(tmp_path):
    event = threading.Event()
    watch = Watch(event, lambda fraction, _stage: event.set() if fraction >= 0.5 else None)

    with pytest.raises(Interrupted):
        run(tmp_path, txt2img(count=2), watch=watch)

    assert len(list(tmp_path.iterdir())) == 1


def test_timings_are_those_of_the_given_clock(tmp_path):
    ticks = iter([10.0, 12.5])

    product = Sketch(clock=lambda: next(ticks)).run(order(tmp_path, txt2img()), Watch())

    assert product.timings[0].seconds == 2.5
