"""Patience: how often, and for how long, a command looks again at a record that moves while it looks.

Guarantees: the first look again comes at once, for whoever was merely overtaken; the last one so late that no client answers it from
a listing of the time of the first (Windows keeps one for 10 s, Linux over SMB for 1 to 4 s, measured). Does not guarantee that
the record stands still then: whoever asked is told to ask again.
"""

from collections.abc import Iterator

from spoolctl.spool.actor import Actor

PAUSES_S = (0.0, 0.1, 0.2, 0.4, 0.8, 1.5, 2.0, 3.0, 3.0)
"""Between two looks."""


def looks(actor: Actor) -> Iterator[int]:
    """Count the looks from 0, with a pause before each but the first."""
    yield 0
    for number, pause_s in enumerate(PAUSES_S, 1):
        actor.pause(pause_s)
        yield number
