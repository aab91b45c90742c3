"""The spool as the benchmarks drive it: the protocol library's own steps, every one of a full job."""

from collections.abc import Callable, Iterable
from pathlib import Path

from spoolctl.spool import (
    Actor,
    Admission,
    Admitted,
    Claim,
    Ending,
    Life,
    Location,
    Verdict,
    begin_session,
    claim,
    conclude,
    create_spool,
    draft,
    end,
    layout,
    merge,
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
QUEUE = layout.queue("normal")


def make(root: Path) -> Path:
    """A new spool in *root*."""
    create_spool(root)
    return root


def submit_jobs(actor: Actor, count: int) -> tuple[str, ...]:
    """Submit *count* jobs in bulk, as ``spoolctl submit`` does: each record parsed and validated."""
    names = new_names(actor, count, group="bench")
    submit(actor, [draft(name, RECORD, parse_job(RECORD)) for name in names], QUEUE)
    return names


class Worker:
    """One worker without a backend: it claims, and commits at once."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.life = Life(actor, "worker")
        self.admission = Admission()
        begin_session(actor)
        actor.share_now_s()  # read every five minutes, not for each job

    def claim(self, location: Location) -> Claim | None:
        """Take the job's next attempt; None if another has it."""
        admitted = self.admission.admit(self.actor, location)
        if not isinstance(admitted, Admitted):
            return None
        taken = claim(self.actor, admitted, self.life, lambda _job, _previous: True)
        return taken if isinstance(taken, Claim) else None

    def commit(self, claimed: Claim) -> None:
        """Publish the verdict and settle the record."""
        end(self.actor, claimed, conclude(self.actor, claimed, Ending(Verdict.SUCCEEDED)))

    def run(self, heads: Iterable[Location]) -> list[str]:
        """Claim and commit what can be had of *heads*; the names of what was."""
        done = []
        for location in heads:
            claimed = self.claim(location)
            if claimed is not None:
                self.commit(claimed)
                done.append(claimed.name)
        return done


def worker_at(root: Path, name: str) -> Worker:
    """A worker on a real folder."""
    return Worker(open_spool(root, name=name))


def merge_finished(actor: Actor) -> int:
    """Merge what is finished, as the controller does; how many."""
    lines: Callable[..., bytes] = lambda *_: b"{}\n"  # noqa: E731 - two callables of one shape
    finished = records_in(actor, layout.FINISHED)
    return sum(merge(actor, one, corpus=lines, history=lines).done for one in finished)
