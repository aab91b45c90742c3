"""The protocol library: everything that touches the spool's files. Imports nothing else of the project.

The names in ``__all__`` are what the rest of the project may use; the modules behind them may change.
"""

from spoolctl.spool import layout, records
from spoolctl.spool.actor import Actor, Log, silent
from spoolctl.spool.admission import Admission, Admitted, NotAdmitted
from spoolctl.spool.adopt import adopt
from spoolctl.spool.cancel import Cancelled, cancel
from spoolctl.spool.claim import Claim, NotClaimed, claim
from spoolctl.spool.codec import decode, decode_mapping, encode, encode_json
from spoolctl.spool.control import Action
from spoolctl.spool.control import ask as ask_worker
from spoolctl.spool.control import asked as asked_of_worker
from spoolctl.spool.control import take_back as resume_worker
from spoolctl.spool.errors import (
    BadRecord,
    FormatNotUnderstood,
    NameTaken,
    NewerRecord,
    NoSpool,
    NoSuchJob,
    ShareUnusable,
    SpoolError,
    StateForbids,
    UsageError,
)
from spoolctl.spool.finish import conclude, end
from spoolctl.spool.identity import Vacancy, Watch, introduce, refuse_holder, refuse_other_protocol
from spoolctl.spool.layout import Location, Place, State
from spoolctl.spool.life import Facts, Life, begin_session, end_session, worker_of
from spoolctl.spool.looking import (
    Attempt,
    Decisions,
    all_records,
    attempt,
    attempt_numbers,
    decisions,
    find,
    heartbeat,
    nodes,
    parts,
    read_record,
    records_in,
)
from spoolctl.spool.merge import Merged, merge, publish_part, write_history
from spoolctl.spool.moves import hold, move_to_class, release
from spoolctl.spool.names import fold, is_worker_name, parse_file_name, shelf, slug
from spoolctl.spool.ownership import Ownership, Standing
from spoolctl.spool.ports import Digest, Files, Host
from spoolctl.spool.prune import prune_job, prune_outputs
from spoolctl.spool.publish import Outcome, ensure_folder, publish_once, replace_own
from spoolctl.spool.records import *  # noqa: F403 - the records are public as a whole
from spoolctl.spool.retry import retry
from spoolctl.spool.settle import settle, sha256_of
from spoolctl.spool.spool import create_spool, default_settings, open_spool, read_settings
from spoolctl.spool.stages import images_asked, needs_inputs, stages_of
from spoolctl.spool.submit import Draft, draft, new_names, parse_job, submit
from spoolctl.spool.sweep import Sweeper, Swept, end_former_sessions
from spoolctl.spool.verdicts import Ending

__all__ = [  # noqa: PLE0604 - the last item is a list of names
    "Action", "Actor", "Admission", "Admitted", "Attempt", "BadRecord", "Cancelled", "Claim", "Decisions",
    "Digest", "Draft", "Ending", "Facts", "Files", "FormatNotUnderstood", "Host", "Life", "Location", "Log",
    "Merged", "NameTaken", "NewerRecord", "NoSpool", "NoSuchJob", "NotAdmitted", "NotClaimed", "Outcome",
    "Ownership", "Place", "ShareUnusable", "SpoolError", "Standing", "State", "StateForbids", "Sweeper",
    "Swept", "UsageError", "Vacancy", "Watch", "adopt", "all_records", "ask_worker", "asked_of_worker",
    "attempt", "attempt_numbers", "begin_session", "cancel", "claim", "conclude", "create_spool",
    "decisions", "decode", "decode_mapping", "default_settings", "draft", "encode", "encode_json", "end",
    "end_former_sessions", "end_session", "ensure_folder", "find", "fold", "heartbeat", "hold",
    "images_asked", "introduce", "is_worker_name", "layout", "merge", "move_to_class", "needs_inputs",
    "new_names", "nodes", "open_spool", "parse_file_name", "parse_job", "parts", "prune_job",
    "prune_outputs", "publish_once", "publish_part", "read_record", "read_settings", "records",
    "records_in", "refuse_holder", "refuse_other_protocol", "release", "replace_own", "resume_worker",
    "retry", "settle", "sha256_of", "shelf", "silent", "slug", "stages_of", "submit", "worker_of", "write_history",
    *records.__all__,
]  # fmt: skip
