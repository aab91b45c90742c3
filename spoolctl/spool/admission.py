"""Admission: when a file in the spool counts as a job, as waiting to grow, or as bad.

A file may be written slowly by a person's editor or a copy over the network, and a prefix of a YAML file may parse.
So a file that does not prove itself whole (``codec.is_whole``) has to stay the same for ``settle_s``, and one that cannot
be read has to stay the same for ``reject_after_s``, both by this process's own clock.

Guarantees: bad input is moved aside with its reason and never stops the caller; a record of a newer version is left where
it lies. Does not guarantee that the name is free; the pinned record decides that (``pin.pin``).
"""

import errno
import math
from dataclasses import dataclass
from enum import Enum

from spoolctl.spool import codec
from spoolctl.spool.actor import Actor
from spoolctl.spool.digests import sha256_of
from spoolctl.spool.errors import BadRecord, NewerRecord
from spoolctl.spool.layout import Location
from spoolctl.spool.names import check_file_name
from spoolctl.spool.records import RECORD_BYTES_MAX, Job
from spoolctl.spool.reject import reject
from spoolctl.spool.steady import Steady
from spoolctl.spool.submit import parse_job

_GROWING_LOOK_S = 0.5


@dataclass(frozen=True)
class Admitted:
    """A file that is a job."""

    location: Location
    data: bytes
    job: Job

    @property
    def sha256(self) -> str:
        """Digest of the record's bytes."""
        return sha256_of(self.data)


class NotAdmitted(Enum):
    """Why a file is no job, or not yet one."""

    GONE = "gone"
    GROWING = "growing"
    REJECTED = "rejected"
    NEWER = "newer"


class Admission:
    """What one process remembers of files that are not admitted yet."""

    def __init__(self) -> None:
        self._seen = Steady()
        self.newer: dict[str, str] = {}
        """Files that wait for a newer program: path and reason."""
        self.fault: BadRecord | None = None
        """What was wrong with the last file that could not be read as a job."""

    def admit(self, actor: Actor, location: Location) -> Admitted | NotAdmitted:
        """Read the file at *location* and say what it is; a bad one is rejected here.

        Raises:
            OSError: The share did not answer.
        """
        try:
            data = actor.files.read(location.path, bytes_max=RECORD_BYTES_MAX)
        except FileNotFoundError:
            self._seen.forget(location.path)
            return NotAdmitted.GONE
        except OSError as error:
            if error.errno == errno.EFBIG:
                return self._too_long(actor, location)
            found = _no_file(actor, location, error)
            if found is None:
                raise
            return self._bad(actor, location, found, b"")
        try:
            check_file_name(location.file)
            job = parse_job(data)
        except NewerRecord as error:
            if location.path not in self.newer:
                actor.log("admission.newer", file=location.path, error=str(error))
            self.newer[location.path] = f"{error}; {error.hint}"
            return NotAdmitted.NEWER
        except BadRecord as error:
            return self._bad(actor, location, error, data)
        if not codec.is_whole(data) and not self._steady(
            actor, location, data, actor.settings.settle_s
        ):
            return NotAdmitted.GROWING
        self._seen.forget(location.path)
        return Admitted(location, data, job)

    def admit_again(self, actor: Actor, before: Admitted) -> Admitted | NotAdmitted:
        """As ``admit`` for a file that was admitted before, which is not parsed again if it is the same; errors as there."""
        try:
            data = actor.files.read(before.location.path, bytes_max=RECORD_BYTES_MAX)
        except FileNotFoundError:
            self._seen.forget(before.location.path)
            return NotAdmitted.GONE
        return before if data == before.data else self.admit(actor, before.location)

    def admit_patiently(self, actor: Actor, location: Location) -> Admitted | NotAdmitted:
        """As ``admit``, looking for as long as a file must stay the same; for commands, which do not come by again."""
        needed_s = max(actor.settings.settle_s, actor.settings.reject_after_s)
        found = self.admit(actor, location)
        for _ in range(math.ceil(needed_s / _GROWING_LOOK_S)):
            if found is not NotAdmitted.GROWING:
                break
            actor.pause(_GROWING_LOOK_S)
            found = self.admit(actor, location)
        return found

    def holds_still(self, actor: Actor, location: Location) -> bool:
        """True if nobody is still writing the file at *location*, as far as can be told without taking it for a job.

        Raises:
            OSError: The share did not answer.
        """
        try:
            data = actor.files.read(location.path, bytes_max=RECORD_BYTES_MAX)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in (errno.EFBIG, errno.ELOOP, errno.EISDIR) or _is_folder(
                actor, location
            ):
                return False  # no job; whoever comes to it says so
            raise
        marked = codec.is_whole(data) and not codec.is_json(
            data
        )  # braces alone prove nothing of what was not parsed
        still = marked or self._steady(actor, location, data, actor.settings.settle_s)
        if still:
            self._seen.forget(location.path)
        return still

    def _too_long(self, actor: Actor, location: Location) -> NotAdmitted:
        size = actor.files.stat(location.path).bytes
        error = BadRecord(
            f"the file has {size} bytes; a record may have {RECORD_BYTES_MAX}",
            hint="attach large data as a file (spoolctl submit --attach) and refer to it",
        )
        return self._bad(actor, location, error, str(size).encode())

    def _bad(self, actor: Actor, location: Location, error: BadRecord, data: bytes) -> NotAdmitted:
        self.fault = error
        if not self._steady(actor, location, data, actor.settings.reject_after_s):
            return NotAdmitted.GROWING
        self._seen.forget(location.path)
        gone = reject(actor, location, error, data=data) is None
        return NotAdmitted.GONE if gone else NotAdmitted.REJECTED

    def _steady(self, actor: Actor, location: Location, data: bytes, needed_s: float) -> bool:
        return self._seen.unchanged_s(location.path, data, actor.clock.mono()) >= needed_s


def _no_file(actor: Actor, location: Location, error: OSError) -> BadRecord | None:
    """What is wrong with something that is named like a job file and is none; None if the share is to blame."""
    if error.errno == errno.ELOOP:
        return BadRecord(
            f"'{location.file}' is a symbolic link, not a job file",
            hint="copy the file itself into a queue; the spool follows no links",
        )
    if error.errno != errno.EISDIR and not _is_folder(actor, location):
        return None
    return BadRecord(
        f"'{location.file}' is a folder or a device, not a job file",
        hint="put the job files that it holds straight into a queue",
    )


def _is_folder(actor: Actor, location: Location) -> bool:
    """Asked after a read failed: what a folder's error is differs from system to system."""
    try:
        return actor.files.stat(location.path).is_folder
    except FileNotFoundError:
        return False
