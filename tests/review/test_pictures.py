"""Pictures come from the spool's own folders, and from nowhere else."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Picture
from serving import png

from spoolctl.groups.thumbs import FOLDER, thumb_name, thumb_of
from spoolctl.index import Image
from spoolctl.review.pictures import NoSuchPicture, Pictures, inside

PATH = "results/night/night.0001/a1/0000-1-txt2img.png"
_NONE = dict.fromkeys(Image.__dataclass_fields__)
IMAGE = Image(**_NONE | {"run_id": "r", "job": "night.0001", "image_index": 0, "group": "night", "path": PATH, "prompt": ""})  # fmt: skip


@pytest.fixture
def root(tmp_path):
    (tmp_path / "secret.png").write_bytes(png())
    found = tmp_path / "spool"
    for path in (PATH, "queue/batch/job.png", "results/night/page.svg", "results/night/page.html"):
        (found / path).parent.mkdir(parents=True, exist_ok=True)
        (found / path).write_bytes(png(size=(640, 480)))
    return found


def test_an_image_is_served_as_what_it_is(root):
    picture = Pictures(root).image(IMAGE)
    data = (root / PATH).read_bytes()
    assert (picture.media_type, picture.length) == ("image/png", len(data))
    assert b"".join(picture.chunks()) == data
    assert picture.file.closed


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "..", "results", "results/", "../secret.png", "results/../../secret.png",
        "results/night/../../../secret.png", "/etc/hostname", "//results/x", "queue/batch/job.png",
        "results\\..\\..\\secret.png", "results/night\\x.png", "C:/secret.png", "results/C:secret.png",
        "results/night/\0.png", "results/gone.png", f"{PATH}/deeper.png", "results/night",
    ],
)  # fmt: skip
def test_no_path_leads_out(root, path):
    with pytest.raises(NoSuchPicture):
        inside(root, path)
    with pytest.raises(NoSuchPicture):
        Pictures(root).image(replace(IMAGE, path=path))


def test_a_link_out_of_the_spool_is_not_followed(root, tmp_path):
    (root / "results/night/link.png").symlink_to(tmp_path / "secret.png")
    (root / "results/away").symlink_to(tmp_path)
    for path in ("results/night/link.png", "results/away/secret.png"):
        with pytest.raises(NoSuchPicture, match="leads out of 'results/'"):
            inside(root, path)


def test_a_link_that_is_put_there_between_a_look_and_the_opening_is_not_followed(
    root, tmp_path, monkeypatch
):
    """Whoever may write to the share, and not to this machine, once got its files in every fourth request."""
    real = Path.open

    def swapped(path, *how):
        if path == root / PATH:
            path.unlink()
            path.symlink_to(tmp_path / "secret.png")
        return real(path, *how)

    monkeypatch.setattr(Path, "open", swapped)
    with pytest.raises(NoSuchPicture, match="leads out of 'results/'"):
        Pictures(root).image(IMAGE)
    monkeypatch.undo()
    with pytest.raises(NoSuchPicture, match="leads out of 'results/'"):
        Pictures(root).thumb(IMAGE)


def test_links_in_a_circle_and_pipes_are_no_pictures(root):
    (root / PATH).unlink()
    (root / PATH).symlink_to(root / PATH)
    with pytest.raises(NoSuchPicture):
        Pictures(root).image(IMAGE)
    (root / PATH).unlink()
    os.mkfifo(root / PATH)
    with pytest.raises(NoSuchPicture):
        Pictures(root).image(IMAGE)


@pytest.mark.parametrize(
    ("suffix", "data"),
    [(".png", b"root:x:0:0"), (".jpg", b"\x89PNG\r\n\x1a\n"), (".webp", b"RIFF"), (".gif", b""), (".avif", b"....")],
)  # fmt: skip
def test_what_does_not_begin_as_its_name_says_is_not_sent(root, suffix, data):
    path = f"results/night/other{suffix}"
    (root / path).write_bytes(data)
    with pytest.raises(NoSuchPicture, match="no picture that a browser shows"):
        Pictures(root).image(replace(IMAGE, path=path))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_what_pillow_writes_is_known_as_what_it_is(root, kind):
    suffix = f".{kind.lower()}"
    Picture.new("RGB", (8, 8)).save(root / f"results/night/one{suffix}", kind)
    picture = Pictures(root).image(replace(IMAGE, path=f"results/night/one{suffix}"))
    picture.file.close()
    assert picture.media_type == f"image/{kind.lower()}"


@pytest.mark.parametrize("path", ["results/night/page.svg", "results/night/page.html"])
def test_what_could_bear_scripts_is_not_served(root, path):
    with pytest.raises(NoSuchPicture, match="no picture that a browser shows"):
        Pictures(root).image(replace(IMAGE, path=path))


def test_a_thumbnail_is_the_controllers_if_it_made_one(root):
    folder = root / "groups/night" / FOLDER
    folder.mkdir(parents=True)
    pictures = Pictures(root)
    assert pictures.thumb(IMAGE) == thumb_of(root / PATH)
    made = thumb_of(root / PATH) + b"made by the controller"
    (folder / thumb_name("night.0001", 0)).write_bytes(made)
    assert pictures.thumb(IMAGE) == made


def test_a_thumbnail_that_is_a_link_out_of_the_spool_is_not_served(root, tmp_path):
    folder = root / "groups/night" / FOLDER
    folder.mkdir(parents=True)
    (tmp_path / "passwords").write_bytes(b"secret")
    (folder / thumb_name("night.0001", 0)).symlink_to(tmp_path / "passwords")
    assert Pictures(root).thumb(IMAGE) == thumb_of(root / PATH)


def test_a_thumbnail_is_made_once_and_not_on_the_share(root):
    pictures = Pictures(root)
    made = pictures.thumb(IMAGE)
    before = sorted(root.rglob("*"))
    (root / PATH).write_bytes(b"no picture any more")
    assert pictures.thumb(IMAGE) == made
    assert sorted(root.rglob("*")) == before


def test_what_is_no_picture_is_told(root):
    (root / PATH).write_bytes(b"no picture")
    with pytest.raises(NoSuchPicture, match="cannot be shown: no kind of image that is known"):
        Pictures(root).thumb(IMAGE)
