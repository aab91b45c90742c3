"""The index is a copy of the ledgers: in step with them, ahead only by words said here, and made anew whenever it may not be trusted."""

import json
import sqlite3
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgers import image_line, job_line, run_id, word_line

from spoolctl.index import Index, Wanted, count, database, group_sums, images, job_ends
from spoolctl.index.rows import image_row, job_row, word_row
from spoolctl.spool import Said, Word


def found(index: Index, **wanted: object) -> list[str]:
    return [f"{one.job}:{one.image_index}" for one in images(index.connection, Wanted(**wanted))]


def test_a_spool_without_ledgers_has_no_results(index, ledgers):
    assert index.refresh(ledgers.root) == database.Refreshed(0, 0, anew=False)
    assert found(index) == []


def test_what_was_merged_is_found_after_a_refresh(index, ledgers):
    ledgers.append(jobs=[job_line("night.0001")], images=[image_line("night.0001")])
    assert index.refresh(ledgers.root).anew
    (one,) = images(index.connection, Wanted())
    assert (one.job, one.group, one.seed, one.model, one.width) == (
        "night.0001", "night", "7", "sdxl", 832,
    )  # fmt: skip
    (ended,) = job_ends(index.connection, "night")
    assert (ended.name, ended.verdict, ended.worker) == ("night.0001", "succeeded", "gpu1")


def test_only_new_lines_are_read(index, ledgers):
    ledgers.append(images=[image_line("night.0001")])
    index.refresh(ledgers.root)
    ledgers.append(images=[image_line("night.0002"), image_line("night.0003")])
    assert index.refresh(ledgers.root) == database.Refreshed(2, 0, anew=False)
    assert index.refresh(ledgers.root) == database.Refreshed(0, 0, anew=False)
    assert len(found(index)) == 3


def test_of_a_ledger_that_was_made_anew_in_another_order_only_what_is_new_is_understood(
    index, ledgers
):
    ledgers.append(images=[image_line("night.0001"), image_line("night.0002")])
    index.refresh(ledgers.root)
    ledgers.corpus.unlink()
    ledgers.append(
        images=[image_line("night.0002"), image_line("night.0003"), image_line("night.0004")]
    )
    assert index.refresh(ledgers.root) == database.Refreshed(2, 0, anew=False)
    assert sorted(found(index)) == ["night.0002:0", "night.0003:0", "night.0004:0"]


def test_what_went_from_a_ledger_that_got_shorter_is_gone(index, ledgers):
    ledgers.append(images=[image_line("night.0001"), image_line("night.0002")])
    index.refresh(ledgers.root)
    ledgers.corpus.unlink()
    ledgers.append(images=[image_line("night.0002")])
    index.refresh(ledgers.root)
    assert found(index) == ["night.0002:0"]


def test_a_word_that_another_replaced_is_forgotten_and_the_other_lines_are_not_understood_again(
    index, ledgers
):
    """The controller leaves the earlier word out: of a hundred thousand lines one went and one came."""
    all_images = [image_line(f"night.{number:04d}") for number in range(1, 6)]
    ledgers.append(
        images=[
            *all_images,
            word_line("night.0001", user_rating=2),
            word_line("night.0002", user_rating=3),
        ]
    )
    index.refresh(ledgers.root)
    ledgers.corpus.unlink()
    ledgers.append(
        images=[
            *all_images,
            word_line("night.0002", user_rating=3),
            word_line("night.0001", number=2, user_rating=5),
        ]
    )
    assert index.refresh(ledgers.root) == database.Refreshed(1, 0, anew=False)
    assert [one.rating for one in images(index.connection, Wanted(order="plan"))] == [
        5,
        3,
        None,
        None,
        None,
    ]
    ledgers.corpus.unlink()
    ledgers.append(images=[*all_images, word_line("night.0002", user_rating=3)])
    index.refresh(ledgers.root)
    assert found(index, rated=True) == ["night.0002:0"]


@pytest.mark.parametrize(
    ("text", "is_there"),
    [("a\0drag", True), ("dragon\0", True), ("\0\0", False), ("dragon\0sea", False)],
)
def test_a_nul_in_a_text_that_is_looked_for_is_a_blank(index, ledgers, text, is_there):
    ledgers.append(images=[image_line("night.0001")])
    index.refresh(ledgers.root)
    assert bool(found(index, text=text)) is is_there
    assert count(index.connection, Wanted(text=text)) == is_there


def test_of_two_lines_on_one_image_the_later_still_counts_after_a_comparison(index, ledgers):
    """Made by hand: ledgers hold no two. The earlier is understood again, since no row is its own."""
    twice = [image_line("night.0001", prompt="first"), image_line("night.0001", prompt="second")]
    ledgers.append(images=[image_line("night.0002"), *twice])
    index.refresh(ledgers.root)
    ledgers.corpus.unlink()
    ledgers.append(images=twice)
    index.refresh(ledgers.root)
    assert [one.prompt for one in images(index.connection, Wanted())] == ["second"]


def test_a_ledger_of_which_more_is_new_than_is_worth_comparing_is_read_from_its_beginning(
    index, ledgers, monkeypatch
):
    monkeypatch.setattr(database, "_AT_ONCE_BYTES", 2_000)
    ledgers.append(images=[image_line("night.0001")])
    index.refresh(ledgers.root)
    ledgers.corpus.unlink()
    ledgers.append(images=[image_line(f"night.{number:04d}") for number in range(2, 9)])
    assert index.refresh(ledgers.root) == database.Refreshed(7, 0, anew=True)
    assert len(found(index)) == 7


_LINES = st.lists(
    st.one_of(
        st.builds(image_line, st.sampled_from("abc"), prompt=st.sampled_from(["old stone", "new sea"])),
        st.builds(word_line, st.sampled_from("abc"), number=st.integers(1, 3), user_rating=st.integers(1, 5)),
        st.sampled_from([b"no JSON\n", b"{}\n"]),
    ),
    max_size=12,
)  # fmt: skip


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_LINES, min_size=2, max_size=4))
def test_an_index_that_was_compared_is_as_one_that_was_made_anew(tmp_path, ledgers, readings):
    """Whatever became of the ledger between two readings. A word's number stands for one word only, as on a share."""
    said = {}
    path = tmp_path / "kept.sqlite"
    path.unlink(missing_ok=True)
    with Index(path) as kept:
        for lines in readings:
            # One line a word and an image: ledgers hold no two of them.
            by_key = {}
            for line in lines:
                key = (
                    (line["run_id"], line["metadata"].get("spool_word"))
                    if isinstance(line, dict)
                    else id(line)
                )
                by_key[key] = (
                    said.setdefault(key, line) if isinstance(key, tuple) and key[1] else line
                )
            ledgers.corpus.unlink(missing_ok=True)
            ledgers.append(images=list(by_key.values()))
            kept.refresh(ledgers.root)
            (tmp_path / "anew.sqlite").unlink(missing_ok=True)
            with Index(tmp_path / "anew.sqlite") as anew:
                anew.refresh(ledgers.root)
                for wanted in (
                    Wanted(order="plan"),
                    Wanted(text="stone", order="plan"),
                    Wanted(rated=True, order="plan"),
                ):
                    assert images(kept.connection, wanted) == images(anew.connection, wanted)
                odd = "SELECT odd FROM ledgers"
                assert (
                    kept.connection.execute(odd).fetchall()
                    == anew.connection.execute(odd).fetchall()
                )


def test_a_torn_last_line_waits_until_it_is_whole(index, ledgers):
    line = json.dumps(image_line("night.0002")).encode()
    ledgers.append(images=[image_line("night.0001"), line[:50]])
    index.refresh(ledgers.root)
    assert found(index) == ["night.0001:0"]
    ledgers.append(images=[line[50:] + b"\n"])
    index.refresh(ledgers.root)
    assert sorted(found(index)) == ["night.0001:0", "night.0002:0"]


def test_lines_that_say_nothing_are_counted_and_passed_over(index, ledgers):
    odd = [b"[1, 2]\n", b"not json\n", b"{}\n", b"\xff\xfe\n", {"run_id": 5, "metadata": None}]
    ledgers.append(images=[*odd, image_line("night.0001")])
    assert index.refresh(ledgers.root).odd == 5
    assert found(index) == ["night.0001:0"]


def test_the_last_end_of_a_job_counts_whatever_the_order_of_the_lines(index, ledgers):
    failed = job_line("night.0001", verdict="failed", code="timeout", attempts=3)
    ledgers.append(jobs=[job_line("night.0001", attempts=4), failed])
    index.refresh(ledgers.root)
    (one,) = job_ends(index.connection, "night")
    assert (one.verdict, one.attempts) == ("succeeded", 4)


def test_a_job_without_a_group_belongs_to_those_that_came_with_it(index, ledgers):
    jobs = [job_line(name, group=None) for name in ("x.0001", "x.0002", "alone", "lonely")]
    ledgers.append(jobs=jobs)
    index.refresh(ledgers.root)
    assert {one.group: one.ended for one in group_sums(index.connection)} == {"x": 2, "singles": 2}


def test_the_last_word_on_an_image_counts_even_if_it_is_read_before_the_image(index, ledgers):
    later = word_line("night.0001", number=2, user_rating=5)
    earlier = word_line("night.0001", number=1, user_rating=2)
    ledgers.append(images=[later, earlier, image_line("night.0001")])
    index.refresh(ledgers.root)
    (one,) = images(index.connection, Wanted())
    assert one.rating == 5


def test_a_word_is_known_at_once_and_stays_what_it_was_when_the_ledger_brings_it(index, ledgers):
    ledgers.append(images=[image_line("night.0001")])
    index.refresh(ledgers.root)
    at = datetime(2026, 11, 21, 8, tzinfo=UTC)
    for number, word in ((1, Word(rating=2)), (2, Word(rating=4, choice="picked", note="hands"))):
        index.hear(run_id("night.0001", 0), Said("night.0001", 0, number, "person-a", at, word))
    (one,) = images(index.connection, Wanted(rated=True))
    assert (one.rating, one.choice, one.note) == (4, "picked", "hands")
    ledgers.append(images=[word_line("night.0001", number=1, user_rating=2)])
    index.refresh(ledgers.root)
    assert [one.rating for one in images(index.connection, Wanted())] == [4]
    ledgers.append(images=[word_line("night.0001", number=3, user_rating=1)])
    index.refresh(ledgers.root)
    assert [one.rating for one in images(index.connection, Wanted())] == [1]


def test_a_word_that_withdraws_is_known_at_once(index, ledgers):
    ledgers.append(images=[image_line("night.0001"), word_line("night.0001", user_rating=2)])
    index.refresh(ledgers.root)
    at = datetime(2026, 11, 21, 8, tzinfo=UTC)
    index.hear(run_id("night.0001", 0), Said("night.0001", 0, 2, "person-a", at, Word()))
    (one,) = images(index.connection, Wanted(rated=False, choice="neither"))
    assert (one.rating, one.choice, one.note) == (None, None, None)


def test_groups_are_summed_with_what_was_said_of_their_images(index, ledgers):
    ledgers.append(
        jobs=[
            job_line("night.0001"),
            job_line(
                "night.0002",
                verdict="failed",
                code="timeout",
                images=0,
                ended_at="2026-11-20T23:00:00+00:00",
            ),
            job_line("night.0003", verdict="cancelled", images=0, duration_s=None),
        ],
        images=[
            image_line("night.0001", 0),
            image_line("night.0001", 1),
            word_line("night.0001", 1, user_rating=4, spool_choice="picked"),
        ],
    )
    index.refresh(ledgers.root)
    (one,) = group_sums(index.connection, "night")
    assert (one.ended, one.succeeded, one.failed, one.cancelled) == (3, 1, 1, 1)
    assert (one.images, one.rated, one.picked) == (2, 1, 1)
    assert one.seconds == 120.0
    assert one.last_end == "2026-11-20T23:00:00+00:00"
    assert group_sums(index.connection, "no such") == []


@pytest.fixture
def filled(index, ledgers) -> Index:
    ledgers.append(
        images=[
            image_line("a.0001", prompt="a Dragon, 100%", spool_group="a", spool_worker="gpu1"),
            image_line(
                "a.0002",
                prompt="a castle_ruin",
                spool_group="a",
                spool_worker="gpu2",
                experiment_name="cfg",
            ),
            {
                **image_line("b.0001", prompt="castles", spool_group="b", pack_name="Ruins"),
                "timestamp": "2026-11-21T03:00:00",
            },
            {**image_line("b.0002", prompt="x", spool_group="b"), "primary_model": "flux"},
            word_line("a.0001", user_rating=5),
            word_line("a.0002", user_rating=2, spool_choice="rejected"),
            word_line("b.0001", user_rating=4, spool_choice="picked"),
        ]
    )
    index.refresh(ledgers.root)
    return index


@pytest.mark.parametrize(
    ("wanted", "jobs"),
    [
        ({"group": "a"}, ["a.0001", "a.0002"]),
        ({"job": "a.0002"}, ["a.0002"]),
        ({"pack": "ruin"}, ["b.0001"]),
        ({"model": "FLU"}, ["b.0002"]),
        ({"worker": "2"}, ["a.0002"]),
        ({"text": "dragon"}, ["a.0001"]),
        ({"text": "%"}, ["a.0001"]),
        ({"text": "castle_r"}, ["a.0002"]),
        ({"text": "CASTLE"}, ["a.0002", "b.0001"]),
        ({"text": 'dragon "100'}, ["a.0001"]),
        ({"text": "ragon"}, []),
        ({"experiment": "cfg"}, ["a.0002"]),
        ({"rating_min": 4}, ["a.0001", "b.0001"]),
        ({"rated": False}, ["b.0002"]),
        ({"rated": True}, ["a.0001", "a.0002", "b.0001"]),
        ({"choice": "picked"}, ["b.0001"]),
        ({"choice": "rejected"}, ["a.0002"]),
        ({"choice": "neither"}, ["a.0001", "b.0002"]),
        ({"since": "2026-11-21T00:00:00"}, ["b.0001"]),
        ({"until": "2026-11-21T00:00:00", "group": "b"}, ["b.0002"]),
    ],
)
def test_images_are_found_by_what_they_are_and_what_was_said_of_them(filled, wanted, jobs):
    assert [one.job for one in images(filled.connection, Wanted(**wanted, order="plan"))] == jobs
    assert count(filled.connection, Wanted(**wanted, limit=1)) == len(jobs)


def test_the_orders(filled):
    def jobs(order):
        return [one.job for one in images(filled.connection, Wanted(order=order))]

    assert jobs("plan") == ["a.0001", "a.0002", "b.0001", "b.0002"]
    assert jobs("newest") == ["b.0001", "b.0002", "a.0002", "a.0001"]
    assert jobs("oldest") == ["a.0001", "a.0002", "b.0002", "b.0001"]
    assert jobs("best") == ["a.0001", "b.0001", "a.0002", "b.0002"]


def test_pages_neither_repeat_nor_miss(filled):
    seen = [images(filled.connection, Wanted(limit=1, offset=at))[0].job for at in range(4)]
    assert sorted(seen) == ["a.0001", "a.0002", "b.0001", "b.0002"]


def test_a_damaged_file_is_made_anew(tmp_path, ledgers):
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"this is no database" * 100)
    ledgers.append(images=[image_line("night.0001")])
    with Index(path) as index:
        index.refresh(ledgers.root)
        assert found(index) == ["night.0001:0"]


def test_a_file_of_another_version_is_made_anew(tmp_path, ledgers):
    path = tmp_path / "index.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE images (old)")
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    ledgers.append(images=[image_line("night.0001")])
    with Index(path) as index:
        index.refresh(ledgers.root)
        assert found(index) == ["night.0001:0"]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("anew", [False, True])
def test_a_refresh_that_is_killed_anywhere_leaves_all_of_it_or_nothing(
    tmp_path, ledgers, monkeypatch, anew
):
    """Wherever between two statements it ends; the next refresh has everything, once."""
    path = tmp_path / "index.sqlite"
    insert = database._insert
    for at in range(3):
        ledgers.corpus.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        ledgers.append(images=[image_line("night.0001")])
        with Index(path) as index:
            index.refresh(ledgers.root)
            if anew:
                ledgers.corpus.unlink()
            ledgers.append(images=[image_line(f"night.{number:04d}") for number in range(2, 9)])
            calls = 0

            def dying(cursor, ledger, lines, *, at=at, **how):
                nonlocal calls
                for line in lines:
                    if calls == at:
                        raise Killed
                    insert(cursor, ledger, [line], **how)
                    calls += 1
                return 0

            with monkeypatch.context() as patch:
                patch.setattr(database, "_insert", dying)
                with pytest.raises(Killed):
                    index.refresh(ledgers.root)
            assert found(index) == ["night.0001:0"]
        with Index(path) as index:
            index.refresh(ledgers.root)
            assert len(found(index)) == (7 if anew else 8)


def test_two_processes_may_refresh_one_file(tmp_path, ledgers):
    path = tmp_path / "index.sqlite"
    ledgers.append(images=[image_line("night.0001")])
    with Index(path) as one, Index(path) as other:
        one.refresh(ledgers.root)
        ledgers.append(images=[image_line("night.0002")])
        assert other.refresh(ledgers.root).lines == 1
        assert one.refresh(ledgers.root).lines == 0
        assert len(found(one)) == len(found(other)) == 2


def test_whoever_refreshed_it_the_version_tells_that_the_ledgers_brought_something(
    tmp_path, ledgers
):
    path = tmp_path / "index.sqlite"
    ledgers.append(images=[image_line("night.0001")])
    with Index(path) as one, Index(path) as other:
        one.refresh(ledgers.root)
        before = other.version()
        other.refresh(ledgers.root)
        assert other.version() == before
        ledgers.append(images=[word_line("night.0001", user_rating=3)])
        one.refresh(ledgers.root)
        assert other.version() != before


def test_what_is_forgotten_comes_back(index, ledgers):
    ledgers.append(images=[image_line("night.0001")])
    index.refresh(ledgers.root)
    index.forget()
    assert found(index) == []
    index.refresh(ledgers.root)
    assert found(index) == ["night.0001:0"]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_a_line_says_it_gives_a_row_that_the_index_can_hold_or_none(data):
    """People edit ledgers, and other versions write them."""
    line = data.draw(
        st.sampled_from([job_line("x.1"), image_line("x.1"), word_line("x.1", user_rating=3)])
    )
    for target in (line, line.get("metadata", line), line.get("base_config", line)):
        for key in data.draw(st.lists(st.sampled_from(sorted(target)), max_size=3)):
            target[key] = data.draw(ANY)
    with sqlite3.connect(":memory:") as connection:
        for make in (job_row, image_row, word_row):
            for value in (make(line) or {}).values():
                connection.execute("SELECT ?", (value,)).fetchone()
    connection.close()


def test_the_names_of_images_are_the_corpus_own(index, ledgers):
    ledgers.append(images=[image_line("night.0001", 3)])
    index.refresh(ledgers.root)
    (one,) = images(index.connection, Wanted())
    assert one.run_id == run_id("night.0001", 3)


def test_seeds_beyond_the_database_integers_keep_their_digits(index, ledgers):
    ledgers.append(images=[image_line("night.0001", seed=2**64 - 1)])
    index.refresh(ledgers.root)
    (one,) = images(index.connection, Wanted())
    assert one.seed == "18446744073709551615"
