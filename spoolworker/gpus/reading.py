"""Every GPU of this machine, and one card's state asked again and again.

Guarantees: ``read_gpus`` never raises; NVIDIA's cards come first, with the indexes that nvidia-smi shows; those of other makers are
counted on behind them. ``CardWatch.ask`` never waits.
"""

from collections.abc import Callable
from dataclasses import replace

from spoolworker.beside import Beside
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


class CardWatch(Beside[Gpu | None]):
    """One card, asked again and again.

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
        super().__init__("gpu", lambda: read().find(wanted), tell)
