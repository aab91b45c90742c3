"""The controller's loop: take the role, scan, rest, scan; or stand by.

Guarantees: it ends only when it is told to, after the scan in hand; an error of the share is logged and tried again. It shows its own
heartbeat in ``nodes/`` all the time, as *running* or *standing_by*.
"""

import os
import platform
import threading
from collections.abc import Callable
from pathlib import Path

from spoolctl.controller.groups import GroupsKeeper
from spoolctl.controller.role import ControllerRole
from spoolctl.controller.scanner import Scanned, Scanner
from spoolctl.index import default_path
from spoolctl.notify import Config, Watch, watch_of
from spoolctl.spool import EXIT_SHARE_HANGS, HangWatch, Life, Log, layout, open_spool, slug, spread

_FINISH_S = 5.0
_FINISH_ONCE_S = 30.0
"""How long messages on their way are waited for at the end; whom they have not reached then, the next controller tells."""


class Controller:
    """One life of a controller.

    Args:
        root: The spool's folder.
        log: The event log.
        use_lock: False: believe to be the only one, for a share without locks.
        tell: Whom to tell what; ``None``: nobody.
    """

    def __init__(
        self,
        root: Path,
        log: Log,
        *,
        use_lock: bool = True,
        tell: Config | None = None,
        exit_now: Callable[[int], object] = os._exit,
    ) -> None:
        name = f"controller-{slug(platform.node()) or 'machine'}-{os.getpid()}"
        self.actor = open_spool(root, name=name, log=log)
        self._life = Life(self.actor, "controller")
        self._groups = GroupsKeeper(self.actor, default_path(self.actor.settings.spool_id))
        self._scanner = Scanner(self.actor, self._life, self._groups)
        self._role = ControllerRole(root) if use_lock else None
        self._root, self._config = root, tell
        self._watch: Watch | None = None
        self._exit_now = exit_now
        self.hang_watch = HangWatch(self.actor, self._share_hangs)
        """To be entered around ``run``: ends the process if a call to the share never returns."""

    def run(self, stop: threading.Event) -> None:
        """Scan until *stop* is set.

        Raises:
            ShareUnusable: The share refuses locks.
            SpoolError: Whoever is to be told cannot be.
        """
        settings = self.actor.settings
        self._watch = self._watching(once=False)
        self.actor.log("controller.started", session=self.actor.session)
        try:
            while not stop.is_set():
                self._tend()
                seconds = min(settings.sweep_s, settings.heartbeat_s)
                stop.wait(spread(seconds, self.actor.entropy.fraction()))
        finally:
            self._end(_FINISH_S)

    def once(self) -> Scanned | None:
        """One scan, for a scheduler; None if another controller has the role.

        Raises:
            ShareUnusable: The share refuses locks.
            SpoolError: Whoever is to be told cannot be.
            OSError: The share did not answer.
        """
        self._watch = self._watching(once=True)
        if not self._has_role():
            return None
        try:
            self._life.tell(state="running")
            self._life.beat()
            scanned = self._scanner.scan()
            if self._watch is not None:
                self._watch.look()
        finally:
            self._end(_FINISH_ONCE_S)
        return scanned

    def _watching(self, *, once: bool) -> Watch | None:
        if self._config is None:
            return None
        return watch_of(self.actor, self._root, self._config, self._groups.lent, once=once)

    def _share_hangs(self, waits_s: float) -> None:
        """A call of the scan does not return, and its lock keeps every other controller out; the service starts it anew."""
        try:
            self.actor.log("controller.share_hangs", waits_s=round(waits_s))
        finally:
            self._exit_now(EXIT_SHARE_HANGS)

    def _has_role(self) -> bool:
        return self._role is None or self._role.is_held or self._role.try_take()

    def _tend(self) -> None:
        try:
            running = self._has_role()
            self._life.tell(state="running" if running else "standing_by")
            self._life.beat()
            if running:
                self._tell(self._scanner.scan())
            if self._watch is not None:
                (self._watch.look if running else self._watch.rest)()
        except OSError as error:
            self.actor.log("controller.trouble", error=str(error))

    def _tell(self, scanned: Scanned) -> None:
        problems = [f"{name}: {text}" for name, text in scanned.problems.items()]
        strays = [f"{folder}: {text}" for folder, text in scanned.strays.items()]
        self._life.tell(message="; ".join([*problems, *strays, *scanned.troubles])[:2_000] or None)
        swept = scanned.swept
        if scanned.merged or swept.reaped or swept.promoted or swept.cancelled:
            self.actor.log(
                "scanned",
                merged=scanned.merged,
                reaped=swept.reaped,
                promoted=swept.promoted,
                cancelled=swept.cancelled,
            )

    def _end(self, finish_s: float) -> None:
        """Take this life's heartbeat out of ``nodes/`` again, since its name is used only once."""
        if self._watch is not None:
            self._watch.finish(finish_s)
        if self._role is not None:
            self._role.give_up()
        self._groups.close()
        try:
            self.actor.files.unlink(layout.node_heartbeat(self.actor.name))
        except OSError as error:
            self.actor.log("controller.farewell_unsaid", error=str(error))
        self.actor.log("controller.stopped", session=self.actor.session)
