"""Submitting: all or nothing, every fault told with its file, and records that keep their bytes."""

import hashlib
import io
import json

import pytest
from cli_bench import IMG2IMG_YAML, JOB_YAML, Bench
from sample_data import stablenew

from spoolctl.spool import Job, StableNewWorkload, State, decode, find, parse_job


def snapshot() -> dict:
    snapshots = stablenew("generated/njr_snapshots")
    return json.loads(sorted(snapshots.glob("*.json"))[0].read_text(encoding="utf-8"))


def snapshot_that_reads(path: str) -> str:
    """A snapshot that begins with img2img on an image of the machine which wrote it."""
    made = snapshot()
    job = made["normalized_job"]
    job["stage_chain"] = [{"stage_type": "img2img", "enabled": True}]
    job["extra_metadata"] = {
        "reprocess": {"requested_stages": ["img2img"], "input_image_paths": [path]}
    }
    return json.dumps(made)


def test_a_job_goes_to_the_default_queue_with_its_bytes_unchanged(bench: Bench) -> None:
    ran = bench("submit", bench.file("a.yaml"), "--name", "one")

    assert ran.code == 0
    assert ran.out == "submitted 1 job to queue/normal/\none\n"
    assert bench.bytes_of("one") == JOB_YAML.encode() + b"...\n"


def test_jobs_without_a_name_get_names_that_sort_in_the_order_given(bench: Bench) -> None:
    ran = bench("submit", bench.file("z.yaml"), bench.file("a.yaml"), "--group", "My Cats", "-q")

    names = ran.out.split()
    assert names == sorted(names)
    assert [name.rpartition(".")[2] for name in names] == ["0001", "0002"]
    assert "-my-cats-" in names[0]


def test_several_jobs_with_a_name_are_numbered(bench: Bench) -> None:
    ran = bench("submit", bench.file("a.yaml"), bench.file("b.yaml"), "--name", "pair", "--quiet")

    assert ran.out.split() == ["pair.0001", "pair.0002"]


def test_every_bad_file_is_told_with_line_field_and_hint_and_nothing_is_submitted(
    bench: Bench,
) -> None:
    before = bench.tree()
    ran = bench(
        "submit",
        bench.file("good.yaml"),
        bench.file("typo.yaml", JOB_YAML.replace("prompt", "promt")),
        bench.file("tab.yaml", "schema: spool.job/1\n\tworkload: {}\n"),
        bench.file("two.yaml", JOB_YAML + "---\n" + JOB_YAML),
        bench.files / "gone.yaml",
        bench.files,
    )

    assert ran.code == 23
    assert "typo.yaml', line 5: unknown key 'workload.stages.0.promt'" in ran.err
    assert "hint: did you mean 'prompt'?" in ran.err
    assert "tab.yaml', line 2: not YAML" in ran.err
    assert "hint: a tab cannot indent YAML; use spaces" in ran.err
    assert "two.yaml', line 6: the file holds more than one YAML document" in ran.err
    assert "hint: one file is one job: split it at the lines '---'" in ran.err
    assert "gone.yaml': cannot read it" in ran.err
    assert "it is a folder" in ran.err
    assert "error: nothing was submitted: 5 of 6 files cannot be" in ran.err
    assert bench.tree() == before


def test_bad_files_are_listed_in_the_one_json_document(bench: Bench) -> None:
    path = bench.file("typo.yaml", JOB_YAML.replace("prompt", "promt"))

    document = bench("submit", path, "--json").document

    assert document["exit_code"] == 23
    (problem,) = document["errors"]
    assert problem["file"] == str(path)
    assert problem["field"] == "workload.stages.0.promt"
    assert problem["hint"] == "did you mean 'prompt'?"


def test_a_dry_run_shows_what_would_be_submitted_and_changes_nothing(bench: Bench) -> None:
    before = bench.tree()
    image = bench.file("in.png", "pixels")
    job = bench.file("a.yaml", IMG2IMG_YAML)

    ran = bench("submit", job, "--name", "one", "--attach", image, "--dry-run", "--json")

    (one,) = ran.document["jobs"]
    assert (one["job"], one["folder"], one["stages"]) == ("one", "queue/normal", ["img2img"])
    assert one["images"] == 1
    assert one["inputs"][0].startswith("inputs/")
    assert bench.tree() == before


def test_a_dry_run_is_a_table_for_people(bench: Bench) -> None:
    job = bench.file("a.yaml")

    ran = bench("submit", job, "--name", "one", "--dry-run")

    assert ran.out.splitlines()[0] == "would submit 1 job"
    assert ran.out.splitlines()[2].split() == [
        "one",
        str(job),
        "queue/normal/",
        "txt2img",
        "2",
        "0",
    ]


@pytest.mark.parametrize(
    ("options", "folder"),
    [
        (["--class", "interactive"], "queue/interactive"),
        (["--hold"], "held"),
        ([], "queue/batch"),
    ],
)
def test_the_place_follows_the_options_then_the_record(
    bench: Bench, options: list[str], folder: str
) -> None:
    name = bench.submit("one", "class: batch\n" + JOB_YAML, *options)

    assert bench.place(name).folder == folder


def test_a_job_that_is_not_due_goes_to_waiting(bench: Bench) -> None:
    name = bench.submit("one", "not_before: 2090-01-01T00:00:00Z\n" + JOB_YAML)

    assert bench.place(name).state is State.WAITING


def test_a_class_wished_for_a_job_that_does_not_go_to_a_queue_yet_is_written_into_it(
    bench: Bench,
) -> None:
    """Its folder cannot say it, so that without this a release would send it to the default queue."""
    name = bench.submit("one", JOB_YAML, "--hold", "--class", "batch")

    bench("release", name)

    assert bench.place(name).folder == "queue/batch"


def test_options_go_before_what_the_record_says(bench: Bench) -> None:
    name = bench.submit(
        "one", "group: cats\npriority: 1\n" + JOB_YAML, "--group", "dogs", "--priority", "99"
    )

    job = decode(Job, bench.bytes_of(name))
    (location,) = find(bench.actor(), name)
    assert (job.group, job.priority, location.file.rank) == ("dogs", 99, "00")


def test_a_priority_out_of_bounds_is_refused_with_the_field(bench: Bench) -> None:
    ran = bench("submit", bench.file("a.yaml"), "--priority", "100")

    assert ran.code == 23
    assert "'priority'" in ran.err


def test_an_attached_file_is_stored_once_under_its_digest(bench: Bench) -> None:
    image, copy = bench.file("in.PNG", "pixels"), bench.file("copy.png", "pixels")
    sha = hashlib.sha256(b"pixels").hexdigest()

    first = bench.submit("one", IMG2IMG_YAML, "--attach", image)
    second = bench.submit("two", IMG2IMG_YAML, "--attach", copy)

    stored = [path for path in (bench.root / "inputs").rglob("*") if path.is_file()]
    assert [path.relative_to(bench.root).as_posix() for path in stored] == [
        f"inputs/{sha[:2]}/{sha}.png"
    ]
    for name in (first, second):
        (one,) = decode(Job, bench.bytes_of(name)).inputs
        assert (one.path, one.sha256) == (f"inputs/{sha[:2]}/{sha}.png", sha)


def test_a_stored_file_that_somebody_changed_is_noticed(bench: Bench) -> None:
    image = bench.file("in.png", "pixels")
    bench.submit("one", IMG2IMG_YAML, "--attach", image)
    (stored,) = (path for path in (bench.root / "inputs").rglob("*.png"))
    stored.write_bytes(b"other")

    ran = bench("submit", bench.file("b.yaml", IMG2IMG_YAML), "--attach", image, "--name", "two")

    assert ran.code == 12
    assert "whose digest it bears" in ran.err
    assert not find(bench.actor(), "two")


def test_an_attached_file_that_cannot_be_read_submits_nothing(bench: Bench) -> None:
    ran = bench("submit", bench.file("a.yaml"), "--attach", bench.files / "gone.png")

    assert ran.code == 2
    assert "cannot attach" in ran.err
    assert not list((bench.root / "queue/normal").iterdir())


def test_a_chain_that_needs_images_and_has_none_is_refused(bench: Bench) -> None:
    ran = bench("submit", bench.file("a.yaml", IMG2IMG_YAML))

    assert ran.code == 23
    assert "begins with 'img2img'" in ran.err
    assert "hint: attach them (--attach FILE)" in ran.err


def test_an_input_that_is_not_in_the_spool_is_refused(bench: Bench) -> None:
    ran = bench(
        "submit", bench.file("a.yaml", IMG2IMG_YAML + "inputs: [{path: inputs/aa/gone.png}]\n")
    )

    assert ran.code == 23
    assert "input 'inputs/aa/gone.png' is not in this spool" in ran.err


def test_a_snapshot_is_submitted_as_it_is(bench: Bench) -> None:
    text = json.dumps(snapshot())

    name = bench.submit("one", text)

    assert bench.bytes_of(name) == text.encode()


def test_a_snapshot_gets_our_envelope_when_options_change_something(bench: Bench) -> None:
    name = bench.submit("one", json.dumps(snapshot()), "--group", "cats")

    job = decode(Job, bench.bytes_of(name))
    assert job.group == "cats"
    assert isinstance(job.workload, StableNewWorkload)
    assert job.workload.snapshot == snapshot()


def test_images_that_a_snapshot_reads_from_this_machine_are_attached(bench: Bench) -> None:
    image = bench.file("in.png", "pixels")

    name = bench.submit("one", snapshot_that_reads(str(image)))

    (one,) = decode(Job, bench.bytes_of(name)).inputs
    assert (bench.root / str(one.path)).read_bytes() == b"pixels"


def test_an_image_that_a_snapshot_reads_and_this_machine_lacks_is_named(bench: Bench) -> None:
    ran = bench("submit", bench.file("a.json", snapshot_that_reads("C:\\out\\in.png")))

    assert ran.code == 23
    assert "reads 'C:\\out\\in.png', which is not a file here" in ran.err


def test_after_takes_the_beginning_of_a_name_and_writes_the_whole(bench: Bench) -> None:
    bench.submit("first-job")

    name = bench.submit("second", JOB_YAML, "--after", "fir")

    assert decode(Job, bench.bytes_of(name)).needs == ("first-job",)
    assert bench.place(name).state is State.WAITING


def test_jobs_submitted_together_refer_to_each_other_by_file(bench: Bench) -> None:
    a = bench.file("make.yaml")
    b = bench.file("change.yaml", IMG2IMG_YAML + "inputs: [{job: make}]\nafter: [make]\n")

    ran = bench("submit", b, a, "--name", "pair", "--json")

    assert [one["folder"] for one in ran.document["jobs"]] == ["waiting", "queue/normal"]
    job = decode(Job, bench.bytes_of("pair.0001"))
    assert (job.needs, job.inputs[0].job) == (("pair.0002",), "pair.0002")


def test_a_file_with_spaces_and_capitals_is_referred_to_as_well(bench: Bench) -> None:
    """Records fold the names of jobs; the stems of files have to be folded likewise."""
    a, b = bench.file("My Make.yaml"), bench.file("b.yaml", JOB_YAML + "after: [My Make]\n")

    assert bench("submit", a, b, "--name", "pair").code == 0
    assert decode(Job, bench.bytes_of("pair.0002")).needs == ("pair.0001",)


def test_jobs_that_wait_for_each_other_are_refused(bench: Bench) -> None:
    a = bench.file("a.yaml", JOB_YAML + "after: [b]\n")
    b = bench.file("b.yaml", JOB_YAML + "after: [a]\n")

    ran = bench("submit", a, b)

    assert ran.code == 23
    assert "wait for each other" in ran.err


def test_a_job_that_needs_an_unknown_job_is_refused(bench: Bench) -> None:
    """It would wait for ever."""
    ran = bench("submit", bench.file("a.yaml", JOB_YAML + "after: [nobody]\n"))

    assert ran.code == 20
    assert "a.yaml': no job 'nobody' in this spool" in ran.err


def test_a_name_that_the_spool_has_seen_is_refused(bench: Bench) -> None:
    bench.submit("one")

    ran = bench("submit", bench.file("a.yaml"), "--name", "ONE", "--hold")

    assert ran.code == 24
    assert "hint: choose another with --name" in ran.err


@pytest.mark.parametrize("name", ["a/b", "..", "con", "x" * 121, "a+b", "a~2", ""])
def test_a_name_that_no_file_can_bear_is_refused(bench: Bench, name: str) -> None:
    ran = bench("submit", bench.file("a.yaml"), "--name", name)

    assert ran.code == 2
    assert "hint: " in ran.err


def test_standard_input_is_submitted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(JOB_YAML.encode())))

    ran = bench("submit", "-", "--name", "one")

    assert ran.code == 0
    assert parse_job(bench.bytes_of("one"))


def test_a_bad_record_on_standard_input_is_told_as_such(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))

    ran = bench("submit", "-")

    assert ran.code == 23
    assert "error: 'standard input': the file holds nothing" in ran.err


def test_an_unknown_class_is_refused_with_the_known_ones(bench: Bench) -> None:
    ran = bench("submit", bench.file("a.yaml"), "--class", "urgent")

    assert ran.code == 2
    assert "hint: the classes are interactive, normal, batch" in ran.err


def test_a_record_that_attachments_make_too_long_is_refused(bench: Bench) -> None:
    text = JOB_YAML + "metadata: {note: '" + "x" * ((1 << 20) - 250) + "'}\n"

    ran = bench("submit", bench.file("a.yaml", text), "--group", "g" * 200)

    assert ran.code == 23
    assert "it may have 1048576" in ran.err
