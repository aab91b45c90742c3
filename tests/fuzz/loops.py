"""A spool in memory with good jobs and a stranger's files in it, and the loops that go over both.

Guarantees: lets out what the loops themselves let out. As the worker's chooser does, an error of one job that is declared (the share's, or
one of the spool's own) is logged, and the next job is looked at.
"""

from spoolctl.controller.scanner import Scanner
from spoolctl.spool import Claim, SpoolError
from tests.spool.spool_world import Worker, World

ROUNDS = 4
STEP_S = 140.0
"""Four rounds outlast a lease, and not the hour after which litter is removed; one is no hang, after which watches begin anew."""


def work(worker: Worker) -> None:
    """Take and run all that can be."""
    for location in worker.heads():
        try:
            claimed = worker.claim(location)
            if isinstance(claimed, Claim):
                worker.run(claimed)
        except (OSError, SpoolError) as error:
            worker.actor.log("choose.trouble", file=location.path, error=str(error))


def go_on(world: World, worker: Worker, scanner: Scanner) -> None:
    """Let everybody do what they do all day."""
    for _ in range(ROUNDS):
        world.turn(STEP_S)
        worker.life.beat()
        worker.sweep()
        work(worker)
        scanner.scan()


def events_about(world: World, text: str) -> list[str]:
    """The events that name a file or a job."""
    return [
        event for _, event, facts in world.log if any(text in str(one) for one in facts.values())
    ]
