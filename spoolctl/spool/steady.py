"""Steadiness: for how long a file has been the same, by this process's own clock.

Guarantees: no other clock is asked, and what was seen once is never older than that look. What is forgotten is only timed anew.
"""

from dataclasses import dataclass, field

from spoolctl.spool.digests import sha256_of

_REMEMBERED_MAX = 10_000


@dataclass(frozen=True)
class _Seen:
    digest: str
    since_mono: float


@dataclass
class Steady:
    """What one process remembers of files that do not prove themselves whole."""

    _seen: dict[str, _Seen] = field(default_factory=dict)

    def unchanged_s(self, path: str, data: bytes, now_mono: float) -> float:
        """For how long the file at *path* has held *data*, in seconds; 0 at the first look."""
        digest = sha256_of(data)
        seen = self._seen.get(path)
        if seen is None or seen.digest != digest:
            if len(self._seen) >= _REMEMBERED_MAX:
                self._seen.clear()  # only delays
            seen = self._seen[path] = _Seen(digest, now_mono)
        return now_mono - seen.since_mono

    def forget(self, path: str) -> None:
        """It is gone, or needs no watching any more."""
        self._seen.pop(path, None)
