"""The explorer: runs the real steps of a few actors in every order of their requests, with faults, up to stated bounds.

Stateless search with memory: a schedule is a list of choices; each run plays one from the beginning, on a world built anew, and hands back
the other choices that it met on its way. An actor is a greenlet that stands still at each request. Where share, actors (by all that they
have learnt so far) and budgets are as in an earlier run, the rest is known and the run is given up.

Guarantees: within the bounds every schedule that differs in what anybody could see is run, unless ``Result.is_whole`` says otherwise.
Does not guarantee: anything about what lies beyond the bounds; time passes only while an actor pauses, so that caches grow no older than
the steps themselves wait.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import greenlet

from spoolctl.spool import SpoolError
from spoolctl.spool.memory import Crashed
from tests.explore.choices import END, LATE, Choice, encode
from tests.explore.worlds import Scene, Setting
from tests.hostile.client import Late
from tests.hostile.fates import DIES, Fate, Request, faults_of
from tests.spool.fault_loop import NO_ANSWER

STEPS_MAX = 3000
WAIT = "wait"


@dataclass(frozen=True)
class Bounds:
    """How far to go: ``preemptions`` of an actor that could go on, ``faults``, and schedules in all.

    ``seed``: which schedules come first is drawn, so that a search that is cut short has been everywhere a little; without one the
    latest branches come first.
    """

    preemptions: int
    faults: int = 0
    schedules_max: int = 1_000_000
    seed: int | None = None

    def __str__(self) -> str:
        return f"at most {self.preemptions} preemptions and {self.faults} faults"


@dataclass
class Result:
    """What was explored."""

    schedules: int = 0
    states: int = 0
    ends: int = 0
    is_whole: bool = True
    seconds: float = 0.0
    """Of the processor."""

    def __str__(self) -> str:
        cut = "" if self.is_whole else ", cut short"
        return f"{self.schedules} schedules, {self.states} states, {self.ends} ends, {self.seconds:.1f} s{cut}"


class Failed(AssertionError):
    """An invariant does not hold; says by which schedule, so that it can be played again, and the how many-th it was."""

    schedules = 1

    def __init__(self, error: BaseException, run: "Run") -> None:
        self.schedule = encode(run.choices)
        super().__init__(f"{error}\nschedule: {self.schedule}\n" + "\n".join(run.story))


@dataclass
class _Actor:
    name: str
    thread: Any
    pending: Request | None = None
    learnt: int = 0
    answer: Any = NO_ANSWER
    ended: bool = False


@dataclass
class _Memory:
    """What earlier runs have seen."""

    states: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    checked: set[int] = field(default_factory=set)
    ends: set[int] = field(default_factory=set)

    def knows(self, key: int, left: tuple[int, int]) -> bool:
        """True if this state was met with as much left; else it is met now."""
        met = self.states.setdefault(key, [])
        if any(p >= left[0] and f >= left[1] for p, f in met):
            return True
        met[:] = [m for m in met if not (m[0] <= left[0] and m[1] <= left[1])] + [left]
        return False


class Run:
    """One schedule, from the beginning."""

    def __init__(self, setting: Setting, bounds: Bounds, memory: _Memory) -> None:
        self._bounds, self._memory = bounds, memory
        self.choices: list[Choice] = []
        self.story: list[str] = []
        self.branches: list[list[Choice]] = []
        self._preemptions, self._faults = bounds.preemptions, bounds.faults
        self._main = greenlet.getcurrent()
        self._by_thread: dict[Any, _Actor] = {}
        self._scene: Scene = setting.build(self._decide, self._observe, self._wait)
        self._server = self._scene.server
        self._actors = [self._begin(name, act) for name, act in self._scene.made.acts]
        self._last: int | None = None

    def play(self, prefix: list[Choice], *, known: int = 0) -> bool:
        """Play *prefix*, then the first choice each time; False if it was given up, because the rest is known.

        After the first *known* choices nothing is checked: an earlier run did.
        """
        try:
            return self._play(prefix, known)
        except Exception as error:
            raise Failed(error, self) from error
        finally:
            self._abandon()

    def _play(self, prefix: list[Choice], known: int) -> bool:
        for step in range(STEPS_MAX):
            options = self._options()
            if not options:
                break
            if step < len(prefix):
                choice = prefix[step]
                assert choice in options, f"step {step}: {choice} is no option"
            else:
                if self._memory.knows(self._state(), (self._preemptions, self._faults)):
                    return False
                choice, *others = options
                self.branches += [[*self.choices, other] for other in others]
            self._take(choice)
            if choice == END:
                break
            if step >= known:
                self._check()
        else:
            raise AssertionError("the steps never end")
        self._finish()
        return True

    # Choices

    def _options(self) -> list[Choice]:
        enabled = [i for i, actor in enumerate(self._actors) if not actor.ended]
        late = [Choice(LATE - i) for i in range(len(self._server.late))]
        if not enabled:
            return [END, *late] if late else []
        going = self._last if self._last in enabled else None
        if going is not None and self._is_private(going):
            return self._fates(going)
        if going is not None and self._waits(going) and len(enabled) > 1:
            return [f for i in enabled if i != going for f in self._fates(i)]
        order = enabled if going is None else [going, *(i for i in enabled if i != going)]
        allowed = [i for i in order if i == going or going is None or self._preemptions > 0]
        return [*(fate for i in allowed for fate in self._fates(i)), *late]

    def _is_private(self, index: int) -> bool:
        pending = self._actors[index].pending
        return pending is not None and pending.is_private

    def _waits(self, index: int) -> bool:
        pending = self._actors[index].pending
        return pending is not None and pending.kind == WAIT

    def _fates(self, index: int) -> list[Choice]:
        pending = self._actors[index].pending
        found = [Choice(index)]
        if self._faults > 0 and pending is not None and pending.kind != WAIT:
            found += [Choice(index, fate) for fate in faults_of(pending)]
        return found

    def _take(self, choice: Choice) -> None:
        self.choices.append(choice)
        if choice == END:
            return
        if choice.who <= LATE:
            late: Late = self._server.late[LATE - choice.who]
            self.story.append(f"  late: {late.request}")
            self._server.carry_out(late)
        else:
            self._step(choice)

    def _step(self, choice: Choice) -> None:
        actor = self._actors[choice.who]
        if (
            self._last is not None
            and self._last != choice.who
            and not self._actors[self._last].ended
        ):
            self._preemptions -= not self._waits(self._last)
        self._last = choice.who
        self._faults -= choice.fate is not Fate.DONE
        said = "" if choice.fate is Fate.DONE else f"   !! {choice.fate.value}"
        self.story.append(f"  {actor.name}: {actor.pending}{said}")
        if choice.fate in DIES:
            actor.learnt = hash((actor.learnt, "died"))
        actor.thread.switch(choice.fate)
        if actor.ended:
            self.story.append(f"  {actor.name} ends: {actor.answer}")

    # Actors

    def _begin(self, name: str, act: Callable[[], Any]) -> _Actor:
        def live(_: object = None) -> None:
            try:
                actor.answer = act()
            except (OSError, SpoolError) as error:
                actor.answer = NO_ANSWER
                self.story.append(f"  {name} raises: {type(error).__name__} {error}")
            except Crashed:
                actor.answer = NO_ANSWER
            actor.ended = True

        actor = _Actor(name, greenlet.greenlet(live))
        self._by_thread[actor.thread] = actor
        actor.thread.switch(None)
        return actor

    def _decide(self, request: Request) -> Fate:
        actor = self._by_thread.get(greenlet.getcurrent())
        if actor is None:
            return Fate.DONE
        actor.pending = request
        fate: Fate = self._main.switch()
        actor.pending = None
        return fate

    def _wait(self, _seconds: float) -> None:
        self._decide(Request(WAIT, ""))

    def _observe(self, what: Any) -> None:
        actor = self._by_thread.get(greenlet.getcurrent())
        if actor is not None:
            actor.learnt = hash((actor.learnt, _frozen(what)))

    def _abandon(self) -> None:
        """Let everybody who still stands at a request die there."""
        for actor in self._actors:
            if actor.thread:  # neither at its end, nor dead of what it raised
                actor.thread.throw(Crashed("given up"))

    # What is seen

    def _state(self) -> int:
        return hash(
            (
                self._share(),
                self._scene.world.clock.elapsed_s,
                self._last,
                tuple((a.learnt, a.ended, str(a.pending)) for a in self._actors),
                tuple(str(late.request) for late in self._server.late),
                self._scene.handles(),
            )
        )

    def _share(self) -> int:
        return hash(tuple(self._scene.world.share.tree().items()))

    def _check(self) -> None:
        world = self._scene.world
        key = hash((self._share(), len(world.runs)))
        if key not in self._memory.checked:
            self._memory.checked.add(key)
            world.check()

    def _finish(self) -> None:
        answers = [actor.answer for actor in self._actors]
        late = list(self._server.late)
        told = tuple(_told(answer) for answer in answers)
        died = any(choice.fate in DIES for choice in self.choices)
        key = hash((self._share(), told, died, tuple(str(one.request) for one in late)))
        if key in self._memory.ends:
            return
        self._memory.ends.add(key)
        faultless = self._faults == self._bounds.faults
        self._scene.judge(answers, late, faultless=faultless, died=died)


def _told(answer: Any) -> str:
    return str(getattr(answer, "name", type(answer).__name__))


def _frozen(what: Any) -> Any:
    return tuple(what) if isinstance(what, list) else what


def explore(setting: Setting, bounds: Bounds) -> Result:
    """Run every schedule within *bounds*.

    Raises:
        Failed: An invariant did not hold.
    """
    began = time.process_time()
    memory, result = _Memory(), Result()
    todo: list[list[Choice]] = [[]]
    draw = Random(bounds.seed) if bounds.seed is not None else None
    with setting.prepared():
        while todo:
            if result.schedules >= bounds.schedules_max:
                result.is_whole = False
                break
            run = Run(setting, bounds, memory)
            if draw is not None:
                at = draw.randrange(len(todo))
                todo[at], todo[-1] = todo[-1], todo[at]
            try:
                prefix = todo.pop()
                run.play(prefix, known=len(prefix) - 1)
            except Failed as failed:
                failed.schedules = result.schedules + 1
                raise
            result.schedules += 1
            todo += run.branches
    result.states, result.ends = len(memory.states), len(memory.ends)
    result.seconds = time.process_time() - began
    return result


def replay(setting: Setting, choices: list[Choice]) -> list[str]:
    """Play one schedule and tell its story; raises ``Failed`` as it was found."""
    faults = sum(choice.fate is not Fate.DONE for choice in choices)
    with setting.prepared():
        run = Run(setting, Bounds(len(choices), faults), _Memory())
        run.play(choices)
    return run.story


__all__ = ["Bounds", "Failed", "Result", "explore", "replay"]
