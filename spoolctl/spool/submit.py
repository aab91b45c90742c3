"""Submitting: jobs appear in a queue, whole, under names that nobody used.

Guarantees: a job is either there under its name, whole, or not there. For several jobs all bytes are on the share before the
first name appears, so a full disk or a bad file submits none; of many jobs those that a queue's head has no room for appear in shards.
Does not guarantee: that several names appear at one instant; if the share fails between two of them, those already there are
named in the error.
"""

import errno
import re
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from spoolctl.spool import codec, shards
from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import BadRecord, NameTaken, ShareUnusable
from spoolctl.spool.layout import Location, Place, State
from spoolctl.spool.looking import decisions, find, find_each
from spoolctl.spool.names import (
    NAME_CHARS_MAX,
    FileName,
    check_file_name,
    fold,
    parse_file_name,
    rank_of_priority,
    slug,
)
from spoolctl.spool.publish import own_temporary
from spoolctl.spool.records import Job
from spoolctl.spool.records.base import told
from spoolctl.spool.settle import holds, is_same_job
from spoolctl.spool.stablenew import is_snapshot, job_from_snapshot

TRIES_MAX = 3


@dataclass(frozen=True)
class Draft:
    """A job that is ready to be submitted."""

    file: FileName
    data: bytes


def parse_job(data: bytes) -> Job:
    """Read a job record: ours, or a StableNew snapshot without our envelope.

    Raises:
        BadRecord: It is neither; line, field and remedy are named where they are known.
        NewerRecord: It is ours, but of a newer version.
    """
    mapping = codec.decode_mapping(data)
    if is_snapshot(mapping):
        return job_from_snapshot(mapping)
    return codec.from_mapping(Job, mapping)


def new_names(actor: Actor, count: int, *, group: str | None) -> tuple[str, ...]:
    """Names for *count* jobs submitted together: they sort in submission order and share a shelf.

    Raises:
        OSError: The share's clock could not be read.
    """
    now = datetime.fromtimestamp(actor.share_now_s(), tz=UTC)
    stamp = f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}"
    label = slug(group or "") or "job"
    shelf = f"{stamp}-{label}-{actor.entropy.token()[:4]}"
    digits = max(4, len(str(count)))
    return tuple(f"{shelf}.{number:0{digits}d}" for number in range(1, count + 1))


def draft(name: str, data: bytes, job: Job) -> Draft:
    """Prepare a record's bytes for submission under *name*.

    The bytes stay as they are; YAML only gets the end mark that proves to readers that the file is whole.

    Raises:
        BadRecord: No file can be called so: too long, or with a rank or label in it.
    """
    if not codec.is_whole(data) and not codec.is_utf16(data):
        data = data.rstrip(b"\n") + b"\n" + codec.END_MARK
    file = FileName(
        name=fold(name),
        shown=name,
        rank=rank_of_priority(job.priority),
        suffix=".json" if codec.is_json(data) else ".yaml",
    )
    check_file_name(file)
    parsed = parse_file_name(str(file))
    if parsed is None or parsed.name != file.name:
        raise BadRecord(
            f"'{told(name, NAME_CHARS_MAX)}' cannot be a job's name",
            hint="a name has no '+', does not end in '~' and a number, and is no temporary file's",
        )
    return Draft(file, data)


def submit(
    actor: Actor, drafts: list[Draft], place: Place, *, sizes: shards.Sizes | None = None
) -> list[Location]:
    """Publish all drafts into *place* (a queue, ``waiting/`` or ``held/``), in order.

    Of more than fit into a queue's head (*sizes*; ``shards.SIZES`` if left out), all but the first go into shards.

    Raises:
        NameTaken: A name has been used before; nothing was submitted.
        ShareUnusable: The share failed on the way; the message tells how many are in.
        OSError: The share failed before anything was submitted.
    """
    _refuse_known_names(actor, drafts)
    with ExitStack() as stack:
        locations = [Location(place, one.file) for one in drafts]
        sizes = sizes or shards.SIZES
        if place.state is State.QUEUE and len(drafts) > sizes.head_max:
            locations = _divided(actor, locations, sizes, stack)
        temporaries = [stack.enter_context(own_temporary(actor, one.path)) for one in locations]
        actor.files.write_all_new(
            [(path, one.data) for path, one in zip(temporaries, drafts, strict=True)]
        )
        placed: list[Location] = []
        for temporary, location, one in zip(temporaries, locations, drafts, strict=True):
            _link(actor, temporary, location, one.data, placed=len(placed), total=len(drafts))
            placed.append(location)
            actor.log("submitted", job=one.file.name, at=location.path)
        return placed


def _divided(
    actor: Actor, locations: list[Location], sizes: shards.Sizes, stack: ExitStack
) -> list[Location]:
    """Where so many go: the first into the head, the others into shards of their own, by the order of their names."""
    names = sorted(str(one.file) for one in locations)[sizes.head_kept :]
    places: dict[str, Place] = {}
    for at in range(0, len(names), sizes.shard):
        chunk = names[at : at + sizes.shard]
        made = stack.enter_context(shards.new_shard(actor, locations[0].place, chunk[0]))
        places |= dict.fromkeys(chunk, made)
    return [Location(places.get(str(one.file), one.place), one.file) for one in locations]


def _refuse_known_names(actor: Actor, drafts: list[Draft]) -> None:
    names = [one.file.name for one in drafts]
    for name, count in Counter(names).items():
        if count > 1:
            raise NameTaken(f"two of the files would be called '{name}'", hint="rename one of them")
    given = [n for n in names if not re.match(r"\d{8}-\d{6}-\d{3}-.*-[0-9a-f]{4}\.\d{4,}\Z", n)]
    lying = {one.name for one in find_each(actor, frozenset(given))} if given else set()
    for name in given:  # names of our own making are new by their time and token
        known = decisions(actor, name)
        if known.pinned or known.highest or known.pruned or name in lying:
            raise NameTaken(
                f"cannot submit as '{name}': this spool has seen that name",
                hint="choose another with --name, or leave it out to get a fresh one",
            )


def _is_in(actor: Actor, location: Location, data: bytes) -> bool:
    """True if a link whose reply was no plain yes was made after all; a worker may have claimed the record already.

    Raises:
        NameTaken: Another file lies there, or another's job has the name by now.
        OSError: The share does not tell.
    """
    try:
        is_ours = actor.files.read(location.path, bytes_max=len(data)) == data
    except FileNotFoundError:
        # Linked once more it would be two records of one job, in two places.
        known = decisions(actor, location.name)
        elsewhere = find(actor, location.name)
        if not known.pinned and not elsewhere:
            return False
        is_ours = any(holds(actor, one, data) for one in elsewhere) or (
            known.pinned and is_same_job(actor, known, data)
        )
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        is_ours = False
    if not is_ours:
        raise NameTaken(
            f"cannot submit as '{location.name}': '{told(location.path)}' appeared meanwhile",
            hint="choose another name",
        )
    return True


def _link(  # noqa: PLR0913 - one record, and how far we are for the message
    actor: Actor, temporary: str, location: Location, data: bytes, *, placed: int, total: int
) -> None:
    error: OSError | None = None
    for _ in range(TRIES_MAX):
        try:
            actor.files.link(temporary, location.path)
        except OSError as failed:
            error = failed
            try:
                if _is_in(actor, location, data):
                    return
            except OSError as unseen:
                error = unseen
        else:
            return
    raise ShareUnusable(
        f"the share failed after {placed} of {total} jobs were submitted, at '{told(location.path)}': {error}",
        hint="'spoolctl status' shows which are in; submit the rest again",
    )
