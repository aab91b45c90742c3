"""The circuit breaker: a worker on which different jobs fail one after another stops claiming, waits, then tries one.

One broken node must not eat the night's queue: it takes three jobs, not three hundred, and comes back by itself once a pilot job succeeds.

Guarantees: only what may be this node's fault counts; a job that fails again is the same job; what is known outlives the process, since a
broken backend often ends it too. Does not look at the backend: whether it answers is ``probe``'s to say.
"""

import contextlib
import json
import math
from collections.abc import Callable
from pathlib import Path

from spoolctl.spool import POLICY, Again, Code, Manifest, Verdict

_WAITS_DOUBLED_MAX = 4
"""From five minutes to more than an hour, where nothing else is configured."""

_NODES_FAULT = frozenset(
    code for code, (_, again) in POLICY.items() if again in (Again.ELSEWHERE, Again.BIGGER_CARD)
) - {Code.MODEL_MISSING}
"""What may go well elsewhere. A model that this node never had says nothing about its health."""


class Breaker:
    """What the last jobs on this worker say about it.

    Args:
        mono: Seconds of a clock that never goes back.
        after: So many different jobs in a row make it sick; 0: never.
        wait_s: Before the first pilot job, in seconds; twice as long after each that fails.
        file: Where it is remembered, on this machine; of no other use.
        on_fault: Told when the file cannot be written.
    """

    def __init__(
        self,
        mono: Callable[[], float],
        *,
        after: int,
        wait_s: float,
        file: Path,
        on_fault: Callable[[OSError], None],
    ) -> None:
        self._mono = mono
        self._after = after
        self._wait_s = wait_s
        self._file = file
        self._on_fault = on_fault
        self._failed, self._pilots = _read(file)
        self._until = -math.inf
        if self.is_sick:
            self._wait()

    @property
    def is_sick(self) -> bool:
        """True from the last of the failures until a job succeeds."""
        return 0 < self._after <= len(self._failed)

    @property
    def is_doubtful(self) -> bool:
        """True if one more failure would make it sick, or it is sick: the verdict on each job is to be waited for."""
        return 0 < self._after <= len(self._failed) + 1

    @property
    def may_claim(self) -> bool:
        """False while a sick worker waits; then it may claim one job, its pilot."""
        return not self.is_sick or self._mono() >= self._until

    @property
    def message(self) -> str | None:
        """What is wrong, for people; ``None`` if nothing is."""
        if not self.is_sick:
            return None
        wait_s = max(0.0, self._until - self._mono())
        what = "tries one job now" if wait_s == 0 else f"tries one job in {wait_s / 60:.0f} min"
        return f"sick: {len(self._failed)} jobs in a row failed here ({', '.join(self._failed)}); {what}"[
            :500
        ]

    def tell(self, manifest: Manifest) -> None:
        """Hear a verdict of this worker's own."""
        if manifest.verdict is Verdict.SUCCEEDED:
            self._failed, self._pilots = [], 0
        elif manifest.code in _NODES_FAULT:
            if self.is_sick:
                self._pilots += 1
            self._failed = [*(x for x in self._failed if x != manifest.name), manifest.name]
            self._failed = self._failed[-max(1, self._after) :]
            if self.is_sick:
                self._wait()
        else:
            return
        self._remember()

    def _wait(self) -> None:
        self._until = self._mono() + self._wait_s * 2.0 ** min(self._pilots, _WAITS_DOUBLED_MAX)

    def _remember(self) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._file.with_suffix(".tmp")
            temporary.write_text(json.dumps({"failed": self._failed, "pilots": self._pilots}))
            temporary.replace(self._file)
        except OSError as error:
            self._on_fault(error)


def _read(file: Path) -> tuple[list[str], int]:
    """What is remembered; nothing if the file is not there, or somebody spoilt it."""
    with contextlib.suppress(OSError, ValueError, RecursionError, KeyError, TypeError):
        told = json.loads(file.read_bytes())
        failed, pilots = told["failed"], told["pilots"]
        if isinstance(pilots, int) and all(isinstance(one, str) for one in failed):
            return list(failed), max(0, pilots)
    return [], 0
