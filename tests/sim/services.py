"""A service manager: keeps one worker, or one controller, running on its machine, in one process after another."""

from random import Random
from typing import TYPE_CHECKING

from spoolctl.spool import Actor, SpoolError
from tests.sim import programs
from tests.sim.machines import Machine, Process
from tests.sim.threads import Event

if TYPE_CHECKING:
    from tests.sim.simulation import Simulation


class Service:
    """One program that is started anew whenever it ends or dies."""

    def __init__(
        self, world: "Simulation", name: str, machine: Machine, mount: str, draw: Random
    ) -> None:
        self._world, self.name, self.machine, self._mount = world, name, machine, mount
        self.draw = draw
        self.process: Process | None = None
        self._lives = 0
        self._due = 0
        self._stopped = False

    def start_in(self, seconds: float) -> None:
        """Begin the next life after so long, or once the machine is up."""
        time = self._world.time
        self._due += 1
        due = self._due

        def start() -> None:
            if due != self._due or self._stopped:
                return
            if time.now < self.machine.down_until:
                time.at(self.machine.down_until, start)
            else:
                self._start()

        time.at(time.now + seconds, start)

    def hurry(self) -> None:
        """Begin soon, if it does not run."""
        if self.process is None:
            self.start_in(self.draw.uniform(1.0, 10.0))

    def crash(self) -> bool:
        """Die now; True if it lived."""
        if self.process is None:
            return False
        self.process.kill()
        self.process = None
        self.start_in(self._pause_s())
        return True

    def stop(self) -> None:
        """Never start again."""
        self._stopped = True

    def _pause_s(self) -> float:
        if self._world.healed:
            return self.draw.uniform(1.0, 10.0)
        return self.draw.choice((2.0, 20.0, 120.0)) * self.draw.random()

    def _start(self) -> None:
        self._lives += 1
        # A controller's name bears its process id; a worker's stays.
        is_worker = not self.name.startswith("controller")
        name = self.name if is_worker else f"{self.name}-{self._lives}"
        self.process, actor = self._world.process(name, self.machine, self._mount)
        process = self.process

        def live() -> None:
            try:
                told = self._work(actor) if is_worker else self._control(actor)
                self._world.trace.tell(name, f"  ends with {told}")
            except (OSError, SpoolError) as error:
                self._world.trace.tell(name, f"  ends with {type(error).__name__}: {error}")
            self._world.time.at(self._world.time.now, lambda: self._ended(process))

        process.begin("main", live)

    def _ended(self, process: Process) -> None:
        process.kill()
        if self.process is process:
            self.process = None
            self.start_in(self._pause_s())

    def _work(self, actor: Actor) -> int:
        world = self._world
        assert self.process is not None
        backend = programs.Backend(world, self.process.draw)
        agent, _ = programs.worker(
            world.time, world.opened, actor, backend, world.local / self.name
        )
        return agent.run()

    def _control(self, actor: Actor) -> int:
        stop = Event(self._world.time)
        world = self._world
        programs.controller(world.opened, actor, world.local / self.name).run(stop)  # type: ignore[arg-type]
        return 0
