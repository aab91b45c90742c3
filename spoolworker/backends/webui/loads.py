"""How long WebUI took to load the models of one order, as well as can be told from outside.

WebUI loads within the request and tells nothing of it. What is taken for a load is the time from sending a request whose answer tells of
another checkpoint than the last one's until the first step was seen, to the nearest look (``poll_s``): the prompt's encoding and that
step are in it. Does not guarantee an answer: of a request that was over before its first look nothing is known.
"""


class Loads:
    """One order's.

    Args:
        loaded: The checkpoint that the last answer before told of; ``None``: there was none, and so the first is not judged.
    """

    def __init__(self, loaded: str | None) -> None:
        self._loaded = loaded
        self._seconds: float | None = None
        self._unknown = False

    @property
    def seconds(self) -> float | None:
        """All loads together; 0: none was needed; ``None``: not known."""
        return None if self._unknown else self._seconds

    def take(self, model: str | None, waited_s: float | None) -> None:
        """An answer tells of its checkpoint; one of the extras tells of none."""
        if model is None:
            return
        if self._loaded is None or (model != self._loaded and waited_s is None):
            self._unknown = True
        elif model != self._loaded:
            self._seconds = (self._seconds or 0.0) + (waited_s or 0.0)
        else:
            self._seconds = self._seconds or 0.0
        self._loaded = model
