"""Finding results: an index of everything that was committed, in a SQLite file on this machine's own disk.

The index is a copy, never a source: it is folded from the two compiled ledgers on the share (``corpus/learning_records.jsonl`` and
``history/history.jsonl``), kept in step with them line by line, and made anew from them whenever it is lost, damaged, of another version,
or no longer a continuation of what it read. Nothing of it lies on the share, where SQLite's locks cannot be trusted.
"""

from spoolctl.index.asking import (
    LIMIT_MAX,
    Image,
    JobEnd,
    Order,
    Wanted,
    count,
    images,
    job_ends,
)
from spoolctl.index.database import Index, Refreshed, default_path, is_damage
from spoolctl.index.groups import GroupSums, group_sums

__all__ = [
    "LIMIT_MAX",
    "GroupSums",
    "Image",
    "Index",
    "JobEnd",
    "Order",
    "Refreshed",
    "Wanted",
    "count",
    "default_path",
    "group_sums",
    "images",
    "is_damage",
    "job_ends",
]
