"""The spool's history and images in StableNew's own files: each once, in its shape, and nothing of StableNew's touched."""

import hashlib
import json
import sys
from datetime import datetime
from pathlib import Path

import pytest
from filelock import FileLock
from sample_data import stablenew

from spoolctl.cli.app import main
from spoolctl.index import Index, Wanted, images
from spoolctl.spool import StateForbids, UsageError, create_spool, open_spool
from spoolctl.stablenew import Exported, LaidOut, export_history, lay_out

sys.path.append(str(Path(__file__).parents[1] / "index"))
from ledgers import Ledgers, image_line, job_line

STATUSES = {"queued", "running", "completed", "failed", "cancelled"}


class Farm:
    """A spool with ledgers, its index, and a place for StableNew's files."""

    def __init__(self, folder: Path) -> None:
        self.root, self.folder = folder / "spool", folder
        create_spool(self.root)
        self.actor = open_spool(self.root, name="person-ada")
        self.ledgers = Ledgers(self.root)
        self.history = folder / "job_history.jsonl"
        self.output = folder / "output"

    def end(self, name: str, *made: bytes, **changes: object) -> None:
        """A job ends; its images have these bytes."""
        lines = [
            image_line(name, n, spool_image_sha256=hashlib.sha256(data).hexdigest(), job_id=f"id {name}")
            for n, data in enumerate(made)
        ]  # fmt: skip
        for line, data in zip(lines, made, strict=True):
            path = self.root / line["metadata"]["image_path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        told = {"job_id": f"id {name}", "images": len(made), **changes}
        self.ledgers.append(jobs=[job_line(name, **told)], images=lines)

    def export(self, into: Path | None = None, **more: object) -> Exported:
        with Index(self.folder / "index.sqlite") as index:
            index.refresh(self.root)
            return export_history(
                self.actor, self.root, index.connection, into or self.history, **more
            )

    def lay_out(self, folder: Path | None = None, **more: object) -> LaidOut:
        with Index(self.folder / "index.sqlite") as index:
            index.refresh(self.root)
            found = images(index.connection, Wanted())
        return lay_out(self.actor, self.root, found, folder or self.output, **more)

    @property
    def lines(self) -> list[dict]:
        return [json.loads(one) for one in self.history.read_text("utf-8").splitlines()]


@pytest.fixture
def farm(tmp_path) -> Farm:
    return Farm(tmp_path)


def entry_of_stablenew(line: str) -> dict:
    """A line as StableNew's ``JobHistoryEntry.from_json`` takes it, and its list of jobs can sort it."""
    raw = json.loads(line)
    for key in ("created_at", "started_at", "completed_at"):
        if raw[key] is not None:
            assert datetime.fromisoformat(raw[key]).tzinfo is None, "a zone makes its list fail"
    assert datetime.fromisoformat(raw["created_at"])
    assert raw["status"] in STATUSES
    assert raw["duration_ms"] is None or int(raw["duration_ms"]) == raw["duration_ms"]
    return raw


def scanned(output: Path) -> list[tuple[Path, dict]]:
    """What StableNew's ``OutputScanner`` pairs: every manifest that has its image one folder up."""
    found = []
    for manifest in sorted(output.glob("**/manifests/*.json")):
        path = manifest.parent.parent / f"{manifest.stem}.png"
        assert path.exists(), "a manifest without its image"
        found.append((path, json.loads(manifest.read_text("utf-8"))))
    return found


# History


def test_a_line_has_the_keys_of_stablenews_own_and_no_other(farm):
    farm.end("night.0001", b"a")
    farm.export()
    own = stablenew("generated/job_history_line.jsonl").read_text("utf-8")

    assert list(farm.lines[0]) == list(json.loads(own))


def test_a_job_that_succeeded_is_completed_with_its_images_seeds_and_naive_utc(farm):
    farm.end("night.0001", b"a", b"b", started_at="2026-11-20T23:00:00+01:00")
    farm.export()
    entry = entry_of_stablenew(farm.history.read_text("utf-8"))
    result = entry["result"]

    assert (entry["job_id"], entry["status"], result["success"]) == ("id night.0001", "completed", True)  # fmt: skip
    assert entry["created_at"] == entry["started_at"] == "2026-11-20T22:00:00"
    assert entry["completed_at"] == "2026-11-20T22:01:00"
    assert (entry["duration_ms"], entry["worker_id"], result["model"]) == (60_000, "gpu1", "sdxl")
    assert entry["payload_summary"] == "a dragon | sdxl"
    assert [Path(one["path"]).read_bytes() for one in result["variants"]] == [b"a", b"b"]
    assert [one["actual_seed"] for one in result["variants"]] == [7, 8]
    assert result["artifact"]["output_paths"] == [one["path"] for one in result["variants"]]
    assert result["image_count"] == 2
    assert Path(result["output_dir"]) == farm.root / "results/night/night.0001/a1"
    assert "error" not in result


@pytest.mark.parametrize(
    ("verdict", "status"), [("failed", "failed"), ("lost", "failed"), ("cancelled", "cancelled")]
)
def test_what_did_not_succeed_says_so_and_why(farm, verdict, status):
    farm.end("night.0001", verdict=verdict, code="out_of_memory", started_at=None, ended_at=None)
    farm.export()
    entry = entry_of_stablenew(farm.history.read_text("utf-8"))

    assert (entry["status"], entry["result"]["success"]) == (status, False)
    assert entry["result"]["spool"]["verdict"] == verdict
    assert entry["created_at"] == "2026-11-20T00:00:00"
    assert entry["error_message"] == ("out_of_memory" if status == "failed" else None)


def test_the_snapshot_refers_to_the_record_and_cannot_be_replayed_as_another_job(farm):
    farm.end("night.0001", b"a")
    farm.export()
    (entry,) = farm.lines

    assert "normalized_job" not in entry["snapshot"]
    assert Path(entry["snapshot"]["spool_record"]) == farm.root / "results/night/night.0001/record.yaml"  # fmt: skip


def test_on_demand_the_snapshot_is_stablenews_own_whole(farm):
    own = (stablenew("generated/njr_snapshots") / "test_matrix_pack_0.json").read_bytes()
    farm.end("night.0001", b"a")
    farm.end("night.0002", b"b")
    (farm.root / "results/night/night.0001/record.yaml").write_bytes(own)
    farm.export(snapshots=True)
    first, second = farm.lines

    assert first["snapshot"] == json.loads(own)
    assert (first["prompt_source"], first["prompt_pack_id"]) == ("pack", "test_matrix_pack")
    assert "normalized_job" not in second["snapshot"]  # its record is gone, or of another kind


def test_done_again_it_appends_nothing_and_later_only_what_is_new(farm):
    farm.end("night.0001", b"a")
    assert farm.export() == Exported(appended=1, already=0, foreign=0)
    before = farm.history.read_bytes()
    assert farm.export() == Exported(appended=0, already=1, foreign=0)
    assert farm.history.read_bytes() == before
    farm.end("night.0002", b"b")
    assert farm.export() == Exported(appended=1, already=1, foreign=0)
    assert farm.history.read_bytes().startswith(before)


def test_a_job_that_was_retried_gets_a_further_line_which_is_the_last(farm):
    farm.end("night.0001", verdict="failed", code="stalled")
    farm.export()
    farm.end("night.0001", b"a", attempts=2)
    farm.export()

    assert [one["job_id"] for one in farm.lines] == ["id night.0001"] * 2
    assert [one["status"] for one in farm.lines] == ["failed", "completed"]


def test_nothing_of_stablenews_own_history_changes_not_even_a_torn_last_line(farm):
    own = stablenew("history/job_history_excerpt.jsonl").read_bytes() + b'{"job_id": "to'
    farm.history.write_bytes(own)
    farm.end("night.0001", b"a")
    done = farm.export()

    assert done.appended == 1
    assert done.foreign == len(own.splitlines())
    assert farm.history.read_bytes().startswith(own + b"\n{")
    assert farm.export() == Exported(appended=0, already=1, foreign=done.foreign)


def test_a_history_that_does_not_fit_into_one_write_is_whole_all_the_same(farm, monkeypatch):
    monkeypatch.setattr("spoolctl.stablenew.history._AT_ONCE_BYTES", 2_000)
    farm.history.write_bytes(b'{"torn": ')
    for number in range(7):
        farm.end(f"night.{number:04d}", b"a")

    assert farm.export() == Exported(appended=7, already=0, foreign=1)
    lines = farm.history.read_text("utf-8").splitlines()
    assert [json.loads(one)["job_id"] for one in lines[1:]] == [f"id night.{n:04d}" for n in range(7)]  # fmt: skip
    assert farm.export() == Exported(appended=0, already=7, foreign=1)


def test_lines_that_are_no_entries_are_borne(farm):
    junk = b'\n[1, 2]\n5\n\xff\xfe\n{"result": null}\n{"result": {"spool": {"job": 7}}}\n'
    farm.history.write_bytes(junk)
    farm.end("night.0001", b"a")

    assert farm.export() == Exported(appended=1, already=0, foreign=5)
    assert farm.history.read_bytes().startswith(junk)


def test_two_spools_may_share_one_history(farm, tmp_path):
    farm.end("night.0001", b"a")
    farm.export()
    (tmp_path / "second").mkdir()
    other = Farm(tmp_path / "second")
    other.end("night.0001", b"b")

    assert other.export(farm.history) == Exported(appended=1, already=0, foreign=0)


def test_a_folder_stands_for_the_history_in_it_and_no_folder_is_made(farm):
    farm.end("night.0001", b"a")
    farm.export(farm.folder)
    assert len(farm.lines) == 1
    with pytest.raises(UsageError, match="there is no folder") as caught:
        farm.export(farm.folder / "missing" / "history.jsonl")
    assert caught.value.hint
    assert not (farm.folder / "missing").exists()


def test_another_export_that_does_not_end_is_not_waited_for_for_ever(farm):
    farm.end("night.0001", b"a")
    with FileLock(f"{farm.history}.lock"), pytest.raises(StateForbids, match="another sync"):
        farm.export(lock_timeout_s=0)
    assert not farm.history.exists()


# Images


def test_a_scanner_finds_each_image_with_all_that_it_compares(farm):
    farm.end("night.0001", b"a", b"b")
    assert farm.lay_out() == LaidOut(made=2, already=0, gone=0, changed=0)
    (first, told), (second, _) = scanned(farm.output)

    assert (first.read_bytes(), second.read_bytes()) == (b"a", b"b")
    assert told["generation"] == {
        "stage": "txt2img", "prompt": "a dragon", "negative_prompt": "blurry", "model": "sdxl", "vae": "",
        "sampler_name": "Euler a", "scheduler": "Karras", "steps": 20, "cfg_scale": 7.0, "width": 832,
        "height": 1216, "seed": 7,
    }  # fmt: skip
    assert (told["stage"], told["job_id"], told["actual_seed"]) == ("txt2img", "id night.0001", 7)
    assert told["timestamp"] == "20261120_220100"
    assert Path(told["path"]) == first
    assert (farm.root / told["spool"]["path"]).read_bytes() == b"a"


def test_laid_out_again_nothing_is_touched_not_even_what_stablenew_has_changed(farm):
    farm.end("night.0001", b"a", b"b")
    farm.lay_out()
    (reviewed, _), (_, _) = scanned(farm.output)
    reviewed.write_bytes(b"a with a review in it")
    manifest = reviewed.parent / "manifests" / f"{reviewed.stem}.json"
    manifest.write_text('{"mine": 1}', encoding="utf-8")

    assert farm.lay_out() == LaidOut(made=0, already=2, gone=0, changed=0)
    assert reviewed.read_bytes() == b"a with a review in it"
    assert manifest.read_text("utf-8") == '{"mine": 1}'


def test_what_is_done_to_a_copy_is_not_done_to_the_commit(farm):
    farm.end("night.0001", b"a")
    farm.lay_out()
    ((path, _),) = scanned(farm.output)
    path.write_bytes(b"scribbled")

    assert (farm.root / "results/night/night.0001/a1/0000-1-txt2img.png").read_bytes() == b"a"


def test_an_image_of_an_export_that_was_cut_off_gets_its_manifest(farm):
    farm.end("night.0001", b"a")
    farm.lay_out()
    ((path, told),) = scanned(farm.output)
    (path.parent / "manifests" / f"{path.stem}.json").unlink()

    assert farm.lay_out().made == 1
    assert scanned(farm.output) == [(path, told)]


def test_images_that_are_gone_or_not_as_they_were_committed_are_left_out_and_counted(farm):
    farm.end("night.0001", b"a", b"b", b"c")
    results = farm.root / "results/night/night.0001/a1"
    (results / "0000-1-txt2img.png").unlink()
    (results / "0001-1-txt2img.png").write_bytes(b"B")

    assert farm.lay_out() == LaidOut(made=1, already=0, gone=1, changed=1)
    assert [path.read_bytes() for path, _ in scanned(farm.output)] == [b"c"]
    assert [p.name for p in farm.output.rglob("*.tmp")] == []


@pytest.mark.parametrize("path", ["../secret.png", "/etc/secret.png", "results/../../secret.png", "results\\..\\x.png", None])  # fmt: skip
def test_a_ledger_that_leads_out_of_the_results_leads_nowhere(farm, path):
    (farm.folder / "secret.png").write_bytes(b"s")
    digest = hashlib.sha256(b"s").hexdigest()
    line = image_line("night.0001", spool_image_sha256=digest)
    line["metadata"]["image_path"] = path
    farm.ledgers.append(images=[line])

    assert farm.lay_out() == LaidOut(made=0, already=0, gone=1, changed=0)
    assert scanned(farm.output) == []


def test_a_job_whose_name_in_the_ledger_is_no_name_is_left_out(farm):
    farm.ledgers.append(images=[image_line("../../x", spool_image_sha256="0" * 64)])

    assert farm.lay_out() == LaidOut(made=0, already=0, gone=0, changed=0), "the index has none"
    assert scanned(farm.output) == []


def test_nothing_is_laid_out_in_the_spool_or_in_a_folder_without_a_parent(farm):
    farm.end("night.0001", b"a")
    with pytest.raises(UsageError, match="lies in the spool"):
        farm.lay_out(farm.root / "output")
    with pytest.raises(UsageError, match="there is no folder"):
        farm.lay_out(farm.folder / "missing" / "output")
    assert not (farm.folder / "missing").exists()


# The command line


@pytest.fixture
def typed(farm, monkeypatch, capsys):
    """Types a command line; its code and what it said."""
    monkeypatch.setenv("SPOOL_ROOT", str(farm.root))
    monkeypatch.setenv("SPOOL_INDEX", str(farm.folder / "indexes"))

    def run(*line: object) -> tuple[int, str]:
        capsys.readouterr()
        code = main([str(one) for one in line])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def test_the_command_says_what_it_appended(farm, typed):
    farm.end("night.0001", b"a")

    assert typed("history", "export", "--stablenew", farm.history) == (
        0, f"appended 1 line to '{farm.history}'; 0 were there, and 0 of StableNew's own\n",
    )  # fmt: skip
    _, said = typed("history", "export", "--stablenew", farm.history, "--json")
    assert json.loads(said) == {"into": str(farm.history), "appended": 0, "already": 1, "foreign": 0}  # fmt: skip


def test_the_results_that_are_asked_for_are_laid_out_all_of_them(farm, typed):
    for number in range(101):  # more than a page
        farm.end(f"night.{number:04d}", b"a")
    farm.end("day.0001", b"b", group="day")

    assert typed("results", "--job", "night.0007", "--stablenew", farm.output) == (
        0, f"laid out 1 image in '{farm.output}'; 0 were there\n",
    )  # fmt: skip
    _, said = typed("results", "--group", "night", "--stablenew", farm.output, "--json")
    assert json.loads(said) == {
        "folder": str(farm.output), "made": 101, "already": 1, "gone": 0, "changed": 0,
    }  # fmt: skip


def test_an_image_that_is_gone_is_said(farm, typed):
    farm.end("night.0001", b"a")
    (farm.root / "results/night/night.0001/a1/0000-1-txt2img.png").unlink()

    code, said = typed("results", "--stablenew", farm.output)
    assert (code, said) == (0, f"laid out 0 images in '{farm.output}'; 0 were there; 1 no longer on the share\n")  # fmt: skip


def test_paths_and_copies_are_not_asked_for_at_once(farm, typed):
    code, said = typed("results", "--paths", "--stablenew", farm.output)
    assert code == 2
    assert "give one of them" in said
