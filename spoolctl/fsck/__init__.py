"""fsck: checks every invariant on a spool as it lies there, and repairs what is safe to repair.

``check(actor)`` is what people, tests and explorers call; ``repair(actor, findings)`` does what a report's findings name.
"""

from spoolctl.fsck.checking import PAUSE_S, check
from spoolctl.fsck.finding import Finding, Mend, Report, Severity, Tally
from spoolctl.fsck.repair import Repaired, repair

__all__ = [
    "PAUSE_S", "Finding", "Mend", "Repaired", "Report", "Severity", "Tally", "check", "repair",
]  # fmt: skip
