"""No file is believed before it was decoded, counted and measured."""

import struct
import zlib
from dataclasses import replace

import pytest
from PIL import Image

from spoolctl.spool import ADetailer, BackendUsed, Code, Hires, Img2Img, Txt2Img, Upscale
from spoolworker.backends import drawing
from spoolworker.backends.base import BackendError, Made, Order, Product, Watch
from spoolworker.backends.drills import Drills
from spoolworker.backends.sketch import Sketch
from spoolworker.outputs import check

T2I = Txt2Img(stage="txt2img", prompt="a castle", width=96, height=64, seed=1)
UP = Upscale(stage="upscale", factor=1.5)
CHAIN = (T2I, Img2Img(stage="img2img"), ADetailer(stage="adetailer"), UP)


def sketched(folder, *stages, inputs=(), **drills):
    folder.mkdir(exist_ok=True)
    return Sketch(Drills(**drills)).run(Order(stages, tuple(inputs), folder, "a job"), Watch())


def left(*made):
    return Product(tuple(made), (), BackendUsed(name="played"), log_tail="the server's last words")


def one(folder, size=(96, 64), name="image.png", **changes):
    path = folder / name
    if not path.exists():
        drawing.draw("x", 1, *size).save(path)
    said = {"stage": "txt2img", "image_index": 0, "final": True}
    return Made(path=path, width=size[0], height=size[1], **{**said, **changes})


def refused(product, stages, asked=1, **options):
    with pytest.raises(BackendError) as caught:
        check(product, images_asked=asked, stages=stages, **options)
    return caught.value


def test_an_honest_product_passes(tmp_path):
    stages = (T2I.model_copy(update={"count": 3}), *CHAIN[1:])

    check(sketched(tmp_path, *stages), images_asked=3, stages=stages)


@pytest.mark.parametrize("asked", [1, 3])
def test_another_count_than_asked_fails_with_output_incomplete(tmp_path, asked):
    product = left(one(tmp_path), one(tmp_path, image_index=1))

    error = refused(product, (T2I,), asked)

    assert error.code is Code.OUTPUT_INCOMPLETE
    assert str(error) == f"2 final images, but {asked} were asked for"


def test_images_short_by_one_fail_with_output_incomplete(tmp_path):
    stages = (T2I.model_copy(update={"count": 2}),)

    assert (
        refused(sketched(tmp_path, *stages, short_by=1), stages, 2).code is Code.OUTPUT_INCOMPLETE
    )


def test_images_of_earlier_stages_do_not_count(tmp_path):
    product = left(one(tmp_path, final=False))

    assert refused(product, (T2I, UP)).code is Code.OUTPUT_INCOMPLETE


def test_the_same_index_twice_fails_with_output_incomplete(tmp_path):
    error = refused(left(one(tmp_path), one(tmp_path)), (T2I,), 2)

    assert error.code is Code.OUTPUT_INCOMPLETE
    assert "[0, 0]" in str(error)


def test_a_missing_file_fails_with_output_incomplete(tmp_path):
    product = left(one(tmp_path))
    product.made[0].path.unlink()

    assert refused(product, (T2I,)).code is Code.OUTPUT_INCOMPLETE


def test_an_empty_file_fails_with_output_incomplete(tmp_path):
    product = left(one(tmp_path))
    product.made[0].path.write_bytes(b"")

    assert refused(product, (T2I,)).code is Code.OUTPUT_INCOMPLETE


def test_a_truncated_png_fails_with_output_corrupt(tmp_path):
    error = refused(sketched(tmp_path, T2I, truncate=True), (T2I,))

    assert error.code is Code.OUTPUT_CORRUPT
    assert "cannot be decoded" in str(error)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
def test_an_image_cut_anywhere_is_never_believed(tmp_path, format_):
    """Decoding alone passes over a PNG whose last chunk is gone: all pixels, but half a file."""
    made = one(tmp_path, name=f"image.{format_.lower()}")
    drawing.draw("x", 1, 96, 64).save(made.path, format_)
    whole = made.path.read_bytes()
    check(left(made), images_asked=1, stages=(T2I,))

    for length in {*range(1, len(whole), 97), len(whole) - 20, len(whole) - 5}:
        made.path.write_bytes(whole[:length])
        # JPEG and WebP have no end mark that Pillow insists on
        if format_ == "PNG" or length < len(whole) - 100:
            assert refused(left(made), (T2I,)).code is Code.OUTPUT_CORRUPT, length


def test_a_png_with_a_flipped_bit_fails_with_output_corrupt(tmp_path):
    made = one(tmp_path)
    whole = made.path.read_bytes()

    # the last four bytes are the checksum of the empty end mark, and hold nothing of the image
    for place in range(8, len(whole) - 4, max(1, len(whole) // 200)):
        made.path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        assert refused(left(made), (T2I,)).code is Code.OUTPUT_CORRUPT, place


def test_a_page_of_words_fails_with_output_corrupt(tmp_path):
    made = one(tmp_path)
    made.path.write_text("<html>502 Bad Gateway</html>")

    assert refused(left(made), (T2I,)).code is Code.OUTPUT_CORRUPT


def test_a_header_that_claims_a_monstrous_size_fails_before_it_is_decoded(tmp_path):
    made = one(tmp_path)
    image = made.path.read_bytes()
    header = b"IHDR" + struct.pack(">II", 60_000, 60_000) + image[24:29]
    made.path.write_bytes(image[:12] + header + struct.pack(">I", zlib.crc32(header)) + image[33:])

    assert refused(left(made), (T2I,)).code is Code.OUTPUT_CORRUPT


def test_a_file_of_another_size_than_the_backend_said_fails_with_output_corrupt(tmp_path):
    made = replace(one(tmp_path), width=97)

    error = refused(left(made), (T2I,))

    assert error.code is Code.OUTPUT_CORRUPT
    assert str(error) == "'image.png' is 96x64, but the backend said 97x64"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
def test_an_all_black_image_fails_with_output_corrupt_in_every_mode(tmp_path, mode):
    made = one(tmp_path)
    Image.new(mode, (96, 64)).save(made.path)

    error = refused(left(made), (T2I,))

    assert error.code is Code.OUTPUT_CORRUPT
    assert str(error) == "'image.png' is all black"
    check(left(made), images_asked=1, stages=(T2I,), refuse_black=False)


def test_one_pixel_that_is_not_black_is_enough(tmp_path):
    made = one(tmp_path)
    image = Image.new("RGB", (96, 64))
    image.putpixel((95, 63), (0, 0, 1))
    image.save(made.path)

    check(left(made), images_asked=1, stages=(T2I,))


def test_a_black_image_of_an_earlier_stage_fails_too(tmp_path):
    product = sketched(tmp_path, T2I, UP, black=True)

    assert "0000-1-txt2img.png" in str(refused(product, (T2I, UP)))


@pytest.mark.parametrize(
    "stages",
    [
        (T2I,),
        CHAIN,
        (T2I.model_copy(update={"hires": Hires(scale=1.3)}),),
        (T2I, Img2Img(stage="img2img", width=128, height=128)),
    ],
)
def test_images_8_pixels_too_small_fail_with_output_corrupt(tmp_path, stages):
    check(sketched(tmp_path, *stages), images_asked=1, stages=stages)

    error = refused(sketched(tmp_path, *stages, wrong_size=True), stages)

    assert error.code is Code.OUTPUT_CORRUPT
    assert "were asked for" in str(error)


def test_the_size_of_a_chain_on_inputs_is_checked_once_it_says_one(tmp_path):
    source = one(tmp_path).path
    silent, told = (UP,), (Img2Img(stage="img2img", width=64, height=64), UP)

    for stages in (silent, told):
        product = sketched(tmp_path / "s", *stages, inputs=[source])
        check(product, images_asked=1, stages=stages)
    small = [
        sketched(tmp_path / "s", *stages, inputs=[source], wrong_size=True)
        for stages in (silent, told)
    ]

    check(small[0], images_asked=1, stages=silent)  # nobody said how large
    assert refused(small[1], told).code is Code.OUTPUT_CORRUPT


def test_a_stage_that_stands_twice_in_a_chain_has_two_sizes(tmp_path):
    stages = (T2I, UP, UP, ADetailer(stage="adetailer"))

    product = sketched(tmp_path, *stages)

    assert [m.width for m in product.made] == [96, 144, 216, 216]
    check(product, images_asked=1, stages=stages)


def test_hires_that_drops_what_is_over_8_pixels_is_not_an_error(tmp_path):
    """96 * 1.3 = 124.8: WebUI makes 120, since it works on squares of 8 x 8."""
    stages = (T2I.model_copy(update={"hires": Hires(scale=1.3)}),)

    check(left(one(tmp_path, (120, 80))), images_asked=1, stages=stages)


def test_a_size_that_a_person_wrote_must_be_met(tmp_path):
    stages = (T2I.model_copy(update={"width": 100}),)

    error = refused(left(one(tmp_path)), stages)

    assert str(error) == "'image.png' is 96 pixels wide, but 100 were asked for"


def test_the_servers_last_words_are_in_the_error(tmp_path):
    error = refused(left(), (T2I,))

    assert error.log_tail == "the server's last words"


def test_a_fault_of_the_disk_is_not_taken_for_a_bad_image(tmp_path):
    product = left(one(tmp_path))
    folder = tmp_path / "folder.png"
    folder.mkdir()
    (folder / "x").touch()

    with pytest.raises(OSError, match="folder") as caught:
        check(
            replace(product, made=(replace(product.made[0], path=folder),)),
            images_asked=1,
            stages=(T2I,),
        )

    assert caught.value.errno is not None


@pytest.mark.parametrize(
    ("size", "fits"), [((120, 83), True), ((124, 83), True), ((112, 83), False)]
)
def test_webui_rounds_an_enlarged_side_down_to_eight_pixels(tmp_path, size, fits):
    """96 x 64 by 1.3 came back 120 pixels wide, and the job failed as corrupt on every node."""
    stages = (T2I, Upscale(stage="upscale", factor=1.3))
    product = left(one(tmp_path, size, stage="upscale"))

    if fits:
        check(product, images_asked=1, stages=stages)
    else:
        assert refused(product, stages).code is Code.OUTPUT_CORRUPT
