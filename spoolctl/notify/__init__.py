"""Telling people: what is news of a spool, to whom it goes, and that it arrives; per group and never per job.

``seeing`` and ``news`` are pure: what is seen becomes messages. ``watch`` looks for a controller, ``sending`` brings messages to people
through apprise, ``config`` reads where they are.
"""

from spoolctl.notify.config import ENV_FILE, Config, config_file, others_may_read, read_config
from spoolctl.notify.sending import Address, addresses_of, send
from spoolctl.notify.watch import Watch, watch_of

__all__ = [
    "ENV_FILE",
    "Address",
    "Config",
    "Watch",
    "addresses_of",
    "config_file",
    "others_may_read",
    "read_config",
    "send",
    "watch_of",
]
