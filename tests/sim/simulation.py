"""One seed's world from its beginning to its end: first anything may fail, then all heals, and everything must come to rest.

Guarantees: safety is checked at each change of the tree (``Witness``), also while everything fails; after healing each job rests within
``Plan.bound_s``, the corpus holds what was committed, and ``spoolctl fsck`` finds no damage.
"""

import contextlib
import tempfile
import time as real_time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from spoolctl.spool import Actor, SpoolError, shards
from spoolctl.spool.files import ShareFiles
from spoolctl.spool.life import new_session
from spoolctl.spool.memory import MemoryFiles
from tests.hostile.client import Server
from tests.sim.ending import check_by_fsck
from tests.sim.machines import Machine, Process
from tests.sim.network import Network
from tests.sim.people import Desk, Gui, Hands
from tests.sim.plan import MOUNTS, Plan, plan_of, settings_of
from tests.sim.programs import installed
from tests.sim.services import Service
from tests.sim.time import Task, Time
from tests.sim.trace import Trace
from tests.sim.witness import Hurt, WatchedTree, Witness
from tests.spool.spool_world import START_UTC_S, World

JUDGED_EVERY_S = 20.0
TIDIED_EVERY_S = 60.0
DESK = 99
"""The machine of all people: never cut off, but its requests fail like others'."""


@dataclass
class Result:
    """What a run was, for the sums."""

    seed: int
    digest: str
    virtual_s: float
    healed_s: float
    """How long after healing everything was at rest."""
    bound_s: float
    requests: int
    faults: int
    late: int
    changes: int
    crashes: int
    runs: int
    jobs: int
    cpu_s: float
    events: dict[str, int]


class Broken(AssertionError):
    """A violation, with the seed, the plan and the last part of the trace."""

    def __init__(self, error: BaseException, plan: Plan, trace: Trace) -> None:
        super().__init__(f"seed {plan.seed}: {error}")
        self.told, self.plan, self.trace = str(error), plan, trace


class Simulation:
    """One world."""

    def __init__(self, plan: Plan, *, whole_trace: bool = False) -> None:
        self.plan, self.key = plan, f"spool/{plan.seed}"
        self.time = Time(self.key)
        self.trace = Trace(lambda: self.time.now, whole=whole_trace)
        self.world = World(**settings_of(plan))
        tree = WatchedTree(lambda: START_UTC_S + self.time.now)
        tree.root = self.world.share._tree.root
        self.world.share = MemoryFiles(share=tree)
        self.server = Server(self.world.share)
        self.witness = Witness(self.world, tree, lambda: self.time.now)
        self.network = Network(plan, self.time, self.server, self.trace.request)
        draw = Random(f"{self.key}/machines")
        self.machines = [Machine(self.time, n, draw, plan.skew_s) for n in range(plan.machines)]
        self.desk = Machine(self.time, DESK, draw, plan.skew_s)
        self.submitted: list[str] = []
        self.needs: dict[str, list[str]] = {}
        self.opened: dict[str, Any] = {}
        self.local = Path()
        self.crashes = 0
        self._pid = 100
        self._over = False
        self.services: list[Service] = []
        self.hands = Hands(self, Random(f"{self.key}/hands"))

    @property
    def healed(self) -> bool:
        """True once nothing fails any more."""
        return self.network.healed

    def run(self) -> Result:
        """Live through it all.

        Raises:
            Broken: Something does not hold.
        """
        began = real_time.process_time()
        try:
            with (
                installed(self.time, self.opened),
                mock.patch.object(shards, "SIZES", self.plan.sizes),
                tempfile.TemporaryDirectory(prefix="spool-sim-") as local,
            ):
                self.local = Path(local)
                self._live()
        except Exception as error:
            raise Broken(error, self.plan, self.trace) from error
        return self._result(real_time.process_time() - began)

    def _live(self) -> None:
        plan, time = self.plan, self.time
        time.unforeseen = self._unforeseen
        for number, (place, mount) in enumerate(plan.workers):
            self._serve(f"w{number}", place, mount)
        for number, (place, mount) in enumerate(plan.controllers):
            self._serve(f"controller-{number}", place, mount)
        for service in self.services:
            service.start_in(service.draw.uniform(0.0, 20.0))
        self._people()
        for trouble in plan.troubles:
            time.at(trouble.at_s, lambda trouble=trouble: self._strike(trouble))
        time.at(plan.heal_at_s, self._heal)
        try:
            time.run(plan.heal_at_s + plan.bound_s(), self._is_over)
            if self.witness.hurt is not None:
                raise self.witness.hurt
            if not self._over:
                self._judge_end()
                raise Hurt("liveness: requests that were given up are still under way")
            check_by_fsck(self.honest_actor("person-fsck"), self.world.removed)
        finally:
            for service in self.services:
                service.stop()
            for machine in (*self.machines, self.desk):
                for process in [*machine.processes]:
                    process.kill()

    def _is_over(self) -> bool:
        return self._over or self.witness.hurt is not None

    def _unforeseen(self, task: Task, error: BaseException) -> None:
        self.trace.tell(task.name, f"  !! {error!r}")
        if self.witness.hurt is None:
            self.witness.hurt = Hurt(f"{task.name} raised {type(error).__name__}: {error}")
            self.witness.hurt.__cause__ = error

    # Who takes part

    def _serve(self, name: str, machine: int, mount: str) -> Service:
        place = self.machines[machine % len(self.machines)]
        service = Service(self, name, place, mount, Random(f"{self.key}/{name}"))
        self.services.append(service)
        return service

    def process(self, name: str, machine: Machine, mount: str) -> tuple[Process, Actor]:
        """A new process, with a client of its own."""
        self._pid += 1
        process = Process(self.time, machine, name, self._pid, self.key)
        process.died = lambda: self.world.dead.add(process.pid)
        client = self.network.client(process, MOUNTS[mount], waits=mount in ("nfs", "honest"))
        files = ShareFiles(Path("share"), native=client, sleep=self.time.sleep)
        return process, self._actor(process, name, files)

    def _actor(self, process: Process, name: str, files: Any) -> Actor:
        def log(event: str, **facts: object) -> None:
            self.trace.event(name, event, facts)

        session = new_session(name, clock=process, entropy=process)
        self.witness.sessions[session] = process
        return Actor(
            session=session, name=name, files=files, clock=process, entropy=process,
            host=process.host, settings=self.world.settings, log=log,
            is_alive=lambda pid, _started: pid not in self.world.dead, pause=self.time.sleep,
        )  # fmt: skip

    def honest_actor(self, name: str) -> Actor:
        """Somebody for whom nothing ever fails or takes time."""
        self._pid += 1
        process = Process(self.time, self.desk, name, self._pid, self.key)
        return self._actor(process, name, self.world.share.view())

    def _people(self) -> None:
        plan, draw = self.plan, Random(f"{self.key}/people")
        within_s = plan.heal_at_s
        self._by_somebody("person-a", draw, lambda desk: desk.submit_all(plan.jobs, within_s / 2))
        for _ in range(plan.commands):
            moment = draw.uniform(0.05, 1.0) * within_s
            self.time.at(moment, lambda: self._by_somebody("person-b", draw, Desk.command))
        gui = Gui(self, Random(f"{self.key}/gui"))
        for _ in range(plan.hands):
            self.time.at(draw.uniform(0.05, 1.0) * within_s, self.hands.act)
        program = Process(self.time, self.desk, "gui", 99, self.key)
        for _ in range(plan.dropped):
            moment = draw.uniform(0.0, 0.95) * within_s
            self.time.at(moment, lambda: program.begin("drop", gui.drop))

    def _by_somebody(self, name: str, draw: Random, act: Callable[[Desk], object]) -> None:
        """A command line of its own; now and then somebody kills it half-way."""
        process, actor = self.process(name, self.desk, draw.choice(list(MOUNTS)))
        desk = Desk(self, actor, Random(f"{self.key}/{name}/{process.pid}"))
        process.begin("main", lambda: act(desk))
        if name == "person-b" and not self.healed and draw.random() < 0.15:
            self.time.at(self.time.now + draw.expovariate(4.0), process.kill)

    def never_comes(self, need: str) -> bool:
        """True if no record of that job lies anywhere any more."""
        return not self.witness.places(need)

    # What happens to them

    def _strike(self, trouble: Any) -> None:
        kind, until = trouble.kind, min(self.time.now + trouble.for_s, self.plan.heal_at_s)
        service = self.services[trouble.target % len(self.services)]
        machine = self.machines[trouble.target % len(self.machines)]
        self.trace.tell("trouble", f"  ## {kind} {trouble.target} until {until:.1f}")
        if kind == "crash":
            self.crashes += service.crash()
        elif kind == "freeze" and service.process is not None:
            service.process.frozen_until = max(service.process.frozen_until, until)
        elif kind == "reboot":
            for one in self.services:
                if one.machine is machine:
                    self.crashes += one.crash()
            machine.reboot()
            machine.down_until = until
        elif kind == "cut":
            machine.cut_until = max(machine.cut_until, until)
        elif kind in ("stall", "full", "blind"):
            setattr(self.network, _UNTIL[kind], until)

    def _heal(self) -> None:
        self.trace.tell("trouble", "  ## all heals")
        self.network.healed = True
        if not any(service.name.startswith("controller") for service in self.services):
            self._serve("controller-r", 0, "honest").start_in(1.0)
        for service in self.services:
            service.hurry()
        self._tidy()
        self.time.at(self.time.now + JUDGED_EVERY_S, self._judge)

    def _tidy(self) -> None:
        self._by_somebody("person-z", Random(f"{self.key}/tidy"), Desk.tidy)
        self.time.at(self.time.now + TIDIED_EVERY_S, self._tidy)

    # The end

    def _judge(self) -> None:
        if not self.server.late and not any(
            not path.startswith(("done/", "failed/", "cancelled/"))
            for name in self.witness.jobs
            if name not in self.world.removed
            for path in self.witness.places(name)
        ):
            with contextlib.suppress(AssertionError):
                self._judge_end()
                self._over = True
                return
        self.time.at(self.time.now + JUDGED_EVERY_S, self._judge)

    def _judge_end(self) -> None:
        """Everything rests, and nothing that was ever put into the spool is nowhere."""
        try:
            self.world.check_ended()
        except AssertionError as error:
            raise Hurt(f"liveness, {self.plan.bound_s():.0f} s after healing: {error}") from error
        for name in self.witness.jobs:
            if name not in self.world.removed and not self.witness.places(name):
                raise Hurt(f"I5: {name} lies nowhere")

    def _result(self, cpu_s: float) -> Result:
        return Result(
            seed=self.plan.seed, digest=self.trace.digest, virtual_s=self.time.now,
            healed_s=self.time.now - self.plan.heal_at_s, bound_s=self.plan.bound_s(),
            requests=self.network.requests, faults=self.network.faults, late=self.network.late,
            changes=self.witness.changes, crashes=self.crashes, runs=len(self.world.runs),
            jobs=len(self.witness.jobs), cpu_s=cpu_s, events=dict(self.trace.events),
        )  # fmt: skip


_UNTIL = {"stall": "stalled_until", "full": "full_until", "blind": "blind_until"}


def simulate(seed: int, *, whole_trace: bool = False) -> Result:
    """Run one seed; raises ``Broken``."""
    return Simulation(plan_of(seed), whole_trace=whole_trace).run()


__all__ = ["Broken", "Result", "Simulation", "SpoolError", "simulate"]
