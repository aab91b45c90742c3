"""What is known of a GPU, whoever made it."""

from dataclasses import dataclass

GB = 2**30
"""Bytes. Cards are sold by it: one of "24 GB" has 24 * 2**30, less what the driver keeps."""


@dataclass(frozen=True)
class Gpu:
    """One GPU at one moment. ``None``: its driver does not tell."""

    index: int
    name: str
    uuid: str
    """The same at every start of the machine, whatever the order in which the cards are counted."""
    vram_total_gb: float | None
    """In units of 2**30 bytes."""
    vram_free_gb: float | None
    """In units of 2**30 bytes; free of every process on the machine."""
    temperature_c: float | None = None
    utilisation: float | None = None
    """0..1: the part of the last moment in which it was at work."""


def memory(gpu: Gpu) -> str:
    """A card's memory in words."""
    if gpu.vram_total_gb is None:
        return "memory not known"
    total = f"{gpu.vram_total_gb:.1f} GB"
    return total if gpu.vram_free_gb is None else f"{gpu.vram_free_gb:.1f} of {total} free"


@dataclass(frozen=True)
class GpuReading:
    """What could be read, and why not all of it."""

    gpus: tuple[Gpu, ...]
    problem: str | None = None
    """One line; ``None`` if everything was read."""

    def find(self, wanted: int | str) -> Gpu | None:
        """The card of that index, or the only one whose uuid begins so."""
        if isinstance(wanted, int):
            return next((one for one in self.gpus if one.index == wanted), None)
        same = [one for one in self.gpus if one.uuid.lower().startswith(wanted.lower())]
        return same[0] if len(same) == 1 else None
