"""StableNew's own snapshots, submitted unchanged, through real processes to images and learning records."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from PIL import Image
from sample_data import stablenew
from stablenew_rules import readable_by_stablenew

from spoolctl.spool import Manifest, decode, images_asked, parse_job, stages_of


def run(module, *arguments, environment):
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A spool through which all snapshots have gone: its root, and each job's name by its file."""
    snapshots = stablenew("generated/njr_snapshots")
    root = tmp_path_factory.mktemp("night") / "spool"
    environment = {**os.environ, "SPOOL_ROOT": str(root), "XDG_STATE_HOME": str(root.parent)}
    files = sorted(snapshots.iterdir())
    run("spoolctl", "init", root, environment=environment)
    submitted = run("spoolctl", "submit", "--json", *files, environment=environment)
    run(
        "spoolworker", "run", "--drain", "--quiet", "--name", "w1",
        "--scratch", root.parent / "scratch", environment=environment,
    )  # fmt: skip
    run("spoolctl", "controller", "run", "--once", environment=environment)
    names = [job["job"] for job in json.loads(submitted)["jobs"]]
    return root, dict(zip(files, names, strict=True))


def manifest_of(root, name):
    shelf = name.rpartition(".")[0]
    return decode(Manifest, (root / "results" / shelf / name / "a1/manifest.yaml").read_bytes())


def test_all_nine_run_unchanged_and_are_committed(night):
    root, names = night
    assert len(names) == 9
    for file, name in names.items():
        [record] = (root / "done").glob(f"*/{name}~1.*")
        kept = record.read_bytes()
        assert kept.removesuffix(b"...\n").rstrip() == file.read_bytes().rstrip()
        assert manifest_of(root, name).record_sha256 == hashlib.sha256(kept).hexdigest()


def test_each_gives_the_images_it_asks_for_through_its_enabled_stages(night):
    root, names = night
    for file, name in names.items():
        job, manifest = parse_job(file.read_bytes()), manifest_of(root, name)
        stages = [stage.stage for stage in stages_of(job)]
        finals = [output for output in manifest.outputs if output.final]
        assert len(finals) == images_asked(job, inputs=0)
        assert [timing.stage for timing in manifest.stages] == stages
        made = Counter(output.stage for output in manifest.outputs)
        assert all(made[stage] == len(finals) for stage in stages)
        for output in manifest.outputs:
            path = root / "results" / name.rpartition(".")[0] / name / output.path
            assert hashlib.sha256(path.read_bytes()).hexdigest() == output.sha256
            with Image.open(path) as image:
                assert image.size == (output.width, output.height)
                assert "Steps:" in image.info["parameters"]


def test_the_corpus_satisfies_every_rule_of_stablenews_readers(night):
    root, names = night
    data = (root / "corpus/learning_records.jsonl").read_bytes()
    records = readable_by_stablenew(data.splitlines(keepends=True))
    finals = [o for name in names.values() for o in manifest_of(root, name).outputs if o.final]
    assert len(records) == len(finals)
    assert len({record["run_id"] for record in records}) == len(records)
    assert {record["metadata"]["job_id"] for record in records} == {
        parse_job(file.read_bytes()).job_id for file in names
    }
    for record in records:
        assert (root / record["metadata"]["image_path"]).is_file()
