"""Reading the GPUs, with a driver that is played."""

# ruff: noqa: N802 - the names are the library's

import json
import queue
import sys
import threading
from functools import partial
from types import SimpleNamespace

import pytest

from spoolctl.spool import Life, VramSeen, create_spool, open_spool
from spoolworker import cli, readiness
from spoolworker.backends.sketch import Sketch
from spoolworker.config import Config
from spoolworker.gpus import CardWatch, Gpu, GpuReading, read_gpus
from spoolworker.gpus import reading as reading_module
from spoolworker.gpus.nvidia import read_nvidia
from spoolworker.gpus.others import read_registry, read_sysfs

BY_HAND = 60.0
"""Seconds; nothing but a failure takes as long."""


class PlayedError(Exception):
    pass


class PlayedNvml:
    """The part of ``pynvml`` that is used; cards are (name, uuid, total, free) or an error."""

    NVMLError = PlayedError
    NVML_TEMPERATURE_GPU = 0

    def __init__(self, *cards, on_init=None, on_shutdown=None):
        self.cards = cards
        self.on_init = on_init
        self.on_shutdown = on_shutdown
        self.open = 0

    def nvmlInit(self):
        if self.on_init:
            raise self.on_init
        self.open += 1

    def nvmlShutdown(self):
        self.open -= 1
        if self.on_shutdown:
            raise self.on_shutdown

    def nvmlDeviceGetCount(self):
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index):
        if isinstance(self.cards[index], Exception):
            raise self.cards[index]
        return self.cards[index]

    def nvmlDeviceGetName(self, handle):
        return handle[0]

    def nvmlDeviceGetUUID(self, handle):
        return handle[1]

    def nvmlDeviceGetTemperature(self, handle, sensor):
        assert sensor == self.NVML_TEMPERATURE_GPU
        return self._or_unknown(handle, 4)

    def nvmlDeviceGetUtilizationRates(self, handle):
        return SimpleNamespace(gpu=self._or_unknown(handle, 5))

    def _or_unknown(self, handle, which):
        if len(handle) <= which:
            raise PlayedError("Not Supported")
        return handle[which]

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(total=handle[2], free=handle[3])


RTX = ("NVIDIA GeForce RTX 4090", "GPU-1", 24 * 2**30, 6 * 2**30)


def test_each_gpu_is_read_with_its_memory_in_units_of_two_to_the_thirty():
    nvml = PlayedNvml(RTX, ("NVIDIA T4", "GPU-2", 2**34, 2**29))

    reading = read_nvidia(nvml)

    assert reading == GpuReading(
        (
            Gpu(0, "NVIDIA GeForce RTX 4090", "GPU-1", 24.0, 6.0),
            Gpu(1, "NVIDIA T4", "GPU-2", 16.0, 0.5),
        )
    )
    assert nvml.open == 0


def test_names_in_bytes_from_an_older_library_become_text():
    reading = read_nvidia(PlayedNvml((b"NVIDIA T4", b"GPU-2", 2**34, 2**34)))

    assert (reading.gpus[0].name, reading.gpus[0].uuid) == ("NVIDIA T4", "GPU-2")


def test_a_machine_without_the_library_has_no_gpus_and_says_why(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)

    reading = read_nvidia()

    assert reading.gpus == ()
    assert "nvidia-ml-py is not installed" in reading.problem


def test_a_machine_without_the_driver_has_no_gpus_and_says_why():
    reading = read_nvidia(PlayedNvml(on_init=PlayedError("NVML Shared Library Not Found")))

    assert reading == GpuReading((), "no NVIDIA driver answers: NVML Shared Library Not Found")


def test_the_real_library_is_asked_when_none_is_given_and_never_raises():
    reading = read_gpus()

    # on a machine with cards there are some; on one without there is a reason
    assert bool(reading.gpus) != (reading.problem is not None)


def test_a_gpu_that_fell_off_the_bus_does_not_hide_the_others():
    nvml = PlayedNvml(PlayedError("GPU is lost"), RTX)

    reading = read_nvidia(nvml)

    assert [gpu.index for gpu in reading.gpus] == [1]
    assert reading.problem == "GPU 0 cannot be read: GPU is lost"
    assert nvml.open == 0


def test_a_driver_that_does_not_count_its_gpus_is_a_problem_and_is_let_go():
    nvml = PlayedNvml(RTX)
    nvml.nvmlDeviceGetCount = lambda: (_ for _ in ()).throw(PlayedError("unknown error"))

    reading = read_nvidia(nvml)

    assert reading == GpuReading((), "the NVIDIA driver does not tell its GPUs: unknown error")
    assert nvml.open == 0


def test_a_shutdown_that_fails_does_not_spoil_the_reading():
    reading = read_nvidia(PlayedNvml(RTX, on_shutdown=PlayedError("uninitialized")))

    assert len(reading.gpus) == 1
    assert reading.problem is None


def test_temperature_and_use_are_told_where_the_card_knows_them():
    reading = read_nvidia(PlayedNvml((*RTX, 61, 97), RTX))

    known, unknown = reading.gpus
    assert (known.temperature_c, known.utilisation) == (61.0, 0.97)
    assert (unknown.temperature_c, unknown.utilisation) == (None, None)


def test_a_card_is_found_by_its_index_or_by_how_its_uuid_begins():
    reading = read_nvidia(PlayedNvml(RTX, ("NVIDIA T4", "GPU-2ab", 2**34, 2**29)))

    assert reading.find(1) is reading.gpus[1]
    assert reading.find("gpu-2A") is reading.gpus[1]
    assert reading.find("GPU-") is None, "both begin so"
    assert reading.find(2) is None


def card(folder, name, files):
    for path, text in files.items():
        file = folder / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")


def test_an_amd_card_is_read_from_its_drivers_files(tmp_path):
    card(tmp_path, "card1", {
        "device/vendor": "0x1002", "device/device": "0x744c", "device/unique_id": "abcd1234",
        "device/mem_info_vram_total": 24 * 2**30, "device/mem_info_vram_used": 6 * 2**30,
        "device/gpu_busy_percent": 12, "device/hwmon/hwmon3/temp1_input": 54_000,
    })  # fmt: skip
    card(tmp_path, "card1-DP-1", {"status": "connected"})
    card(tmp_path, "renderD128", {"device/vendor": "0x1002"})

    reading = read_sysfs(tmp_path)

    assert reading == GpuReading(
        (Gpu(0, "AMD GPU 744c", "abcd1234", 24.0, 18.0, temperature_c=54.0, utilisation=0.12),)
    )


def test_an_intel_card_is_read_where_its_driver_tells_its_memory_and_graphics_without_any_is_no_card(
    tmp_path,
):
    card(tmp_path, "card0", {"device/vendor": "0x8086", "device/device": "0x3e92"})
    card(tmp_path, "card1", {
        "device/vendor": "0x8086", "device/device": "0x56a0", "device/unique_id": "arc",
        "lmem_total_bytes": 2**34, "lmem_avail_bytes": 2**33,
    })  # fmt: skip
    card(tmp_path, "card2", {"device/vendor": "0x10de", "device/mem_info_vram_total": "1"})

    assert read_sysfs(tmp_path).gpus == (Gpu(0, "Intel GPU 56a0", "arc", 16.0, 8.0),)


@pytest.mark.parametrize("text", ["", "a lot", "-5", "\xff"])
def test_a_drivers_file_that_makes_no_sense_is_as_good_as_none(tmp_path, text):
    card(tmp_path, "card0", {"device/vendor": "0x1002", "device/mem_info_vram_total": text})

    assert read_sysfs(tmp_path) == GpuReading(())


def test_a_machine_without_any_driver_for_graphics_has_no_card(tmp_path):
    assert read_sysfs(tmp_path / "none") == GpuReading(())


def test_windows_tells_other_makers_cards_in_its_registry():
    amd, arc, nvidia = "PCI\\VEN_1002&DEV_744C", "pci\\ven_8086&dev_56a0", "pci\\ven_10de&dev_2684"
    size = "HardwareInformation.qwMemorySize"
    keys = [
        {"DriverDesc": "AMD Radeon RX 7900 XTX", "MatchingDeviceId": amd, size: 24 * 2**30},
        {"DriverDesc": "NVIDIA GeForce RTX 4090", "MatchingDeviceId": nvidia, size: 24 * 2**30},
        {"DriverDesc": "Intel Arc A770", "MatchingDeviceId": arc, size: (2**34).to_bytes(8, "little")},
        {"DriverDesc": "Microsoft Basic Display Adapter"},
    ]  # fmt: skip

    reading = read_registry(lambda: iter(keys))

    assert [(gpu.index, gpu.name, gpu.vram_total_gb, gpu.vram_free_gb) for gpu in reading.gpus] == [
        (0, "AMD Radeon RX 7900 XTX", 24.0, None),
        (1, "Intel Arc A770", 16.0, None),
    ]


def test_a_registry_that_may_not_be_read_is_a_problem():
    def refuse():
        raise PermissionError(13, "access is denied")
        yield

    assert "access is denied" in read_registry(refuse).problem


def test_other_makers_cards_are_counted_behind_nvidias(monkeypatch):
    nvidia = GpuReading((Gpu(0, "RTX", "n", 24.0, 6.0),))
    others = GpuReading((Gpu(0, "AMD", "a", 16.0, 16.0),))
    monkeypatch.setattr(reading_module, "read_nvidia", lambda: nvidia)
    monkeypatch.setattr(reading_module, "read_others", lambda: others)

    assert [(gpu.index, gpu.name) for gpu in read_gpus().gpus] == [(0, "RTX"), (1, "AMD")]


def test_that_there_is_no_nvidia_driver_is_no_problem_beside_an_amd_card(monkeypatch):
    monkeypatch.setattr(reading_module, "read_nvidia", lambda: GpuReading((), "no driver"))
    others = GpuReading((Gpu(0, "AMD", "a", 16.0, 16.0),))
    monkeypatch.setattr(reading_module, "read_others", lambda: others)

    assert read_gpus() == others


def test_a_card_is_asked_anew_each_time():
    told = queue.Queue()
    readings = iter([read_nvidia(PlayedNvml(RTX, RTX)), GpuReading((), "the driver is away")])
    watch = CardWatch(1, told.put, lambda: next(readings))

    watch.ask()
    assert told.get(timeout=BY_HAND).vram_free_gb == 6.0
    watch.ask()
    assert told.get(timeout=BY_HAND) is None


def test_a_driver_that_hangs_holds_up_nobody_and_its_last_word_is_taken_back():
    told, back = queue.Queue(), threading.Event()

    def hangs():
        back.wait(10.0)
        return read_nvidia(PlayedNvml(RTX))

    watch = CardWatch(0, told.put, hangs)
    watch.ask()
    watch.ask()
    assert told.get(timeout=BY_HAND) is None

    back.set()
    assert told.get(timeout=BY_HAND).vram_free_gb == 6.0


class Holding(Sketch):
    """A backend that tells what it holds on the card."""

    def vram_held_gb(self):
        return 15.5

    def release(self):
        return True


@pytest.mark.parametrize(
    ("cards", "told_gb", "seen"),
    [
        ((RTX,), (6.0, 2.5), VramSeen(gpu=RTX[0], total_gb=24.0, free_gb=6.0, others_gb=2.5)),
        ((), (None, None), None),
    ],
)
def test_a_workers_heartbeats_and_verdicts_tell_what_its_card_has_free_and_what_others_hold(
    tmp_path, monkeypatch, cards, told_gb, seen
):
    """No heartbeat ever told it: the field was there, and nobody filled it."""
    told = queue.Queue()
    reading = read_nvidia(PlayedNvml(*cards))
    create_spool(tmp_path / "spool")
    monkeypatch.setattr(readiness, "read_gpus", lambda: reading)
    monkeypatch.setattr(readiness, "CardWatch", partial(CardWatch, read=lambda: reading))
    config = Config(
        spool=tmp_path / "spool", name="attic", scratch=tmp_path, log_folder=tmp_path / "logs"
    )
    actor = open_spool(config.spool, name="attic")
    life = Life(actor, "worker")
    ready = readiness.Readiness(config, actor, life, Holding())
    tell_card = ready._tell_card
    monkeypatch.setattr(ready, "_tell_card", lambda gpu: told.put(tell_card(gpu)))

    assert ready.answers()
    for _ in cards:
        told.get(timeout=BY_HAND)
    ready.at_beat()
    for _ in cards:
        told.get(timeout=BY_HAND)

    beat = life.record()
    assert (beat.vram_free_gb, beat.vram_others_gb) == told_gb
    assert ready.vram == seen


@pytest.mark.parametrize(
    ("total_gb", "free_gb", "seen"),
    [
        (24.0, None, VramSeen(gpu="Arc", total_gb=24.0)),
        (None, 6.04, VramSeen(gpu="Arc", free_gb=6.0)),
        (None, None, None),
    ],
)
def test_a_verdict_tells_of_the_card_what_its_driver_tells(tmp_path, total_gb, free_gb, seen):
    create_spool(tmp_path / "spool")
    config = Config(spool=tmp_path / "spool", name="attic", scratch=tmp_path, log_folder=tmp_path)
    actor = open_spool(config.spool, name="attic")
    ready = readiness.Readiness(config, actor, Life(actor, "worker"), Sketch())

    ready._tell_card(Gpu(0, "Arc", "u", total_gb, free_gb))
    assert ready.vram == seen

    ready._tell_card(None)
    assert ready.vram is None


def test_the_command_lists_the_cards_or_says_that_there_is_none(monkeypatch, capsys):
    monkeypatch.setattr(cli, "read_gpus", lambda: read_nvidia(PlayedNvml((*RTX, 61, 97))))
    cli.print_gpus(as_json=False)
    assert capsys.readouterr().out == (
        "0  NVIDIA GeForce RTX 4090  GPU-1  6.0 of 24.0 GB free, 61 °C, 97% busy\n"
    )

    monkeypatch.setattr(cli, "read_gpus", lambda: GpuReading((), "no NVIDIA driver answers"))
    cli.print_gpus(as_json=False)
    assert capsys.readouterr().out == (
        "no card that a backend could use; 'sketch' needs none\nnote: no NVIDIA driver answers\n"
    )


def test_the_command_tells_a_script_everything(monkeypatch, capsys):
    monkeypatch.setattr(cli, "read_gpus", lambda: read_nvidia(PlayedNvml(RTX)))

    cli.print_gpus(as_json=True)

    told = json.loads(capsys.readouterr().out)
    assert told["problem"] is None
    assert told["gpus"][0]["uuid"] == "GPU-1"
