"""A whole worker in this process, on a share whose round trips are counted and can be slow."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

from bench.counted import CountedNative
from spoolctl.spool import Actor, open_spool
from spoolctl.spool.files import ShareFiles
from spoolworker.agent import Agent
from spoolworker.config import Config
from spoolworker.stopping import Stopping


class Watched:
    """A worker at work, with the moments of what it logged.

    Args:
        spool: The spool's folder.
        scratch: A local folder.
        seconds: How long the backend ``sketch`` takes for an image, asleep.
        trip_s: Slept for each round trip.
        notified: Whether it hears of new files at once, as on the machine where they were made.
        drain: Leave when nothing is left.
    """

    def __init__(  # noqa: PLR0913 - the ways in which a worker is watched
        self, spool: Path, scratch: Path, *, seconds: float = 0.0, trip_s: float = 0.0,
        notified: bool = True, drain: bool = False,
    ) -> None:  # fmt: skip
        self.native = CountedNative(spool, trip_s=trip_s)
        self.moments: list[tuple[str, str, float]] = []
        """Event, job and moment by the monotonic clock."""
        self.stopping = Stopping()
        self._notified = notified
        self._config = Config(
            spool=spool, name="bench", scratch=scratch, log_folder=scratch, drain=drain,
            backend_options={"seconds_per_image": str(seconds)}, vram_gb=24.0,
        )  # fmt: skip

    def _log(self, event: str, **facts: object) -> None:
        self.moments.append((event, str(facts.get("job", "")), time.monotonic()))

    def _open(self, root: Path, **how: object) -> Actor:
        return open_spool(root, wrap=lambda _: ShareFiles(root, native=self.native), **how)

    def run(self) -> None:
        """Live, until asked to stop or drained."""
        with ExitStack() as stack:
            stack.enter_context(patch("spoolworker.agent.open_spool", self._open))
            if not self._notified:
                stack.enter_context(patch("spoolworker.agent.Wake"))
            Agent(self._config, self.stopping, self._log).run()

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Run in a thread while the body does."""
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self.stopping.ask()
            thread.join()

    def moment(self, event: str, job: str = "", *, within_s: float = 30.0) -> float:
        """When it logged that; waits for it.

        Raises:
            TimeoutError: It did not.
        """
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            for one in list(self.moments):
                if one[:2] == (event, job):
                    return one[2]
            time.sleep(0.002)
        raise TimeoutError(f"no '{event}' of '{job}' within {within_s:g} s")
