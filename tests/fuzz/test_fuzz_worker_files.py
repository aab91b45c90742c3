"""What a worker reads on its own machine: its configuration, what a backend left, and the text inside a picture."""

import io
import re
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from spoolctl.spool import BackendUsed, Code, Txt2Img, UsageError
from spoolworker import config, outputs
from spoolworker.backends.base import BackendError, Made, Product
from spoolworker.backends.infotext import _FIELD, read_infotext, write_infotext
from tests.fuzz import seeds
from tests.fuzz.documents import damaged
from tests.fuzz.steady import assert_told_well, steady

# Configuration

_EXAMPLE = (seeds.ROOT / "examples" / "worker.toml").read_bytes()
_TOML = st.one_of(
    damaged(st.just(_EXAMPLE)),
    st.binary(max_size=60),
    st.lists(
        st.sampled_from(
            ['spool = "/s"', 'spool = "a\\u0000b"', "spool = 1", 'name = "a"', 'name = "A\\nb"', "name = 5",
             "backend_options = 3", "[backend_options]", "seconds_per_image = 0.5", "x = [1, {a = 2}]", "gpu = -1",
             "gpu = 1e400", "gpu = " + "9" * 5_000, "vram_gb = nan", "tags = [1]", '"a\\nb" = 1',
             f'"{"k" * 900}" = 1', "once = 2021-13-40", "once = 2021-01-01", "drain = true", "[[spool]]",
             "interrupt_wait_s = inf", "scratch = '''\na'''", "log_folder = []", "x = " + "[" * 2_000, "\ufeff", "\x00"]
        ),
        max_size=5,
    ).map(lambda lines: "\n".join(lines).encode()),
)  # fmt: skip
_ENVIRONMENT = st.dictionaries(
    st.sampled_from(["SPOOL_ROOT", "SPOOLWORKER_NAME", "SPOOLWORKER_GPU", "SPOOLWORKER_TAGS", "SPOOLWORKER_X",
                     "SPOOLWORKER_BACKEND_OPTIONS", "SPOOLWORKER_ONCE", "SPOOLWORKER_", "spoolworker_gpu"]),
    st.one_of(st.sampled_from(["", "1", "a=b", "a=b,=", "yes", "x\ny", "\udc80", ","]), st.text(max_size=8)),
    max_size=3,
)  # fmt: skip


@given(_TOML, _ENVIRONMENT)
@example(b'spool = "/s"\nbackend_options = 3', {"SPOOLWORKER_BACKEND_OPTIONS": "a=b"})
@example(b"x = " + b"[" * 2_000, {})
@example(b"gpu = " + b"9" * 5_000, {})
@example(b'"a\\nb" = 1\nspool = "/s"', {})
@steady(300)
def test_any_configuration_is_complete_or_refused(data: bytes, environment: dict[str, str]) -> None:
    """Four were neither: options beside a value that is no table, a list nested too deep, a number of 5 000 digits, and a
    key with a line break in it, which broke the message in two."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "worker.toml"
        file.write_bytes(data)
        try:
            loaded = config.load({}, file=file, environment=environment, log_folder=Path(folder))
        except UsageError as error:
            assert_told_well(error)
            return
    assert set(loaded.origins) >= set(config.Config.model_fields)
    assert "\0" not in f"{loaded.config.spool}{loaded.config.scratch}{loaded.config.log_folder}"


# Outputs

T2I = Txt2Img(stage="txt2img", prompt="a castle", width=24, height=16, seed=1)


def _picture(format_: str, **options: Any) -> bytes:
    image = Image.new("RGB", (24, 16), (200, 30, 90))
    image.putpixel((3, 3), (1, 2, 3))
    into = io.BytesIO()
    image.save(into, format_, **options)
    return into.getvalue()


def chunk(kind: bytes, data: bytes, *, length: int | None = None) -> bytes:
    said = len(data) if length is None else length
    return struct.pack(">I", said) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


_PNG = _picture("PNG")
_KINDS = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"tRNS", b"gAMA", b"cHRM",
          b"sRGB", b"pHYs", b"acTL", b"fcTL", b"fdAT", b"sBIT", b"abcd", b"\xff\x00ab")  # fmt: skip
_BOMB = zlib.compress(b"\0" * (3 << 20), 9)
_CHUNKS = st.builds(
    chunk,
    st.sampled_from(_KINDS),
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [b"icc\0\0" + _BOMB, b"Comment\0\0" + _BOMB, b"a\0\1\0\0\0" + _BOMB, b"parameters\0" + b"a" * 5_000,
             struct.pack(">IIBBBBB", 24, 16, 8, 2, 0, 0, 0), struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0),
             struct.pack(">IIBBBBB", 24, 16, 16, 6, 0, 0, 1), struct.pack(">II", 5, 0), zlib.compress(b"\0" * 5_000)]
        ),
    ),
    length=st.one_of(st.none(), st.none(), st.sampled_from([0, 1, 2**31 - 1, 2**32 - 1])),
)  # fmt: skip
_PNGS = st.lists(_CHUNKS, min_size=1, max_size=4).map(
    lambda put: _PNG[:33] + b"".join(put) + _PNG[33:]
)
_PICTURES = st.one_of(
    st.sampled_from([_PNG, _picture("JPEG"), _picture("WEBP"), _picture("GIF"), _picture("BMP"), _picture("TIFF")]),
    _PNGS,
    damaged(st.sampled_from([_PNG, _picture("JPEG"), _picture("WEBP"), _picture("PNG", bits=4)])),
    damaged(_PNGS),
    st.binary(max_size=60).map(lambda tail: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 24 16\n" + tail),
)  # fmt: skip


def check(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "0000-1-txt2img.png"
        path.write_bytes(data)
        made = Made(path=path, stage="txt2img", image_index=0, final=True, width=24, height=16)
        product = Product((made,), (), BackendUsed(name="played"))
        outputs.check(product, images_asked=1, stages=(T2I,))


@pytest.mark.filterwarnings(
    "ignore"
)  # Pillow warns of metadata that it passes over; nobody sees it
@given(_PICTURES)
@example(_PNG[:33] + chunk(b"IEND", b""))
@steady(300)
def test_any_file_that_a_backend_leaves_is_a_whole_image_or_fails_with_a_code(data: bytes) -> None:
    """A PNG without pixels was neither: Pillow raises an IndexError of it."""
    try:
        check(data)
    except BackendError as error:
        if error.code not in (Code.OUTPUT_CORRUPT, Code.OUTPUT_INCOMPLETE):
            raise
    else:
        with Image.open(io.BytesIO(data)) as image:
            assert image.size == (24, 16)
            assert image.format in ("PNG", "JPEG", "WEBP")


def test_no_other_decoder_of_pillow_is_asked_than_those_of_what_backends_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every one was: an EPS file would have started Ghostscript on the worker."""
    monkeypatch.setattr(
        "PIL.EpsImagePlugin.Ghostscript", lambda *_args, **_kw: pytest.fail("ran Ghostscript")
    )
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 24 16\n%%EndComments\n%%EOF\n"
    with pytest.raises(BackendError) as caught:
        check(data)
    assert caught.value.code is Code.OUTPUT_CORRUPT


def test_a_picture_of_another_size_than_was_asked_is_refused_before_it_is_decoded(
    tmp_path: Path,
) -> None:
    """A backend that repeats what a file's header claims could have had the worker decode 800 MB for a job of 24 x 16."""
    path = tmp_path / "bomb.png"
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16_384, 16_384, 8, 2, 0, 0, 0))
    path.write_bytes(_PNG[:8] + header + chunk(b"IDAT", b"x") + chunk(b"IEND", b""))
    made = Made(path=path, stage="txt2img", image_index=0, final=True, width=16_384, height=16_384)

    with pytest.raises(BackendError) as caught:
        outputs.check(Product((made,), (), BackendUsed(name="x")), images_asked=1, stages=(T2I,))

    assert "24 were asked for" in str(caught.value)


# The text inside a picture

_WEBUIS_OWN = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_INFOTEXT = st.lists(
    st.one_of(
        st.sampled_from(
            ["Steps", "CFG scale", ":", ": ", ", ", ",", '"', "\\", '\\"', "\n", "Negative prompt:", " ", "\t", "-", "/",
             "a", "ab", "é", "²", "_", "7", "\u2028", "\x00", '"a, b"', "Size: 512x512, "]
        ),
        st.text(max_size=4),
    ),
    max_size=14,
).map("".join)  # fmt: skip


@given(_INFOTEXT)
@example("-a -b: 1, \t/c d: 2")
@example('ab: "x, cd: "y", e-f/ g: "\\"')
@steady(800)
def test_any_infotext_is_read_as_webui_reads_it(text: str) -> None:
    assert _FIELD.findall(text) == _WEBUIS_OWN.findall(text)
    found = read_infotext(text)
    assert len(found.prompt) + len(found.negative_prompt) <= len(text)
    read_infotext(write_infotext(found.prompt, "", found.fields))


def test_a_long_line_of_a_prompt_is_not_tried_again_at_each_of_its_letters() -> None:
    """20 000 letters took 2 seconds, as many blanks 4, and twice as many four times that.

    WebUI's own expression tries to read a field at each of them. Structural, because a limit in seconds fails on a busy
    machine: a run is left in one step, never entered.
    """
    name, blanks = _FIELD.pattern.index(r"[\w \-/]++"), _FIELD.pattern.index(r"[ \-/]*+")
    assert _FIELD.pattern.startswith(r"(?<![\w \-/])")
    assert blanks < name
    assert read_infotext("a" * 200_000).prompt == "a" * 200_000
    assert read_infotext("x" + " " * 200_000 + "x").fields == {}
