"""When this machine is the spool's: hours, pauses, and not while somebody uses it."""

from spoolworker.availability.config import AvailabilityConfig
from spoolworker.availability.idle import InputSeen, read_input
from spoolworker.availability.in_use import InUse
from spoolworker.availability.local_time import machine_time
from spoolworker.availability.pausing import Pause, PauseFile
from spoolworker.availability.resting import Availability, Rest

__all__ = [
    "Availability", "AvailabilityConfig", "InUse", "InputSeen", "Pause", "PauseFile", "Rest", "machine_time",
    "read_input",
]  # fmt: skip
