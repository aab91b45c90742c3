"""AMD's and Intel's cards, as their drivers tell in files (Linux) or in the registry (Windows).

Linux: ``/sys/class/drm/card<n>/``: ``device/mem_info_vram_total`` and ``_used`` of amdgpu, ``lmem_total_bytes`` and ``lmem_avail_bytes`` of
i915 where it has them, all in bytes; ``device/gpu_busy_percent``; ``device/hwmon/*/temp1_input`` in thousandths of a degree.
Windows: the display class's keys, ``HardwareInformation.qwMemorySize`` (``AdapterRAM`` of WMI ends at 4 GB); what is free is told only by
performance counters, which are not asked. The Windows part has not been seen on a real machine yet.

Guarantees: ``read_others`` never raises. A processor's own graphics, without memory of its own, is no card here.
"""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from spoolworker.gpus.card import GB, Gpu, GpuReading

_SYSFS = Path("/sys/class/drm")
_CARD = re.compile(r"card[0-9]+")
_MAKERS = {"0x1002": "AMD", "0x8086": "Intel"}
_DISPLAY_CLASS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
_NVIDIA = "ven_10de"


def read_others() -> GpuReading:
    """Read every card that is not NVIDIA's; indexes from 0."""
    if sys.platform == "win32":
        return read_registry(_display_keys)
    return read_sysfs(_SYSFS)


def read_sysfs(folder: Path) -> GpuReading:
    """Read what Linux's drivers tell in *folder*."""
    try:
        entries = sorted((e for e in folder.iterdir() if _CARD.fullmatch(e.name)), key=_number)
    except OSError:
        return GpuReading(())  # no driver for graphics at all: a container, a server
    gpus: list[Gpu] = []
    for entry in entries:
        gpu = _card(entry, len(gpus))
        if gpu is not None:
            gpus.append(gpu)
    return GpuReading(tuple(gpus))


def _number(entry: Path) -> int:
    return int(entry.name.removeprefix("card"))


def _card(entry: Path, index: int) -> Gpu | None:
    device = entry / "device"
    maker = _MAKERS.get(_text(device / "vendor") or "")
    if maker is None:
        return None
    total = _whole(device / "mem_info_vram_total")
    used = _whole(device / "mem_info_vram_used")
    free = None if total is None or used is None else total - used
    if total is None:
        total, free = _whole(entry / "lmem_total_bytes"), _whole(entry / "lmem_avail_bytes")
    if total is None:
        return None
    busy = _whole(device / "gpu_busy_percent")
    heat = next((t for path in sorted(device.glob("hwmon/hwmon*/temp1_input"))
                 if (t := _whole(path)) is not None), None)  # fmt: skip
    model = (_text(device / "device") or "").removeprefix("0x")
    return Gpu(
        index=index,
        name=_text(device / "product_name") or f"{maker} GPU {model}".strip(),
        uuid=_text(device / "unique_id") or device.resolve().name,
        vram_total_gb=total / GB,
        vram_free_gb=None if free is None else free / GB,
        temperature_c=None if heat is None else heat / 1000,
        utilisation=None if busy is None else busy / 100,
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip() or None
    except OSError:
        return None  # this driver has no such file


def _whole(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text is not None and text.isdecimal() else None


def read_registry(keys: Callable[[], Iterator[dict[str, Any]]]) -> GpuReading:
    """Read what Windows' drivers tell.

    Args:
        keys: The values of each key of the display class.
    """
    gpus: list[Gpu] = []
    try:
        for values in keys():
            size = values.get("HardwareInformation.qwMemorySize")
            total = int.from_bytes(size, "little") if isinstance(size, bytes) else size
            where = str(values.get("MatchingDeviceId", ""))
            if not isinstance(total, int) or total <= 0 or _NVIDIA in where.lower():
                continue
            name = str(values.get("DriverDesc") or where)
            gpus.append(Gpu(len(gpus), name, f"{where}#{len(gpus)}", total / GB, None))
    except OSError as error:
        return GpuReading(tuple(gpus), f"the registry does not tell the display cards: {error}")
    return GpuReading(tuple(gpus))


def _display_keys() -> Iterator[dict[str, Any]]:
    import winreg  # noqa: PLC0415 - only Windows has it

    api: Any = winreg
    with api.OpenKey(api.HKEY_LOCAL_MACHINE, _DISPLAY_CLASS) as cards:
        for number in range(api.QueryInfoKey(cards)[0]):
            name = api.EnumKey(cards, number)
            if not name.isdecimal():
                continue  # "Properties", which nobody may read
            with api.OpenKey(cards, name) as card:
                values = (api.EnumValue(card, i) for i in range(api.QueryInfoKey(card)[1]))
                yield {key: value for key, value, _ in values}
