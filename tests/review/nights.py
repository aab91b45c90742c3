"""Spools for the page to show: a night that a real worker has drawn and a controller has merged, and one of a thousand images.

``Night`` is a ``Scene`` whose page is served by a real ``spoolctl review``. Its controller is passed by hand (``merge``), so that a
test says when what people said is compiled and what they released is swept.
"""

import json
import subprocess
import sys
from functools import cached_property

import yaml
from processes import REPOSITORY, Process, Scene

from spoolctl.groups.thumbs import FOLDER, thumb_name, thumb_of
from spoolctl.spool import group_folder, layout
from spoolworker.backends import drawing
from tests.index.ledgers import Ledgers, image_line, job_line

GROUP = "lighthouse sweep"
PROMPT = "a lighthouse at night, long exposure"
SAMPLERS = ("Euler a", "DPM++ 2M")
SCALES = (5.0, 6.0, 7.0)
IMAGES = 2 * len(SAMPLERS) * len(SCALES)
THOUSAND = "thousand"
PLAN = {
    "schema": "spool.plan/1",
    "name": GROUP,
    "base": {
        "class": "batch",
        "workload": {
            "kind": "image",
            "stages": [
                {"stage": "txt2img", "prompt": PROMPT, "negative_prompt": "text, watermark", "model": "sketchbook-v1",
                 "steps": 28, "width": 96, "height": 64, "count": 2, "seed": 1001},
            ],
        },
    },
    "learning": {
        "mode": "multi_variable_experiment",
        "variables": {"cfg_scale": list(SCALES), "sampler": list(SAMPLERS)},
        "metadata": {"experiment_name": "guidance and sampler"},
    },
}  # fmt: skip


def job_document(stages, **keys):
    """A job as people write it."""
    return {"schema": "spool.job/1", **keys, "workload": {"kind": "image", "stages": stages}}


class Night(Scene):
    """A spool, whoever is at work on it, and its page."""

    def submit(self, document, *flags):
        """Submit a job or a plan, as people do."""
        path = self.folder / "submitted.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        self.ctl("submit", str(path), *flags)

    def draw(self, names, **drills):
        """Have a worker run these jobs, and whatever else waits in the queues, and merge them."""
        worker = self.worker("drawer", "--drain", **drills)
        self.wait_for_rest(names, 60, states=("finished",))
        assert worker.ended() == 0
        self.merge()

    def sweep(self, *, size=(96, 64)):
        """Submit and draw the sweep; the names of its jobs."""
        base = PLAN["base"]["workload"]["stages"][0]
        stage = {**base, "width": size[0], "height": size[1]}
        workload = {"kind": "image", "stages": [stage]}
        self.submit({**PLAN, "base": {**PLAN["base"], "workload": workload}}, "--name", "sweep")
        names = [f"sweep.{number:04d}" for number in range(1, IMAGES // 2 + 1)]
        self.draw(names)
        return names

    def waits_for(self, name, needed):
        """Submit a job that enlarges what will be approved of *needed*."""
        upscale = job_document(
            [{"stage": "upscale", "factor": 2}],
            after=[{"job": needed, "when": "approved"}],
            inputs=[{"job": needed}],
            group="large ones",
        )
        self.submit(upscale, "--name", name)
        assert self.state(name) == "waiting"

    def thousand(self, total=1000, per_job=10):
        """Have a group of so many images in the compiled ledgers, with image files and thumbnails that are really there.

        Nobody ran it and no controller may pass: it would compile the ledgers anew, of parts that are not there.
        """
        jobs, images = [], []
        thumbs = self.root / layout.GROUPS / group_folder(THOUSAND) / FOLDER
        thumbs.mkdir(parents=True)
        for number in range(total):
            name, index = f"{THOUSAND}.{number // per_job + 1:04d}", number % per_job
            moment = f"2026-11-20T{number // per_job // 60:02d}:{number // per_job % 60:02d}:00"
            path = f"{layout.attempt(name, 1)}/{layout.output_name(index, 1, 'txt2img')}"
            told = {"spool_group": THOUSAND, "image_path": path, "seed": number}
            images.append({**image_line(name, index, prompt=f"wave {number}", **told), "timestamp": moment})  # fmt: skip
            if index == 0:
                ended = {"started_at": f"{moment}+00:00", "ended_at": f"{moment}+00:00"}
                jobs.append(job_line(name, group=THOUSAND, images=per_job, **ended))
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            drawing.draw("wave", number, 48, 64).save(file)
            (thumbs / thumb_name(name, index)).write_bytes(thumb_of(file))
        Ledgers(self.root).append(jobs=jobs, images=images)

    @cached_property
    def url(self):
        """Where its page is, once it is served; ends in '/'."""
        return self.review()

    def review(self, *flags):
        """Start ``spoolctl review``; the URL that it tells once it listens."""
        logs = self.folder / "logs" / f"review-{len(self.processes)}"
        logs.mkdir(parents=True)
        command = [
            sys.executable, "-m", "spoolctl", "review", "--spool", str(self.root), "--port", "0", "--no-browser", "--json", *flags,
        ]  # fmt: skip
        with (logs / "stdout").open("wb") as out, (logs / "stderr").open("wb") as err:
            popen = subprocess.Popen(
                command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=self.environment()
            )  # fmt: skip
        self.processes.append(Process("review", popen, logs, wrapped=False))
        self.wait_for(lambda: b"\n" in (logs / "stdout").read_bytes(), "the page to be served", 30)
        return json.loads((logs / "stdout").read_text().splitlines()[0])["url"]

    def records_of(self, group):
        """The lines of the corpus that are of a group's images, as StableNew reads them."""
        return [one for one in self.corpus() if one["metadata"].get("spool_group") == group]
