"""A node's card tells the models by the names of its server, with what its folders say of them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from spoolctl.spool import NODE_SCHEMA, ModelHere, Node, codec
from spoolctl.spool.records import RECORD_BYTES_MAX
from spoolworker.backends.base import Abilities
from spoolworker.config import Config, ModelFolders
from spoolworker.gpus import GpuReading
from spoolworker.models import Found, models_here
from spoolworker.readiness import card_of
from tests.worker.model_files import known

A, B = "a" * 64, "b" * 64
EVERY = {kind: (Path("/models"),) for kind in ("checkpoints", "loras", "vaes", "embeddings", "upscalers")}  # fmt: skip


def backend(models=None, **lists):
    listed = None if models is None else tuple(ModelHere(name=one) if isinstance(one, str) else one for one in models)  # fmt: skip
    return Abilities("webui", "1", ("txt2img",), listed, **lists)


def here(abilities, *files, folders=EVERY):
    return models_here(abilities, folders, Found(tuple(files)))


@pytest.mark.parametrize(
    ("listed", "file"),
    [
        ("dream.safetensors", "dream.safetensors"),
        ("dream", "dream.safetensors"),
        ("Dream", "dream.ckpt"),
        ("photo/dream.safetensors", "photo/dream.safetensors"),
        (r"photo\dream.safetensors", "photo/dream.safetensors"),
        ("photo_dream", "photo/dream.safetensors"),
        ("dream_v1.5", "dream_v1.5.safetensors"),
    ],
)
def test_a_checkpoint_of_the_server_has_the_digest_and_size_of_its_file(listed, file):
    found = here(backend([listed]), known("checkpoints", file, "a", 7))

    assert found.models == (ModelHere(name=listed, sha256=A, bytes=7),)


@pytest.mark.parametrize(
    ("listed", "file"),
    [("dream", "photo/dream.safetensors"), ("photo/dream", "dream.safetensors"), ("a", "b.pt")],
)
def test_a_checkpoint_in_another_folder_is_another_file_though_it_is_called_the_same(listed, file):
    found = here(backend([listed]), known("checkpoints", file))

    assert found.models == (ModelHere(name=listed),)


def test_a_file_of_which_only_the_size_is_known_yet_tells_that():
    found = here(backend(["dream"]), known("checkpoints", "dream.ckpt", None, 7))

    assert found.models == (ModelHere(name="dream", bytes=7),)


def test_two_files_that_a_name_may_mean_give_it_a_digest_only_if_they_are_the_same():
    twins = [known("checkpoints", f"dream{suffix}", "a", 7) for suffix in (".ckpt", ".pt")]
    other = known("checkpoints", "dream.gguf", "b", 7)

    assert here(backend(["dream"]), *twins).models == (ModelHere(name="dream", sha256=A, bytes=7),)
    assert here(backend(["dream"]), *twins, other).models == (ModelHere(name="dream", bytes=7),)


def test_what_the_server_says_of_a_model_itself_stays():
    """It may read another folder than the configured one."""
    said = ModelHere(name="dream", sha256=B)

    assert here(backend([said]), known("checkpoints", "dream.ckpt")).models == (said,)
    assert here(backend([said]), known("checkpoints", "dream.ckpt", "b", 7)).models == (
        ModelHere(name="dream", sha256=B, bytes=7),
    )


def test_a_file_that_the_server_does_not_list_is_not_told_since_no_job_could_use_it():
    found = here(
        backend(["dream"], loras=("film",)),
        known("checkpoints", "other.ckpt"),
        known("loras", "grain.safetensors"),
    )

    assert found.models == (ModelHere(name="dream"),)
    assert found.digests == {}


def test_where_the_server_tells_no_list_the_names_in_the_folder_are_the_list():
    found = here(
        backend(None),
        known("checkpoints", "photo/dream.safetensors", "a", 7),
        known("vaes", "clear.pt", "b"),
    )

    assert found.models == (ModelHere(name="photo/dream.safetensors", sha256=A, bytes=7),)
    assert found.lists["vaes"] == ("clear.pt",)
    assert found.lists["loras"] == ()
    assert found.digests == {"vaes": {"clear.pt": B}}


def test_without_folders_the_card_is_what_the_server_tells():
    found = models_here(backend(None, loras=("film",)), {}, None)

    assert found.models is None
    assert found.lists["loras"] == ("film",)
    assert found.lists["vaes"] is None
    assert found.digests is None


def test_folders_of_one_kind_say_nothing_of_the_others():
    found = here(backend(None), folders={"loras": (Path("/models"),)})

    assert found.models is None
    assert found.lists["loras"] == ()
    assert found.lists["vaes"] is None


def test_folders_that_were_not_listed_yet_count_as_empty():
    """Else a job might be claimed for a model that is not there."""
    found = models_here(backend(None), EVERY, None)

    assert found.models == ()


@pytest.mark.parametrize(
    ("listed", "digests"),
    [
        (("film",), {"film": A}),
        (("film.safetensors",), {"film.safetensors": A}),
        (("style/film.safetensors",), {"style/film.safetensors": A}),
        (("style/film.safetensors", "film.safetensors"), {"style/film.safetensors": A}),
        (("grain",), {}),
    ],
)
def test_a_lora_is_known_by_its_path_or_as_webui_by_its_file_alone(listed, digests):
    """Of two that a server names by their path, the one that no folder holds is not the other."""
    found = here(backend([], loras=listed), known("loras", "style/film.safetensors"))

    assert found.digests == ({"loras": digests} if digests else {})


def test_two_loras_of_one_file_name_have_no_digest_by_it():
    files = known("loras", "a/film.pt", "a"), known("loras", "b/film.pt", "b")

    assert here(backend([], loras=("film",)), *files).digests == {}
    assert here(backend([], loras=("a/film.pt",)), *files).digests == {"loras": {"a/film.pt": A}}


def test_what_could_not_be_read_stands_in_the_card_for_people():
    found = models_here(backend(None), EVERY, Found((), tuple(f"p{n}" for n in range(9))))

    assert found.facts == {"model_problems": ["p0", "p1", "p2", "p3", "p4"]}


def card(found):
    return Node(
        schema_=NODE_SCHEMA, worker="w1", session="s", machine="attic", protocol=1, version="1", backend="webui",
        models=found.models, **found.lists, digests=found.digests, started_at=datetime(2026, 3, 27, tzinfo=UTC),
        facts=found.facts,
    )  # fmt: skip


@pytest.mark.parametrize("chars", [40, 200])
def test_the_card_of_a_node_with_two_thousand_files_stays_below_the_limit_of_a_record(chars):
    names = [f"{n:04d} {'x' * (chars - 5)}" for n in range(2_000)]
    found = here(backend([], loras=tuple(names)), *(known("loras", f"{one}.pt") for one in names))

    written = codec.encode(card(found))

    assert len(written) < RECORD_BYTES_MAX
    assert codec.decode(Node, written).loras == tuple(names)
    kept = len(found.digests["loras"])
    assert found.facts.get("digests_left_out", 0) == 2_000 - kept
    assert (kept == 2_000) == (chars == 40)


def test_of_more_names_than_a_record_holds_the_longest_list_counts_as_not_told():
    """A card that nobody can read would keep its worker out of everybody's sight."""
    names = tuple(f"{n:05d} {'ä' * 190}" for n in range(4_000))
    found = here(backend(["dream"], loras=names, vaes=("clear",)), *(known("loras", f"{one}.pt") for one in names))  # fmt: skip

    assert found.lists["loras"] is None
    assert found.lists["vaes"] == ("clear",)
    assert found.facts["lists_left_out"] == ["loras"]
    assert len(codec.encode(card(found))) < RECORD_BYTES_MAX


@pytest.mark.parametrize("letter", ["x", "ä"])
def test_a_card_has_room_for_the_first_checkpoints_beside_all_the_rest(letter):
    """Somebody named a whole drive."""
    many = [known("checkpoints", f"{n:05d} {letter * 100}.safetensors") for n in range(9_000)]
    loras = tuple(f"{n:04d} {letter * 90}" for n in range(2_500))
    found = here(backend(None, loras=loras), *many, *(known("loras", f"{one}.pt") for one in loras))

    assert found.facts["checkpoints_left_out"] == 9_000 - len(found.models) > 0
    assert [one.name for one in found.models] == [
        file.name for file, _ in many[: len(found.models)]
    ]
    assert len(codec.encode(card(found))) < RECORD_BYTES_MAX


def test_the_workers_card_is_made_of_all_this(tmp_path):
    config = Config(
        spool=tmp_path, name="w1", scratch=tmp_path, log_folder=tmp_path,
        models=ModelFolders(checkpoints=(Path("/models"),), loras=(Path("/models"),)),
    )  # fmt: skip
    files = known("checkpoints", "dream.ckpt", "a", 7), known("loras", "film.pt", "b")

    told = card_of(
        config, backend(["dream"], loras=("film", "x" * 201)), GpuReading((), "no card"),
        session="s", machine="attic", started_at=datetime(2026, 3, 27, tzinfo=UTC),
        found=Found(files, ("one is away",)),
    )  # fmt: skip

    assert told.models == (ModelHere(name="dream", sha256=A, bytes=7),)
    assert told.loras == ("film",)
    assert told.digests == {"loras": {"film": B}}
    assert told.facts == {"gpu_problem": "no card", "model_problems": ["one is away"]}
