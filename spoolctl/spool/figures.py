"""Reading the figures: what the controller has learned of how long work takes.

Guarantees: never raises for what lies there; whoever estimates goes on by the formula.
"""

import json

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import SpoolError
from spoolctl.spool.records import Figures


def read_figures(actor: Actor) -> Figures | None:
    """The figures; ``None`` if there are none yet, or none that can be read, which is logged."""
    entry = layout.FIGURES.rpartition("/")[2]
    try:
        if entry not in actor.files.names(layout.HISTORY):
            return None
        data = actor.files.read(layout.FIGURES, bytes_max=Figures.bytes_max)
        told = json.loads(
            data
        )  # what its only writer writes; YAML's reader takes a hundred times as long
        return codec.from_mapping(Figures, told if isinstance(told, dict) else {})
    except (OSError, ValueError, RecursionError, SpoolError) as error:
        actor.log("figures.unreadable", path=layout.FIGURES, error=str(error))
        return None
