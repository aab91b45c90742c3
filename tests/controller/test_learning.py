"""Corpus records and history lines made of committed jobs, as StableNew's readers bear them."""

import json
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sample_data import stablenew

from spoolctl.controller.learning import corpus_records, encode_lines, history_line
from spoolctl.spool.records import (
    JOB_SCHEMA,
    MANIFEST_SCHEMA,
    BackendUsed,
    Code,
    Job,
    Manifest,
    Output,
    Verdict,
    VramSeen,
)
from spoolctl.spool.submit import parse_job

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "stablenew"))
from stablenew_rules import readable_by_stablenew  # noqa: E402

LEARNING = {
    "experiment_name": "cfg-sweep-01", "experiment_id": "e-1", "variable_under_test": "CFG Scale",
    "variant_value": 7.0, "stage": "txt2img",
}  # fmt: skip


def job(**fields: object) -> Job:
    stages = [
        {"stage": "txt2img", "prompt": "a knight", "negative_prompt": "blurry", "model": "m.safetensors",
         "sampler": "DPM++ 2M", "scheduler": "Karras", "steps": 30, "cfg_scale": 7.0, "width": 832,
         "height": 1216, "count": 2},
        {"stage": "adetailer", "prompt": "a face", "steps": 8},
        {"stage": "upscale"},
    ]  # fmt: skip
    told = {"schema": JOB_SCHEMA, "workload": {"kind": "image", "stages": stages}, **fields}
    return Job.model_validate_json(json.dumps(told))


def output(index: int, stage: str = "upscale", *, final: bool = True, attempt: int = 2) -> Output:
    return Output(
        path=f"a{attempt}/{index:04d}-{stage}.png", bytes=9, sha256="ab" * 32, stage=stage,
        image_index=index, final=final, width=1664, height=2432, seed_requested=-1,
        seed_actual=100 + index,
    )  # fmt: skip


def manifest(**fields: object) -> Manifest:
    told = {
        "schema_": MANIFEST_SCHEMA, "name": "night.0001", "job_id": "J 1/2", "attempt": 2,
        "verdict": Verdict.SUCCEEDED, "by": "s", "worker": "gpu-1", "day": "2026-03-27",
        "final": True, "ended_at": datetime(2026, 3, 27, 9, 2, 5, tzinfo=timezone(timedelta(hours=1))),
        "duration_s": 12.5, "backend": BackendUsed(name="webui", model="m [abc]"),
        "outputs": (output(1), output(0, "txt2img", final=False), output(0)),
    }  # fmt: skip
    return Manifest(**(told | fields))


def records(one: Job, verdict: Manifest) -> list[dict]:
    made = corpus_records(
        spool_id="sp", location_of_results="results/night/night.0001", job=one, manifest=verdict
    )
    return readable_by_stablenew(encode_lines(made).splitlines(keepends=True))


def test_what_was_asked_the_cards_memory_and_earlier_stages_change_nothing_in_corpus_and_history() -> (
    None
):
    """They are for people who look at one verdict; and a spool may not keep the images of earlier stages."""
    plain = manifest()
    told = manifest(
        request="txt2img 832x1216 x2", vram=VramSeen(gpu="RTX 3060", total_gb=12.0), outputs=plain.images,
    )  # fmt: skip

    assert records(job(), told) == records(job(), plain)
    assert history_line(job(), told) == history_line(job(), plain)


def test_one_record_for_each_final_image_in_their_order() -> None:
    first, second = records(job(learning=LEARNING), manifest())
    assert first["metadata"]["image_path"] == "results/night/night.0001/a2/0000-upscale.png"
    assert second["metadata"]["image_path"] == "results/night/night.0001/a2/0001-upscale.png"
    assert (first["metadata"]["seed"], second["metadata"]["seed"]) == (100, 101)
    assert first["outputs"] == [
        {
            "path": "results/night/night.0001/a2/0000-upscale.png",
            "output_path": "results/night/night.0001/a2/0000-upscale.png",
            "stage": "upscale",
        }
    ]
    assert first["stage_plan"] == ["txt2img", "adetailer", "upscale"]


def test_the_primary_settings_are_those_of_the_tested_stage() -> None:
    first = records(job(learning=LEARNING), manifest())[0]
    assert first["primary_model"] == "m.safetensors"
    assert (first["primary_sampler"], first["primary_scheduler"]) == ("DPM++ 2M", "Karras")
    assert (first["primary_steps"], first["primary_cfg_scale"]) == (30, 7.0)
    assert first["variant_configs"] == [{"cfg_scale": 7.0}]
    assert first["randomizer_mode"] == "learning_experiment"
    assert first["base_config"]["txt2img"]["width"] == 832
    other = records(job(learning=LEARNING | {"stage": "adetailer"}), manifest())[0]
    assert other["base_config"]["prompt"] == "a face"
    assert (other["primary_steps"], other["primary_sampler"]) == (8, "DPM++ 2M")
    assert other["metadata"]["stage"] == "adetailer"


def test_times_are_utc_without_a_zone() -> None:
    assert records(job(), manifest())[0]["timestamp"] == "2026-03-27T08:02:05"
    assert records(job(), manifest(ended_at=None))[0]["timestamp"] == "2026-03-27T00:00:00"


def test_the_same_commit_gives_the_same_bytes_and_every_image_its_own_run_id() -> None:
    made = [
        encode_lines(
            corpus_records(
                spool_id="sp", location_of_results="results/x", job=job(), manifest=manifest()
            )
        )
        for _ in (1, 2)
    ]
    assert made[0] == made[1]
    first, second = records(job(), manifest())
    assert first["run_id"] == "097db578-5e80-5818-bc39-20e3b0e0b6df"
    assert first["run_id"] != second["run_id"]


def test_a_rating_that_a_submitter_put_in_is_not_passed_on_as_a_persons() -> None:
    sneaky = LEARNING | {"user_rating": 5, "record_kind": "x", "secondary_motion": {"a": "b"}}
    metadata = records(job(learning=sneaky), manifest())[0]["metadata"]
    assert not {"user_rating", "record_kind", "secondary_motion"} & set(metadata)


@pytest.mark.parametrize("value", [["a", 1], {"x": 2}])
def test_a_nested_variant_value_becomes_text_because_lists_break_every_reader(value) -> None:
    told = LEARNING | {"variant_value": value, "variable_under_test": value}
    metadata = records(job(learning=told), manifest())[0]["metadata"]
    assert json.loads(metadata["variant_value"]) == value


def test_a_job_of_no_experiment_gives_records_all_the_same() -> None:
    first = records(job(group="night"), manifest())[0]
    assert first["variant_configs"] == []
    assert "experiment_name" not in first["metadata"]
    assert first["metadata"]["pack_name"] == "night"


def test_our_own_facts_lie_in_the_metadata() -> None:
    metadata = records(job(), manifest(adopted_from=1))[0]["metadata"]
    assert metadata["spool_job"] == "night.0001"
    assert (metadata["spool_attempt"], metadata["spool_adopted_from"]) == (2, 1)
    assert (metadata["spool_worker"], metadata["job_id"]) == ("gpu-1", "J 1/2")
    assert metadata["spool_model_reported"] == "m [abc]"


def test_an_image_of_a_derived_job_names_the_image_that_it_was_derived_from() -> None:
    origin = {"job": "night.0001", "image_index": 3, "how": "larger"}
    metadata = records(job(metadata={"derived_from": origin}), manifest())[0]["metadata"]
    assert metadata["spool_derived_from"] == "night.0001:3"


@pytest.mark.parametrize("said", [None, "x", {"job": 1, "image_index": 3}, {"job": "a"}, ["a", 1]])
def test_whatever_else_a_submitter_left_under_that_key_is_not_carried(said) -> None:
    metadata = records(job(metadata={"derived_from": said}), manifest())[0]["metadata"]
    assert "spool_derived_from" not in metadata


def test_what_was_not_committed_gives_no_record() -> None:
    failed = manifest(verdict=Verdict.FAILED, code=Code.OUT_OF_MEMORY)
    assert records(job(), failed) == []


def test_every_sample_snapshot_gives_readable_records() -> None:
    for path in sorted(stablenew("generated/njr_snapshots").iterdir()):
        made = records(parse_job(path.read_bytes()), manifest())
        assert made[0]["primary_model"].startswith("juggernautXL")
        assert made[0]["randomizer_plan_size"] in (1, 4)


def test_a_chain_of_upscaling_alone_has_no_settings_and_is_readable() -> None:
    only = {"kind": "image", "stages": [{"stage": "upscale"}]}
    first = records(job(workload=only), manifest())[0]
    assert (first["primary_sampler"], first["primary_steps"]) == ("", 0)
    assert first["metadata"]["stage"] == "upscale"


def test_a_history_line_tells_how_a_job_ended() -> None:
    failed = manifest(
        verdict=Verdict.FAILED, code=Code.OUT_OF_MEMORY, outputs=(), class_="batch", group="night",
        started_at=datetime(2026, 3, 27, 8, 1, tzinfo=UTC),
    )  # fmt: skip
    line = history_line(job(priority=70), failed)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    told = json.loads(line)
    assert (told["name"], told["verdict"], told["code"]) == (
        "night.0001",
        "failed",
        "out_of_memory",
    )
    assert (told["attempts"], told["images"], told["duration_s"]) == (2, 0, 12.5)
    assert (told["class"], told["group"], told["day"]) == ("batch", "night", "2026-03-27")
    assert told["started_at"] == "2026-03-27T08:01:00+00:00"
    assert json.loads(history_line(None, manifest()))["images"] == 2
