"""Where everything lies: the only module that joins the spool's paths.

All paths are relative to the spool's root, with forward slashes. Pure: asks no share.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from spoolctl.spool.names import FileName, parse_file_name, shelf
from spoolctl.spool.records import CLASSES

SETTINGS = "spool.yaml"
README = "README.txt"
RESULTS = "results"
REJECTED = "rejected"
INPUTS = "inputs"
NODES = "nodes"
CONTROL = "control"
LOCKS = "locks"
CORPUS = "corpus"
HISTORY = "history"
TOKENS = "tokens"
GROUPS = "groups"

TOUCHED = f"{CORPUS}/touched"
"""One empty folder for each shelf on which somebody said a word that may not be compiled yet."""
IMPORTED = "~imported"
"""The shelf of records that StableNew wrote; no job's shelf begins so."""
LEARNING_RECORDS = f"{CORPUS}/learning_records.jsonl"
"""The corpus, compiled of its parts."""
ENDED_JOBS = f"{HISTORY}/history.jsonl"
"""The history, compiled of its parts."""
FIGURES = f"{HISTORY}/figures.json"
"""What was learned of how long work takes, folded from the history."""
NOTIFIED = f"{HISTORY}/notified.json"
"""What people were told, if a controller tells them anything."""

RECORD = "record.yaml"
MANIFEST = "manifest.yaml"
SUPERSEDED = "superseded.yaml"
HEARTBEAT = "heartbeat.json"
CANCEL = "cancel.yaml"
STAGES = "stages.yaml"
PREVIEW = "preview.jpg"
CLOSED = "closed"
LOG = "log.txt"
PRUNED = "pruned.yaml"
APPROVED = "approved.yaml"
NODE_CARD = "node.yaml"
GROUP_RESULT = "result.json"
GROUP_PAGE = "index.html"
REASON_SUFFIX = ".reason.yaml"
"""What a rejected file's reason is called beside it."""
MORE = "more"
"""Inside the folder of a class: what holds its shards, in which lies what its head has no room for."""
_SHARD = re.compile(r"from-.*~[0-9a-f]{8}\Z", re.DOTALL)
_BOUND = re.compile(r'[^\x00-\x1f\x7f<>:"/\\|?*~\ud800-\udfff]{0,120}')
"""What of a first file's name its shard's name repeats: what is legal on every system."""
_BOUND_BYTES_MAX = 240
"""Of the 255 that a name may have."""
_NUMBER = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
"""An attempt's number; a folder of more digits is a stranger's, for no label could bear the next number."""
_WORD = re.compile(r"([^~]+)~(0|[1-9][0-9]{0,5})~([1-9][0-9]{0,8})", re.ASCII)
_HOLDER = re.compile(r"h([1-9][0-9]{0,8})\.yaml", re.ASCII)
_DEFINITION = "plan-"
OUTPUT_NAME = re.compile(r"([0-9]{4,9})-([0-9]{1,3})-([a-z0-9_]{1,40})\.(?:png|txt)\Z")
"""``<image index, from 0>-<number of the stage, from 1>-<stage>.png`` (or ``.txt``): an output's name, in scratch and on the share."""


class State(StrEnum):
    """The state folders: a job's record lies in exactly one of them."""

    QUEUE = "queue"
    WAITING = "waiting"
    HELD = "held"
    CLAIMED = "claimed"
    FINISHED = "finished"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = (State.DONE, State.FAILED, State.CANCELLED)
DIVIDED = (State.QUEUE, State.CLAIMED, *TERMINAL)
"""States whose folder has sub-folders: by class, by session, by day."""


@dataclass(frozen=True)
class Place:
    """A folder in which records lie: a state and, where it is divided, the class, session or day; of a class its head or one shard."""

    state: State
    part: str = ""
    shard: str = ""

    @property
    def folder(self) -> str:
        """The folder's path."""
        if self.shard:
            return f"{self.state}/{self.part}/{MORE}/{self.shard}"
        return f"{self.state}/{self.part}" if self.part else str(self.state)


@dataclass(frozen=True)
class Location:
    """Where one record lies."""

    place: Place
    file: FileName

    @property
    def path(self) -> str:
        """The record's path."""
        return f"{self.place.folder}/{self.file}"

    @property
    def name(self) -> str:
        """The job's name."""
        return self.file.name


def queue(job_class: str) -> Place:
    """The queue of one class."""
    return Place(State.QUEUE, job_class)


def claimed(session: str) -> Place:
    """The folder of one session's claims."""
    return Place(State.CLAIMED, session)


def shard(head: Place, first: str, token: str) -> Place:
    """A new shard of a class.

    Args:
        head: The queue.
        first: The first of the file names that are to lie in it, in their order.
        token: 8 hex digits or more that nobody else draws: one shard is filled by one process, once.
    """
    bound = _BOUND.match(first)
    told = bound.group().encode()[:_BOUND_BYTES_MAX] if bound else b""
    begins = told.decode(errors="ignore")
    return Place(head.state, head.part, f"from-{begins}~{token[:8]}")


def is_shard(entry: str) -> bool:
    """True for a name that a shard may have."""
    return _SHARD.match(entry) is not None


def shard_begins(shard_name: str) -> str:
    """The bound that a shard's name tells: no file name in it sorts before that."""
    return shard_name[len("from-") : -len("~01234567")]


def shard_order(shard_name: str) -> tuple[str, str]:
    """By what shards are sorted: their bounds; not by their names, in which a character follows the bound."""
    return shard_begins(shard_name), shard_name


def location_of(path: str) -> Location | None:
    """Where the record at *path* lies; None if no record can lie there."""
    folder, _, entry = path.rpartition("/")
    state, *parts = folder.split("/")
    file = parse_file_name(entry)
    if file is None or state not in tuple(State):
        return None
    match parts:
        case []:
            return Location(Place(State(state)), file)
        case [part]:
            return Location(Place(State(state), part), file)
        case [part, middle, inner] if middle == MORE and state == State.QUEUE:
            return Location(Place(State.QUEUE, part, inner), file)
    return None


QUEUES = tuple(queue(job_class) for job_class in CLASSES)
WAITING = Place(State.WAITING)
HELD = Place(State.HELD)
FINISHED = Place(State.FINISHED)

FOLDERS = (
    *(str(state) for state in State),
    *(place.folder for place in QUEUES),
    RESULTS, REJECTED, INPUTS, NODES, CONTROL, LOCKS,
    CORPUS, f"{CORPUS}/parts", HISTORY, f"{HISTORY}/parts", GROUPS,
)  # fmt: skip
"""Every folder that ``init`` makes, parents first."""


def shelf_folder(name: str) -> str:
    """The shelf under ``results/`` on which a job lies."""
    return f"{RESULTS}/{shelf(name)}"


def results(name: str) -> str:
    """A job's results folder: what is decided about it, and what came out."""
    return f"{shelf_folder(name)}/{name}"


def pinned_record(name: str) -> str:
    """The record as it was first accepted."""
    return f"{results(name)}/{RECORD}"


def tombstone(name: str) -> str:
    """What stays of a job that retention removed."""
    return f"{results(name)}/{PRUNED}"


def approved(name: str) -> str:
    """A person's approval of a job's images."""
    return f"{results(name)}/{APPROVED}"


def attempt(name: str, number: int) -> str:
    """The folder of one attempt."""
    return f"{results(name)}/a{number}"


def manifest(name: str, number: int) -> str:
    """The verdict on one attempt."""
    return f"{attempt(name, number)}/{MANIFEST}"


def cancel(name: str, number: int) -> str:
    """The request that an attempt stop."""
    return f"{attempt(name, number)}/{CANCEL}"


def closed(name: str, number: int) -> str:
    """The note that the record of an ended attempt was seen at rest."""
    return f"{attempt(name, number)}/{CLOSED}"


def superseded(name: str, number: int) -> str:
    """What an attempt's verdict would have been, had another's not come first."""
    return f"{attempt(name, number)}/{SUPERSEDED}"


def log(name: str, number: int) -> str:
    """What the backend said during an attempt."""
    return f"{attempt(name, number)}/{LOG}"


def stages_done(name: str, number: int) -> str:
    """Which of its chain's stages an attempt has left on the share."""
    return f"{attempt(name, number)}/{STAGES}"


def preview(name: str, number: int) -> str:
    """What a running attempt looks like."""
    return f"{attempt(name, number)}/{PREVIEW}"


def attempt_heartbeat(name: str, number: int) -> str:
    """The heartbeat of whoever owns an attempt."""
    return f"{attempt(name, number)}/{HEARTBEAT}"


def node_heartbeat(worker: str) -> str:
    """The heartbeat of a worker or a controller."""
    return f"{NODES}/{worker}.{HEARTBEAT}"


def node_card(worker: str) -> str:
    """A worker's card."""
    return f"{NODES}/{worker}.{NODE_CARD}"


def request(worker: str, action: str) -> str:
    """What people ask of a worker."""
    return f"{CONTROL}/{worker}.{action}.yaml"


def lock(who: str) -> str:
    """The file by whose lock one process keeps others out, where the share has locks."""
    return f"{LOCKS}/{who}.lock"


def output_name(image_index: int, stage_number: int, stage: str, *, text: bool = False) -> str:
    """What the image, or the text, of one stage is called (``OUTPUT_NAME``)."""
    return f"{image_index:04d}-{stage_number}-{stage}.{'txt' if text else 'png'}"


def attempt_number(entry: str) -> int | None:
    """The attempt that an entry of a results folder is, or None."""
    digits = entry[1:]
    if entry[:1] == "a" and _NUMBER.fullmatch(digits):
        return int(digits)
    return None


def token_slot(token: str, slot: int) -> str:
    """The folder of one slot of a token, from 1; it is made when it is first needed."""
    return f"{TOKENS}/{token}/{slot}"


def holder(token: str, slot: int, number: int) -> str:
    """Who held a slot as the *number*-th, from 1."""
    return f"{token_slot(token, slot)}/h{number}.yaml"


def holder_number(entry: str) -> int | None:
    """The how many-th holder an entry of a slot's folder is, or None."""
    match = _HOLDER.fullmatch(entry)
    return int(match[1]) if match else None


def group_definition(folder: str, first: str) -> str:
    """The definition of the jobs that were submitted together to the group of *folder*, the first of them *first*."""
    return f"{GROUPS}/{folder}/{_DEFINITION}{first}.yaml"


def is_group_definition(entry: str) -> bool:
    """True for a definition's name in a group's folder."""
    return entry.startswith(_DEFINITION) and entry.endswith(".yaml")


def group_result(folder: str) -> str:
    """What became of a group."""
    return f"{GROUPS}/{folder}/{GROUP_RESULT}"


def contact_sheet(number: int) -> str:
    """What the *number*-th contact sheet in a group's folder is called, from 1."""
    return "contact.png" if number == 1 else f"contact-{number}.png"


def part(ledger: str, name: str, suffix: str = "") -> str:
    """The part of a ledger (``corpus`` or ``history``) that one job wrote."""
    return f"{ledger}/parts/{shelf(name)}/{name}{suffix}.jsonl"


def word(name: str, image_index: int, number: int) -> str:
    """A person's *number*-th word on one image of a job, from 1: a part of the corpus."""
    return part(CORPUS, name, f"~{image_index}~{number}")


def word_of(entry: str) -> tuple[str, int, int] | None:
    """Of which job and image, and the how many-th, the word is that an entry of a shelf of the corpus holds; None if it holds none."""
    match = _WORD.fullmatch(entry.removesuffix(".jsonl")) if entry.endswith(".jsonl") else None
    return (match[1], int(match[2]), int(match[3])) if match else None


def touched(shelf_name: str) -> str:
    """The mark that somebody said a word about a job on this shelf."""
    return f"{TOUCHED}/{shelf_name}"


def imported(sha256: str) -> str:
    """The part of the corpus that holds one record which StableNew wrote, by the digest of its line."""
    return f"{CORPUS}/parts/{IMPORTED}/{sha256}.jsonl"


def stored_input(sha256: str, suffix: str) -> str:
    """Where an attached file lies; *suffix* with its dot, may be empty."""
    return f"{INPUTS}/{sha256[:2]}/{sha256}{suffix}"


def parent(path: str) -> str:
    """The folder that holds *path*; '' for the root."""
    return path.rpartition("/")[0]
