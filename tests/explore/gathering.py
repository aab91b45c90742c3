"""Two or more actors who are about to act in one world."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.spool.spool_world import World


@dataclass
class Gathering:
    """``acts``: who, and what. ``ended`` checks the end by what each was told, ``holds`` whatever they were told, if nothing failed."""

    world: World
    acts: list[tuple[str, Callable[[], Any]]]
    ended: Callable[..., None] | None = None
    holds: Callable[[], None] | None = None
