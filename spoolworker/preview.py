"""The picture of a running attempt, beside its heartbeat: what the backend shows of its work, small, now and then.

Guarantees: what a server sent is decoded and written anew, so that nothing but a JPEG of bounded size reaches the share; whoever shows a
picture never waits for the share; one that cannot be shown harms nothing. It is gone when the attempt has its verdict.
"""

import io
import threading

from PIL import Image

from spoolctl.spool import Actor, Claim, layout, replace_own
from spoolworker.outputs import FORMATS

EVERY_S = 5.0
SIDE_MAX = 512
_LAST_WORDS_S = 30.0


class Preview:
    """One attempt's."""

    def __init__(self, actor: Actor, claim: Claim) -> None:
        self._actor = actor
        self._claim = claim
        self._path = layout.preview(claim.name, claim.number)
        self._latest: bytes | None = None
        self._new = threading.Event()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def show(self, data: bytes) -> None:
        """Take the place of the picture before; of many, only the latest reaches the share."""
        self._latest = data
        self._new.set()
        if self._thread is None:
            # A daemon: a share that hangs must not keep this process from ending.
            self._thread = threading.Thread(target=self._run, name="preview", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """The work is over: take the picture away."""
        if self._thread is None:
            return
        self._over.set()
        self._new.set()
        self._thread.join(_LAST_WORDS_S)
        try:
            self._actor.files.unlink(self._path)
        except FileNotFoundError:
            return
        except OSError as error:
            self._actor.log("preview.left", job=self._claim.name, error=str(error))

    def _run(self) -> None:
        while not self._over.is_set():
            self._new.wait()
            self._new.clear()
            data = self._latest
            if data is None or self._over.is_set():
                return
            try:
                replace_own(self._actor, self._path, _small(data))
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                self._actor.log("preview.not_shown", job=self._claim.name, error=str(error))
            self._over.wait(EVERY_S)


def _small(data: bytes) -> bytes:
    """A JPEG of at most ``SIDE_MAX`` pixels a side; raises what Pillow raises of a picture that is none."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        image.draft("RGB", (SIDE_MAX, SIDE_MAX))
        image.thumbnail((SIDE_MAX, SIDE_MAX))
        target = io.BytesIO()
        image.convert("RGB").save(target, "JPEG", quality=85)
    return target.getvalue()
