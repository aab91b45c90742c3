"""Every GPU of this machine, and one card's state asked again and again.

Guarantees: ``read_gpus`` never raises; NVIDIA's cards come first, with the indexes that nvidia-smi shows; those of other makers are
counted on behind them. ``CardWatch.ask`` never waits.
"""

import threading
from collections.abc import Callable
from dataclasses import replace

from spoolworker.gpus.card import Gpu, GpuReading
from spoolworker.gpus.nvidia import read_nvidia
from spoolworker.gpus.others import read_others


def read_gpus() -> GpuReading:
    """Ask the drivers once. Takes some milliseconds, or a second if one must wake up first."""
    nvidia = read_nvidia()
    others = read_others()
    first = max((gpu.index for gpu in nvidia.gpus), default=-1) + 1
    counted = (replace(gpu, index=first + gpu.index) for gpu in others.gpus)
    gpus = (*nvidia.gpus, *counted)
    # That there is no NVIDIA driver is worth a word only where no other card is either.
    problems = (
        [others.problem] if others.gpus and not nvidia.gpus else [nvidia.problem, others.problem]
    )
    return GpuReading(gpus, "; ".join(text for text in problems if text) or None)


class CardWatch:
    """One card, asked again and again.

    Each question has a thread of its own, because a driver that hangs must hold up no heartbeat.

    Args:
        wanted: The card's index, or how its uuid begins.
        tell: Called with the card; with ``None`` while nobody knows.
        read: What asks the drivers.
    """

    def __init__(
        self,
        wanted: int | str,
        tell: Callable[[Gpu | None], None],
        read: Callable[[], GpuReading] = read_gpus,
    ) -> None:
        self._wanted = wanted
        self._tell = tell
        self._read = read
        self._asking = False

    def ask(self) -> None:
        """Ask, without waiting for the answer; ``None`` is told if the last one is still to come."""
        if self._asking:
            self._tell(None)
            return
        self._asking = True
        threading.Thread(target=self._answer, name="gpu", daemon=True).start()

    def _answer(self) -> None:
        try:
            found = self._read().find(self._wanted)
        finally:
            self._asking = False
        self._tell(found)
