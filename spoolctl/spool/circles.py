"""Circles: jobs in ``waiting/`` that wait for each other, so that none could ever run.

A sweep looks at each waiting record anyway, and notes here for which job it waits. Where that leads back to where it began, every record of
the circle is pinned and read again: what is pinned never changes, and nobody runs a job whose need is open, so the circle stands
for ever. The first of its jobs by name fails then; the others go on as their own needs say.

Guarantees: nothing is concluded from a record that was not found; a circle that a person broke before its records were pinned is none.
Does not guarantee to find one that passes through ``held/``, or through a job that waits for something else first.
"""

from spoolctl.spool.actor import Actor
from spoolctl.spool.admission import Admission, Admitted
from spoolctl.spool.layout import Location
from spoolctl.spool.pin import pin
from spoolctl.spool.promote import Held, Needs, held_back

JOBS_MAX = 100
"""A longer circle is not looked for."""
_REMEMBERED_MAX = 20_000


class Circles:
    """What one sweeper remembers of who waits for whom: only a hint, by which it looks."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._waits: dict[str, tuple[Location, str]] = {}

    def note(self, location: Location, held: Held) -> None:
        """Remember for which job the record at *location* waits, or that it waits for none."""
        if held.needs is not Needs.OPEN:
            self._waits.pop(location.name, None)
            return
        if len(self._waits) >= _REMEMBERED_MAX:
            self._waits.clear()  # only delays
        self._waits[location.name] = (location, held.need)

    def around(self, actor: Actor, name: str) -> tuple[str, ...]:
        """The circle in which the job waits, if it is the one to fail for it; empty if it waits in none.

        Raises:
            OSError, BadRecord: As for ``held_back``.
        """
        way = [name]
        while (noted := self._waits.get(way[-1])) is not None and len(way) <= JOBS_MAX:
            if noted[1] == name:
                stands = name == min(way) and all(self._stands(actor, one) for one in way)
                return tuple(way) if stands else ()
            if noted[1] in way:
                return ()  # it waits for a circle, and is not in it
            way.append(noted[1])
        return ()

    def _stands(self, actor: Actor, name: str) -> bool:
        """True if the job's pinned record says that it waits for the one that was noted."""
        location, need = self._waits[name]
        admitted = self._admission.admit(actor, location)
        if not isinstance(admitted, Admitted):
            return False
        decided = pin(actor, location, admitted.data)
        if decided is None or not decided.may_run:
            return False
        held = held_back(actor, admitted.job, decided)
        return held.needs is Needs.OPEN and held.need == need
