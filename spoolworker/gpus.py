"""The NVIDIA GPUs of this machine and their free memory, asked of the driver through NVML.

Guarantees: ``read_gpus`` never raises; what it could not read stands in ``GpuReading.problem``.
``FreeMemory.ask`` never waits.
Does not know other makers' cards, nor which GPU a backend uses. Indexes are NVML's (by PCI bus),
which CUDA shares only under ``CUDA_DEVICE_ORDER=PCI_BUS_ID``; the uuid is the same everywhere.
"""

import importlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

GB = 2**30
"""Bytes. Cards are sold by it: one of "24 GB" has 24 * 2**30, less what the driver keeps."""


@dataclass(frozen=True)
class Gpu:
    """One GPU at one moment."""

    index: int
    name: str
    uuid: str
    vram_total_gb: float
    """In units of 2**30 bytes."""
    vram_free_gb: float
    """In units of 2**30 bytes; free of every process on the machine."""


@dataclass(frozen=True)
class GpuReading:
    """What could be read, and why not all of it."""

    gpus: tuple[Gpu, ...]
    problem: str | None = None
    """One line; ``None`` if everything was read."""


def read_gpus(nvml: Any = None) -> GpuReading:  # noqa: ANN401 - a module
    """Ask the driver once. Takes some milliseconds, or a second if the driver must wake up first.

    Args:
        nvml: A module with the functions of ``pynvml``, which is imported if it is not given.
    """
    if nvml is None:
        try:
            nvml = importlib.import_module("pynvml")
        except ImportError as error:
            return GpuReading((), f"the library nvidia-ml-py is not installed: {error}")
    try:
        nvml.nvmlInit()
    except (nvml.NVMLError, OSError) as error:
        return GpuReading((), f"no NVIDIA driver answers: {error}")
    try:
        return _read_all(nvml)
    except nvml.NVMLError as error:
        return GpuReading((), f"the NVIDIA driver does not tell its GPUs: {error}")
    finally:
        _shut_down(nvml)


class FreeMemory:
    """What one card has free, asked of the driver again and again.

    Each question has a thread of its own, because a driver that hangs must hold up no heartbeat.

    Args:
        index: The card's.
        tell: Called with what is free, in units of 2**30 bytes; with ``None`` while nobody knows.
        read: What asks the driver.
    """

    def __init__(
        self,
        index: int,
        tell: Callable[[float | None], None],
        read: Callable[[], GpuReading] = read_gpus,
    ) -> None:
        self._index = index
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
            gpus = self._read().gpus
        finally:
            self._asking = False
        free_gb = next((one.vram_free_gb for one in gpus if one.index == self._index), None)
        self._tell(None if free_gb is None else round(free_gb, 1))


def _read_all(nvml: Any) -> GpuReading:  # noqa: ANN401 - a module
    gpus: list[Gpu] = []
    problems: list[str] = []
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            gpus.append(_read_one(nvml, index))
        except nvml.NVMLError as error:  # fallen off the bus: the others still work
            problems.append(f"GPU {index} cannot be read: {error}")
    return GpuReading(tuple(gpus), "; ".join(problems) or None)


def _read_one(nvml: Any, index: int) -> Gpu:  # noqa: ANN401 - a module
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(
        index=index,
        name=_text(nvml.nvmlDeviceGetName(handle)),
        uuid=_text(nvml.nvmlDeviceGetUUID(handle)),
        vram_total_gb=memory.total / GB,
        vram_free_gb=memory.free / GB,
    )


def _text(value: str | bytes) -> str:
    """Older versions of the library answer in bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _shut_down(nvml: Any) -> None:  # noqa: ANN401 - a module
    try:
        nvml.nvmlShutdown()
    except nvml.NVMLError:
        return  # the reading is done; a driver that cannot count its users harms nobody here
