"""Faults of the product that the simulation found and that are not mended yet: each switch keeps one from hiding the next.

A switch is taken out with the fault. Nothing is checked less by it: people in the simulated world do by hand what the
command should have done.
"""

RELEASE_OF_UNMARKED = True
"""``release`` of a held file that does not prove itself whole (YAML without an end mark, or broken) says "growing" for ever."""
CANCEL_OF_WAITING_RETRY = True
"""``cancel`` of a job that was retried and waits for its needs answers by its former verdict ("done", or
"failed already"), and the job stays in ``waiting/``, to run later."""
TAKE_BACK_OF_ANOTHER = True
"""An owner whose listing of its session's folder is blind takes a file of its job's name, but of other bytes, from a queue or ``held/``
for its own record, and replaces that by it; the attempt then fails as *record_changed*, final, whatever it made."""
