"""A thread that knows which models lie in the configured folders: lists them every few minutes, and reads what is new, one by one.

Guarantees: nobody waits for it: ``found`` is what it told last, at once; it tells in batches, so that a night of reading does not
rewrite the worker's card a thousand times; told to stop it ends within one MB, or is left behind if a share hangs.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spoolctl.spool import Log
from spoolworker.models.hashes import Digests, HashCache, read_digests
from spoolworker.models.scan import Kind, ModelFile, scan_folders

EVERY_S = 300.0
"""Between two looks into the folders."""
NEWS_S = 60.0
"""Between two tellings while files are read."""
_LAST_WORDS_S = 1.0
_PROBLEMS_TOLD = 20


@dataclass(frozen=True)
class Found:
    """What lies in the folders, as far as it is known."""

    files: tuple[tuple[ModelFile, Digests | None], ...] = ()
    """``None``: not read yet, or it cannot be."""
    problems: tuple[str, ...] = ()


def look(
    folders: Mapping[Kind, Sequence[Path]],
    cache: HashCache,
    *,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Found | None:
    """List the folders, with what is remembered of their files; reads none. ``None`` if it was stopped."""
    seen = scan_folders(folders, is_stopped=is_stopped)
    if seen is None:
        return None
    return Found(tuple((file, cache.get(file)) for file in seen.files), seen.problems)


class ModelWatch:
    """One worker's.

    Args:
        folders: By kind; without any nothing is done.
        cache: The file in which the digests are remembered, on a local disk.
        mono: Seconds of a clock that never goes back.
        log: The worker's event log.
    """

    def __init__(
        self,
        folders: Mapping[Kind, Sequence[Path]],
        *,
        cache: Path,
        mono: Callable[[], float],
        log: Log,
    ) -> None:
        self._folders = folders
        self._file = cache
        self._mono = mono
        self._log = log
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._cache: HashCache | None = None
        self._unreadable: dict[ModelFile, str] = {}
        self._told_problems: tuple[str, ...] = ()
        self.found: Found | None = None
        """What was told last; ``None`` until the folders were listed once."""

    def start(self) -> None:
        """Begin, if there are folders; once is enough."""
        if self._thread is None and any(self._folders.values()):
            # A daemon: a share that hangs must not keep this process from ending.
            self._thread = threading.Thread(target=self._run, name="models", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End it; what was read until now is remembered."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_LAST_WORDS_S)

    def round(self) -> None:
        """List the folders once and read whatever is new; for the thread, and for tests."""
        if self._cache is None:
            self._cache = HashCache(self._file, lambda what: self._log("models.cache", error=what))
        cache, is_stopped = self._cache, self._stop.is_set
        now = look(self._folders, cache, is_stopped=is_stopped)
        if now is None:
            return
        files = dict(now.files)
        self._unreadable = {f: why for f, why in self._unreadable.items() if f in files}
        self._tell(files, now.problems)
        told_at = self._mono()
        # The small ones first: soon most of them are known.
        for file in sorted((f for f, known in now.files if known is None), key=lambda f: f.bytes):
            try:
                digests = read_digests(file, is_stopped=is_stopped)
            except OSError as error:
                why = f"'{file.path}' cannot be read: {error.strerror or error}"
                self._unreadable[file] = why
                continue
            if is_stopped():
                break
            if digests is None:
                continue  # it grows: the next round sees it as it is then
            self._unreadable.pop(file, None)
            cache.keep(file, digests)
            files[file] = digests
            if self._mono() - told_at >= NEWS_S:
                self._tell(files, now.problems)
                cache.save(files)
                told_at = self._mono()
        self._tell(files, now.problems)
        cache.save(files)

    def _tell(self, files: Mapping[ModelFile, Digests | None], problems: Sequence[str]) -> None:
        self.found = Found(tuple(files.items()), (*problems, *self._unreadable.values()))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.round()
                self._log_problems()
            except Exception as error:  # noqa: BLE001 - without it jobs still run, by the models' names
                self._log("models.trouble", error=repr(error))
            self._stop.wait(EVERY_S)

    def _log_problems(self) -> None:
        """Each list of problems once, not every few minutes."""
        problems = self.found.problems if self.found else ()
        if problems != self._told_problems:
            self._told_problems = problems
            self._log(
                "models.unreadable", problems=list(problems[:_PROBLEMS_TOLD]), count=len(problems)
            )
