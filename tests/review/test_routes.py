"""What the page asks and what people do there: as on the command line, in the same folder."""

import json
from datetime import UTC, datetime

import pytest
from serving import JOB, UPSCALE, Client, Served, serving

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
    assert shown.pop("gate") == []
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
    actor.files.write_new(layout.preview("running", claimed.number), b"a small JPEG")
    assert asks.get("/preview/running").content == b"a small JPEG"
    assert asks.get("/api/job", params={"name": "running"}).json()["state"] == "claimed"


def test_a_job_is_told_in_words_with_its_record_and_attempts(night, asks):
    told = asks.get("/api/job", params={"name": "night.0001"}).json()
    assert (told["told"], told["state"]) == ("has ended (done)", "done")
    assert told["record"]["group"] == "night"
    assert [one["manifest"]["verdict"] for one in told["attempts"]] == ["succeeded"]
    error(asks.get("/api/job", params={"name": "nobody"}), 404)


def test_a_rating_counts_at_once_and_is_in_the_corpus_after_the_merge(night, asks):
    (said,) = done(asks.post("/api/rate", json={"images": ["night.0001:1"], "rating": 4}))
    nothing = {"rating": None, "choice": None, "note": None}
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
