"""Whether a job has outgrown a card, by what similar jobs did: learned, and only where it forbids nothing to everybody.

Pure. A job that says itself how much memory it needs is believed. What is merely predicted forbids nothing (``need``).
"""

from collections.abc import Iterable

from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.work import Work
from spoolctl.spool import Job, Node

KEPT_GB = 1.0
"""What a card keeps for its driver and the desktop: ran out with 11.5 GB for itself means ran out on a card of 12. Our guess."""


def outgrown(
    job: Job, work: Work, node: Node, others: Iterable[Node], estimates: Estimates
) -> str | None:
    """Why *job* should go to a larger card than *node*'s; ``None``: it may well run here, or there is no larger card among *others*."""
    has, above = node.vram_gb, estimates.vram_gb(work, node).above_gb
    if job.requires.vram_gb or has is None or above is None or has > above + KEPT_GB:
        return None
    if not any((other.vram_gb or 0.0) > above + KEPT_GB for other in others):
        return None
    return f"{has:g} GB, and such jobs ran out of memory with {above:g} GB"
