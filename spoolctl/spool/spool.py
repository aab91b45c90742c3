"""Opening and making a spool: wires files, clock and randomness into an ``Actor`` for the steps.

Guarantees: a folder without a readable ``spool.yaml`` of a format that this program knows is never written to; ``create_spool`` refuses a
share that lacks what the protocol cannot do without.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor, Log, silent
from spoolctl.spool.errors import BadRecord, FormatNotUnderstood, NameTaken, NoSpool, ShareUnusable
from spoolctl.spool.files import ShareFiles, probe_links
from spoolctl.spool.life import new_session
from spoolctl.spool.ports import Files
from spoolctl.spool.publish import Outcome, ensure_folder, publish_once
from spoolctl.spool.records import FORMAT_VERSION, RECORD_BYTES_MAX, SETTINGS_SCHEMA, Settings
from spoolctl.spool.system import SystemClock, SystemEntropy, is_alive, this_host

README_TEXT = """\
This folder is a spool: a queue of image jobs that GPU machines share. Nothing runs here but files.

  queue/interactive, queue/normal, queue/batch   ready jobs, taken in this order and then by name
               what does not fit there lies in its folder more/, in the same order; move it as you like
  waiting/     jobs that may not run yet (a retry's pause, a date, another job's images)
  held/        jobs that somebody holds back; drag them into a queue to release them
  claimed/     running, one folder for each worker's session
  finished/    succeeded, not yet merged into the corpus
  done/ failed/ cancelled/   ended, by day
  rejected/    files that are no jobs, each with a .reason.yaml beside it
  results/     what came out (images, logs) and what is decided; do not move or edit anything here
  groups/      jobs that were submitted together: which they are, and what became of them
  inputs/      files that jobs need
  nodes/ control/ corpus/ history/ locks/ tokens/   the spool's own

By hand: drop a job file into a queue to submit it. Drag it to queue/interactive to hurry it. Rename it to 0+NAME.yaml to
sort it first. Drag it from failed/ to a queue to try again. Drag it to cancelled/ or delete it to cancel it. Where a
job waits until somebody has approved another one: make an empty file approved.yaml in that one's folder in results/.
"""


def read_settings(files: Files, where: str) -> Settings:
    """Read ``spool.yaml``.

    Raises:
        NoSpool: There is none.
        FormatNotUnderstood: It is of a newer format.
        BadRecord: It cannot be read.
        ShareUnusable: The share did not answer.
    """
    try:
        data = files.read(layout.SETTINGS, bytes_max=RECORD_BYTES_MAX)
    except FileNotFoundError:
        raise NoSpool(f"no spool at '{where}': it has no '{layout.SETTINGS}'") from None
    except OSError as error:
        raise ShareUnusable(f"cannot read '{where}/{layout.SETTINGS}': {error}") from None
    try:
        settings = codec.decode(Settings, data)
    except BadRecord as error:
        raise type(error)(
            f"cannot read '{where}/{layout.SETTINGS}': {error}", hint=error.hint, line=error.line
        ) from None
    if settings.format > FORMAT_VERSION:
        raise FormatNotUnderstood(
            f"the spool at '{where}' has format {settings.format}; this program reads {FORMAT_VERSION}"
        )
    return settings


def open_spool(
    root: Path,
    *,
    name: str,
    log: Log = silent,
    wrap: Callable[[Files], Files] = lambda files: files,
) -> Actor:
    """Open the spool at *root* as *name* (a worker's, ``controller-...`` or ``person-...``), in a new session.

    Args:
        root: The spool's folder.
        name: Who acts.
        log: Where decisions are logged.
        wrap: For drills: puts something between the steps and the share.

    Raises:
        NoSpool, FormatNotUnderstood, BadRecord, ShareUnusable: As for ``read_settings``.
    """
    settings = read_settings(ShareFiles(root), str(root))
    clock, entropy = SystemClock(), SystemEntropy()
    return Actor(
        session=new_session(name, clock=clock, entropy=entropy),
        name=name,
        files=wrap(ShareFiles(root, modes=settings.modes)),
        clock=clock,
        entropy=entropy,
        host=this_host(),
        settings=settings,
        log=log,
        is_alive=is_alive,
        pause=time.sleep,
    )


def create_spool(root: Path, settings: Settings | None = None) -> Settings:
    """Make a spool in *root*, which must be empty or not there yet.

    Args:
        root: The folder.
        settings: What ``spool.yaml`` shall say; id and moment are drawn if left out.

    Returns:
        The settings as written.

    Raises:
        NameTaken: The folder is a spool already, or holds other things.
        ShareUnusable: The share lacks hard links or exclusive folders, or cannot be written.
    """
    clock, entropy = SystemClock(), SystemEntropy()
    try:
        root.mkdir(parents=True, exist_ok=True)
        files = ShareFiles(root)
        there = files.names("")
    except OSError as error:
        raise ShareUnusable(f"cannot make a spool at '{root}': {error}") from None
    if layout.SETTINGS in there:
        raise NameTaken(f"'{root}' is a spool already", hint="it can be used as it is")
    foreign = sorted(set(there) - {layout.README} - set(layout.FOLDERS))
    if foreign:
        raise NameTaken(
            f"'{root}' is not empty: it holds '{foreign[0]}'", hint="give an empty or a new folder"
        )
    settings = settings or default_settings(clock.utc_s(), entropy.token())
    files = ShareFiles(root, modes=settings.modes)
    actor = Actor("init", "person-init", files, clock, entropy, this_host(), settings)
    try:
        for folder in layout.FOLDERS:
            ensure_folder(actor, folder)
        probe_links(files, layout.LOCKS, entropy.token())
        publish_once(actor, layout.README, README_TEXT.encode())
        outcome = publish_once(actor, layout.SETTINGS, codec.encode_open(settings))
    except OSError as error:
        raise ShareUnusable(f"cannot make a spool at '{root}': {error}") from None
    if outcome is not Outcome.WON:
        raise NameTaken(f"somebody else made a spool at '{root}' just now", hint="use that one")
    return settings


def default_settings(utc_s: float, token: str) -> Settings:
    """The settings of a fresh spool."""
    return Settings(
        schema_=SETTINGS_SCHEMA,
        spool_id=f"spool-{token}",
        created_at=datetime.fromtimestamp(int(utc_s), tz=UTC),
    )
