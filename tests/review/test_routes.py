"""What the page asks and what people do there: as on the command line, in the same folder."""

import json
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from serving import JOB, UPSCALE, Client, Served, serving

from spoolctl.index import Index
from spoolctl.review import deeds
from spoolctl.review.desk import Desk
from spoolctl.spool import layout, open_spool, parse_approval, words

NOW = datetime(2026, 11, 20, 22, tzinfo=UTC)


@pytest.fixture
def served(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SPOOL_ROOT", str(tmp_path / "spool"))
    monkeypatch.setenv("SPOOL_INDEX", str(tmp_path / "index"))
    (tmp_path / "files").mkdir()
    return Served(tmp_path / "spool", tmp_path / "files", capsys, NOW)


@pytest.fixture
def asks(served):
    with serving(served.app()) as port:
        yield Client(port)


@pytest.fixture
def night(served):
    """Three images of two jobs."""
    served.make("night.0001", count=2)
    served.make("night.0002", prompt="a harbour")
    return served


def done(answer):
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["errors"] == []
    return document["done"]


def ids(asks, **filters):
    answer = asks.get("/api/images", params={"order": "plan", **filters})
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["images"]]


def error(answer, status):
    assert answer.status_code == status, answer.text
    found = answer.json()["error"]
    assert set(found) == {"message", "hint"}
    assert "\n" not in found["message"]
    return found["message"]


def test_an_empty_spool_has_nothing_to_show(served, asks):
    assert asks.get("/api/about").json()["classes"] == ["interactive", "normal", "batch"]
    assert asks.get("/api/groups").json() == {"groups": []}
    assert asks.get("/api/images").json() == {"count": 0, "images": []}
    assert asks.get("/api/status").json()["jobs"]["done"] == 0


def test_status_and_groups_are_told_as_on_the_command_line(night, asks):
    told = json.loads(night("status", "--json").out)
    assert set(asks.get("/api/status").json()) == set(told)
    assert asks.get("/api/status").json()["jobs"] == told["jobs"]
    assert asks.get("/api/groups").json() == json.loads(night("group", "list", "--json").out)
    shown = asks.get("/api/group", params={"name": "night"}).json()
    assert (shown.pop("gate"), shown.pop("gate_more")) == ([], False)
    assert shown == json.loads(night("group", "show", "night", "--json").out)
    assert "no group 'other'" in error(asks.get("/api/group", params={"name": "other"}), 404)


def test_images_are_found_as_by_results(night, asks):
    assert ids(asks) == ["night.0001:0", "night.0001:1", "night.0002:0"]
    assert ids(asks, text="harbour") == ["night.0002:0"]
    assert ids(asks, limit=1, offset=1) == ["night.0001:1"]
    assert asks.get("/api/images", params={"limit": 1}).json()["count"] == 3
    assert ids(asks, since="2026-11-20T22:00:00+00:00", until="2099-01-01") == ids(asks)
    assert ids(asks, until="2001-01-01") == []


@pytest.mark.parametrize(
    ("filters", "about"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 2_001}, "limit"),
        ({"offset": -1}, "offset"),
        ({"order": "prettiest"}, "order"),
        ({"rating": 6}, "rating"),
        ({"colour": "red"}, "colour"),
        ({"since": "yesterday"}, "'yesterday' is no time"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_by_name(asks, filters, about):
    assert about in error(asks.get("/api/images", params=filters), 400)


def test_pictures_are_served_by_job_and_number(night, asks):
    image = asks.get("/image/night.0001/1")
    assert (image.status_code, image.headers["content-type"]) == (200, "image/png")
    assert (
        image.content
        == (night.root / layout.results("night.0001") / "a1/0001-1-txt2img.png").read_bytes()
    )
    assert asks.get("/thumb/night.0001/1").headers["content-type"] == "image/jpeg"
    for path in (
        "/image/night.0001/9",
        "/thumb/nobody/0",
        "/image/..%2f..%2fspool.yaml/0",
        "/preview/night.0001",
        "/preview/..%2fx",
    ):
        error(asks.get(path), 404)
    error(asks.get("/image/night.0001/x"), 400)


def test_what_runs_is_seen_while_it_is_made(night, asks):
    night.submit("running")
    actor, claimed, _ = night.claim("running")
    error(asks.get("/preview/running"), 404)
    actor.files.write_new(layout.preview("running", claimed.number), b"\xff\xd8\xff a small JPEG")
    assert asks.get("/preview/running").content == b"\xff\xd8\xff a small JPEG"
    assert asks.get("/api/job", params={"name": "running"}).json()["state"] == "claimed"


def test_a_job_is_told_in_words_with_its_record_and_attempts(night, asks):
    told = asks.get("/api/job", params={"name": "night.0001"}).json()
    assert (told["told"], told["state"]) == ("has ended (done)", "done")
    assert told["record"]["group"] == "night"
    assert [one["manifest"]["verdict"] for one in told["attempts"]] == ["succeeded"]
    error(asks.get("/api/job", params={"name": "nobody"}), 404)


def test_a_rating_counts_at_once_and_is_in_the_corpus_after_the_merge(night, asks):
    (said,) = done(asks.post("/api/rate", json={"images": ["night.0001:1"], "rating": 4}))
    nothing = {"rating": None, "choice": None, "note": None, "subscores": {}}
    assert said == {
        "id": "night.0001:1",
        "rating": 4,
        "choice": None,
        "note": None,
        "before": nothing,
    }
    assert ids(asks, rated="true") == ["night.0001:1"]
    assert ids(asks, rating=4) == ["night.0001:1"]
    assert ids(asks, rating=5) == []
    night.scan()
    last = json.loads((night.root / "corpus/learning_records.jsonl").read_text().splitlines()[-1])
    assert (last["metadata"]["user_rating"], last["metadata"]["spool_word_by"]) == (4, "person-ada")
    assert ids(asks, rated="true") == ["night.0001:1"]


def test_what_is_not_said_anew_stays_and_before_undoes(night, asks):
    images = ["night.0001:0", "night.0002:0"]
    done(asks.post("/api/rate", json={"images": images, "rating": 2, "note": "soft"}))
    said = done(asks.post("/api/rate", json={"images": images, "choice": "picked"}))
    assert [(one["rating"], one["choice"], one["note"]) for one in said] == [
        (2, "picked", "soft")
    ] * 2
    assert ids(asks, choice="picked") == images
    for one in said:
        done(asks.post("/api/rate", json={"images": [one["id"]], **one["before"]}))
    assert ids(asks, choice="picked") == []
    assert ids(asks, choice="neither", rated="true") == images
    done(asks.post("/api/rate", json={"images": images, "rating": None, "note": None}))
    assert ids(asks, rated="false") == ids(asks)


def test_to_say_the_same_again_says_nothing(night, asks):
    for _ in range(2):
        done(asks.post("/api/rate", json={"images": ["night.0001:0"], "rating": 3}))
    assert words(open_spool(night.root, name="person-b"), "night.0001")[0].number == 1


def test_a_new_rating_drops_the_parts_of_the_old_as_on_the_command_line(night, asks):
    assert night("rate", "night.0001:0", "4", "--anatomy", "2").code == 0
    done(asks.post("/api/rate", json={"images": ["night.0001:0"], "rating": 5}))
    assert words(open_spool(night.root, name="person-b"), "night.0001")[0].word.subscores == {}


def test_undoing_a_rating_gives_the_parts_of_the_old_one_back(night, asks):
    assert night("rate", "night.0001:0", "4", "--anatomy", "2").code == 0
    (said,) = done(asks.post("/api/rate", json={"images": ["night.0001:0"], "rating": 5}))
    done(asks.post("/api/rate", json={"images": ["night.0001:0"], **said["before"]}))
    word = words(open_spool(night.root, name="person-b"), "night.0001")[0].word
    assert (word.rating, word.subscores) == (4, {"anatomy": 2})


def test_a_word_that_is_on_the_share_is_told_as_said_whatever_this_machines_index_does(
    night, asks, monkeypatch
):
    """Told as refused, the page took it back, and the person said it again."""

    def broken(_index, _run_id, _said):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Index, "hear", broken)
    (said,) = done(asks.post("/api/rate", json={"images": ["night.0001:0"], "rating": 5}))
    assert said["rating"] == 5
    assert words(open_spool(night.root, name="person-b"), "night.0001")[0].word.rating == 5


def test_while_another_program_is_at_the_index_nobody_waits_for_it(night, asks):
    """It may take half a minute to make it anew."""
    assert len(ids(asks)) == 3
    night.make("night.0003")
    (path,) = Path(os.environ["SPOOL_INDEX"]).glob("*.sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert len(ids(asks)) == 3  # as it was
        other.execute("ROLLBACK")


def test_trouble_with_one_image_keeps_no_other(night, asks):
    images = ["night.0001:7", "nobody:0", "no image", "../x:0", "night.0002:0"]
    answer = asks.post("/api/rate", json={"images": images, "rating": 1}).json()
    assert [one["id"] for one in answer["done"]] == ["night.0002:0"]
    assert [one["asked"] for one in answer["errors"]] == images[:4]
    assert all(one["error"]["message"] for one in answer["errors"])


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({"images": ["a:0"], "rating": 6}, "rating"),
        ({"images": ["a:0"], "rating": True}, "rating"),
        ({"images": ["a:0"], "rating": "5"}, "rating"),
        ({"images": ["a:0"], "choice": "kept"}, "choice"),
        ({"images": []}, "images"),
        ({"images": ["a:0"], "stars": 4}, "stars"),
        ({"rating": 4}, "images"),
        ([], "the request"),
    ],
)
def test_a_word_that_makes_no_sense_is_refused_by_name(asks, body, about):
    assert error(asks.post("/api/rate", json=body), 400).startswith(about)


def test_exactly_the_picked_images_are_approved_and_released(night, asks):
    night.submit("large", UPSCALE.format(job="night.0001"))
    assert night.folder("large") == "waiting"
    done(asks.post("/api/rate", json={"images": ["night.0001:1"], "choice": "picked"}))
    (gate,) = asks.get("/api/group", params={"name": "night"}).json()["gate"]
    assert gate == {"job": "night.0001", "picked": [1], "approved": None, "released": ["large"]}
    picked = [f"{gate['job']}:{one}" for one in gate["picked"]]
    assert done(asks.post("/api/approve", json={"images": picked})) == [
        {"job": "night.0001", "images": [1]}
    ]
    path = layout.approved("night.0001")
    assert parse_approval((night.root / path).read_bytes(), path).images == (1,)
    night.scan()
    assert night.folder("large") == "queue/normal"
    again = asks.post("/api/approve", json={"images": ["night.0001:0"]}).json()
    assert "approved before by person-ada" in again["errors"][0]["error"]["message"]


def test_what_lies_in_a_queue_is_listed_in_the_order_in_which_it_is_taken(night, asks):
    for name, flags in (
        ("a", ()),
        ("b", ("--priority", "90")),
        ("c", ("--class", "interactive")),
        ("d", ("--hold",)),
    ):
        night.submit(name, JOB.format(prompt="x", count=1), *flags)

    def listed(**wanted):
        answer = asks.get("/api/jobs", params=wanted).json()
        return [one["job"] for one in answer["jobs"]], answer["more"]

    assert listed(state="queue") == (["c", "b", "a"], False)
    assert listed(state="queue", **{"class": "normal"}) == (["b", "a"], False)
    assert listed(state="queue", limit=1) == (["c"], True)
    assert listed(state="held") == (["d"], False)
    assert listed(state="done") == (["night.0002", "night.0001"], False)
    assert "state" in error(asks.get("/api/jobs", params={"state": "lost"}), 400)


def test_a_bad_image_keeps_no_other_from_being_approved(night, asks):
    answer = asks.post("/api/approve", json={"images": ["no image", "night.0001:0"]}).json()
    assert answer["done"] == [{"job": "night.0001", "images": [0]}]
    assert [one["asked"] for one in answer["errors"]] == ["no image"]


def test_the_gate_is_told_of_all_that_wait_some_at_a_time(night, asks, monkeypatch):
    """Once only the first five hundred of all groups were looked at, and nobody was told."""
    monkeypatch.setattr("spoolctl.review.desk._READ_MAX", 2)
    for number in range(5):
        other = JOB.format(prompt="x", count=1).replace("group: night", "group: other")
        other = f"not_before: 2099-01-01T00:00:00Z\n{other}"
        night.submit(f"a{number}", other)
    night.submit(
        "z-large", UPSCALE.format(job="night.0001").replace("group: night", "group: elsewhere")
    )

    def gate():
        shown = asks.get("/api/group", params={"name": "night"}).json()
        return [one["released"] for one in shown["gate"]], shown["gate_more"]

    assert [gate() for _ in range(3)] == [([], True), ([], True), ([["z-large"]], False)]
    night.submit("night.0009", UPSCALE.format(job="night.0002"))
    assert gate() == ([["z-large"], ["night.0009"]], False)


def test_a_record_that_was_still_growing_is_looked_at_again(night, asks):
    whole = UPSCALE.format(job="night.0001").encode()
    path = night.root / "waiting/0050+night.0009.yaml"
    path.write_bytes(whole[:40])
    assert asks.get("/api/group", params={"name": "night"}).json()["gate"] == []
    path.write_bytes(whole)
    (gate,) = asks.get("/api/group", params={"name": "night"}).json()["gate"]
    assert gate["released"] == ["night.0009"]


def test_an_approval_is_known_at_once_where_it_was_given(night, asks):
    night.submit("large", UPSCALE.format(job="night.0001"))
    assert asks.get("/api/group", params={"name": "night"}).json()["gate"][0]["approved"] is None
    done(asks.post("/api/approve", json={"images": ["night.0001:1"]}))
    (gate,) = asks.get("/api/group", params={"name": "night"}).json()["gate"]
    assert (gate["approved"]["images"], gate["approved"]["by"]) == ([1], "person-ada")


def test_a_job_that_is_gone_is_not_taken_for_one_whose_name_goes_on(night, asks):
    """The file of 'cat' was deleted by hand, and 'cat-tower' was cancelled in its place."""
    night.submit("cat-tower")
    for deed, more in (
        ("cancel", {}),
        ("retry", {}),
        ("hold", {}),
        ("release", {}),
        ("move", {"class": "batch"}),
    ):
        answer = asks.post(
            f"/api/{deed}", json={"jobs": ["cat", "cat-towe", "CAT-TOWER ", "../cat-tower"], **more}
        ).json()
        assert answer["done"] == []
        assert len(answer["errors"]) == 4
    assert night.folder("cat-tower") == "queue/normal"


def test_words_do_not_wait_for_jobs(night, asks, monkeypatch):
    """A record that may still be growing takes seconds to be cancelled, and a group may have a thousand."""
    night.submit("late")
    begun, let_go = threading.Event(), threading.Event()
    real = deeds.cancel

    def slow(actor, name):
        begun.set()
        assert let_go.wait(60)
        return real(actor, name)

    monkeypatch.setattr(deeds, "cancel", slow)
    with ThreadPoolExecutor(1) as aside:
        other = Client(asks.port)
        cancelled = aside.submit(other.post, "/api/cancel", json={"jobs": ["late"]})
        assert begun.wait(30)
        done(asks.post("/api/rate", json={"images": ["night.0001:0"], "rating": 3}))
        let_go.set()
        assert done(cancelled.result(60)) == [{"job": "late", "result": "cancelled"}]


@pytest.mark.parametrize("name", ["", "../x", "a\0b", "x" * 5_000, "nobody", "/etc/passwd"])
def test_what_is_no_jobs_name_is_no_job(night, asks, name):
    error(asks.get("/api/job", params={"name": name}), 404)


def test_a_fault_of_our_own_is_told_as_one(night, asks, monkeypatch, caplog):
    def broken(_desk):
        raise KeyError("a bug")

    monkeypatch.setattr(Desk, "groups", broken)
    assert error(asks.get("/api/groups"), 500) == "a fault of the page's server: KeyError"


def test_jobs_are_held_released_moved_cancelled_and_retried(night, asks):
    night.submit("late")
    assert done(asks.post("/api/hold", json={"jobs": ["late"]})) == [
        {"job": "late", "folder": "held"}
    ]
    done(asks.post("/api/release", json={"jobs": ["late"]}))
    done(asks.post("/api/move", json={"jobs": ["late"], "class": "interactive"}))
    assert night.folder("late") == "queue/interactive"
    assert done(asks.post("/api/cancel", json={"jobs": ["late"]})) == [
        {"job": "late", "result": "cancelled"}
    ]
    assert done(asks.post("/api/retry", json={"jobs": ["late"]}))[0]["folder"].startswith("queue/")
    assert "class" in error(asks.post("/api/move", json={"jobs": ["late"], "class": "urgent"}), 400)


def test_of_a_group_what_has_not_ended_is_cancelled_and_what_failed_is_retried(night, asks):
    night.submit(
        "night.0003",
        "schema: spool.job/1\ngroup: night\nworkload: {kind: image, stages: [{stage: txt2img, prompt: x}]}\n",
    )
    assert done(asks.post("/api/cancel", json={"group": "night"})) == [
        {"job": "night.0003", "result": "cancelled"}
    ]
    assert done(asks.post("/api/retry", json={"group": "night"})) == []
    (again,) = done(asks.post("/api/retry", json={"group": "night", "cancelled": True}))
    assert again["job"] == "night.0003"
    night.fail("night.0003")
    night.scan()
    assert [one["job"] for one in done(asks.post("/api/retry", json={"group": "night"}))] == [
        "night.0003"
    ]
    error(asks.post("/api/cancel", json={"group": "other"}), 404)
    error(asks.post("/api/cancel", json={}), 400)
    error(asks.post("/api/cancel", json={"jobs": ["a"], "group": "night"}), 400)


def test_of_an_image_more_is_made_once_it_was_shown_what_that_would_be(night, asks):
    wanted = {"image": "night.0001:1", "how": "variations", "count": 3}
    (shown,) = done(asks.post("/api/derive", json={**wanted, "dry_run": True}))
    assert "seed" in shown["summary"]
    assert not list((night.root / "queue/interactive").iterdir())
    (made,) = done(asks.post("/api/derive", json=wanted))
    assert {night.folder(one) for one in made["jobs"]} == {"queue/interactive"}
    refused = asks.post("/api/derive", json={**wanted, "image": "night.0001:9"}).json()
    assert refused["errors"][0]["asked"] == "night.0001:9"
    error(asks.post("/api/derive", json={**wanted, "how": "painting"}), 400)


def test_two_pages_see_each_others_words_and_a_second_page_process_after_the_merge(night, asks):
    with serving(night.app()) as port:
        other = Client(port)
        done(asks.post("/api/rate", json={"images": ["night.0001:0"], "rating": 5}))
        assert ids(other, rating=5) == ["night.0001:0"]


def test_a_share_that_is_away_is_told_and_nothing_breaks(night, asks, tmp_path):
    night.root.rename(tmp_path / "away")
    assert "did not do what was asked" in error(asks.get("/api/status"), 503)
    answer = asks.post("/api/rate", json={"images": ["night.0001:0"], "rating": 5})
    assert len(answer.json()["errors"]) == 1
    (tmp_path / "away").rename(night.root)
    assert asks.get("/api/status").status_code == 200


def test_the_page_and_its_files_are_there_and_asked_anew_each_time(asks):
    page = asks.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-cache"
    assert asks.get("/page/index.html").headers["cache-control"] == "no-cache"
    script = asks.get("/page/main.js").headers["content-type"]
    assert script.startswith("text/javascript")  # on Windows the registry may say otherwise
    error(asks.get("/page/..%2f..%2fapp.py"), 404)
    error(asks.get("/docs"), 404)


def test_live_begins_with_what_is_the_case(night, asks):
    with asks.get("/api/live", stream=True) as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        lines = events.iter_lines(decode_unicode=True)
        found = {}
        while len(found) < 2:
            line = next(lines)
            if line.startswith("event: "):
                found[line.removeprefix("event: ")] = json.loads(next(lines).removeprefix("data: "))
    assert found["results"]["images"] == 3
    assert found["status"]["jobs"]["done"] == 2
