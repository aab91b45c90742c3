"""The protocol library: everything that touches the spool's files. Imports nothing else of the project.

The names in ``__all__`` are what the rest of the project may use; the modules behind them may change.
"""

from spoolctl.spool import layout, records
from spoolctl.spool.actor import Actor, Log
from spoolctl.spool.admission import Admission, Admitted, NotAdmitted
from spoolctl.spool.adopt import adopt
from spoolctl.spool.approve import approval, approve, parse_approval
from spoolctl.spool.attempts import pinned_job
from spoolctl.spool.cancel import Cancelled, cancel
from spoolctl.spool.claim import (
    Claim,
    NotClaimed,
    Ready,
    claim,
    is_ready_yet,
    make_ready,
    show,
    take_ready,
)
from spoolctl.spool.codec import decode, encode, encode_json, from_mapping, is_whole
from spoolctl.spool.control import Action
from spoolctl.spool.control import ask as ask_worker
from spoolctl.spool.control import asked as asked_of_worker
from spoolctl.spool.control import take_back as resume_worker
from spoolctl.spool.digests import digest_of, sha256_of
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
    from_share,
)
from spoolctl.spool.figures import read_figures
from spoolctl.spool.finish import conclude, end
from spoolctl.spool.fronts import Fronts
from spoolctl.spool.groups import (
    define_group,
    definitions_of,
    group_folder,
    group_folders,
    member_states,
    members_of,
)
from spoolctl.spool.hanging import EXIT_SHARE_HANGS, HangWatch
from spoolctl.spool.identity import (
    NameWatch,
    Vacancy,
    introduce,
    refuse_holder,
    refuse_other_protocol,
)
from spoolctl.spool.layout import Location, Place, State
from spoolctl.spool.life import SENTINEL, Facts, Life, begin_session, end_session, worker_of
from spoolctl.spool.looking import (
    Attempt,
    Decisions,
    all_records,
    attempt,
    attempt_numbers,
    decisions,
    find,
    first_records,
    heartbeat,
    last_days,
    nodes,
    parts,
    read_record,
    records_in,
    shards_in,
)
from spoolctl.spool.merge import is_merged, merge, refuse_file_for_folder, write_history
from spoolctl.spool.moves import hold, move_to_class, release
from spoolctl.spool.names import (
    fold,
    group_of,
    is_ignored,
    is_legal,
    is_worker_name,
    parse_file_name,
    shelf,
    slug,
)
from spoolctl.spool.ownership import Ownership, Standing, compare_record
from spoolctl.spool.policy import POLICY, Again, spread
from spoolctl.spool.ports import Digest, Host
from spoolctl.spool.prune import prune_job, prune_outputs
from spoolctl.spool.publish import Outcome, ensure_folder, publish_once, replace_own, store_own
from spoolctl.spool.rate import images_of, marked_shelves, rate, unmark, words
from spoolctl.spool.records import *  # noqa: F403 - the records are public as a whole
from spoolctl.spool.records.base import told
from spoolctl.spool.retry import retry
from spoolctl.spool.settle import settle
from spoolctl.spool.spool import create_spool, default_settings, open_spool
from spoolctl.spool.stablenew import learning_of_snapshot
from spoolctl.spool.stages import images_asked, needs_inputs, stages_of
from spoolctl.spool.states import belongs, label_for
from spoolctl.spool.submit import Draft, draft, new_names, parse_job, submit
from spoolctl.spool.sweep import Sweeper, Swept, end_former_sessions
from spoolctl.spool.tokens import Slot, slots, told_tokens
from spoolctl.spool.verdicts import Ending
from spoolctl.spool.words import PICKED, REJECTED, SUBSCORES, Said, Word, said_in
from spoolctl.spool.words import decoded as decoded_word
from spoolctl.spool.yamltext import parse as parse_mapping

__all__ = [  # noqa: PLE0604 - the last item is a list of names
    "Action", "Actor", "Admission", "Admitted", "Again", "Attempt", "BadRecord", "Cancelled", "Claim", "Decisions",
    "Digest", "Draft", "EXIT_SHARE_HANGS", "Ending", "Facts", "FormatNotUnderstood", "Fronts", "HangWatch", "Host",
    "Life", "Location", "Log", "NameTaken", "NameWatch", "NewerRecord", "NoSpool", "NoSuchJob", "NotAdmitted",
    "NotClaimed", "Outcome", "Ownership", "POLICY", "Place", "Ready", "SENTINEL", "ShareUnusable", "Slot",
    "SpoolError", "Standing", "State", "StateForbids", "Sweeper", "Swept", "UsageError", "Vacancy", "adopt",
    "all_records", "approval", "approve", "ask_worker", "asked_of_worker", "attempt", "attempt_numbers",
    "begin_session", "belongs", "cancel", "claim", "compare_record", "conclude", "create_spool", "decisions",
    "decode", "default_settings", "define_group", "definitions_of", "digest_of", "draft", "encode", "encode_json",
    "end", "end_former_sessions", "end_session", "ensure_folder", "find", "first_records", "fold", "from_mapping", "from_share",
    "group_folder", "group_folders", "group_of", "heartbeat", "hold", "images_asked", "introduce", "is_ignored",
    "is_legal", "is_merged", "is_ready_yet", "is_whole", "is_worker_name", "label_for", "last_days", "layout",
    "learning_of_snapshot", "make_ready", "member_states", "members_of", "merge", "move_to_class", "needs_inputs",
    "new_names", "nodes", "open_spool", "parse_approval", "parse_file_name", "parse_job", "parse_mapping", "parts",
    "pinned_job", "prune_job", "prune_outputs", "publish_once", "read_figures", "read_record", "records",
    "records_in", "refuse_file_for_folder", "refuse_holder", "refuse_other_protocol", "release", "replace_own",
    "resume_worker", "retry", "settle", "sha256_of", "shards_in", "shelf", "show", "slots", "slug", "spread",
    "stages_of", "store_own", "submit", "take_ready", "told", "told_tokens", "worker_of", "write_history",
    "PICKED", "REJECTED", "SUBSCORES", "Said", "Word", "decoded_word", "images_of", "marked_shelves", "rate", "said_in", "unmark", "words",
    *records.__all__,
]  # fmt: skip
