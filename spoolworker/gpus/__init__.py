"""The GPUs of this machine: which there are, and what one of them has free."""

from spoolworker.gpus.card import GB, Gpu, GpuReading, memory
from spoolworker.gpus.reading import CardWatch, read_gpus

__all__ = ["GB", "CardWatch", "Gpu", "GpuReading", "memory", "read_gpus"]
