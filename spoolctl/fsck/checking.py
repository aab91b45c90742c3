"""Checking a spool as it lies there, live or at rest: two looks, and only what both see is told.

Guarantees: changes nothing (but for a folder in ``locks/`` that comes and goes, by which the share's clock is read); a fault of the tree
is a finding, never an error; what is merely on its way between two steps is counted and is no finding; what one look saw and the
other did not is not told. Does not guarantee that a damage which nothing in the tree shows is found: bytes of outputs are read only
if asked (``deep``), and I6 and I7 are how programs act, not what lies there.
"""

import time
from collections.abc import Callable, Iterator

from spoolctl.fsck.approvals import approvals
from spoolctl.fsck.around import around, in_the_way, inputs, nobody, unseen
from spoolctl.fsck.chain import chain
from spoolctl.fsck.finding import Finding, Report, Severity, in_order
from spoolctl.fsck.ledgers import in_ledgers, ledgers, without_a_job
from spoolctl.fsck.look import Look, jobs, look_around
from spoolctl.fsck.needs import Standing, needs, standing_of
from spoolctl.fsck.outputs import outputs
from spoolctl.fsck.tokens import tokens
from spoolctl.fsck.whereabouts import whereabouts
from spoolctl.spool import Actor

PAUSE_S = 3.0
"""Between two looks: longer than a step takes, shorter than a person's patience."""
_OF_ONE_JOB = (whereabouts, chain, outputs, in_ledgers, in_the_way, approvals)


def check(
    actor: Actor,
    *,
    deep: bool = False,
    pause_s: float = PAUSE_S,
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Check every invariant that a tree can show.

    Args:
        actor: Who looks; only its port ``Files`` and its clocks are used.
        deep: Read every output back and compare its SHA-256; otherwise only its length.
        pause_s: Seconds between the two looks; 0 for a spool at rest.
        sleep: How to pause.

    Returns:
        What was found in both looks. If the first finds nothing, there is no second.
    """
    begun = actor.clock.mono()
    first, look = _look(actor, deep=lambda _path: deep, before=None)
    told = first
    if any(one.severity is not Severity.ON_ITS_WAY for one in first):
        if pause_s > 0:
            sleep(pause_s)
        keys, paths = {one.key for one in first}, {one.path for one in first}
        second, _ = _look(actor, deep=lambda path: deep and path in paths, before=look)
        told = [one for one in second if one.key in keys or one.severity is Severity.ON_ITS_WAY]
    pending = [one for one in told if one.severity is Severity.ON_ITS_WAY]
    found = [one for one in told if one.severity is not Severity.ON_ITS_WAY]
    return Report(
        in_order(found), in_order(pending), look.tally, max(actor.clock.mono() - begun, 0.0)
    )


def _look(
    actor: Actor, *, deep: Callable[[str], bool], before: Look | None
) -> tuple[list[Finding], Look]:
    look = look_around(actor, deep=deep, before=before)
    return list(_findings(look)), look


def _findings(look: Look) -> Iterator[Finding]:
    census: dict[str, Standing] = {}
    found: list[Finding] = []
    for job in jobs(look):
        census[job.name] = standing_of(job)
        for family in _OF_ONE_JOB:
            with look.looking_at(f"results of '{job.name}'"):
                found += family(look, job)
    found += needs(look, census)
    found += tokens(look)
    found += ledgers(look)
    found += without_a_job(look, census)
    found += around(look)
    with look.looking_at("inputs"):
        found += inputs(look, census)
    pending = [one for one in found if one.severity is Severity.ON_ITS_WAY]
    found += nobody(look, census, pending)
    yield from found
    yield from look.reader.unreadable
    yield from unseen(look)
