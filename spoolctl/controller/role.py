"""The controller's role: one process has it, others stand by.

A filelock on the share keeps a second controller idle. It is comfort, not correctness: two controllers that both believe to be alone
(locks off, or one over NFS and one over SMB) do the same work twice and harm nothing.
"""

import errno
from pathlib import Path

from filelock import FileLock, Timeout

from spoolctl.spool import ShareUnusable, layout

_REFUSED = frozenset(
    {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EACCES, errno.EPERM, errno.EROFS}
)
"""What a share without locks, or one that may not be written to, says; other errors pass."""


class ControllerRole:
    """The role, held or not."""

    def __init__(self, root: Path) -> None:
        self._lock = FileLock(root / layout.lock("controller"), mode=0o666)

    @property
    def is_held(self) -> bool:
        """True while this process has the role."""
        return self._lock.is_locked

    def try_take(self) -> bool:
        """Take the role if nobody has it; never waits.

        Raises:
            ShareUnusable: The share refuses locks.
            OSError: The share did not answer; ask again.
        """
        if self.is_held:
            return True
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        except (OSError, NotImplementedError) as error:
            if isinstance(error, OSError) and error.errno not in _REFUSED:
                raise
            raise ShareUnusable(
                f"cannot lock '{self._lock.lock_file}': {error}",
                hint="if this share has no locks, run exactly one controller with --no-lock",
            ) from None
        return True

    def give_up(self) -> None:
        """Let another have the role."""
        self._lock.release()
