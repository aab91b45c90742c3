"""Looking ahead: while a job is in work, a thread beside it does the worker's housekeeping and chooses what comes next.

Guarantees: never waited for unless ``wait`` is called; what it does for one job begins after it has ended with the one before, so that
what it looks with needs no lock. Claims nothing: what was chosen may be taken by another in between, which taking it tells.
Does not look at all while a job is known to last for long, and forgets then what it chose: by its end something more urgent may wait.
"""

import threading
from collections.abc import Callable
from functools import partial

from spoolctl.spool import Actor, Life, spread
from spoolworker.choosing import Chosen

NEAR_S = 10.0
"""From when a job's end is near, in seconds. What is chosen earlier would be of yesterday, and asking for it a load on the share."""


class Ahead:
    """One worker's looks ahead, one job after the other.

    Args:
        actor: The worker.
        life: Tells when the job in work will end, as far as its backend does.
        look: Choose what to claim next; ``None`` if nothing is to be had.
        prepare: Told what was chosen, again and again; may take its time.
        tidy: The housekeeping that may be due.
    """

    def __init__(
        self,
        actor: Actor,
        life: Life,
        look: Callable[[], Chosen | None],
        prepare: Callable[[Chosen], object],
        tidy: Callable[[], object],
    ) -> None:
        self._actor = actor
        self._life = life
        self._look = look
        self._prepare = prepare
        self._tidy = tidy
        self._looking: _Looking | None = None

    def begin(self, first: Callable[[], object] = lambda: None) -> None:
        """A job is in work: in the thread do *first*, then look again and again."""
        self._looking = _Looking(self, self._looking, first)
        self._looking.thread.start()

    def pick(self) -> Chosen | None:
        """The job has ended: what was chosen by the last look that was over by then; ``None`` if that is long ago."""
        if self._looking is None:
            return None
        self._looking.over.set()
        return self._looking.chosen

    def wait(self) -> None:
        """Wait until the thread touches nothing any more; what it chose is forgotten."""
        if self._looking is not None:
            self._looking.over.set()
            self._looking.thread.join()
            self._looking = None

    def live(self, looking: "_Looking") -> None:
        """What the thread does for one job."""
        if looking.former is not None:
            looking.former.thread.join()
            looking.former = None
        self._try(looking.first)
        while not looking.over.is_set():
            eta_s = self._life.facts.eta_s
            if eta_s is None or eta_s < NEAR_S:
                chosen = looking.chosen = self._try(self._look)
                if chosen is not None and not looking.over.is_set():
                    self._try(partial(self._prepare, chosen))
                self._try(self._tidy)
            else:
                looking.chosen = None
            looking.over.wait(spread(self._actor.settings.poll_s, self._actor.entropy.fraction()))

    def _try(self, what: Callable[[], object]) -> "Chosen | None":
        try:
            found = what()
        except Exception as error:  # noqa: BLE001 - beside the work, which a fault here must not end
            self._actor.log("ahead.trouble", error=repr(error))
            return None
        return found if isinstance(found, Chosen) else None


class _Looking:
    """The looks beside one job."""

    def __init__(
        self,
        ahead: Ahead,
        former: "_Looking | None",
        first: Callable[[], object],
    ) -> None:
        self.former = former
        self.first = first
        self.chosen: Chosen | None = None
        self.over = threading.Event()
        # A daemon: a share that hangs must not keep this process from ending.
        self.thread = threading.Thread(target=lambda: ahead.live(self), name="ahead", daemon=True)
