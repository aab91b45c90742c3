"""NVIDIA's GPUs, asked of the driver through NVML.

Guarantees: ``read_nvidia`` never raises; what it could not read stands in ``GpuReading.problem``.
Does not know which GPU a backend uses. Indexes are NVML's (by PCI bus),
which CUDA shares only under ``CUDA_DEVICE_ORDER=PCI_BUS_ID``; the uuid is the same everywhere.
"""

import importlib
from collections.abc import Callable
from typing import Any

from spoolworker.gpus.card import GB, Gpu, GpuReading


def read_nvidia(nvml: Any = None) -> GpuReading:  # noqa: ANN401 - a module
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
    rates = _told(nvml, lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
    return Gpu(
        index=index,
        name=_text(nvml.nvmlDeviceGetName(handle)),
        uuid=_text(nvml.nvmlDeviceGetUUID(handle)),
        vram_total_gb=memory.total / GB,
        vram_free_gb=memory.free / GB,
        temperature_c=_told(
            nvml, lambda: float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
        ),
        utilisation=None if rates is None else rates.gpu / 100,
    )


def _told(nvml: Any, ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - a module, and what it answers
    """What some cards do not have: a virtual one knows no temperature, which is no fault."""
    try:
        return ask()
    except nvml.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    """Older versions of the library answer in bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _shut_down(nvml: Any) -> None:  # noqa: ANN401 - a module
    try:
        nvml.nvmlShutdown()
    except nvml.NVMLError:
        return  # the reading is done; a driver that cannot count its users harms nobody here
