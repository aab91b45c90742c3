"""Opening a share for the doctor: a spool, or a bare folder in which there is none yet."""

import time
from collections.abc import Callable
from pathlib import Path

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.doctor.findings import reason
from spoolctl.spool.doctor.machine import ThisMachine
from spoolctl.spool.doctor.ward import Ward
from spoolctl.spool.errors import NoSpool, ShareUnusable
from spoolctl.spool.files import ShareFiles
from spoolctl.spool.spool import default_settings, open_spool
from spoolctl.spool.system import SystemClock, SystemEntropy, is_alive, this_host


def open_ward(root: Path, *, name: str, tell: Callable[[str], None]) -> Ward:
    """Open the folder *root* for examination as *name*.

    Args:
        root: A spool, or a folder on a share where one may be made.
        name: Who looks.
        tell: Called with lines of progress.

    Raises:
        NoSpool: There is no such folder.
        FormatNotUnderstood, BadRecord, ShareUnusable: As for ``open_spool``.
    """
    try:
        is_spool = layout.SETTINGS in ShareFiles(root).names("")
    except (FileNotFoundError, NotADirectoryError):
        raise NoSpool(
            f"no folder at '{root}'", hint="name a spool, or a folder of the share, with --spool"
        ) from None
    except OSError as error:
        raise ShareUnusable(f"cannot list '{root}': {reason(error)}") from None
    actor = open_spool(root, name=name) if is_spool else _bare(root, name)
    return Ward(actor, ThisMachine(root), time.sleep, tell, is_spool)


def _bare(root: Path, name: str) -> Actor:
    clock, entropy = SystemClock(), SystemEntropy()
    settings = default_settings(clock.utc_s(), entropy.token())
    files = ShareFiles(root)
    return Actor("doctor", name, files, clock, entropy, this_host(), settings, is_alive=is_alive)
