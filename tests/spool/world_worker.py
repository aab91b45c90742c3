"""The worker of ``spool_world``: it uses the real steps, and makes pictures of four bytes."""

import hashlib
from dataclasses import dataclass

from spoolctl.spool import (
    Admission,
    Admitted,
    BackendUsed,
    Claim,
    Code,
    Ending,
    Fronts,
    Life,
    Location,
    NotAdmitted,
    NotClaimed,
    Outcome,
    Output,
    Ownership,
    Standing,
    Sweeper,
    Verdict,
    begin_session,
    claim,
    compare_record,
    conclude,
    end,
    end_former_sessions,
    layout,
)


@dataclass
class Run:
    """One execution of a job by a worker of this world."""

    name: str
    attempt: int
    data: bytes


class Worker:
    """A worker that uses the real steps and makes pictures of four bytes."""

    def __init__(self, world, actor):
        self.world, self.actor = world, actor
        self.life = Life(actor, "worker")
        self.admission = Admission()
        self.sweeper = Sweeper(actor, self.life, self.admission)
        begin_session(actor)
        self.life.beat()

    def sweep(self):
        return self.sweeper.sweep()

    def heads(self):
        found = []
        for place in layout.QUEUES:
            found += map(layout.location_of, Fronts(self.actor).paths(place))
        return found

    def claim(self, location: Location | None = None) -> Claim | NotClaimed | NotAdmitted | None:
        """Claim one record: the given one, or the first that can be."""
        for one in [location] if location else self.heads():
            admitted = self.admission.admit(self.actor, one)
            if not isinstance(admitted, Admitted):
                continue
            got = claim(self.actor, admitted, self.life, lambda _job, _previous: True)
            if isinstance(got, Claim) or location:
                return got
        return None

    def run(self, claimed: Claim, *, fail: Code | None = None) -> Outcome:
        """Run a claim to its end: look, deliver one picture, publish the verdict."""
        standing = Ownership(self.actor, claimed, self.life).look()
        if standing is Standing.SUPERSEDED:
            return Outcome.LOST
        if standing in (Standing.CANCEL_ASKED, Standing.RECORD_REMOVED):
            code = Code.REQUESTED if standing is Standing.CANCEL_ASKED else Code.RECORD_REMOVED
            return self.end(claimed, Ending(Verdict.CANCELLED, code, "stopped"))
        self.world.runs.append(Run(claimed.name, claimed.number, claimed.data))
        if fail is not None:
            return self.end(claimed, Ending(Verdict.FAILED, fail, "as told"))
        if compare_record(self.actor, claimed) is Standing.RECORD_CHANGED:
            ending = Ending(Verdict.FAILED, Code.RECORD_CHANGED, "changed")
            return self.end(claimed, ending)
        return self.end(claimed, self.deliver(claimed))

    def deliver(self, claimed: Claim) -> Ending:
        path = f"{layout.attempt(claimed.name, claimed.number)}/0000-1-txt2img.png"
        data = b"\x89PNG" + self.actor.session.encode()
        temporary = f"{path.rpartition('/')[0]}/.{self.actor.entropy.token()}.tmp"
        self.actor.files.write_new(temporary, data)
        self.actor.files.rename(temporary, path)
        output = Output(
            path=path.removeprefix(f"{layout.results(claimed.name)}/"),
            bytes=len(data), sha256=hashlib.sha256(data).hexdigest(),
            stage="txt2img", image_index=0, seed_requested=7, seed_actual=7, width=16, height=16,
        )  # fmt: skip
        return Ending(
            Verdict.SUCCEEDED,
            outputs=(output,),
            backend=BackendUsed(name="test"),
            started_at=self.actor.utc_now(),
            duration_s=1.0,
        )

    def end(self, claimed: Claim, ending: Ending) -> Outcome:
        manifest = conclude(self.actor, claimed, ending)
        for _ in range(3):
            outcome = end(self.actor, claimed, manifest)
            if outcome is not Outcome.UNKNOWN:
                return outcome
        return outcome

    def work(self, *, fail: Code | None = None) -> int:
        """Take and run everything that can be claimed now."""
        done = 0
        while isinstance(claimed := self.claim(), Claim):
            self.run(claimed, fail=fail)
            done += 1
        return done

    def restart(self):
        """The same worker in a new life, which ends what the old one left."""
        fresh = self.world.worker(self.actor.name, machine=self.actor.host.machine)
        end_former_sessions(fresh.actor, fresh.life)
        return fresh
