"""The records: immutable, the same after a round trip, and strict where a person writes them."""

import re
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from spoolctl.spool import codec
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.names import fold, is_legal
from spoolctl.spool.records import (
    HEARTBEAT_SCHEMA,
    JOB_SCHEMA,
    MANIFEST_SCHEMA,
    NODE_SCHEMA,
    PRUNED_SCHEMA,
    REASON_SCHEMA,
    REQUEST_SCHEMA,
    SETTINGS_SCHEMA,
    ADetailer,
    BackendUsed,
    Code,
    Counts,
    Dropped,
    Heartbeat,
    Hires,
    ImageWorkload,
    Img2Img,
    Input,
    Job,
    Limits,
    Manifest,
    ModelHere,
    ModelNeed,
    Modes,
    Node,
    Output,
    Pruned,
    Reason,
    Record,
    Refiner,
    Request,
    Requires,
    Retention,
    Retry,
    Settings,
    StableNewWorkload,
    StageTiming,
    Txt2Img,
    Upscale,
    Verdict,
)
from spoolctl.spool.records.base import TEXT_CHARS_MAX, told

AT = datetime(2026, 11, 20, 22, 0, 0, tzinfo=UTC)
SHA = "0123456789abcdef" * 4
UPSCALE = ImageWorkload(kind="image", stages=(Upscale(stage="upscale"),))

JOB = Job(
    schema_=JOB_SCHEMA,
    job_id="any / text é",
    class_="batch",
    priority=0,
    group="night run",
    submitted_by="anna",
    created_at=AT,
    requires=Requires(
        vram_gb=12.5,
        models=(ModelNeed(name="sdxl", sha256=SHA), ModelNeed(name="lora")),
        stages=("txt2img",),
        backends=("webui",),
        tags=("fast",),
    ),
    after=("other-job",),
    not_before=AT,
    limits=Limits(timeout_s=60.0, stall_s=5.5, attempts_max=1),
    inputs=(Input(path=f"inputs/01/{SHA}.png", sha256=SHA), Input(job="third-job", image_index=0)),
    learning={"variant_value": 7.5},
    randomizer={"seed": 1},
    metadata={"nested": [{"a": None}]},
    workload=ImageWorkload(
        kind="image",
        stages=(
            Txt2Img(
                stage="txt2img",
                prompt="x",
                seed=2**64 - 1,
                hires=Hires(scale=1.5),
                refiner=Refiner(model="r"),
                options={"k": [1]},
            ),
            Img2Img(stage="img2img", width=64, denoising_strength=1.0),
            ADetailer(stage="adetailer", confidence=0.0),
            Upscale(stage="upscale", factor=0.5),
        ),
    ),
)

RECORDS: list[Record] = [
    JOB,
    Job(
        schema_=JOB_SCHEMA,
        workload=StableNewWorkload(
            kind="stablenew",
            snapshot={"any": {"thing": 1}},
            dropped=Dropped(pack_usage=({"p": 1},)),
        ),
    ),
    Settings(
        schema_=SETTINGS_SCHEMA,
        spool_id="3f",
        created_at=AT,
        retry=Retry(attempts_max=1),
        retention=Retention(outputs_days=0.5),
        modes=Modes(files="0664", folders="2775", group="spool"),
    ),
    Heartbeat(
        schema_=HEARTBEAT_SCHEMA,
        role="worker",
        session="gpu04-1a2b",
        worker="gpu04",
        counter=17,
        machine="pc",
        host_id="h",
        boot_id="b",
        pid=4242,
        started_s=1.25,
        state="running",
        written_at=AT,
        name="portrait",
        attempt=2,
        class_="normal",
        progress=0.5,
        eta_s=12.0,
    ),
    Node(
        schema_=NODE_SCHEMA,
        worker="gpu04",
        session="gpu04-1a2b",
        machine="pc",
        protocol=1,
        version="0.1",
        backend="webui",
        models=(ModelHere(name="sdxl"),),
        vram_gb=24.0,
        started_at=AT,
        facts={"driver": "1"},
    ),
    Manifest(
        schema_=MANIFEST_SCHEMA,
        name="portrait",
        attempt=2,
        verdict=Verdict.FAILED,
        code=Code.OUT_OF_MEMORY,
        by="gpu04-1a2b/2",
        class_="normal",
        day="2026-11-20",
        final=False,
        retry_at=AT,
        counts=Counts(failures=1),
        avoid=("gpu04",),
        vram_gb_above=24.0,
        outputs=(Output(path="a2/1.png", bytes=0, sha256=SHA, stage="txt2img", image_index=0),),
        stages=(StageTiming(stage="txt2img", seconds=1.5, images=1),),
        backend=BackendUsed(name="webui", model="sdxl"),
        warnings=("slow",),
    ),
    Reason(
        schema_=REASON_SCHEMA,
        file="x.yaml",
        was_in="queue",
        error="e",
        hint="h",
        line=3,
        by="s",
        at=AT,
    ),
    Request(schema_=REQUEST_SCHEMA, action="cancel", target="portrait", by="anna", at=AT),
    Pruned(
        schema_=PRUNED_SCHEMA,
        name="portrait",
        verdict=Verdict.SUCCEEDED,
        attempt=2,
        day="2026-11-20",
        record_sha256=SHA,
    ),
]
IDS = [type(record).__name__ for record in RECORDS]


@pytest.mark.parametrize("record", RECORDS, ids=IDS)
def test_a_record_reads_back_the_same_from_yaml_and_from_json(record: Record) -> None:
    assert codec.decode(type(record), codec.encode(record)) == record
    assert codec.decode(type(record), codec.encode_json(record)) == record


@pytest.mark.parametrize("record", RECORDS, ids=IDS)
def test_a_record_is_whole_when_we_have_written_it(record: Record) -> None:
    assert codec.is_whole(codec.encode(record))
    assert codec.is_whole(codec.encode_json(record))


@pytest.mark.parametrize("record", RECORDS, ids=IDS)
def test_a_record_cannot_be_changed(record: Record) -> None:
    field = next(iter(type(record).model_fields))

    with pytest.raises(ValidationError):
        setattr(record, field, "other")


@pytest.mark.parametrize("record", RECORDS, ids=IDS)
def test_a_record_begins_with_its_schema(record: Record) -> None:
    first = codec.encode(record).split(maxsplit=3)[:3]

    key, value = first[:2] if first[0] != b"{" else first[1:]
    assert key.strip(b'":') == b"schema"
    assert re.fullmatch(rb'"?spool\.[a-z]+/1"?,?', value)


@pytest.mark.parametrize(
    "path",
    [
        "/mnt/share/a.png", "C:\\images\\a.png", "C:/images/a.png", "c:a.png", "\\\\nas\\share\\a.png", "a\\b.png",
        "//nas/share/a.png", "file:a.png",
    ],
)  # fmt: skip
def test_a_path_of_one_machine_is_refused_with_the_remedy(path: str) -> None:
    with pytest.raises(ValidationError, match="attach the file at submit"):
        Input(path=path)


@pytest.mark.parametrize(
    "path", ["../a.png", "inputs/../../a.png", "./a.png", "inputs//a.png", "inputs/", "inputs/.."]
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="must not contain"):
        Input(path=path)


@pytest.mark.parametrize(
    "path",
    ["a\0b", "a\nb.png", "a\x7f", "inputs/a.", "a /b.png", "b.../c", "inputs/con", "NUL.png", "x/com1.png/y", "aux .png",
     "a?.png", "a*", "<a>", 'a"b', "a|b"],
)  # fmt: skip
def test_a_path_that_some_system_could_not_open_is_refused(path: str) -> None:
    """A NUL in a path came back from the file system as an error that no sweep expected."""
    with pytest.raises(ValidationError, match="path on every system"):
        Input(path=path)


@pytest.mark.parametrize(
    "path", ["inputs/01/x.png", "a.png", "..a/b..png", "console/com10.png", "ünïcode/日本.png"]
)
def test_a_path_inside_the_spool_is_taken(path: str) -> None:
    assert Input(path=path).path == path


def test_a_bad_path_in_a_file_is_told_with_field_and_remedy() -> None:
    data = b"schema: spool.job/1\ninputs: [{path: 'D:\\in.png'}]\nworkload: {kind: image, stages: [{stage: upscale}]}\n"

    with pytest.raises(BadRecord) as caught:
        codec.decode(Job, data)

    assert caught.value.field == "inputs.0.path"
    assert "attach the file at submit" in str(caught.value)


@pytest.mark.parametrize("arguments", [{}, {"path": "a.png", "job": "other"}])
def test_an_input_names_either_a_file_or_a_job(arguments: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="either 'path'"):
        Input(**arguments)


def test_a_job_needs_what_it_comes_after_and_what_it_takes_images_from() -> None:
    job = Job(
        schema_=JOB_SCHEMA,
        after=("a", "b", "a"),
        inputs=(Input(job="b"), Input(path="x.png"), Input(job="c")),
        workload=UPSCALE,
    )

    assert job.needs == ("a", "b", "c")


def test_a_job_waits_for_the_job_that_a_person_means() -> None:
    """``after: [Portrait-1]`` waited for ever, and ``../../x`` went out of the spool and stopped every sweep."""
    job = Job(
        schema_=JOB_SCHEMA,
        after=("Portrait-1", "portrait-1", "../../x", "My Job"),
        inputs=(Input(job="Third\0Job"),),
        workload=UPSCALE,
    )

    assert job.needs == (
        "portrait-1",
        fold("../../x"),
        fold("My Job"),
        fold("Third\0Job"),
    )
    assert all(is_legal(name) for name in job.needs)
    assert job.inputs[0].job == job.needs[-1]


HOSTILE = ["a\udcff.yaml", "x" * 100_000, "two\nlines", "\0\x1b[31m", "\u2028", "", "é日本🙂"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_reason_can_be_written_for_any_fault_of_any_file(text: str) -> None:
    """An unknown key of 20 000 characters, or a file name that is not UTF-8, broke the rejecting itself."""
    error = BadRecord(text, hint=text, field=text)
    reason = Reason(
        schema_=REASON_SCHEMA,
        file=text,
        was_in=text,
        error=str(error),
        hint=error.hint,
        field=error.field,
        by="s",
        at=AT,
    )

    for said in (reason.file, reason.was_in, reason.error, reason.hint, reason.field or ""):
        assert len(said) <= TEXT_CHARS_MAX
        assert said == "" or said.isprintable()
    assert codec.decode(Reason, codec.encode(reason)) == reason
    assert codec.decode(Reason, codec.encode_json(reason)) == reason


@pytest.mark.parametrize(
    ("text", "said"),
    [("plain é 日本", "plain é 日本"), ("a\nb", "a\\nb"), ("a\udcff", "a\\udcff"), ("abcdefghijk", "abcdefg..."),
     ("\0" * 10, "\\x00\\x0..."), ("abcdefghij", "abcdefghij")],
)  # fmt: skip
def test_what_is_told_is_one_line_of_bounded_length(text: str, said: str) -> None:
    assert told(text, 10 if len(text) > 8 and " " not in text else 20) == said


def test_a_day_is_written_in_plain_digits() -> None:
    with pytest.raises(ValidationError):
        Pruned(schema_=PRUNED_SCHEMA, name="x", verdict=Verdict.LOST, attempt=1, day="٢٠٢٦-11-20")


def test_a_model_may_be_named_by_its_name_alone() -> None:
    data = b"schema: spool.job/1\nrequires: {models: [sdxl]}\nworkload: {kind: image, stages: [{stage: upscale}]}\n"

    assert codec.decode(Job, data).requires.models == (ModelNeed(name="sdxl"),)


@pytest.mark.parametrize("seed", [-1, 0, 2**64 - 1])
def test_a_seed_of_any_backend_is_taken(seed: int) -> None:
    assert Txt2Img(stage="txt2img", seed=seed).seed == seed


@pytest.mark.parametrize(
    "changes",
    [{"seed": -2}, {"seed": 2**64}, {"width": 15}, {"count": 0}, {"count": 1_001}, {"steps": 0},
     {"cfg_scale": float("nan")}, {"cfg_scale": float("inf")}, {"prompt": "x" * 20_001}],
)  # fmt: skip
def test_a_stage_value_out_of_bounds_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Txt2Img(stage="txt2img", **changes)  # type: ignore[arg-type]


def test_a_lease_shorter_than_three_heartbeats_is_refused() -> None:
    common = {"schema_": SETTINGS_SCHEMA, "spool_id": "3f", "created_at": AT}

    assert Settings(**common, heartbeat_s=10.0, lease_s=30.0).lease_s == 30.0
    with pytest.raises(ValidationError, match="three times"):
        Settings(**common, heartbeat_s=10.0, lease_s=29.0)


@pytest.mark.parametrize("moment", [datetime(2026, 11, 20, 22), "2026-11-20T22:00:00"])  # noqa: DTZ001
def test_a_moment_without_a_zone_is_refused(moment: object) -> None:
    with pytest.raises(ValidationError):
        Job(schema_=JOB_SCHEMA, workload=UPSCALE, not_before=moment)  # type: ignore[arg-type]


def test_only_a_success_is_a_commit() -> None:
    manifest = next(record for record in RECORDS if isinstance(record, Manifest))

    commits = [v for v in Verdict if manifest.model_copy(update={"verdict": v}).succeeded]

    assert commits == [Verdict.SUCCEEDED]
