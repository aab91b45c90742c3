"""A group's pictures: made once, in small portions, and never at the cost of what must go on."""

import io
from html.parser import HTMLParser

import pytest
from PIL import Image as Picture

from spoolctl.controller import gallery
from spoolctl.controller.groups import GroupsKeeper
from spoolctl.groups.page import page_of
from spoolctl.groups.sheet import PER_SHEET, Cell, sheet
from spoolctl.groups.thumbs import NoPicture, image_of_thumb, thumb_name, thumb_of
from spoolctl.index import Image, Index, Wanted, images
from spoolctl.spool import GROUP_RESULT_SCHEMA, Code, GroupJob, GroupResult, define_group, layout
from spoolctl.spool.memory import Crashed, Fault
from tests.spool.spool_world import World

NAMES = ["night.0001", "night.0002", "night.0003"]


def png(size=(640, 400), mode="RGB", colour=(200, 30, 30), kind="PNG"):
    made = io.BytesIO()
    Picture.new(mode, size, colour).save(made, kind)
    return made.getvalue()


def image(job="night.0001", **changes):
    facts = dict.fromkeys(Image.__dataclass_fields__)
    facts |= {"run_id": job, "job": job, "image_index": 0, "group": "night", "prompt": "a castle", "negative_prompt": "",
              "path": f"results/night/{job}/a1/0000-1-txt2img.png", "seed": "7"}  # fmt: skip
    return Image(**{**facts, **changes})


class Share:
    """A world in which a group was merged; its images are real ones, put there afterwards, for the world's are of four bytes."""

    def __init__(self, tmp_path, pictures=None):
        self.world, self.path = World(), tmp_path / "index.sqlite"
        for name in NAMES:
            self.world.drop(name)
        define_group(self.world.person(), "night", NAMES)
        self.world.worker().work()
        self.world.controller().scan()
        for name in NAMES:
            data = (pictures or {}).get(name, png())
            self.world.share.put(f"{layout.attempt(name, 1)}/0000-1-txt2img.png", data)
        self.copies = {}
        for path in (layout.LEARNING_RECORDS, layout.ENDED_JOBS):
            copy = tmp_path / path.replace("/", "-")
            copy.write_bytes(self.world.share.tree()[path])
            self.copies[path] = copy

    def keeper(self, files=None):
        keeper = GroupsKeeper(self.world.actor("controller-c", files=files), self.path)
        for path, copy in self.copies.items():
            keeper.take(path, copy)
        return keeper

    def shown(self, keeper, passes=4):
        """Some passes: thumbnails, a sheet, the page."""
        for _ in range(passes):
            keeper.tell()
        keeper.close()

    def lying(self):
        return {
            path.removeprefix("groups/night/")
            for path, data in self.world.share.tree().items()
            if path.startswith("groups/night/") and data is not None
        }


ALL = {
    "result.json",
    "index.html",
    "contact.png",
    *(f"thumbs/{thumb_name(name, 0)}" for name in NAMES),
}


def test_an_ended_group_gets_thumbnails_a_page_and_a_contact_sheet(tmp_path):
    share = Share(tmp_path)
    keeper = share.keeper()
    assert keeper.tell() == 1
    share.shown(keeper)
    assert share.lying() >= ALL
    tree = share.world.share.tree()
    with Picture.open(io.BytesIO(tree[f"groups/night/thumbs/{thumb_name(NAMES[0], 0)}"])) as thumb:
        assert (thumb.format, thumb.size) == ("JPEG", (320, 200))
    with Picture.open(io.BytesIO(tree["groups/night/contact.png"])) as made:
        assert made.format == "PNG"


def test_the_work_is_done_in_portions(tmp_path, monkeypatch):
    """A thousand images of a night must not keep the controller from merging."""
    share = Share(tmp_path)
    monkeypatch.setattr(gallery, "SPENT_S", 0.0)
    keeper = share.keeper()
    counts = []
    for _ in range(40):
        share.world.turn(1.0)
        keeper.tell()
        counts.append(len(share.lying() & ALL))
    keeper.close()
    assert share.lying() >= ALL
    assert len(set(counts)) > 2


def test_what_is_there_is_not_made_again_not_even_by_the_next_controller(tmp_path):
    share = Share(tmp_path)
    share.shown(share.keeper())
    view = share.world.client()
    share.shown(share.keeper(files=view))
    assert [one for one in view.trace if "write" in str(one) or "rename" in str(one)] == []


def test_an_image_that_is_none_is_left_out_and_told_once(tmp_path):
    share = Share(tmp_path, {NAMES[1]: b"four"})
    keeper = share.keeper()
    keeper.tell()
    share.world.turn(3600)
    share.shown(keeper)
    assert share.lying() == ALL - {f"thumbs/{thumb_name(NAMES[1], 0)}"} | {f"plan-{NAMES[0]}.yaml"}
    assert [facts["job"] for _, event, facts in share.world.log if event == "thumb.not_made"] == [
        NAMES[1]
    ]


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.TORN, Fault.CRASH_AFTER])
def test_a_controller_that_is_killed_anywhere_leaves_the_rest_to_the_next(tmp_path, fault):
    number = 0
    while True:
        folder = tmp_path / f"{number}"
        folder.mkdir()
        share = Share(folder)
        view = share.world.client()
        view.fail(number, fault)
        ended = True
        try:
            keeper = share.keeper(files=view)
            for _ in range(4):
                keeper.tell()
        except Crashed:
            ended = False
        keeper.close()
        if ended:
            break
        share.shown(share.keeper())
        assert share.lying() >= ALL, number
        number += 1
    assert number > 20


class Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.tags, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for key, value in attrs if key in ("src", "href")]

    def handle_data(self, data):
        self.text += data


def result(*jobs):
    return GroupResult(
        schema_=GROUP_RESULT_SCHEMA,
        group='<night> & "day"',
        jobs=jobs,
        counts={"succeeded": 1},
        images=1,
        gpu_s=61.0,
    )


def test_the_page_tells_what_all_images_share_once_and_of_each_what_differs():
    found = [image(seed="7", model="sdxl"), image("night.0002", seed="8", model="sdxl")]
    page = Links(page_of(result(), found, ["contact.png"])).text
    assert page.count("sdxl") == 1
    assert page.count("a castle") == 1
    assert "seed 7" in page
    assert "seed 8" in page


def test_the_page_says_nothing_that_a_browser_would_run_whatever_a_prompt_holds():
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    found = [
        image(prompt=evil, path=f"results/a/{evil}.png"),
        image("night.0002", prompt="other", model=evil),
    ]
    job = GroupJob(name="night.0003", state="failed", message=evil)
    links = Links(page_of(result(job), found, ["contact.png"]))
    assert "script" not in links.tags
    assert len([tag for tag in links.tags if tag == "img"]) == 2
    assert all(one.startswith(("thumbs/", "../../results/", "contact")) for one in links.links)
    assert evil in links.text


def test_the_page_lists_what_failed_with_its_reason():
    job = GroupJob(
        name="night.0003", state="failed", code=Code.TIMEOUT, message="stood still for 600 s"
    )
    page = Links(page_of(result(job), [], [])).text
    assert "night.0003" in page
    assert "stood still for 600 s" in page


def test_names_of_thumbnails_say_whose_they_are():
    for name in ("night.0001", "a-b-3.0002", "x"):
        assert image_of_thumb(thumb_name(name, 12)) == (name, 12)
    assert image_of_thumb("holiday.jpg") is None


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_any_kind_of_image_gets_a_thumbnail(tmp_path, mode):
    path = tmp_path / "image.png"
    Picture.new(mode, (64, 640)).save(path)
    with Picture.open(io.BytesIO(thumb_of(path))) as thumb:
        assert thumb.size == (32, 320)


@pytest.mark.parametrize("data", [b"", b"four", png()[:200], b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_what_is_no_image_gets_none(tmp_path, data):
    path = tmp_path / "image.png"
    path.write_bytes(data)
    with pytest.raises(NoPicture):
        thumb_of(path)


def test_an_image_too_large_to_be_opened_safely_gets_none(tmp_path, monkeypatch):
    monkeypatch.setattr("spoolctl.groups.thumbs.PIXELS_MAX", 1_000)
    path = tmp_path / "image.png"
    path.write_bytes(png())
    with pytest.raises(NoPicture, match="640 x 400"):
        thumb_of(path)


def test_a_contact_sheet_has_rows_of_eight_and_a_line_under_each():
    made = sheet("night " * 200, [Cell(None, "seed " * 80)] * PER_SHEET)
    with Picture.open(io.BytesIO(made)) as page:
        assert page.width == 2010
        assert page.height > 12 * 240


def test_images_that_retention_took_do_not_stop_the_page(tmp_path):
    share = Share(tmp_path)
    share.world.share.view().unlink(f"{layout.attempt(NAMES[0], 1)}/0000-1-txt2img.png")
    share.shown(share.keeper())
    assert "index.html" in share.lying()
    with Index(share.path) as index:
        assert len(images(index.connection, Wanted(group="night"))) == 3
