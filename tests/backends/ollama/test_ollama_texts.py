"""What the ``ollama`` backend asks for, and what it makes of the answers."""

import base64

import pytest
from ollama_rig import backend, order, picture_file, run, text
from ollama_standin import StandIn, digest

from spoolctl.spool import Code, UsageError
from spoolworker.backends import open_backend
from spoolworker.backends.base import BackendError, Watch
from spoolworker.backends.ollama.options import Options


def words(product):
    return [made.path.read_text("utf-8") for made in product.made]


def test_a_prompt_becomes_one_text_in_a_file_of_the_agreed_name(server, tmp_path):
    product = run(server, tmp_path, text())

    (made,) = product.made
    assert (made.path.name, made.is_text, made.final, made.stage) == (
        "0000-1-text.txt",
        True,
        True,
        "text",
    )
    assert words(product)[0].startswith(" rain a lighthouse")
    assert (product.used.name, product.used.version, product.used.model) == (
        "ollama",
        "0.12.6",
        "tiny",
    )
    assert [(one.stage, one.images) for one in product.timings] == [("text", 1)]


@pytest.mark.parametrize(
    ("told", "load_s"), [(4_000_000_000, 8.0), (0, 0.0), (None, None), (-1, None), ("4s", None)]
)
def test_how_long_its_model_loaded_is_what_the_server_tells(server, tmp_path, told, load_s):
    server.load_duration = told

    assert run(server, tmp_path, text(count=2)).load_s == load_s


def test_each_of_several_texts_has_its_own_seed_and_says_which(server, tmp_path):
    product = run(server, tmp_path, text(count=3))

    assert [one["options"]["seed"] for one in server.generations()] == [7, 8, 9]
    assert [made.seed_actual for made in product.made] == [7, 8, 9]
    assert len(set(words(product))) == 3


def test_a_seed_of_minus_one_is_drawn_once_and_told(server, tmp_path):
    product = run(server, tmp_path, text(seed=-1, count=2))

    assert [(made.seed_requested, made.seed_actual) for made in product.made] == [
        (-1, 1000),
        (-1, 1001),
    ]


def test_the_largest_seed_is_followed_by_the_smallest(server, tmp_path):
    run(server, tmp_path, text(seed=2**32 - 1, count=2))

    assert [one["options"]["seed"] for one in server.generations()] == [2**32 - 1, 0]


def test_each_image_gets_its_captions(server, tmp_path):
    images = [picture_file(tmp_path / name) for name in ("one.png", "two.png")]
    product = run(server, tmp_path, text(model="llava:7b", count=2), *images)

    sent = [base64.b64decode(one["images"][0]) for one in server.generations()]
    assert sent == [path.read_bytes() for path in images for _ in range(2)]
    assert [made.image_index for made in product.made] == [0, 1, 2, 3]


def test_a_model_that_cannot_see_is_not_asked_what_is_in_an_image(server, tmp_path):
    with pytest.raises(BackendError, match="'tiny' cannot see images") as caught:
        run(server, tmp_path, text(), picture_file(tmp_path / "one.png"))

    assert caught.value.code is Code.BAD_JOB
    assert server.generations() == []


def test_an_old_server_that_tells_no_capabilities_is_asked_all_the_same(server, tmp_path):
    server.tells_capabilities = False

    assert run(server, tmp_path, text(), picture_file(tmp_path / "one.png")).made


def test_only_what_the_job_says_is_sent_and_prompts_are_never_cut_silently(server, tmp_path):
    run(server, tmp_path, text())
    said = text(
        system="you are brief",
        think=False,
        options={"temperature": 0.2},
        model="deep",
        num_predict=5,
    )
    run(server, tmp_path, said, keep_alive="0")

    bare, full = server.generations()
    assert bare == {
        "model": "tiny", "prompt": "a lighthouse", "stream": True, "truncate": False, "options": {"seed": 7},
    }  # fmt: skip
    assert full["options"] == {"temperature": 0.2, "seed": 7, "num_predict": 5}
    assert (full["system"], full["think"], full["keep_alive"]) == ("you are brief", False, 0.0)


def test_a_prompt_that_is_longer_than_the_context_is_refused_and_not_cut(server, tmp_path):
    with pytest.raises(BackendError, match="exceeds the context length") as caught:
        run(server, tmp_path, text(prompt="word " * 30, options={"num_ctx": 20}))

    assert caught.value.code is Code.BACKEND_REJECTED


def test_an_option_that_ollama_would_silently_ignore_is_refused(server, tmp_path):
    with pytest.raises(
        BackendError, match="no option 'temprature'; did the job mean 'temperature'"
    ) as caught:
        run(server, tmp_path, text(options={"temprature": 0.1}))

    assert caught.value.code is Code.BAD_JOB
    assert server.generations() == []


def test_a_text_that_was_cut_at_its_length_is_a_warning(server, tmp_path):
    product = run(server, tmp_path, text(num_predict=4))

    assert product.warnings == ("text 0 was cut at 4 tokens",)
    assert len(words(product)[0].split()) == 4


def test_a_text_that_was_to_be_json_is_json(server, tmp_path):
    schema = {"type": "object", "properties": {"seen": {"type": "string"}}}

    assert words(run(server, tmp_path, text(format=schema)))[0].startswith('{"seen"')
    assert server.generations()[0]["format"] == schema


def test_json_that_was_cut_is_incomplete(server, tmp_path):
    with pytest.raises(BackendError, match="before its JSON was whole") as caught:
        run(server, tmp_path, text(format="json", num_predict=4))

    assert caught.value.code is Code.OUTPUT_INCOMPLETE


def test_a_model_that_does_not_keep_to_json_is_found_out(server, tmp_path):
    server.text = ("Sure! ", "{}")
    with pytest.raises(BackendError, match="text 0 is no JSON") as caught:
        run(server, tmp_path, text(format="json"))

    assert caught.value.code is Code.OUTPUT_CORRUPT


def test_what_a_model_thinks_is_no_part_of_the_text_but_counts_as_progress(server, tmp_path):
    told = []
    product = run(
        server, tmp_path, text(model="deep"), watch=Watch(on_progress=lambda f, _s: told.append(f))
    )

    assert "hm" not in words(product)[0]
    assert told[0] < told[1] < told[2] < told[3]


def test_a_model_that_spends_its_whole_length_on_thinking_left_nothing(server, tmp_path):
    with pytest.raises(BackendError, match="blank; its whole length went into thinking") as caught:
        run(server, tmp_path, text(model="deep", num_predict=3))

    assert caught.value.code is Code.OUTPUT_INCOMPLETE


def test_a_blank_text_is_none(server, tmp_path):
    server.text = (" ", "\n")
    with pytest.raises(BackendError, match="the text is blank") as caught:
        run(server, tmp_path, text())

    assert caught.value.code is Code.OUTPUT_INCOMPLETE


def test_halves_of_one_character_become_whole_and_a_half_alone_becomes_a_mark(server, tmp_path):
    server.text = ("\ud83d", "\ude00 ", "\ud83d!")

    assert words(run(server, tmp_path, text())) == ["\U0001f600 \ufffd!"]


def test_a_text_that_never_ends_is_broken_off(server, tmp_path, monkeypatch):
    monkeypatch.setattr("spoolworker.backends.ollama.generation.TEXT_BYTES_MAX", 40)
    server.hold_at = server.ends_after - 1
    with pytest.raises(BackendError, match="give it a num_predict") as caught:
        run(server, tmp_path, text())

    assert caught.value.code is Code.OUTPUT_CORRUPT
    assert server.cancelled.wait(10)


def test_progress_runs_over_all_texts_and_ends_whole(server, tmp_path):
    told = []
    server.ends_after = 4
    run(
        server,
        tmp_path,
        text(count=2, num_predict=8),
        watch=Watch(on_progress=lambda f, _s: told.append(f)),
    )

    assert told == sorted(told)
    assert told[0] == pytest.approx(1 / 16)
    assert 0.5 in told
    assert told[-1] == 1.0


def test_progress_without_a_length_still_grows_with_every_token(server, tmp_path):
    told = []
    server.ends_after = 2_000
    run(server, tmp_path, text(), watch=Watch(on_progress=lambda f, _s: told.append(f)))

    assert len(set(told)) == 2_001


def test_the_card_lists_models_with_their_digests_also_by_their_short_names(server):
    server.use("llava:7b")
    found = backend(server).probe()

    assert (found.backend, found.version, found.stages) == ("ollama", "0.12.6", ("text",))
    assert {one.name: one.sha256 for one in found.models} == {
        "tiny:latest": digest("tiny:latest"), "tiny": digest("tiny:latest"), "llava:7b": digest("llava:7b"),
        "deep:latest": digest("deep:latest"), "deep": digest("deep:latest"),
    }  # fmt: skip
    assert found.loaded_model == "llava:7b"


def test_a_stay_of_nothing_frees_the_memory_after_each_text(server, tmp_path):
    run(server, tmp_path, text())
    assert backend(server).probe().loaded_model == "tiny:latest"
    run(server, tmp_path, text(), keep_alive="0")
    assert backend(server).probe().loaded_model is None


def test_only_the_models_of_its_own_jobs_give_their_memory_back(server, tmp_path):
    server.use("llava:7b")  # somebody chats with it
    server.leave("llava:7b", 300)
    made = backend(server)
    made.run(order(tmp_path, text()), Watch())
    assert made.vram_held_gb() == 2 / 2**30

    assert made.release()

    assert list(server.loaded) == ["llava:7b"]


@pytest.mark.parametrize(
    ("said", "sent"), [("300", 300.0), ("-1", -1.0), ("10m", "10m"), (None, None)]
)
def test_how_long_a_model_stays_is_told_as_ollama_reads_it(said, sent):
    assert Options(keep_alive=said).stay == sent


@pytest.mark.parametrize("said", ["soon", "5 minutes", "m"])
def test_a_stay_that_ollama_could_not_read_is_refused(said):
    with pytest.raises(UsageError, match="cannot read option 'keep_alive="):
        open_backend("ollama", {"keep_alive": said})


def test_an_unknown_option_names_the_nearest():
    with pytest.raises(UsageError) as caught:
        open_backend("ollama", {"keepalive": "5m"})

    assert "keep_alive" in (caught.value.hint or "")


def test_secrets_are_in_no_repr():
    assert "geheim" not in repr(Options.from_text({"login": "me:geheim", "token": "geheim"}))


def test_a_login_is_sent_with_every_call(tmp_path):
    with StandIn(password="Bearer geheim") as server:
        assert run(server, tmp_path, text(), token="geheim").made
        with pytest.raises(BackendError) as caught:
            run(server, tmp_path, text(), token="other-secret")

    assert caught.value.code is Code.BACKEND_UNAUTHORISED
    assert "secret" not in f"{caught.value}{caught.value.log_tail}"


def test_a_text_that_was_cut_although_nobody_said_where_is_told(server, tmp_path):
    server.context = 5

    assert run(server, tmp_path, text()).warnings == (
        "text 0 was cut where the model's context ends",
    )
