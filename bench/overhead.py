"""What a job costs through the protocol, against the floor: the least that any spool in files can do.

Both run in one process on one folder, interleaved, so that only the ratio matters. File operations are counted too: on a
share each is one to a dozen round trips, and the share's time is what a job waits for.
"""

import argparse
import functools
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

from spoolctl.spool import (
    Admission,
    Admitted,
    Claim,
    Ending,
    Life,
    Verdict,
    begin_session,
    claim,
    conclude,
    create_spool,
    draft,
    end,
    layout,
    new_names,
    open_spool,
    parse_job,
    records_in,
    submit,
)

RECORD = b"""schema: spool.job/1
workload:
  kind: image
  stages:
  - {stage: txt2img, prompt: a lighthouse in the fog, seed: 7}
...
"""


class Counted:
    """Passes every operation on, and counts it."""

    def __init__(self, files):
        self._files = files
        self.counts = Counter()

    def __getattr__(self, name):
        method = getattr(self._files, name)

        def call(*args, **kwargs):
            self.counts[name] += 1
            return method(*args, **kwargs)

        return call


def floor_submit(folder, number):
    temporary = folder / f"{number}.tmp"
    with temporary.open("xb") as file:
        file.write(RECORD)
        file.flush()
    temporary.rename(folder / f"{number}.yaml")


def floor_run(folder, number):
    claimed = folder / f"{number}.claimed"
    (folder / f"{number}.yaml").rename(claimed)
    claimed.read_bytes()
    with (folder / f"{number}.result.tmp").open("xb") as file:
        file.write(RECORD)
    (folder / f"{number}.result.tmp").rename(folder / f"{number}.result")
    claimed.rename(folder / f"{number}.done")


def ours_submit(actor, names):
    job = parse_job(RECORD)
    submit(actor, [draft(name, RECORD, job) for name in names], layout.queue("normal"))


def ours_run(actor, life, location):
    admitted = Admission().admit(actor, location)
    assert isinstance(admitted, Admitted)
    claimed = claim(actor, admitted, life, lambda _job, _previous: True)
    assert isinstance(claimed, Claim)
    end(actor, claimed, conclude(actor, claimed, Ending(Verdict.SUCCEEDED)))


def each(step, shared, items):
    for item in items:
        step(shared, item)


def timed(work, *arguments):
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where to measure (a share, for instance)")
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root = Path(folder)
        create_spool(root / "spool")
        counted = []

        def wrap(files):
            counted.append(Counted(files))
            return counted[-1]

        actor = open_spool(root / "spool", name="bench", wrap=wrap)
        life = Life(actor, "worker")
        begin_session(actor)
        actor.share_now_s()
        ratios = {"submit": [], "claim to verdict": []}
        spent = {"submit": Counter(), "claim to verdict": Counter()}
        for number in range(options.rounds):
            plain = root / f"floor-{number}"
            plain.mkdir()
            names = new_names(actor, options.jobs, group="bench")
            counted[-1].counts.clear()
            ours = timed(ours_submit, actor, names)
            spent["submit"].update(counted[-1].counts)
            floor = timed(each, floor_submit, plain, range(options.jobs))
            ratios["submit"].append(ours / floor)
            heads = records_in(actor, layout.queue("normal"))
            counted[-1].counts.clear()
            ours = timed(each, functools.partial(ours_run, actor), life, heads)
            spent["claim to verdict"].update(counted[-1].counts)
            floor = timed(each, floor_run, plain, range(options.jobs))
            ratios["claim to verdict"].append(ours / floor)
        for step, found in ratios.items():
            total = sum(spent[step].values()) / options.jobs / options.rounds
            kinds = ", ".join(
                f"{kind} {count / options.jobs / options.rounds:.1f}"
                for kind, count in spent[step].most_common()
            )
            print(
                f"{step}: {statistics.median(found):.1f} x the floor; {total:.1f} operations a job ({kinds})"
            )


if __name__ == "__main__":
    main()
