"""Bringing a job's inputs to this machine.

Guarantees: every file is verified, against the digest in the record or in the manifest of the job that made it; nothing is read from
outside the spool. A file that is not there, or is another than was meant, is ``input_missing``, and no retry would mend that. Of a
job that had to be approved only the approved images are inputs.
"""

import errno
from pathlib import Path

from spoolctl.spool import (
    Actor,
    BadRecord,
    Code,
    Decisions,
    Digest,
    Input,
    Job,
    Output,
    approval,
    decisions,
    fold,
    layout,
)
from spoolworker.backends.base import BackendError

_NO_FILE = (errno.EISDIR, errno.ENOTDIR, errno.ELOOP)
"""What a folder or a link answers, and always will: no fault of the share, which would be worth another try."""


def fetch_inputs(actor: Actor, job: Job, folder: Path) -> tuple[Path, ...]:
    """Copy a job's inputs into *folder*, in their order.

    Raises:
        BackendError: ``input_missing``.
        OSError: The share, or the local disk, did not answer.
    """
    local: list[Path] = []
    for wanted in job.inputs:
        for path, sha256 in _sources(actor, job, wanted):
            target = folder / f"input-{len(local):04d}{Path(path).suffix.lower()}"
            local.append(_fetch(actor, path, sha256, target))
    return tuple(local)


def _sources(actor: Actor, job: Job, wanted: Input) -> list[tuple[str, str | None]]:
    """Paths on the share, and their digests where they are known."""
    if wanted.path is not None:
        return [(wanted.path, wanted.sha256)]
    name = fold(wanted.job or "")
    decided = decisions(actor, name)
    last = decided.highest
    if last is None or last.verdict is None or not last.is_commit:
        raise BackendError(
            Code.INPUT_MISSING, f"job '{name}', whose images are wanted, is not committed"
        )
    images = sorted(
        (out for out in last.verdict.outputs if out.final), key=lambda out: out.image_index
    )
    if job.waits_for.get(name) == "approved":
        images = _approved(actor, decided, images)
    if wanted.image_index is not None:
        images = [out for out in images if out.image_index == wanted.image_index]
    if not images:
        raise BackendError(
            Code.INPUT_MISSING,
            f"job '{name}' has no {'approved ' * (job.waits_for.get(name) == 'approved')}image"
            + ("" if wanted.image_index is None else f" {wanted.image_index}"),
        )
    return [(f"{layout.results(name)}/{out.path}", out.sha256) for out in images]


def _approved(actor: Actor, decided: Decisions, images: list[Output]) -> list[Output]:
    try:
        approved = approval(actor, decided)
    except BadRecord as error:
        raise BackendError(Code.INPUT_MISSING, str(error)) from None
    if approved is None:
        raise BackendError(Code.INPUT_MISSING, f"job '{decided.name}' is not approved any more")
    return [one for one in images if not approved.images or one.image_index in approved.images]


def _fetch(actor: Actor, path: str, sha256: str | None, target: Path) -> Path:
    try:
        found: Digest = actor.files.fetch(path, target)
    except FileNotFoundError:
        raise BackendError(
            Code.INPUT_MISSING, f"'{path}' is not in the spool; attach it at submit"
        ) from None
    except OSError as error:
        if error.errno not in _NO_FILE:
            raise
        raise BackendError(Code.INPUT_MISSING, f"'{path}' is no file in the spool") from None
    if sha256 is not None and found.sha256 != sha256:
        raise BackendError(
            Code.INPUT_MISSING,
            f"'{path}' is another file than was meant: SHA-256 {found.sha256[:12]}, not {sha256[:12]}",
        )
    return target
