"""Pictures out of words and a number: the same everywhere, and never dark."""

import hashlib

import pytest
from PIL import Image

from spoolworker.backends import drawing


def test_a_drawing_is_the_same_on_every_machine():
    drawn = drawing.draw("a castle on a hill", 42, 48, 80)

    digest = hashlib.sha256(drawn.tobytes()).hexdigest()
    assert digest == "0bf45ac56e968d6a85b42f84e433e3a32bc17375d424ad0dd7eb4e6d0e83eb59"


@pytest.mark.parametrize(
    "other",
    [("b", 1, 32, 32, ""), ("a", 2, 32, 32, ""), ("a", 1, 32, 33, ""), ("a", 1, 32, 32, "x")],
)
def test_a_drawing_depends_on_all_that_is_said(other):
    *words, layer = other

    assert drawing.draw("a", 1, 32, 32).tobytes() != drawing.draw(*words, layer=layer).tobytes()


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (16, 16), (300, 70)])
def test_a_drawing_has_the_size_asked_for_and_is_never_dark(size):
    drawn = drawing.draw("night, black, dark", 0, *size)

    assert drawn.size == size
    assert min(high for _, high in drawn.getextrema()) >= 20


def test_blend_goes_from_one_picture_to_the_other():
    under, over = Image.new("RGB", (4, 4), (0, 100, 200)), Image.new("RGB", (4, 4), (200, 100, 0))

    assert drawing.blend(under, over, 0.0).tobytes() == under.tobytes()
    assert drawing.blend(under, over, 1.0).tobytes() == over.tobytes()
    assert drawing.blend(under, over, 0.25).getpixel((0, 0)) == (50, 100, 150)


def test_touch_up_changes_the_middle_and_nothing_else():
    image, over = Image.new("RGB", (64, 64), "white"), Image.new("RGB", (32, 32), "blue")

    touched = drawing.touch_up(image, over, 1.0, blur=0)

    assert touched.getpixel((32, 32)) == (0, 0, 255)
    for outside in ((15, 32), (48, 32), (32, 15), (32, 48), (17, 17)):
        assert touched.getpixel(outside) == (255, 255, 255)
    assert image.getpixel((32, 32)) == (255, 255, 255)


def test_touch_up_fades_in_over_its_blur():
    image, over = Image.new("RGB", (256, 256), "white"), Image.new("RGB", (128, 128), "black")

    hard = drawing.touch_up(image, over, 1.0, blur=0).convert("L").crop((0, 128, 256, 129))
    soft = drawing.touch_up(image, over, 1.0, blur=16).convert("L").crop((0, 128, 256, 129))

    assert len(set(hard.tobytes())) == 2
    assert len(set(soft.tobytes())) > 8
    assert soft.getpixel((128, 0)) == 0
