"""Two actors at once: at each operation of the one's step the other does its whole step, and nothing is lost or doubled."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spoolctl.spool import SpoolError
from spoolctl.spool.actor import Actor
from tests.spool.fault_loop import NO_ANSWER, STEP_OPERATIONS_MAX
from tests.spool.spool_world import World


@dataclass
class Meeting:
    """A world in which ``first`` (by *actor*) is about to be done, and ``second`` falls in its way.

    ``ended`` checks the end by what both were told; ``NO_ANSWER`` for one that raised.
    """

    world: World
    actor: Actor
    first: Callable[[], Any]
    second: Callable[[], Any]
    ended: Callable[[Any, Any], None] = lambda _first, _second: None


def meet_everywhere(build: Callable[[], Meeting]) -> int:
    """Let them meet before operation 0, 1, 2, ... of the first; how many meetings there were."""
    for number in itertools.count():
        assert number < STEP_OPERATIONS_MAX, "the step never ends"
        story = f"meeting before operation {number}"
        try:
            where = _meet(build(), number)
        except Exception as error:
            error.add_note(story)
            raise
        if where is None:
            return number
    raise AssertionError


def _meet(meeting: Meeting, number: int) -> Any:
    world, files = meeting.world, meeting.actor.files
    at = files.operations + number
    answers: list[Any] = []

    def intrude(_operation: str, _path: str) -> None:
        if files.operations == at + 1 and not answers:
            answers.append(_asked(meeting.second))
            world.check()

    files.on_operation = intrude
    first = _asked(meeting.first)
    files.on_operation = None
    if not answers:
        return None
    where = files.trace[at]
    try:
        world.check()
        world.recover()
        world.check_ended()
        meeting.ended(first, answers[0])
    except AssertionError as error:
        error.add_note(f"there: {where}; answers: {first}, {answers[0]}")
        raise
    return where


def _asked(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except (OSError, SpoolError):
        return NO_ANSWER
