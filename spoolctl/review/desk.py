"""What the page shows: documents of the spool, its groups, images and jobs. Reads only, but for this machine's own index.

Guarantees: what was said on images through this machine is in every answer at once; whatever was merged is within ``FRESH_S``. May be
asked by several threads; one of them at a time asks the share. Does not guarantee one instant's picture: jobs move while it is taken.
"""

import sqlite3
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

from spoolctl.groups import Standing
from spoolctl.index import Image, Index, Wanted, count, images
from spoolctl.index.opening import indexed
from spoolctl.review.pictures import NoSuchPicture
from spoolctl.scheduling.estimates import Estimates
from spoolctl.spool import (
    APPROVAL_SCHEMA,
    CLASSES,
    Actor,
    Approval,
    BadRecord,
    JobClass,
    Location,
    NoSuchJob,
    State,
    UsageError,
    When,
    all_records,
    decisions,
    first_records,
    is_legal,
    layout,
    nodes,
    parse_approval,
    parse_job,
    parts,
    read_figures,
    records_in,
)
from spoolctl.spool.glance import bytes_of
from spoolctl.spool.overview import JobView, Memory, view
from spoolctl.spool.version import VERSION
from spoolctl.views.groups import group_document, group_list, known_standing
from spoolctl.views.plain import plain
from spoolctl.views.standing import Teller
from spoolctl.views.status import listed, overview

FRESH_S = 1.0
PAGE_MAX = 2_000
_BUSY_MS = 200
_READ_MAX = 500
"""How many records in ``waiting/`` are read for one answer; the next goes on with others."""
_APPROVAL_FRESH_S = 10.0

JsonObject = dict[str, Any]


class Desk:
    """One spool, as people look at it. *actor* looks."""

    def __init__(self, actor: Actor, root: Path) -> None:
        self.actor = actor
        self.root = root
        self._lock = Lock()
        self._memory = Memory()
        self._needs: dict[str, dict[str, When]] = {}
        """Of jobs in ``waiting/``, by name, what each waits for; only of records that are whole, which never change."""
        self._approvals: dict[str, tuple[Approval | None, float]] = {}
        """What was approved of jobs that others wait for, and when that was read; an approval never changes."""
        self._fresh_mono: float | None = None

    @contextmanager
    def index(self, *, fresh: bool = True) -> Iterator[Index]:
        """This machine's index, for the thread that asks; in step with the ledgers unless *fresh* is false.

        Raises:
            IndexUnusable: SQLite cannot use its file.
            OSError: The share did not answer.
        """
        mono = self.actor.clock.mono()
        is_old = self._fresh_mono is None or mono - self._fresh_mono > FRESH_S
        with indexed(self.actor, self.root, refresh=False) as index:
            if fresh and is_old:
                self._refresh(index)
                self._fresh_mono = mono
            yield index

    def _refresh(self, index: Index) -> None:
        """Bring the index in step, unless another program on this machine is at it: then it is in step soon, and nobody waits for that."""
        index.connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        try:
            index.refresh(self.root)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise

    def about(self) -> JsonObject:
        """What spool this is, and who looks at it."""
        return {
            "spool_id": self.actor.settings.spool_id,
            "root": str(self.root),
            "user": self.actor.name,
            "version": VERSION,
            "classes": list(CLASSES),
        }

    def status(self) -> JsonObject:
        """As ``spoolctl status --json``."""
        with self._lock:
            return _object(plain(overview(self.actor, self._memory, None)))

    def sums(self) -> JsonObject:
        """How much the index holds; ``version`` is another one once the ledgers brought anything, like a word that was said elsewhere."""
        with self.index() as index:
            rows = index.connection.execute(
                "SELECT (SELECT count(*) FROM images), (SELECT count(*) FROM jobs)"
            ).fetchone()
            return {"images": rows[0], "jobs": rows[1], "version": index.version()}

    def groups(self) -> JsonObject:
        """As ``spoolctl group list --json``."""
        with self._lock, self.index() as index:
            return {"groups": group_list(self.actor, index)}

    def group(self, name: str) -> JsonObject:
        """As ``spoolctl group show --json``, and the group's gate.

        Raises:
            NoSuchGroup: Nothing is known of it.
            OSError: The share did not tell.
        """
        with self._lock, self.index() as index:
            standing = known_standing(self.actor, index, name)
            document = group_document(index, standing)
            document["gate"], document["gate_more"] = self._gate(index, standing)
        return _object(plain(document))

    def members(self, name: str) -> Standing:
        """How a group stands, with every record of it that waits; errors as for ``group``."""
        with self._lock, self.index() as index:
            return known_standing(self.actor, index, name, open_records=True)

    def jobs(self, state: State, job_class: JobClass | None, limit: int) -> JsonObject:
        """The first records of a state in the order in which they are taken; of jobs that have ended those of the newest day first.

        From folders and file names alone: ``more`` says whether there are others.

        Raises:
            OSError: The share did not tell.
        """
        with self._lock:
            found = list(islice(self._records(state, job_class), limit + 1))
        return {"jobs": [listed(one) for one in found[:limit]], "more": len(found) > limit}

    def _records(self, state: State, job_class: JobClass | None) -> Iterator[Location]:
        if state is State.QUEUE:
            lying = sorted(all_records(self.actor, (state,)), key=_urgency)
            yield from (one for one in lying if job_class in (None, one.place.part))
        elif state in layout.TERMINAL:
            for place in reversed(parts(self.actor, state)):
                yield from reversed(records_in(self.actor, place))
        else:
            yield from all_records(self.actor, (state,))

    def images(self, wanted: Wanted) -> JsonObject:
        """The images that are wanted, and how many there are whatever the limit."""
        if wanted.limit > PAGE_MAX:
            raise UsageError(f"limit is {wanted.limit}", hint=f"at most {PAGE_MAX} at once")
        with self.index() as index:
            found = images(index.connection, wanted)
            total = count(index.connection, wanted)
        return {"count": total, "images": [image_document(one) for one in found]}

    def image(self, job: str, image_index: int) -> Image:
        """One image of the index.

        Raises:
            NoSuchPicture: The index knows none such.
        """
        with self.index(fresh=False) as index:
            found = _image(index, job, image_index)
        if found is None:
            with self.index() as index:
                found = _image(index, job, image_index)
        if found is None:
            raise NoSuchPicture(
                f"no image {image_index} of '{job}'",
                hint="the controller merges what was committed within seconds",
            )
        return found

    def job(self, name: str) -> JsonObject:
        """Where a job stands, in words, with its record and its attempts.

        Raises:
            NoSuchJob: Nothing is known under that name.
            OSError: The share did not tell.
        """
        if not is_legal(name):
            raise NoSuchJob(f"no job '{name:.200}' in this spool")
        with self._lock:
            seen = view(self.actor, name)
            estimates = Estimates(read_figures(self.actor))
            told = Teller(self.actor, nodes(self.actor), estimates).tell(seen).told
        return _object(
            plain(
                {
                    "job": seen.name,
                    "told": told,
                    "state": _state(seen),
                    "problem": seen.problem,
                    "record": seen.job,
                    "approval": seen.approval,
                    "attempts": [
                        {"attempt": one.number, "open": one.is_open, "manifest": one.verdict}
                        for one in seen.attempts
                    ],
                }
            )
        )

    def preview(self, name: str) -> str:
        """Where the picture of what a job's open attempt makes lies, or will.

        Raises:
            NoSuchPicture: It does not run.
            OSError: The share did not tell.
        """
        if not is_legal(name):
            raise NoSuchPicture(f"'{name:.200}' is no job's name")
        with self._lock:
            last = decisions(self.actor, name).highest
        if last is None or not last.is_open:
            raise NoSuchPicture(f"'{name}' does not run")
        return layout.preview(name, last.number)

    def approved(self, name: str, approval: Approval) -> None:
        """A job was approved just now."""
        self._approvals[name] = (approval, self.actor.clock.mono())

    def _gate(self, index: Index, standing: Standing) -> tuple[list[JsonObject], bool]:
        """The jobs that others wait for to be approved: those of the group, or that jobs of the group wait for.

        Also whether there are records that were not read yet; whoever asks again is told more.
        """
        members = {one.name for one in standing.members}
        waiting: dict[str, list[str]] = {}
        needs, more = self._waiting(members)
        for name, needed in needs.items():
            for need in (one for one, when in needed.items() if when == "approved"):
                if need in members or name in members:
                    waiting.setdefault(need, []).append(name)
        self._approvals = {name: one for name, one in self._approvals.items() if name in waiting}
        gate: list[JsonObject] = []
        for need, released in sorted(waiting.items()):
            picked = images(index.connection, Wanted(job=need, choice="picked", order="plan"))
            gate.append(
                {
                    "job": need,
                    "picked": [one.image_index for one in picked],
                    "approved": self._approval(need),
                    "released": sorted(released),
                }
            )
        return gate, more

    def _waiting(self, first: Container[str]) -> tuple[dict[str, dict[str, When]], bool]:
        """What each job in ``waiting/`` waits for, those of *first* before others; and whether some were not read yet."""
        lying = {one.name: one for one in first_records(self.actor, layout.WAITING)}
        known = {name: needs for name, needs in self._needs.items() if name in lying}
        unread = sorted((name not in first, name) for name in lying if name not in known)
        for _, name in unread[:_READ_MAX]:
            needs = self._needs_in(lying[name])
            if needs is not None:
                known[name] = needs
        self._needs = known
        return known, len(unread) > _READ_MAX

    def _needs_in(self, location: Location) -> dict[str, When] | None:
        """``None`` of what is no whole record (yet): a copy over the network grows, and the sweep rejects what is none."""
        try:
            data = bytes_of(self.actor, location.path)
            return parse_job(data).waits_for
        except (BadRecord, FileNotFoundError):
            return None

    def _approval(self, name: str) -> Approval | None:
        now = self.actor.clock.mono()
        known, at = self._approvals.get(name, (None, -_APPROVAL_FRESH_S))
        if known is None and now - at >= _APPROVAL_FRESH_S:
            path = layout.approved(name)
            try:
                known = parse_approval(bytes_of(self.actor, path), path)
            except FileNotFoundError:
                known = None
            except BadRecord as error:  # a person put it there by hand
                known = Approval(schema_=APPROVAL_SCHEMA, note=str(error))
            self._approvals[name] = (known, now)
        return known


def image_document(one: Image) -> JsonObject:
    """An image of the index as the page has it; ``id`` is ``JOB:INDEX``."""
    return {"id": f"{one.job}:{one.image_index}", **asdict(one)}


def image_id(text: str) -> tuple[str, int]:
    """Job and image of an ``id``.

    Raises:
        UsageError: It is none.
    """
    job, _, number = text.rpartition(":")
    if not (is_legal(job) and number.isascii() and number.isdigit() and len(number) < 7):  # noqa: PLR2004 - as `rate`
        raise UsageError(f"'{text:.200}' is no image", hint="an image is JOB:INDEX, like night:0")
    return job, int(number)


def _urgency(location: Location) -> tuple[int, str]:
    part = location.place.part
    at = next((at for at, one in enumerate(CLASSES) if one == part), len(CLASSES))
    return at, str(location.file)


def _image(index: Index, job: str, image_index: int) -> Image | None:
    found = images(index.connection, Wanted(job=job, order="plan"))
    return next((one for one in found if one.image_index == image_index), None)


def _state(seen: JobView) -> str | None:
    if seen.pruned is not None:
        return "pruned"
    return str(seen.locations[0].place.state) if seen.locations else None


def _object(value: Any) -> JsonObject:  # noqa: ANN401 - what `plain` gives
    return dict(value)
