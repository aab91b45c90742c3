"""One job after another without a pause: while the last one's outputs go to the share, the next one is in work.

Guarantees: at most one attempt is on its way to the share beside the one in work, and verdicts come in the order of the work; whatever
ends badly is published before anything else is claimed, and so is what may make this worker sick. Nothing is in work or on its way
any more when ``run`` returns.
"""

import threading
from collections.abc import Callable
from functools import partial

from spoolctl.spool import Actor, Claim, Life, SpoolError, is_ready_yet, take_ready
from spoolworker.ahead import Ahead
from spoolworker.choosing import Chosen
from spoolworker.execution import Execution
from spoolworker.fetching import Fetched, Fetching


class Succession:
    """One worker's jobs, one behind the other.

    Args:
        actor: The worker.
        life: Its signs of life.
        ahead: What chooses the next job while one is in work.
        fetching: Has what the next job needs, perhaps.
        execution: Makes the execution of a claim, of which the inputs may be here already.
        finish: Ends an execution, and tells what came of it.
        finish_behind: As *finish* while another is in work; in another thread.
        goes_on: True if the worker may claim another job at once, the one in work having left what it should.
        taken: Told of what was chosen and claimed, in the thread that looks ahead.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the agent's parts
        self,
        actor: Actor,
        life: Life,
        ahead: Ahead,
        fetching: Fetching,
        execution: Callable[[Claim, Fetched | None], Execution],
        finish: Callable[[Execution], None],
        finish_behind: Callable[[Execution], None],
        goes_on: Callable[[Claim], bool],
        taken: Callable[[Chosen, Claim], None],
    ) -> None:
        self._actor = actor
        self._life = life
        self._ahead = ahead
        self._fetching = fetching
        self._execution = execution
        self._finish = finish
        self._finish_behind = finish_behind
        self._goes_on = goes_on
        self._taken = taken
        self._behind: _Behind | None = None

    def run(self, claimed: Claim) -> None:
        """Run a claim, and whatever is chosen while it is in work; errors as of *finish*."""
        execution = self._execution(claimed, None)
        beside: Callable[[], None] = self._ahead.begin
        try:
            while True:
                left = execution.work(beside)
                chosen = self._ahead.pick()
                self._wait_for_behind()
                following = None
                if left and chosen is not None and self._goes_on(execution.claim):
                    following = self._take(chosen)
                if chosen is None or following is None:
                    self._finish(execution)
                    return
                beside = partial(self._begin_beside, execution, chosen, following)
                execution = self._execution(following, self._fetching.hand_over(chosen.ready))
        finally:
            self._ahead.wait()
            self._fetching.drop()
            self._wait_for_behind()

    def _take(self, chosen: Chosen) -> Claim | None:
        try:
            if not is_ready_yet(self._actor, chosen.ready):
                return None
            claimed = take_ready(self._actor, chosen.ready, self._life)
        except (OSError, SpoolError) as error:
            self._actor.log("ahead.trouble", job=chosen.ready.location.name, error=str(error))
            return None
        return claimed if isinstance(claimed, Claim) else None

    def _begin_beside(self, done: Execution, chosen: Chosen, claimed: Claim) -> None:
        """The card is at work again: now there is time for everything else."""
        self._behind = _Behind(partial(self._finish_behind, done))
        self._ahead.begin(partial(self._taken, chosen, claimed))

    def _wait_for_behind(self) -> None:
        if self._behind is not None:
            behind, self._behind = self._behind, None
            behind.wait()


class _Behind:
    """The end of one attempt, in a thread of its own."""

    def __init__(self, finish: Callable[[], None]) -> None:
        self._finish = finish
        self._error: Exception | None = None
        # A daemon: a share that hangs must not keep this process from ending.
        self._thread = threading.Thread(target=self._run, name="behind", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._finish()
        except Exception as error:  # noqa: BLE001 - handed to the waiting thread, which raises it
            self._error = error

    def wait(self) -> None:
        """Until it is over; raises what ended it, if anything did."""
        self._thread.join()
        if self._error is not None:
            raise self._error
