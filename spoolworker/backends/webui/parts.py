"""How many images one request makes, and which. Pure."""

from collections.abc import Sequence
from typing import Any

from spoolctl.spool import Code
from spoolworker.backends.base import BackendError
from spoolworker.backends.chain import Picture


def take_batch(options: dict[str, Any]) -> int:
    """Take ``batch_size`` out of a job's options: how many images the card works on at once, 1 unless said.

    Raises:
        BackendError: ``bad_job``.
    """
    batch = options.pop("batch_size", 1)
    if not isinstance(batch, int) or isinstance(batch, bool) or batch < 1:
        message = f"option 'batch_size' is {batch!r}, not a number from 1 up"
        raise BackendError(Code.BAD_JOB, message)
    return batch


def cut(pictures: Sequence[Picture], batch: int, at_once: int) -> list[list[Picture]]:
    """Cut into requests: whole batches, as many as *at_once* allows, then what is left; seeds in each count up by one."""
    limit = max(1, at_once // batch) * batch
    runs: list[list[Picture]] = []
    for one in pictures:
        if runs and runs[-1][-1].seed is not None and one.seed == runs[-1][-1].seed + 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    parts = []
    for run in runs:
        whole = len(run) // batch * batch
        parts += [run[start : min(start + limit, whole)] for start in range(0, whole, limit)]
        parts += [run[whole:]] if run[whole:] else []
    return parts


def move_subseed(options: dict[str, Any], by: int) -> None:
    """Count a said subseed on by the images that requests before made."""
    subseed = options.get("subseed")
    if isinstance(subseed, int) and subseed >= 0:
        options["subseed"] = subseed + by
