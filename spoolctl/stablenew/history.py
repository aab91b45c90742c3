"""The spool's history as lines of StableNew's own ``job_history.jsonl``, which its history panel reads.

Guarantees: each end of a job is there once, known again by spool, job and attempt; a job that was retried gets a further line, and of one
``job_id`` StableNew takes the last; nothing that is there is changed, a torn last line included (a newline is put behind it); moments are
UTC without a zone, because one line with a zone makes StableNew's list of jobs fail. Two exports at once exclude each other.
Does not guarantee: anything against StableNew itself rewriting that file at that moment; it knows no lock. Its appends and ours are
writes of whole lines at the file's end.

``snapshot`` refers to the job's record and has no ``normalized_job`` unless asked for, as StableNew's own lines have: 13 to 22 KB each,
which its history panel reads whole. A part of one was rejected: StableNew would replay it as another job.

Source of the format: StableNew2, ``src/queue/job_history_store.py`` (``JobHistoryEntry``); what is shown of it:
``src/gui/job_history_panel_v2.py``.
"""

import json
import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from spoolctl.corpus.files import LOCK_TIMEOUT_S, locked
from spoolctl.index import Image, JobEnd, Wanted, images, job_ends
from spoolctl.spool import (
    Actor,
    BadRecord,
    ShareUnusable,
    StableNewWorkload,
    UsageError,
    attempt,
    layout,
    pinned_job,
)

FILE: Final = "job_history.jsonl"
STATUS: Final = {"succeeded": "completed", "cancelled": "cancelled"}
"""StableNew's word for a verdict; for all others ``failed``."""
_AT_ONCE_BYTES = 4 << 20
_SUMMARY_CHARS = 64
_DAY_CHARS = len("2026-11-20")

JsonObject = dict[str, Any]
_Mark = tuple[str, str, int]
"""Spool, job and attempt: which end a line tells."""


@dataclass(frozen=True)
class Exported:
    """Counts: ends of jobs appended now, those there before, and lines there that are not ours."""

    appended: int
    already: int
    foreign: int


def export_history(  # noqa: PLR0913 - whose spool, where from, where to
    actor: Actor,
    root: Path,
    connection: sqlite3.Connection,
    into: Path,
    *,
    snapshots: bool = False,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
) -> Exported:
    """Append to *into* the ends of jobs that it lacks, the one that ended first at first.

    Args:
        actor: Who reads the spool.
        root: The spool's folder as this machine has it; what the lines name begins with it.
        connection: The index, refreshed.
        into: StableNew's file. A folder stands for the ``job_history.jsonl`` in it. Its folder must exist.
        snapshots: Put the whole snapshot of a StableNew job into its line.
        lock_timeout_s: How long to wait for another export.

    Raises:
        UsageError: There is no such folder.
        StateForbids: Another export does not end.
        ShareUnusable: Reading or writing failed; what is missing is appended by the next export.
        sqlite3.Error: The index cannot be read.
    """
    target = into / FILE if into.is_dir() else into
    if not target.parent.is_dir():
        raise UsageError(
            f"cannot export to '{target}': there is no folder '{target.parent}'",
            hint="name StableNew's data folder, or the job_history.jsonl in it",
        )
    with locked(target, timeout_s=lock_timeout_s):
        try:
            there, foreign, ends_whole = _look(target)
            ends = job_ends(connection)
            missing = [one for one in ends if _mark(actor, one) not in there]
            batch = b"" if ends_whole else b"\n"
            for number, one in enumerate(missing, 1):
                batch += _line(actor, root.absolute(), connection, one, snapshots=snapshots)
                if len(batch) > _AT_ONCE_BYTES or number == len(missing):
                    _append(target, batch)
                    batch = b""
        except OSError as error:
            raise ShareUnusable(f"cannot export the history to '{target}': {error}") from error
    return Exported(len(missing), len(ends) - len(missing), foreign)


def history_entry(
    end: JobEnd, made: list[Image], *, root: Path, result: JsonObject, snapshot: JsonObject
) -> JsonObject:
    """One line of StableNew's history, with all keys that its own lines have and no other.

    Args:
        end: How the job ended.
        made: Its images.
        root: As for ``export_history``, absolute.
        result: What is known beside that: ``error``, ``spool``.
        snapshot: StableNew's, or one that refers to the job's record.
    """
    job = snapshot.get("normalized_job") or {}
    day = f"{end.day[:_DAY_CHARS]}T00:00:00" if end.day else "1970-01-01T00:00:00"
    started, ended = _naive(end.started), _naive(end.ended)
    return {
        "job_id": end.job_id or end.name,
        "created_at": started or ended or day,
        "status": STATUS.get(end.verdict, "failed"),
        "payload_summary": _summary(end, made),
        "started_at": started,
        "completed_at": ended,
        "error_message": result.get("error"),
        "worker_id": end.worker,
        "run_mode": "queue",
        "result": {**result, **_images(made, root), "success": end.verdict == "succeeded"},
        "prompt_source": job.get("prompt_source") or "manual",
        "prompt_pack_id": job.get("prompt_pack_id") or None,
        "prompt_keys": None,
        "snapshot": snapshot,
        "duration_ms": round(end.seconds * 1000) if end.seconds is not None else None,
    }


def _line(
    actor: Actor, root: Path, connection: sqlite3.Connection, end: JobEnd, *, snapshots: bool
) -> bytes:
    made = [one for one in images(connection, Wanted(job=end.name, order="plan")) if one.path]
    spool_id, name, number = _mark(actor, end)
    result: JsonObject = {
        "model": end.model or "",
        "spool": {
            "spool_id": spool_id, "job": name, "attempt": number, "group": end.group,
            "class": end.job_class, "verdict": end.verdict, "code": end.code,
        },
    }  # fmt: skip
    if end.verdict not in STATUS:
        result["error"] = _error(actor, end)
    record = {"spool_job": name, "spool_record": str(root / layout.pinned_record(name))}
    whole = _snapshot(actor, name) if snapshots else None
    told = history_entry(end, made, root=root, result=result, snapshot=whole or record)
    return json.dumps(told, allow_nan=False).encode("ascii") + b"\n"


def _snapshot(actor: Actor, name: str) -> JsonObject | None:
    """What StableNew submitted; ``None`` of another kind of job, or of one that retention removed."""
    job, _ = pinned_job(actor, name)
    workload = job.workload if job else None
    return dict(workload.snapshot) if isinstance(workload, StableNewWorkload) else None


def _error(actor: Actor, end: JobEnd) -> str:
    """Why the job failed; after retention only the code of it."""
    message = None
    try:
        verdict = attempt(actor, end.name, end.attempts).verdict
        message = verdict.message if verdict else None
    except (FileNotFoundError, NotADirectoryError, BadRecord):
        pass  # the history has the code all the same
    return ": ".join(one for one in (end.code or end.verdict, message) if one)


def _images(made: list[Image], root: Path) -> JsonObject:
    paths = [str(root / str(one.path)) for one in made]
    told: JsonObject = {
        "image_count": len(made),
        "variants": [
            {"path": path, "image_index": one.image_index, "actual_seed": _seed(one)}
            for path, one in zip(paths, made, strict=True)
        ],
    }
    if made:
        told |= {
            "output_dir": str(Path(paths[0]).parent),
            "actual_seed": _seed(made[0]),
            "artifact": {
                "schema": "stablenew.artifact.v2.6", "stage": made[0].stage or "", "artifact_type": "image",
                "primary_path": paths[0], "output_paths": paths, "manifest_path": None,
                "thumbnail_path": None, "input_image_path": None,
            },
        }  # fmt: skip
    return told


def _seed(one: Image) -> int:
    return int(one.seed) if one.seed else -1


def _summary(end: JobEnd, made: list[Image]) -> str:
    """As StableNew words it; of a job without images its group and name."""
    if not made or not made[0].prompt:
        return f"{end.group} | {end.name}"
    return f"{made[0].prompt[:_SUMMARY_CHARS]} | {made[0].model or ''}"


def _naive(moment: str | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromisoformat(moment).astimezone(UTC).replace(tzinfo=None).isoformat()


def _mark(actor: Actor, end: JobEnd) -> _Mark:
    return (actor.settings.spool_id, end.name, end.attempts)


def _look(target: Path) -> tuple[set[_Mark], int, bool]:
    """Which ends are there, how many lines are not ours, and if the last line is whole."""
    there: set[_Mark] = set()
    foreign = 0
    last = b"\n"
    try:
        with target.open("rb") as file:
            for last in file:
                mark = _marked(last)
                if mark is not None:
                    there.add(mark)
                else:
                    foreign += bool(last.strip())
    except FileNotFoundError:
        pass  # StableNew makes it with its first job; so do we
    return there, foreign, last.endswith(b"\n")


def _marked(line: bytes) -> _Mark | None:
    try:
        told = json.loads(line)["result"]["spool"]
        return (str(told["spool_id"]), str(told["job"]), int(told["attempt"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _append(target: Path, data: bytes) -> None:
    """One write at the end, synced. Unbuffered, because a buffer would cut it into many."""
    with target.open("ab", buffering=0) as file:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
