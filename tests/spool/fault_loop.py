"""The loop that lets one step fail at each of its operations, in each way, and looks at what is left.

``fail_everywhere`` takes a function that builds a ``Scene``: a prepared world, and a step about to be done through a view of its
own. Whatever happens to the step, the invariants hold at once; fresh actors bring every job to rest; and what the step
told its caller is true. An ``OSError`` or ``SpoolError`` is an honest answer; anything else that a step raises is a fault.
"""

import functools
import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from spoolctl.spool import SpoolError, codec
from spoolctl.spool.actor import Actor
from spoolctl.spool.memory import Crashed, Fault
from tests.spool.spool_world import World

STEP_OPERATIONS_MAX = 1000
NO_ANSWER = object()
"""The step raised, or its actor died."""

ONCE_AND_ONWARD = [
    (Fault.BEFORE, False),
    (Fault.BEFORE, True),
    (Fault.LOST_REPLY, False),
    (Fault.LOST_REPLY, True),
    (Fault.LOST_REPLY_EXISTS, False),
    (Fault.FULL, False),
    (Fault.FULL, True),
    (Fault.CRASH, False),
    (Fault.CRASH_AFTER, False),
    (Fault.TORN, False),
]


LOOKS = frozenset({"names", "read", "stat", "digest", "fetch"})
_MOVES = frozenset({"rename", "unlink", "rmdir"})
_SAME: dict[Fault, frozenset[str]] = {
    Fault.BEFORE: frozenset(),
    Fault.CRASH: frozenset(),
    Fault.LOST_REPLY: LOOKS,  # as BEFORE
    Fault.LOST_REPLY_EXISTS: LOOKS,
    Fault.FULL: LOOKS | _MOVES,  # as if nothing had happened
    Fault.CRASH_AFTER: LOOKS,  # as CRASH
    Fault.TORN: LOOKS | _MOVES | {"mkdir", "link"},
}


_kept: dict[object, World] | None = None


def speed_up(monkeypatch: Any) -> None:
    """For the length of one test read the same bytes once only, and prepare the same world once only."""
    for reader in ("decode", "decode_mapping"):
        remembered = functools.lru_cache(maxsize=10_000)(getattr(codec, reader))
        monkeypatch.setattr(codec, reader, remembered)
    monkeypatch.setitem(globals(), "_kept", {})


def prepared(build: Callable[..., World]) -> Callable[..., World]:
    """Give a copy of the world that *build* makes, rather than make it again."""

    @functools.wraps(build)
    def copy(*args: Any, **kwargs: Any) -> World:
        if _kept is None:
            return build(*args, **kwargs)
        key = (build.__name__, repr(args), repr(kwargs))
        if key not in _kept:
            _kept[key] = build(*args, **kwargs)
        return _kept[key].copy()

    return copy


def _nothing(_answer: Any) -> None:
    pass


@dataclass
class Scene:
    """A world in which one step is about to be done.

    ``told`` checks what the step told its caller right after it returned, and may go on from there. ``ended`` checks
    the end, with ``NO_ANSWER`` if the step gave none. ``again``: the step is one that its caller asks for again.
    """

    world: World
    actor: Actor
    act: Callable[[], Any]
    told: Callable[[Any], None] = _nothing
    ended: Callable[[Any], None] = _nothing
    again: bool = False

    @property
    def files(self) -> Any:
        return self.actor.files


class How(Enum):
    """How the step came out, and how the world goes on from there."""

    ANSWERED = "answered"
    RAISED = "raised"
    CRASHED = "crashed"


def fail_everywhere(build: Callable[[], Scene], faults: Any = ONCE_AND_ONWARD) -> int:
    """Let the step fail at operation 0, 1, 2, ... until it ends before the fault; how many cases there were.

    Left out is what is the same as another case: for an operation that changes nothing a lost reply is no reply.
    """
    seen: set[object] = set()
    cases = 0
    plain = build()
    start = plain.files.operations
    plain.told(plain.act())
    operations = [operation for operation, *_ in plain.files.trace[start:]]
    for fault, onward in faults:
        for number in itertools.count():
            assert number < STEP_OPERATIONS_MAX, "the step never ends"
            if not onward and number < len(operations) and operations[number] in _SAME[fault]:
                continue
            case = _Case(build, fault, onward, number)
            try:
                reached = case.play(seen)
            except Exception as error:
                error.add_note(case.story)
                raise
            if not reached:
                break
            cases += 1
    return cases


class _Case:
    def __init__(self, build: Callable[[], Scene], fault: Fault, onward: bool, number: int) -> None:
        self._build, self._fault, self._onward, self._number = build, fault, onward, number
        self.story = f"fault: {fault.value}{' onward' if onward else ''} at operation {number}"

    def play(self, seen: set[object]) -> bool:
        """One fault with all that may follow; False if the step ended before it."""
        scene, how, answer, reached = self._step()
        if not reached:
            return False
        scene.world.check()
        key = _key(scene, how, answer)
        if how is How.ANSWERED:
            scene.files.heal()
            scene.told(answer)
        if key in seen:
            return True
        seen.add(key)
        self._recover(scene, answer, machine="host-z")
        if how is How.CRASHED:
            scene, _, answer, _ = self._step()
            scene.world.dead.add(scene.actor.host.pid)
            self._recover(scene, answer, machine="host-a")
        if how is How.RAISED and scene.again:
            self._ask_again()
        return True

    def _step(self) -> tuple[Scene, How, Any, bool]:
        scene = self._build()
        at = scene.files.operations + self._number
        scene.files.fail(at, self._fault, onward=self._onward)
        answer: Any = NO_ANSWER
        how = How.CRASHED
        try:
            answer = scene.act()
            how = How.ANSWERED
        except Crashed:
            pass
        except (OSError, SpoolError):
            how = How.RAISED
        reached = scene.files.operations > at
        where = scene.files.trace[at] if reached else "never reached"
        self.story += f" {where}: {how.value}" if "operation" in self.story[-16:] else ""
        return scene, how, answer, reached

    def _recover(self, scene: Scene, answer: Any, *, machine: str) -> None:
        scene.world.recover(machine=machine)
        scene.world.check_ended()
        scene.ended(answer)

    def _ask_again(self) -> None:
        scene, _, answer, _ = self._step()
        scene.files.heal()
        try:
            answer = scene.act()
        except (OSError, SpoolError):
            answer = NO_ANSWER
        else:
            scene.told(answer)
        scene.world.check()
        self._recover(scene, answer, machine="host-z")


def _key(scene: Scene, how: How, answer: Any) -> object:
    """Alike for two cases whose recovery would be the same."""
    tree = repr(tuple(scene.world.share.tree().items()))
    told = answer.name if isinstance(answer, Enum) else type(answer).__name__
    return (hashlib.sha256(tree.encode()).hexdigest(), how, told)


def rests(world: World, name: str, *states: str, commits: int | None = None) -> None:
    """The job came to rest in one of *states*, committed once if that is ``done``."""
    state = world.state(name).split("/")[0]
    assert state in states, f"I5: {name} rests in {state}, not in {states}: {world.verdicts(name)}"
    committed = world.verdicts(name).count("succeeded")
    wanted = commits if commits is not None else int(state == "done")
    assert committed == wanted, f"I3: {name} is committed {committed} times"
    assert len(world.corpus(name)) == committed, f"I10: {name} in the corpus"
