"""The doctor: proves a share before it is trusted, alone and between two machines.

``examine`` looks from one machine, ``meet`` together with a second one that runs it too. Both return findings in plain words.
Guarantees: everything is tried in a folder of its own and removed afterwards; no job, record or decision is touched.
Does not guarantee: that a share that passes will never lie; it shows how the share behaved in these tries.
"""

from spoolctl.spool.doctor.alone import examine
from spoolctl.spool.doctor.findings import bad, count, is_bad, note, ok, warning
from spoolctl.spool.doctor.machine import ThisMachine
from spoolctl.spool.doctor.mounts import Mount, is_network
from spoolctl.spool.doctor.opening import open_ward
from spoolctl.spool.doctor.peer import THE_OTHER, Met, meet
from spoolctl.spool.doctor.remembering import path_of, remember
from spoolctl.spool.doctor.space import judge_space
from spoolctl.spool.doctor.telling import lines, summary
from spoolctl.spool.doctor.ward import Machine, Ward

__all__ = [
    "THE_OTHER", "Machine", "Met", "Mount", "ThisMachine", "Ward", "bad", "count", "examine", "is_bad", "is_network",
    "judge_space", "lines", "meet", "note", "ok", "open_ward", "path_of", "remember", "summary", "warning",
]  # fmt: skip
