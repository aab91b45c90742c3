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
from spoolctl.index.ends import (
    GroupEnds,
    changes,
    failure_codes,
    group_ends,
    image_count,
    said_of,
)
from spoolctl.index.groups import GroupSums, group_sums

__all__ = [
    "LIMIT_MAX",
    "GroupEnds",
    "GroupSums",
    "Image",
    "Index",
    "JobEnd",
    "Order",
    "Refreshed",
    "Wanted",
    "changes",
    "count",
    "default_path",
    "failure_codes",
    "group_ends",
    "group_sums",
    "image_count",
    "images",
    "is_damage",
    "job_ends",
    "said_of",
]
