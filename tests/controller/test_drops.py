"""Picking with a file manager: what lies in a group's ``approved/`` or ``rejected/`` is a person's word, once."""

import json

import pytest
from test_gallery import NAMES, Share, png

from spoolctl.controller import drops
from spoolctl.index import Index, Wanted, images
from spoolctl.spool import Word, digest_of, layout, rate, sha256_of, words
from spoolctl.spool.memory import Crashed, Fault


class Table(Share):
    """A group with its page, whose images are known by their bytes."""

    def __init__(self, tmp_path):
        pictures = {
            name: png(colour=(40 * number, 90, 200)) for number, name in enumerate(NAMES, 1)
        }
        super().__init__(tmp_path, pictures)
        self.pictures = pictures
        # The corpus of this world tells the digests of four bytes; the images were put there afterwards.
        copy = self.copies[layout.LEARNING_RECORDS]
        lines = [json.loads(line) for line in copy.read_text().splitlines()]
        for line in lines:
            line["metadata"]["spool_image_sha256"] = sha256_of(
                pictures[line["metadata"]["spool_job"]]
            )
        copy.write_text("".join(json.dumps(line) + "\n" for line in lines))
        self.own = self.keeper()
        for _ in range(4):
            self.own.tell()

    def drop(self, data, name="some picture (2).png", side="approved"):
        self.world.share.put(f"groups/night/{side}/{name}", data)

    def look(self, times=2, seconds=drops.LOOK_S):
        for _ in range(times):
            self.world.turn(seconds)
            self.own.tell()

    def said(self, name):
        found = words(self.world.person(), name).get(0)
        return found.word if found else None

    def approval(self, name):
        return self.world.share.tree().get(layout.approved(name))


@pytest.fixture
def table(tmp_path):
    made = Table(tmp_path)
    yield made
    made.own.close()


def test_the_page_comes_with_folders_to_drop_into(table):
    tree = table.world.share.tree()
    assert "groups/night/approved" in tree
    assert "groups/night/rejected" in tree


def test_an_image_in_approved_is_picked_whatever_it_is_called_there(table):
    table.drop(table.pictures[NAMES[1]])
    table.look()
    assert table.said(NAMES[1]).choice == "picked"
    assert table.said(NAMES[0]) is None


def test_an_image_in_rejected_is_rejected_and_not_approved(table):
    table.drop(table.pictures[NAMES[1]], side="rejected")
    table.look(6)
    assert table.said(NAMES[1]).choice == "rejected"
    assert table.approval(NAMES[1]) is None


def test_a_thumbnail_counts_by_its_name(table):
    thumb = f"{NAMES[2]}-0.jpg"
    table.drop(table.world.share.tree()[f"groups/night/thumbs/{thumb}"], thumb)
    table.look()
    assert table.said(NAMES[2]).choice == "picked"


def test_what_is_picked_is_approved_once_nothing_more_was_dropped_for_a_minute(table):
    table.drop(table.pictures[NAMES[0]])
    table.look()
    assert table.approval(NAMES[0]) is None
    table.look(4)
    assert b"images:\n- 0\n" in table.approval(NAMES[0])


def test_who_rejects_within_the_minute_what_was_picked_is_not_approved(table):
    """The approval is final; the pick was not."""
    table.drop(table.pictures[NAMES[0]])
    table.look()
    rate(table.world.person(), NAMES[0], 0, Word(choice="rejected"))
    table.look(6)
    assert table.approval(NAMES[0]) is None


def test_a_file_that_moves_to_the_other_folder_within_the_minute_is_not_approved(table):
    table.drop(table.pictures[NAMES[0]])
    table.look()
    table.world.share.view().rename(
        "groups/night/approved/some picture (2).png", "groups/night/rejected/x.png"
    )
    table.look(6)
    assert table.said(NAMES[0]).choice == "rejected"
    assert table.approval(NAMES[0]) is None


def test_one_files_trouble_keeps_no_other_from_counting(table, monkeypatch):
    table.drop(table.pictures[NAMES[0]], "a.png")
    table.drop(table.pictures[NAMES[1]], "b.png")
    fetch = table.own._actor.files.fetch

    def refused(path, local):
        if path.endswith("a.png"):
            raise PermissionError(13, "held by another program", path)
        return fetch(path, local)

    monkeypatch.setattr(table.own._actor.files, "fetch", refused)
    table.look(3)
    assert table.said(NAMES[1]).choice == "picked"
    monkeypatch.undo()
    table.look()
    assert table.said(NAMES[0]).choice == "picked"


def test_a_folder_that_may_not_be_opened_is_told_once_and_keeps_no_other_from_counting(
    table, monkeypatch
):
    table.drop(table.pictures[NAMES[0]])
    table.drop(table.pictures[NAMES[1]], side="rejected")
    names = table.own._actor.files.names

    def refused(folder):
        if folder.endswith("/approved"):
            raise PermissionError(13, "Permission denied", folder)
        return names(folder)

    monkeypatch.setattr(table.own._actor.files, "names", refused)
    table.look(4)
    assert table.said(NAMES[1]).choice == "rejected"
    shut = [facts for _, event, facts in table.world.log if event == "drop.not_looked"]
    assert [one["path"] for one in shut] == ["groups/night/approved"]
    monkeypatch.undo()
    table.look()
    assert table.said(NAMES[0]).choice == "picked"


def test_a_rating_stays_beside_the_pick(table):
    rate(table.world.person(), NAMES[0], 0, Word(rating=4, note="look at the hands"))
    table.drop(table.pictures[NAMES[0]])
    table.look()
    assert table.said(NAMES[0]) == Word(rating=4, note="look at the hands", choice="picked")


def test_a_file_that_still_grows_does_not_count_yet(table):
    table.drop(table.pictures[NAMES[0]][:100])
    table.look(1)
    table.drop(table.pictures[NAMES[0]])
    table.look(1)
    assert table.said(NAMES[0]) is None
    table.look(1)
    assert table.said(NAMES[0]).choice == "picked"


def test_a_later_word_stands_although_the_file_still_lies_there(table):
    table.drop(table.pictures[NAMES[0]])
    table.look()
    rate(table.world.person(), NAMES[0], 0, Word(choice="rejected"))
    table.look(5)
    assert table.said(NAMES[0]).choice == "rejected"


def test_another_controller_does_not_say_again_what_somebody_took_back_in_words(table, tmp_path):
    """Its index is new; it cannot know which came first."""
    table.drop(table.pictures[NAMES[0]])
    table.look()
    rate(table.world.person(), NAMES[0], 0, Word(choice="rejected"))
    table.own.close()
    table.path = tmp_path / "another.sqlite"
    table.own = table.keeper()
    table.look(5)
    assert table.said(NAMES[0]).choice == "rejected"


def test_an_image_that_was_moved_there_is_put_back(table):
    """Dragged instead of copied: its place in results/ is what was decided."""
    place = f"{layout.attempt(NAMES[0], 1)}/0000-1-txt2img.png"
    table.world.share.view().rename(place, "groups/night/approved/x.png")
    table.look()
    assert table.world.share.tree()[place] == table.pictures[NAMES[0]]
    assert table.said(NAMES[0]).choice == "picked"


@pytest.mark.parametrize("name", ["Thumbs.db", ".DS_Store", "desktop.ini", "holiday.png"])
def test_what_is_no_image_of_the_group_says_nothing(table, name):
    table.drop(b"something else", name)
    table.look(4)
    assert [table.said(one) for one in NAMES] == [None] * 3
    assert table.world.share.tree()[f"groups/night/approved/{name}"] == b"something else"


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.CRASH_AFTER])
def test_a_controller_that_is_killed_anywhere_leaves_a_drop_that_counts_once(tmp_path, fault):
    number = 0
    while True:
        folder = tmp_path / f"{number}"
        folder.mkdir()
        table = Table(folder)
        table.drop(table.pictures[NAMES[0]])
        table.own.close()
        view = table.world.client()
        table.own = table.keeper(files=view)
        view.fail(view.operations + number, fault)
        ended = True
        try:
            table.look(7)
        except Crashed:
            ended = False
        table.own.close()
        table.own = table.keeper()
        table.look(8)
        table.own.close()
        assert table.said(NAMES[0]).choice == "picked", number
        assert table.approval(NAMES[0]) is not None, number
        lying = [
            path
            for path in table.world.share.tree()
            if path.startswith("corpus/parts/night/night.0001~0~")
        ]
        assert len(lying) == 1, number
        if ended:
            break
        number += 1
    assert number > 10


def test_images_of_the_table_are_known_by_their_bytes(table, tmp_path):
    with Index(table.path) as index:
        found = {one.job: one.sha256 for one in images(index.connection, Wanted(group="night"))}
    path = tmp_path / "image"
    path.write_bytes(table.pictures[NAMES[0]])
    assert found[NAMES[0]] == digest_of(path).sha256
