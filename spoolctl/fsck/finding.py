"""What a check tells: findings, each with its invariant, its place and its remedy, and the report that holds them.

Pure. A finding's ``code`` is one word of a closed list and stays the same for ever; ``what``, ``value`` and ``remedy`` are for people.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is."""

    DAMAGE = "damage"
    """An invariant does not hold, or a file is not what was written."""
    STUCK = "stuck"
    """Nothing is lost, but something will never go on by itself."""
    NOTE = "note"
    """Worth knowing; nothing follows from it."""
    ON_ITS_WAY = "on its way"
    """No finding: a sweep, a worker or the controller does it by itself. Counted only."""


class Mend(StrEnum):
    """The repairs that are safe: idempotent, and nothing that was decided is changed or removed."""

    FOLDER = "make the folder"
    PIN = "publish the pinned record again"
    TWIN = "bring the copies back to one"
    SETTLE = "settle the record"
    TO_HELD = "put the record into held/"
    TO_FINISHED = "put the record into finished/"
    MERGE = "merge the job"
    HISTORY = "write the job's part of the history"
    COMPILE = "compile the ledger from its parts"
    SESSION = "remove the empty session folder"
    LITTER = "remove the left-over file"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, or, ``ON_ITS_WAY``, not yet."""

    severity: Severity
    code: str
    invariant: str
    """``I1`` to ``I10`` of docs/FORMAT.md, or ``-`` for what no invariant speaks of."""
    path: str
    what: str
    value: str = ""
    """What was found there."""
    remedy: str = ""
    job: str | None = None
    mend: Mend | None = None
    """The repair that ``--repair`` does; None: a person must."""
    by_controller: bool = False
    """Of what is on its way: only a controller does it, a worker's sweep does not."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two findings of two looks the same one."""
        return (self.code, self.path, self.value)


def on_its_way(  # noqa: PLR0913 - each is one independent fact
    code: str,
    path: str,
    what: str,
    *,
    job: str | None = None,
    mend: Mend | None = None,
    by_controller: bool = False,
) -> Finding:
    """Something that will be done without anybody's doing."""
    severity = Severity.ON_ITS_WAY
    return Finding(severity, code, "-", path, what, job=job, mend=mend, by_controller=by_controller)


@dataclass
class Tally:
    """How much was looked at."""

    jobs: int = 0
    attempts: int = 0
    verdicts: int = 0
    outputs: int = 0
    digested: int = 0
    """Outputs whose bytes were read back."""


@dataclass(frozen=True)
class Report:
    """What one check found."""

    findings: tuple[Finding, ...]
    """Damage first, then what is stuck, then notes; by path within each."""
    pending: tuple[Finding, ...] = ()
    """What is merely on its way."""
    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0

    @property
    def damage(self) -> tuple[Finding, ...]:
        """Broken invariants."""
        return self.of(Severity.DAMAGE)

    @property
    def stuck(self) -> tuple[Finding, ...]:
        """What never goes on by itself."""
        return self.of(Severity.STUCK)

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What is merely worth knowing."""
        return self.of(Severity.NOTE)

    @property
    def is_sound(self) -> bool:
        """True if nothing is damaged or stuck; notes do not count."""
        return not self.damage and not self.stuck

    @property
    def on_its_way(self) -> dict[str, int]:
        """How many things are on their way, by what is to be done with them."""
        return dict(sorted(Counter(one.code for one in self.pending).items()))

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(one for one in self.findings if one.severity is severity)


_ORDER = {Severity.DAMAGE: 0, Severity.STUCK: 1, Severity.NOTE: 2, Severity.ON_ITS_WAY: 3}


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings as a report lists them, each once."""
    once = dict.fromkeys(findings)
    return tuple(sorted(once, key=lambda one: (_ORDER[one.severity], one.path, one.code)))
