"""What an attempt ran on, and what its card showed meanwhile: the facts that the figures are made of.

Guarantees: never waits, never fails. The peak is the highest of the readings that were made: one with each heartbeat, and one when the
backend is done; what came and went between two of them is not seen. A backend that keeps its memory for the next job shows what it keeps.
"""

from collections.abc import Callable

from spoolctl.scheduling.folding import LOADED_S
from spoolctl.spool import Node, Ran
from spoolworker.gpus import Gpu


class Reading:
    """What was seen of the card since one attempt began.

    Args:
        others_gb: Held by other programs when it began; ``None``: nobody knows.
    """

    def __init__(self, others_gb: float | None) -> None:
        self._others_gb = others_gb
        self._used_gb: float | None = None

    def saw(self, used_gb: float) -> None:
        """So much of the card is in use now."""
        self._used_gb = max(used_gb, self._used_gb or 0.0)

    def ran(
        self, node: Node, *, load_s: float | None = None, was_loaded: bool | None = None
    ) -> Ran:
        """What was seen since the attempt began.

        Args:
            node: The worker's card.
            load_s: How long models loaded, as the backend tells.
            was_loaded: If the model was in memory when the attempt began, by what the backend told then.
        """
        used_gb, others_gb = self._used_gb, self._others_gb
        alone = used_gb is not None and others_gb is not None
        return Ran(
            backend=node.backend,
            gpu=node.gpu,
            vram_gb=node.vram_gb,
            peak_gb=None if used_gb is None else round(max(0.0, used_gb - (others_gb or 0.0)), 1),
            peak_of=None if used_gb is None else "backend" if alone else "card",
            others_gb=others_gb,
            load_s=None if load_s is None else round(load_s, 3),
            was_loaded=was_loaded if load_s is None else load_s < LOADED_S,
        )


class Measuring:
    """One worker's measuring, one attempt after the other. The card is told from another thread.

    Args:
        ask: Ask for the card's state, without waiting.
    """

    def __init__(self, ask: Callable[[], None] = lambda: None) -> None:
        self._ask = ask
        self._reading: Reading | None = None
        self._others_told_gb: float | None = None

    def begin(self) -> Reading:
        """An attempt begins; what is told from now on is its own."""
        reading = self._reading = Reading(self._others_told_gb)
        return reading

    def saw(self, gpu: Gpu | None, others_gb: float | None) -> None:
        """A reading of the card.

        Args:
            gpu: The card; ``None``: nobody knows.
            others_gb: Held by other programs than the backend, as far as the backend tells what it held when it was asked last. Once
                an attempt has begun it holds more than that, so only what was told before counts.
        """
        reading = self._reading
        if reading is None:
            self._others_told_gb = others_gb
        elif gpu is not None and gpu.vram_total_gb is not None and gpu.vram_free_gb is not None:
            reading.saw(gpu.vram_total_gb - gpu.vram_free_gb)

    def look(self) -> None:
        """Ask for one more reading: now is when much is held."""
        self._ask()

    def end(self, reading: Reading) -> None:
        """The attempt has ended; unless another has begun, what others hold can be told again."""
        if self._reading is reading:
            self._reading = None
