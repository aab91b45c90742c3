"""Litter: what processes that died left lying in the folders that everybody lists.

Temporary files of a publish that was cut off, folders by which the share's clock was read, heartbeats of controllers that were killed.
Their names are used once, so what has lain unchanged for ``UNCHANGED_S`` of this process's own clock belongs to nobody.

Guarantees: compares no clocks; touches only dot names ending in ``.tmp``, ``locks/.clock-*`` and ``locks/.probe-*``, and
controllers' heartbeats. Whoever was merely slow finds its temporary gone; its publish fails, and is tried again. Does not look
into ``results/``: what lies there goes with its job.
"""

from spoolctl.spool import Actor, layout

UNCHANGED_S = 3_600.0
AGAIN_S = 300.0

_FOLDERS = (
    *(place.folder for place in layout.QUEUES),
    layout.WAITING.folder, layout.HELD.folder, layout.REJECTED, layout.NODES,
    layout.CONTROL, layout.LOCKS, layout.CORPUS, layout.HISTORY,
)  # fmt: skip


class Litter:
    """One controller's watch over what may be nobody's."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._since: dict[str, float] = {}
        self._again_at = 0.0

    def remove(self) -> int:
        """Remove what has lain for long enough, if it is time to look.

        Returns:
            How many things were removed.

        Raises:
            OSError: The share did not answer; the next look goes on.
        """
        now = self._actor.clock.mono()
        if now < self._again_at:
            return 0
        self._again_at = now + AGAIN_S
        seen = self._seen()
        self._since = {key: self._since.get(key, now) for key in seen}
        removed = 0
        for key, path in seen.items():
            if now - self._since[key] >= UNCHANGED_S:
                self._remove(path)
                removed += 1
        return removed

    def _seen(self) -> dict[str, str]:
        """What may be litter: a key that changes when it shows life, and its path."""
        found = {}
        for folder in _FOLDERS:
            for entry in self._actor.files.names(folder):
                path = f"{folder}/{entry}"
                if entry.startswith((".clock-", ".probe-")) or (
                    entry.startswith(".") and entry.endswith(".tmp")
                ):
                    found[path] = path
                elif entry.startswith("controller-") and entry.endswith(f".{layout.HEARTBEAT}"):
                    data = self._actor.files.read(path, bytes_max=1 << 20)
                    found[f"{path} {data!r}"] = path
        return found

    def _remove(self, path: str) -> None:
        files = self._actor.files
        try:
            if files.stat(path).is_folder:
                for entry in files.names(path):
                    files.unlink(f"{path}/{entry}")
                files.rmdir(path)
            else:
                files.unlink(path)
        except FileNotFoundError:
            return  # another controller was quicker
        self._actor.log("litter.removed", path=path)
