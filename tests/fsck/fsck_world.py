"""The world of ``tests/spool`` with fsck looking at it."""

from dataclasses import dataclass

from spoolctl.fsck import Report, check, repair
from spoolctl.spool import Facts, Life
from tests.spool.spool_world import JOB, World


@dataclass
class Checked:
    """A world, and whoever checks it."""

    world: World

    def __post_init__(self):
        self.looker = self.world.actor("person-fsck", machine="host-f")

    def check(self, **how) -> Report:
        return check(self.looker, pause_s=0, **how)

    def codes(self, **how):
        """The findings' codes; what is no finding is left out."""
        return [one.code for one in self.check(**how).findings]

    def the_one(self, code, **how):
        """The only finding, which must be this one."""
        found = self.check(**how).findings
        assert [one.code for one in found] == [code], "\n".join(map(str, found))
        assert found[0].remedy or code == "record-gone"
        return found[0]

    def repair(self, **how):
        """Repair; what was done, in words."""
        report = self.check()
        done = repair(self.looker, [*report.findings, *report.pending], **how)
        return [one.did for one in done]

    def controller_lives(self):
        """A controller's heartbeat lies in nodes/, so that nothing waits for one in vain."""
        Life(self.world.actor("controller-l"), "controller", Facts(state="running")).beat()


def done_world():
    """One job, run, merged and compiled, with everybody alive."""
    checked = Checked(World())
    world = checked.world
    world.submit("job-1")
    world.worker("w0").work()
    world.controller().scan()
    checked.controller_lives()
    return checked


__all__ = ["JOB", "Checked", "done_world"]
