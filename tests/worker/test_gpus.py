"""Reading the GPUs, with a driver that is played."""

# ruff: noqa: N802 - the names are the library's

import queue
import sys
import threading
from functools import partial
from types import SimpleNamespace

import pytest

from spoolctl.spool import Life, create_spool, open_spool
from spoolworker import readiness
from spoolworker.backends import open_backend
from spoolworker.config import Config
from spoolworker.gpus import FreeMemory, Gpu, GpuReading, read_gpus


class PlayedError(Exception):
    pass


class PlayedNvml:
    """The part of ``pynvml`` that is used; cards are (name, uuid, total, free) or an error."""

    NVMLError = PlayedError

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

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(total=handle[2], free=handle[3])


RTX = ("NVIDIA GeForce RTX 4090", "GPU-1", 24 * 2**30, 6 * 2**30)


def test_each_gpu_is_read_with_its_memory_in_units_of_two_to_the_thirty():
    nvml = PlayedNvml(RTX, ("NVIDIA T4", "GPU-2", 2**34, 2**29))

    reading = read_gpus(nvml)

    assert reading == GpuReading(
        (
            Gpu(0, "NVIDIA GeForce RTX 4090", "GPU-1", 24.0, 6.0),
            Gpu(1, "NVIDIA T4", "GPU-2", 16.0, 0.5),
        )
    )
    assert nvml.open == 0


def test_names_in_bytes_from_an_older_library_become_text():
    reading = read_gpus(PlayedNvml((b"NVIDIA T4", b"GPU-2", 2**34, 2**34)))

    assert (reading.gpus[0].name, reading.gpus[0].uuid) == ("NVIDIA T4", "GPU-2")


def test_a_machine_without_the_library_has_no_gpus_and_says_why(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)

    reading = read_gpus()

    assert reading.gpus == ()
    assert "nvidia-ml-py is not installed" in reading.problem


def test_a_machine_without_the_driver_has_no_gpus_and_says_why():
    reading = read_gpus(PlayedNvml(on_init=PlayedError("NVML Shared Library Not Found")))

    assert reading == GpuReading((), "no NVIDIA driver answers: NVML Shared Library Not Found")


def test_the_real_library_is_asked_when_none_is_given_and_never_raises():
    reading = read_gpus()

    # on a machine with cards there are some; on one without there is a reason
    assert bool(reading.gpus) != (reading.problem is not None)


def test_a_gpu_that_fell_off_the_bus_does_not_hide_the_others():
    nvml = PlayedNvml(PlayedError("GPU is lost"), RTX)

    reading = read_gpus(nvml)

    assert [gpu.index for gpu in reading.gpus] == [1]
    assert reading.problem == "GPU 0 cannot be read: GPU is lost"
    assert nvml.open == 0


def test_a_driver_that_does_not_count_its_gpus_is_a_problem_and_is_let_go():
    nvml = PlayedNvml(RTX)
    nvml.nvmlDeviceGetCount = lambda: (_ for _ in ()).throw(PlayedError("unknown error"))

    reading = read_gpus(nvml)

    assert reading == GpuReading((), "the NVIDIA driver does not tell its GPUs: unknown error")
    assert nvml.open == 0


def test_a_shutdown_that_fails_does_not_spoil_the_reading():
    reading = read_gpus(PlayedNvml(RTX, on_shutdown=PlayedError("uninitialized")))

    assert len(reading.gpus) == 1
    assert reading.problem is None


def test_free_memory_is_that_of_one_card_and_asked_anew_each_time():
    told = queue.Queue()
    readings = iter([read_gpus(PlayedNvml(RTX, RTX)), GpuReading((), "the driver is away")])
    memory = FreeMemory(1, told.put, lambda: next(readings))

    memory.ask()
    assert told.get(timeout=10.0) == 6.0
    memory.ask()
    assert told.get(timeout=10.0) is None


def test_a_driver_that_hangs_holds_up_nobody_and_its_last_word_is_taken_back():
    told, back = queue.Queue(), threading.Event()

    def hangs():
        back.wait(10.0)
        return read_gpus(PlayedNvml(RTX))

    memory = FreeMemory(0, told.put, hangs)
    memory.ask()
    memory.ask()
    assert told.get(timeout=10.0) is None

    back.set()
    assert told.get(timeout=10.0) == 6.0


@pytest.mark.parametrize(("cards", "free_gb"), [((RTX,), 6.0), ((), None)])
def test_a_workers_heartbeats_tell_what_its_card_has_free(tmp_path, monkeypatch, cards, free_gb):
    """No heartbeat ever told it: the field was there, and nobody filled it."""
    told = queue.Queue()
    reading = read_gpus(PlayedNvml(*cards))
    create_spool(tmp_path / "spool")
    monkeypatch.setattr(readiness, "read_gpus", lambda: reading)
    monkeypatch.setattr(readiness, "FreeMemory", partial(FreeMemory, read=lambda: reading))
    config = Config(
        spool=tmp_path / "spool", name="attic", scratch=tmp_path, log_folder=tmp_path / "logs"
    )
    actor = open_spool(config.spool, name="attic")
    life = Life(actor, "worker")
    ready = readiness.Readiness(config, actor, life, open_backend("sketch", {}))
    tell_free = ready._tell_free
    monkeypatch.setattr(ready, "_tell_free", lambda gb: told.put(tell_free(gb)))

    assert ready.answers()
    for _ in cards:
        told.get(timeout=10.0)
    ready.at_beat()
    for _ in cards:
        told.get(timeout=10.0)

    assert life.record().vram_free_gb == free_gb
