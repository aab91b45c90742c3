"""Whether a job has outgrown a card, by what similar jobs did: learned, never merely predicted.

Pure. A job that says itself how much memory it needs is believed. That it forbids nothing where nobody has a larger card is for ``taking``
to see.
"""

from spoolctl.scheduling.need import KEPT_GB, Need
from spoolctl.spool import Job, Node


def outgrown(job: Job, node: Node, need: Need) -> str | None:
    """Why *job*, which needs so much, should go to a larger card than *node*'s; ``None``: it may well run here."""
    if job.requires.vram_gb or node.vram_gb is None or has_more(node, need):
        return None
    return f"{node.vram_gb:g} GB, and such jobs ran out of memory with {need.above_gb:g} GB"


def has_more(node: Node, need: Need) -> bool:
    """True if the card is larger than those on which such work ran out of memory.

    What ran out with 11.5 GB for itself ran out on a card of 12: see ``KEPT_GB``.
    """
    return need.above_gb is None or (node.vram_gb or 0.0) > need.above_gb + KEPT_GB
