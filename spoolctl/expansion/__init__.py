"""Expansion: a plan becomes jobs, once, before anything is submitted. Imports only the protocol library.

The names in ``__all__`` are what the rest of the project uses.
"""

from spoolctl.expansion.expand import (
    JOBS_MAX,
    Expanded,
    Expansion,
    expand,
    is_plan,
    parse_plan,
)

__all__ = ["JOBS_MAX", "Expanded", "Expansion", "expand", "is_plan", "parse_plan"]
