"""What of a configured availability cannot be measured on this machine: told before anybody relies on it."""

import time
from collections.abc import Callable

from spoolworker.availability import idle
from spoolworker.config import Config
from spoolworker.gpus import GpuReading, read_gpus


def unmeasured(
    config: Config,
    *,
    read: Callable[[], GpuReading] = read_gpus,
) -> dict[str, str]:
    """Why a key of ``[availability]`` has no effect here, by that key. Asks the system only for what is configured.

    Args:
        config: The worker's.
        read: Asks the drivers for their cards.
    """
    available = config.availability
    found: dict[str, str] = {}
    if available.others_vram_gb is not None:
        reading = read()
        card = reading.find(config.gpu)
        if card is None:
            found["others_vram_gb"] = reading.problem or f"the driver tells no card {config.gpu}"
        elif card.vram_free_gb is None or card.vram_total_gb is None:
            found["others_vram_gb"] = "the card's driver does not tell what is free"
    if available.input_idle_s is not None and (problem := idle.read_input(time.time()).problem):
        found["input_idle_s"] = problem
    return found
