"""What people and other programs leave in a spool."""

import errno
import threading
import time

import yaml
from processes import job_text, snapshot

from spoolctl.spool import Location, Place, ShareUnusable, State, layout, parse_file_name, prune_job

DONE = ("succeeded", None)


def test_s17_odd_files_run_as_meant(scene):
    """ "`priority: 0`, CRLF, BOM, tabs in prompts, anchors within limits, names with capitals, spaces, Unicode: run as meant." """
    plain = job_text("PROMPT").replace(b"PROMPT", b"a lighthouse, seen from the sea")
    anchors = (
        b"schema: spool.job/1\nworkload:\n  kind: image\n  stages:\n"
        b"  - {stage: txt2img, prompt: &p a lighthouse, negative_prompt: *p, width: &w 64, height: *w}\n...\n"
    )
    files = {
        "last.yaml": job_text(priority=0),
        "windows.yaml": plain.replace(b"\n", b"\r\n"),
        "notepad.yaml": b"\xef\xbb\xbf" + plain,
        "wide.yaml": plain.decode().encode("utf-16"),
        "tabs.yaml": plain.replace(b", seen", b"\tat night,\tseen"),
        "anchors.yaml": anchors,
        "no-end-mark.yaml": plain.removesuffix(b"...\n"),
        "SHOUTED.YML": plain,
        "my hero shot.yaml": plain,
        "phare à l'aube \N{SPARKLES}.yaml": plain,
    }
    for name, data in files.items():
        scene.drop(name, data)
    scene.worker("w1")
    names = [parse_file_name(name).name for name in files]
    assert len(set(names)) == len(files)
    scene.wait_for_rest(names, states=("finished",))
    assert {tuple(scene.verdicts(name)) for name in names} == {(DONE,)}
    scene.merge()
    scene.check(names)
    prompts = {m["spool_job"]: m["prompt"] for m in (line["metadata"] for line in scene.corpus())}
    assert prompts["tabs"] == "a lighthouse\tat night,\tseen from the sea"
    assert {prompts[name] for name in names} - {prompts["tabs"], "a lighthouse"} == {
        "a lighthouse, seen from the sea"
    }


def test_s17_files_that_are_no_jobs_are_left_alone(open_scene):
    """ "A temporary name, a file still growing, `Thumbs.db`: left alone." """
    reject_after_s = 2.0
    scene = open_scene(reject_after_s=reject_after_s)
    queue = scene.root / "queue" / "normal"
    left = {}
    for name in (
        ".hidden.yaml",
        "~$portrait.yaml",
        "Thumbs.db",
        "desktop.ini",
        "a.yaml.part",
        "b.tmp",
    ):
        (queue / name).write_bytes(b"no job")
        left[name] = b"no job"
    text = job_text().removesuffix(b"...\n")
    growing = queue / "growing.yaml"
    scene.worker("w1")
    stop = threading.Event()

    def write_slowly():
        """As a copy over a thin line does: a little more, well within reject_after_s also on a busy machine."""
        part = 0
        while not stop.wait(0.05):
            part += 1
            growing.write_bytes(text + b"# " + b"x" * part)
        growing.write_bytes(text + b"...\n")

    writer = threading.Thread(target=write_slowly)
    writer.start()
    try:
        number, until = 0, time.monotonic() + 2 * reject_after_s
        while number < 6 or time.monotonic() < until:  # a good many looks at the queue
            scene.drop(f"neighbour.{number}")
            scene.wait_for_rest([f"neighbour.{number}"], states=("finished",))
            number += 1
        assert growing.exists()
        assert scene.manifests("growing") == {}
    finally:
        stop.set()
        writer.join()
    scene.wait_for_rest(["growing"], states=("finished",))
    for name, data in left.items():
        assert (queue / name).read_bytes() == data
    assert scene.reasons() == {}


def test_s17_hostile_files(scene):
    """ "Truncated for good, 50 MB of YAML, an alias bomb, `!!python/object`, `../../x`, a drive letter, a device name, a
    job id seen before, a missing or newer schema: each in `rejected/` with a reason (a newer schema waits, with a
    reason), no worker stopped, no neighbour skipped."
    """
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )

    def with_input(path):
        inputs = [{"path": path, "sha256": "ab" * 32}]
        upscale = {"kind": "image", "stages": [{"stage": "upscale", "factor": 2}]}
        return job_text(inputs=inputs, workload=upscale)

    hostile = {
        "truncated.yaml": job_text("a 'quoted' \"prompt").split(b"stages")[0] + b"stages: [{st",
        "huge.yaml": b"# " + b"x" * 50_000_000,
        "bomb.yaml": bomb.encode(),
        "object.yaml": b"schema: !!python/object/apply:os.system ['touch /tmp/owned']\n...\n",
        "upward.yaml": with_input("../../x"),
        "absolute.yaml": with_input("/etc/passwd"),
        "drive.yaml": with_input("C:\\Windows\\win.ini"),
        "no-schema.yaml": job_text().replace(b"schema: spool.job/1\n", b""),
        "other-schema.yaml": job_text().replace(b"spool.job/1", b"spool.manifest/1"),
        "not-text.yaml": bytes(range(256)) * 40,
        "deep.json": b"[" * 100_000,
        "unknown-key.yaml": job_text(gruop="x"),
        "empty.yaml": b"",
    }
    scene.drop("seen-before")
    worker = scene.worker("w1")
    scene.wait_for_rest(["seen-before"], states=("finished",))
    neighbours = []
    for number, (name, data) in enumerate(hostile.items()):
        neighbours.append(f"m{number}")
        scene.drop(name, data)
        scene.drop(neighbours[-1])
    scene.drop("seen-before", job_text("something else"), "queue/batch")
    scene.drop("con.yaml", job_text(), "queue/interactive")
    scene.drop("newer", job_text().replace(b"spool.job/1", b"spool.job/9"))
    scene.wait_for_rest(neighbours, states=("finished",))
    expected = {*hostile, "seen-before.yaml"}
    scene.wait_for(lambda: expected <= set(scene.reasons()), "every reason")
    reasons = scene.reasons()
    for name in expected:
        assert reasons[name]["error"], name
        assert reasons[name]["hint"], name
    assert "other contents" in reasons["seen-before.yaml"]["error"]
    assert "gruop" in reasons["unknown-key.yaml"]["error"]
    assert "50000002 bytes" in reasons["huge.yaml"]["error"]
    rejected = {p.name for p in (scene.root / "rejected").iterdir() if "reason" not in p.name}
    assert len(rejected) == len(reasons)
    # A device's name is only a name to programs that fold it: it runs, under a name that Windows can store.
    device = parse_file_name("con.yaml").name
    scene.wait_for_rest([device], states=("finished",))
    assert device != "con"
    assert scene.state("newer") == "queue"
    (told,) = worker.events("admission.newer")
    assert "newer" in told["file"]
    assert worker.popen.poll() is None
    assert worker.told() == ""
    assert scene.verdicts("seen-before") == [DONE]


def test_s25_a_name_used_before(scene):
    """ "A new file under the name of a job that ran long ago: other bytes go to `rejected/` with a reason and the old job
    is untouched; equal bytes are the same job and run nothing."
    """
    text = job_text("the first")
    scene.drop("portrait", text)
    worker = scene.worker("w1")
    scene.wait_for_rest(["portrait"], states=("finished",))
    scene.merge()
    before = snapshot(scene.results("portrait"))
    lines = scene.corpus()

    scene.drop("portrait", job_text("the second"))
    scene.wait_for(lambda: "portrait.yaml" in scene.reasons(), "the reason")
    assert "seen before" in scene.reasons()["portrait.yaml"]["error"]
    assert snapshot(scene.results("portrait")) == before
    assert [p.split("/")[0] for p in scene.records()["portrait"]] == ["done"]

    scene.drop("0+portrait.yaml", text, "queue/interactive")
    scene.wait_for(lambda: not list((scene.root / "queue/interactive").iterdir()), "the copy to go")
    scene.merge()
    assert snapshot(scene.results("portrait")) == before
    assert scene.corpus() == lines
    assert len(worker.events("claimed")) == 1
    # Settling would let the copies lie side by side, since their file names differ by the rank.
    assert [p.split("/")[0] for p in scene.records()["portrait"]] == ["done"]
    scene.check(["portrait"])


class Breaking:
    """The share, which fails for good after so many changes."""

    CHANGES = ("write_new", "link", "rename", "unlink", "mkdir", "rmdir")

    def __init__(self, files, changes):
        self._files, self._left = files, changes

    def __getattr__(self, name):
        if name in self.CHANGES:
            self._left -= 1
            if self._left < 0:
                raise OSError(errno.EIO, "the share broke")
        return getattr(self._files, name)


def test_s29_retention(open_scene):
    """ "Pruned outputs, records and results in every order and interrupted anywhere: a file that comes back late never
    runs again."
    """
    scene = open_scene()
    names = [f"old.{number:02d}" for number in range(24)]
    texts = {name: job_text(f"prompt of {name}") for name in names}
    for name in names:
        scene.drop(name, texts[name])
    worker = scene.worker("w1")
    scene.wait_for_rest(names, 120, states=("finished",))
    scene.merge()
    lines = scene.corpus()
    whole = False
    for changes, name in enumerate(names):
        broken = scene.actor(wrap=lambda files, n=changes: Breaking(files, n))
        location = location_of(scene, name)
        try:
            assert prune_job(broken, location)
            whole = True
        except (OSError, ShareUnusable):
            pass
        scene.drop(f"9+{name}", texts[name], "queue/interactive")  # the late one, of the same bytes
        scene.drop(f"{name}~7", texts[name], "waiting")
    assert whole, "every prune was broken, so not every point was tried"
    for folder in ("queue/interactive", "waiting"):
        scene.wait_for(lambda f=folder: not list((scene.root / f).iterdir()), f"{folder} empty")
    ran = [event["job"] for event in worker.events("claimed")]
    assert sorted(ran) == names, "a pruned job ran again"
    scene.merge()
    for name in names:  # retention's next pass goes on where it stopped
        while name in scene.records():
            assert prune_job(scene.actor(), location_of(scene, name))
        tombstone = yaml.safe_load((scene.results(name) / layout.PRUNED).read_text())
        assert tombstone["verdict"] == "succeeded"
        assert [path.name for path in scene.results(name).iterdir()] == [layout.PRUNED]
    scene.drop(names[0], job_text("another text"))
    scene.wait_for(lambda: f"{names[0]}.yaml" in scene.reasons(), "the reason")
    assert sorted(event["job"] for event in worker.events("claimed")) == names
    scene.merge()
    assert scene.corpus() == lines


def location_of(scene, name):
    """Where a record lies, at rest before any other place."""
    paths = sorted(scene.records()[name], key=lambda path: path.startswith(("queue", "waiting")))
    folder, _, entry = paths[0].rpartition("/")
    state, _, part = folder.partition("/")
    return Location(Place(State(state), part), parse_file_name(entry))
