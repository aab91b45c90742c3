"""The real programs in the simulated world: ``spoolworker``'s agent with its pulse and execution, and the controller.

Only what lies outside of the product is replaced: threads and time, the share's operating system, the GPU and its driver, the check of
an image's pixels, locks (none: no correctness rests on one) and change notification (it wakes early only).
"""

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

import spoolctl.controller.run
import spoolctl.controller.scanner
import spoolctl.spool.layout
import spoolctl.spool.looking
import spoolctl.spool.memory_tree
import spoolctl.spool.names
import spoolctl.spool.native
import spoolctl.spool.ownership
import spoolworker.agent
import spoolworker.ahead
import spoolworker.concluding
import spoolworker.execution
import spoolworker.insisting
import spoolworker.pulse
import spoolworker.readiness
import spoolworker.succession
import tests.hostile.client
from spoolctl.spool import (
    Actor,
    BackendUsed,
    Claim,
    Code,
    Heartbeat,
    NameWatch,
    Stage,
    Vacancy,
    layout,
    refuse_holder,
)
from spoolworker.agent import Agent
from spoolworker.backends.base import Abilities, BackendError, Interrupted, Made, Order, Product
from spoolworker.backends.base import Watch as RealWatch
from spoolworker.config import Config
from spoolworker.execution import Execution
from spoolworker.gpus import GpuReading
from spoolworker.stopping import Stopping
from tests.sim.threads import Event, Threading
from tests.sim.time import Time
from tests.spool.fault_loop import speed_up
from tests.spool.spool_world import Run

if TYPE_CHECKING:
    from tests.sim.simulation import Simulation

_parts_of = functools.lru_cache(maxsize=20_000)(spoolctl.spool.native.parts_of)
_parse_file_name = functools.lru_cache(maxsize=20_000)(spoolctl.spool.names.parse_file_name)
MEMORY = Path("/dev/shm")
TICK_S = 1.0
"""How often the agent looks at its backend; it is 0.05 s, which only costs steps here."""
LOOK_S = 5.0
FULL_COMPILE_S = 900.0
_FAILURES = (
    Code.OUTPUT_CORRUPT,
    Code.OUTPUT_CORRUPT,
    Code.BACKEND_REJECTED,
    Code.BACKEND_UNREACHABLE,
    Code.OUT_OF_HOST_MEMORY,
    Code.MODEL_MISSING,
    Code.SCRATCH_FULL,
    Code.BAD_JOB,
)


class Backend:
    """A backend that takes virtual minutes and makes small files; now and then it fails, sticks, or does not stop."""

    name = "simulated"

    def __init__(self, world: "Simulation", draw: Random) -> None:
        self._world, self._time, self._plan, self._draw = world, world.time, world.plan, draw
        self.claim: Claim | None = None

    def misfits(self, _stages: Sequence[Stage]) -> tuple[str, ...]:
        return ()

    def probe(self) -> Abilities:
        if not self._world.healed and self._draw.random() < self._plan.failing / 4:
            raise BackendError(Code.BACKEND_UNREACHABLE, "nobody answers")
        return Abilities(self.name, "1", ("txt2img",), None)

    def run(self, order: Order, watch: RealWatch) -> Product:
        claim = self.claim
        assert claim is not None
        self._world.world.runs.append(Run(claim.name, claim.number, claim.data))
        fails = not self._world.healed and self._draw.random() < self._plan.failing
        how = self._draw.random() if fails else 1.0
        self._work(watch, sticks=how < 0.15, stops=how > 0.05)
        if how < 0.25:
            raise RuntimeError("a fault that nobody foresaw")
        if how < 1.0:
            raise BackendError(self._draw.choice(_FAILURES), "as drawn")
        return self._product(order)

    def _work(self, watch: RealWatch, *, sticks: bool, stops: bool) -> None:
        begun, takes_s = self._time.now, self._draw.uniform(0.5, 2.0) * self._plan.run_s
        takes_s = 1000.0 if sticks else takes_s
        while self._time.now < begun + takes_s:
            step_s = min(takes_s / 3, begun + takes_s - self._time.now)
            if watch.interrupted.wait(step_s) and stops:
                raise Interrupted
            if watch.interrupted.is_set():
                self._time.sleep(100.0)
                raise Interrupted
            if not sticks:
                watch.on_progress((self._time.now - begun) / takes_s, "txt2img")

    def _product(self, order: Order) -> Product:
        made = []
        for index in range(self._draw.choice((1, 1, 2))):
            path = order.scratch / layout.output_name(index, 1, "txt2img")
            path.write_bytes(f"\x89PNG {self._draw.random()}".encode())
            made.append(Made(path, "txt2img", index, True, 16, 16, 7, 7))
        return Product(tuple(made), (), BackendUsed(name=self.name), log_tail="done")


class _Held:
    def release(self) -> None:
        pass


def hold_name(actor: Actor, _root: Path, stopping: Stopping) -> _Held | None:
    """As ``spoolworker.naming.hold_name`` where locks tell nothing."""
    watch = NameWatch(actor)
    while (found := watch.holder()) is Vacancy.UNKNOWN:
        if stopping.wake.wait(actor.settings.heartbeat_s / 4):
            return None
    if isinstance(found, Heartbeat):
        raise refuse_holder(actor.name, found)
    return _Held()


class _Wake:
    def __init__(self, *_: object) -> None:
        pass

    def stop(self) -> None:
        pass


class _SimExecution(Execution):
    def __init__(self, actor: Actor, claim: Claim, *, backend: Any, **kwargs: Any) -> None:
        super().__init__(actor, claim, backend=backend, **kwargs)
        self._simulated = backend

    def work(self, *args: Any) -> bool:
        self._simulated.claim = self.claim
        return super().work(*args)


def _remember(patch: pytest.MonkeyPatch) -> None:
    """What is asked for the same again and again is worked out once: these are pure. And no disk for what lives a second."""
    speed_up(patch)
    for module in (spoolctl.spool.memory_tree, tests.hostile.client):
        patch.setattr(module, "parts_of", _parts_of)
    for module in (spoolctl.spool.looking, spoolctl.spool.ownership, spoolctl.spool.layout):
        patch.setattr(module, "parse_file_name", _parse_file_name)
    if MEMORY.is_dir():
        patch.setattr(tempfile, "tempdir", str(MEMORY))


@contextlib.contextmanager
def installed(time: Time, opened: dict[str, Any]) -> Iterator[None]:
    """While a world runs, the programs' threads are its tasks. ``opened`` holds what the next program is to get instead of a real one."""
    threads = Threading(time)

    def watch(**kwargs: Any) -> RealWatch:
        return RealWatch(interrupted=Event(time), **kwargs)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        _remember(patch)
        threaded = (
            spoolworker.pulse,
            spoolworker.execution,
            spoolworker.ahead,
            spoolworker.succession,
        )
        for module in threaded:
            patch.setattr(module, "threading", threads)
        patch.setattr(spoolworker.execution, "Watch", watch)
        patch.setattr(spoolworker.concluding, "check", lambda *_, **__: None)
        for module in (spoolworker.execution, spoolworker.insisting):
            patch.setattr(module, "_TICK_S", TICK_S)
        patch.setattr(spoolworker.pulse, "LOOK_S", LOOK_S)
        agent = spoolworker.agent
        patch.setattr(agent, "Execution", _SimExecution)
        patch.setattr(agent, "hold_name", hold_name)
        patch.setattr(agent, "Wake", _Wake)
        patch.setattr(spoolworker.readiness, "read_gpus", lambda: GpuReading(()))
        patch.setattr(agent, "open_spool", lambda *_, **__: opened["actor"])
        patch.setattr(agent, "open_backend", lambda *_, **__: opened["backend"])
        patch.setattr(spoolctl.controller.run, "open_spool", lambda *_, **__: opened["actor"])
        patch.setattr(spoolctl.controller.run, "default_path", lambda _spool_id: opened["index"])
        patch.setattr(spoolctl.controller.scanner, "FULL_COMPILE_S", FULL_COMPILE_S)
        yield


def worker(
    time: Time, opened: dict[str, Any], actor: Actor, backend: Backend, local: Path
) -> tuple[Agent, Stopping]:
    """One life of a worker."""
    opened["actor"], opened["backend"] = actor, backend
    stopping = Stopping(*(Event(time) for _ in range(3)))  # type: ignore[arg-type]
    config = Config(
        spool=Path("share"), name=actor.name, backend=backend.name, scratch=local,
        log_folder=local, interrupt_wait_s=20.0,
    )  # fmt: skip
    shutil.rmtree(local / f"attempts-{actor.name}", ignore_errors=True)
    return Agent(config, stopping, actor.log), stopping


def controller(
    opened: dict[str, Any], actor: Actor, local: Path
) -> spoolctl.controller.run.Controller:
    """One life of a controller that believes to be the only one.

    Its index is its machine's, in *local*: all worlds are of one spool's id, and one that found another's index remembered what had been
    shown there.
    """
    opened["actor"], opened["index"] = actor, local / "index.sqlite"
    return spoolctl.controller.run.Controller(Path("share"), actor.log, use_lock=False)
