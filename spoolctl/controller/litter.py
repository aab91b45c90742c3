"""Litter: what processes that died left lying in the folders that everybody lists.

Temporary files of a publish that was cut off, folders by which the share's clock was read, heartbeats of controllers that were killed.
Their names are used once, so what has lain unchanged for ``UNCHANGED_S`` of this process's own clock belongs to nobody.

Guarantees: compares no clocks; touches only files with dot names ending in ``.tmp``, ``locks/.clock-*`` and ``locks/.probe-*`` with
nothing in them that their makers did not put there, and controllers' heartbeats. Whatever else bears such a name is a person's: it
stays, is told once, and keeps nothing else from being removed. Whoever was merely slow finds its temporary gone; its publish fails, and
is tried again. Does not look into ``results/``: what lies there goes with its job.
"""

from spoolctl.spool import Actor, layout, sha256_of, shards_in

UNCHANGED_S = 3_600.0
AGAIN_S = 300.0
SHARDS_MAX = 8
"""How many of a queue's shards are looked into, from the first."""

_FOLDERS = (
    *(place.folder for place in layout.QUEUES),
    layout.WAITING.folder, layout.HELD.folder, layout.REJECTED, layout.NODES,
    layout.CONTROL, layout.LOCKS, layout.CORPUS, layout.HISTORY,
)  # fmt: skip
_CLOCK, _PROBE, _TEMPORARY = ".clock-", ".probe-", ".tmp"
_PROBES = frozenset({"first", "second"})
"""What a probe of the share makes in its folder (``spool.files``)."""


class Litter:
    """One controller's watch over what may be nobody's."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._since: dict[str, float] = {}
        self._told: set[str] = set()
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
                removed += self._remove(path)
        return removed

    def _seen(self) -> dict[str, str]:
        """What may be litter: a key that changes when it shows life, and its path."""
        found = {}
        for folder in (*_FOLDERS, *self._first_shards()):
            try:
                entries = self._actor.files.names(folder)
            except (FileNotFoundError, NotADirectoryError) as error:
                self._left(folder, str(error))
                continue
            for entry in entries:
                path = f"{folder}/{entry}"
                if _is_left_over(folder, entry):
                    found[path] = path
                elif entry.startswith("controller-") and entry.endswith(f".{layout.HEARTBEAT}"):
                    found[f"{path} {self._beat(path)}"] = path
        return found

    def _first_shards(self) -> list[str]:
        """Where it matters: one temporary file keeps a shard that is empty but for it from being removed."""
        found = (shards_in(self._actor, queue)[:SHARDS_MAX] for queue in layout.QUEUES)
        return [shard.folder for some in found for shard in some]

    def _beat(self, path: str) -> str:
        """What changes with a heartbeat; of what is none, that it cannot be read, which never changes."""
        try:
            return sha256_of(self._actor.files.read(path, bytes_max=1 << 20))
        except OSError as error:
            return str(error.errno)

    def _remove(self, path: str) -> bool:
        try:
            removed = remove_left_over(self._actor, path)
        except FileNotFoundError:
            return False  # another controller was quicker
        except OSError as error:
            self._left(path, str(error))
            return False
        if removed:
            self._actor.log("litter.removed", path=path)
        else:
            self._left(path, "it is not what programs leave under such a name")
        return removed

    def _left(self, path: str, why: str) -> None:
        if path not in self._told:
            self._told.add(path)
            self._actor.log("litter.left", path=path, why=why)


def _is_left_over(folder: str, entry: str) -> bool:
    if folder == layout.LOCKS and entry.startswith((_CLOCK, _PROBE)):
        return True
    return entry.startswith(".") and entry.endswith(_TEMPORARY)


def remove_left_over(actor: Actor, path: str) -> bool:
    """Remove what a process left, if that is what it is.

    Args:
        actor: Who does it.
        path: What bears the name of such a thing.

    Returns:
        False if a person's own bears that name: a file instead of a folder or the reverse, or a folder with something in it.

    Raises:
        OSError: The share did not do it; FileNotFoundError if it is gone.
    """
    files, name = actor.files, path.rpartition("/")[2]
    is_ours_a_folder = name.startswith((_CLOCK, _PROBE))
    if files.stat(path).is_folder is not is_ours_a_folder:
        return False
    if not is_ours_a_folder:
        files.unlink(path)
        return True
    inside = files.names(path)
    own = _PROBES if name.startswith(_PROBE) else frozenset()
    if set(inside) - own or any(files.stat(f"{path}/{entry}").is_folder for entry in inside):
        return False
    for entry in inside:
        files.unlink(f"{path}/{entry}")
    files.rmdir(path)
    return True
