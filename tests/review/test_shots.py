"""The pictures in the documents are those that ``shots`` makes, small, and shown."""

import io
import re
from pathlib import Path

import pytest
from PIL import Image
from shots import BYTES_MAX, PICTURES, quantised

from spoolworker.backends import drawing

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_lies_in_the_documents_and_is_small(name):
    path = DOCS / f"{name}.png"
    assert path.stat().st_size <= BYTES_MAX
    with Image.open(path) as picture:
        picture.load()


def test_the_document_shows_all_pictures_and_no_others():
    text = (DOCS / "REVIEW.md").read_text(encoding="utf-8")
    assert set(re.findall(r"[(\"]([a-z-]+)\.png[)\"]", text)) == set(PICTURES)
    assert {path.stem for path in DOCS.glob("review*.png")} == set(PICTURES)


def test_a_large_picture_is_made_small_and_keeps_the_pages_own_colours():
    picture = drawing.draw("a gallery", 1, 3000, 1400)
    picture.paste((20, 24, 28), (0, 0, 3000, 200))
    written = io.BytesIO()
    picture.save(written, "PNG")
    assert written.tell() > BYTES_MAX
    made = quantised(written.getvalue())
    assert len(made) <= BYTES_MAX
    with Image.open(io.BytesIO(made)) as small:
        assert small.convert("RGB").crop((0, 0, 3000, 190)).getcolors() == [(3000 * 190, (20, 24, 28))]  # fmt: skip
