"""Every way in which the embedded backend can be told to fail, and how its options are read."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from sketching import PlayedEvent, order, pixels, run, txt2img

from spoolctl.spool import (
    Code,
    Img2Img,
    Upscale,
    UsageError,
)
from spoolworker.backends import BACKENDS, open_backend
from spoolworker.backends.base import BackendError, Interrupted, Watch
from spoolworker.backends.drills import Drills
from spoolworker.backends.sketch import Sketch

# Drills


def code_of(backend, *args):
    try:
        backend.run(*args)
    except BackendError as error:
        return error.code
    return None


def test_drill_fail_fails_every_run_with_its_code(tmp_path):
    backend = Sketch(Drills(fail=Code.OUT_OF_MEMORY))

    codes = [code_of(backend, order(tmp_path, txt2img()), Watch()) for _ in range(3)]

    assert codes == [Code.OUT_OF_MEMORY] * 3
    assert list(tmp_path.iterdir()) == []


def test_drill_fail_times_fails_only_so_many_runs(tmp_path):
    backend = Sketch(Drills(fail=Code.STALLED, fail_times=2))

    codes = [code_of(backend, order(tmp_path, txt2img()), Watch()) for _ in range(4)]

    assert codes == [Code.STALLED, Code.STALLED, None, None]


def test_drill_fail_stage_fails_on_reaching_it_and_leaves_the_stages_before(tmp_path):
    backend = Sketch(Drills(fail=Code.INTERNAL, fail_stage="upscale", fail_times=1))
    chain = order(tmp_path, txt2img(), Upscale(stage="upscale"))

    without = code_of(backend, order(tmp_path, txt2img()), Watch())
    first = code_of(backend, chain, Watch())
    left = [path.name for path in tmp_path.iterdir()]

    assert (without, first) == (None, Code.INTERNAL)
    assert left == ["0000-1-txt2img.png"]
    assert code_of(backend, chain, Watch()) is None


def test_drill_fail_when_prompt_fails_only_those_and_counts_each_on_its_own(tmp_path):
    backend = Sketch(Drills(fail=Code.TIMEOUT, fail_when_prompt="FAIL", fail_times=1))

    codes = [
        code_of(backend, order(tmp_path, txt2img(prompt=prompt)), Watch())
        for prompt in ("good", "FAIL a", "FAIL b", "FAIL a", "good")
    ]

    assert codes == [None, Code.TIMEOUT, Code.TIMEOUT, None, None]


def test_drill_fail_when_prompt_looks_at_every_stage(tmp_path):
    backend = Sketch(Drills(fail=Code.TIMEOUT, fail_when_prompt="FAIL"))
    chain = order(tmp_path, txt2img(), Img2Img(stage="img2img", prompt="please FAIL"))

    assert code_of(backend, chain, Watch()) is Code.TIMEOUT


def test_a_drilled_failure_says_so_in_its_log_and_not_the_prompt(tmp_path):
    backend = Sketch(Drills(fail=Code.TIMEOUT, fail_when_prompt="castle"))

    with pytest.raises(BackendError) as caught:
        backend.run(order(tmp_path, txt2img()), Watch())

    assert "told to fail with timeout" in caught.value.log_tail
    assert "castle" not in caught.value.log_tail + str(caught.value)


def test_drill_stall_at_stands_still_until_interrupted(tmp_path):
    told = []
    event = PlayedEvent(after=20)
    watch = Watch(event, lambda fraction, _stage: told.append(fraction))

    with pytest.raises(Interrupted):
        run(tmp_path, txt2img(count=4), watch=watch, stall_at=0.5)

    assert told == [0.0, 0.25]
    assert len(event.waits) == 20


def test_drill_unreachable_refuses_probe_and_run(tmp_path):
    backend = Sketch(Drills(unreachable=True))

    with pytest.raises(BackendError) as caught:
        backend.probe()

    assert caught.value.code is Code.BACKEND_UNREACHABLE
    assert code_of(backend, order(tmp_path, txt2img()), Watch()) is Code.BACKEND_UNREACHABLE


@pytest.mark.parametrize(("short_by", "left"), [(0, 3), (1, 2), (3, 0), (9, 0)])
def test_drill_short_by_leaves_so_many_images_out(tmp_path, short_by, left):
    assert len(run(tmp_path, txt2img(count=3), short_by=short_by).made) == left


def test_drill_truncate_cuts_only_the_last_file(tmp_path):
    whole = run(tmp_path / "whole", txt2img(count=2, seed=1))
    cut = run(tmp_path / "cut", txt2img(count=2, seed=1), truncate=True)

    sizes = [
        (m.path.stat().st_size, w.path.stat().st_size)
        for m, w in zip(cut.made, whole.made, strict=True)
    ]
    assert sizes[0][0] == sizes[0][1]
    assert sizes[1][0] == sizes[1][1] // 2


def test_drill_black_makes_every_image_black(tmp_path):
    product = run(tmp_path, txt2img(count=2), Upscale(stage="upscale"), black=True)

    assert all(not any(pixels(made.path)) for made in product.made)


def test_drill_wrong_size_makes_the_final_images_8_pixels_smaller(tmp_path):
    product = run(tmp_path, txt2img(), Upscale(stage="upscale"), wrong_size=True)

    assert [(m.width, m.height) for m in product.made] == [(32, 24), (56, 40)]
    with Image.open(product.made[1].path) as image:
        assert image.size == (56, 40)


def test_drill_ignore_interrupt_stays_busy_before_it_stops(tmp_path):
    paused = []
    backend = Sketch(Drills(ignore_interrupt_s=30.0), pause=paused.append)
    watch = Watch(PlayedEvent())
    watch.interrupted.set()

    with pytest.raises(Interrupted):
        backend.run(order(tmp_path, txt2img()), watch)

    assert paused == [30.0]


def test_drill_no_progress_reports_none(tmp_path):
    told = []
    watch = Watch(PlayedEvent(), lambda fraction, _stage: told.append(fraction))

    run(tmp_path, txt2img(count=2), watch=watch, progress=False, seconds_per_image=1.0)

    assert told == []


# Options


def test_options_are_read_from_text(tmp_path):
    text = {
        "seconds_per_image": "0.5",
        "fail": "out_of_memory",
        "fail_times": "2",
        "black": "true",
        "progress": "false",
    }

    assert Drills.from_text(text) == Drills(
        seconds_per_image=0.5, fail=Code.OUT_OF_MEMORY, fail_times=2, black=True, progress=False
    )


def test_a_backend_is_opened_by_name(tmp_path):
    backend = open_backend("sketch", {"fail": "stalled"})

    assert BACKENDS[0] == backend.name == "sketch"
    assert code_of(backend, order(tmp_path, txt2img()), Watch()) is Code.STALLED


def test_an_unknown_backend_is_refused_with_those_known():
    with pytest.raises(UsageError, match=r"known: .*sketch") as caught:
        open_backend("scetch", {})

    assert caught.value.hint == "did you mean 'sketch'?"


def test_an_unknown_option_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="no option 'second_per_image'") as caught:
        open_backend("sketch", {"second_per_image": "1"})

    assert caught.value.hint == "did you mean 'seconds_per_image'?"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seconds_per_image", "fast"),
        ("seconds_per_image", "-1"),
        ("seconds_per_image", "nan"),
        ("seconds_per_image", "inf"),
        ("fail", "no_such_code"),
        ("stall_at", "2"),
        ("black", "maybe"),
        ("short_by", "1.5"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_by_name(name, value):
    with pytest.raises(UsageError, match=f"'{name}={value}'") as caught:
        open_backend("sketch", {name: value})

    assert "\n" not in str(caught.value)


def test_a_condition_for_failing_without_a_code_is_refused():
    with pytest.raises(UsageError, match="need fail=CODE"):
        open_backend("sketch", {"fail_times": "2"})


def test_importing_the_package_loads_no_backend():
    code = "import sys, spoolworker.backends; print('numpy' in sys.modules, 'PIL' in sys.modules)"

    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.split() == ["False", "False"]
