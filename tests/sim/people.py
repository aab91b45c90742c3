"""People and their programs: commands, a file manager's hands, a GUI that writes files by itself. All drawn from the seed."""

import contextlib
from random import Random
from typing import TYPE_CHECKING, Any

from spoolctl.spool import (
    Action,
    Actor,
    SpoolError,
    adopt,
    ask_worker,
    attempt_numbers,
    cancel,
    draft,
    hold,
    layout,
    move_to_class,
    new_names,
    parse_job,
    release,
    resume_worker,
    retry,
    submit,
)
from spoolctl.spool.memory_tree import File
from spoolctl.spool.records import CLASSES
from tests.spool.spool_world import JOB, job_of

if TYPE_CHECKING:
    from tests.sim.simulation import Simulation

BROKEN = (
    b"schema: spool.job/1\nworkload: [",
    b"\x00\x01",
    b"",
    b"schema: spool.job/1\nodd: 1\n...\n",
)


def job_bytes(draw: Random, *, after: list[str]) -> bytes:
    """A record unlike the others; every sixth requires the one token."""
    number = draw.getrandbits(40)
    data = JOB.replace(b"lighthouse", f"lighthouse {number:x}".encode())
    if number % 6 == 0:
        data = data.replace(b"...", b"requires: {tokens: [nas]}\n...")
    return data.replace(b"...", f"after: {after}\n...".encode()) if after else data


class Desk:
    """Somebody at a command line: submits, cancels, retries; each call may fail, which is an answer."""

    def __init__(self, world: "Simulation", actor: Actor, draw: Random) -> None:
        self._world, self._actor, self._draw = world, actor, draw

    def submit_all(self, jobs: int, within_s: float) -> None:
        """Submit that many jobs in groups, in the first part of the time."""
        left = jobs
        while left > 0:
            many = min(left, self._draw.randint(1, 8))
            left -= many
            self._world.time.sleep(self._draw.random() * within_s * many / jobs)
            self._asked("submit", lambda many=many: self._submit(many))

    def _submit(self, many: int) -> None:
        draw, actor = self._draw, self._actor
        names = list(new_names(actor, many, group="g"))
        if many == 1 and draw.random() < 0.5:
            names = [f"job-{draw.randrange(10**6)}"]
        known = [*self._world.submitted]
        drafts = []
        for name in names:
            after = draw.sample(known, min(len(known), 2)) if draw.random() < 0.25 else []
            data = job_bytes(draw, after=after)
            drafts.append(draft(name, data, parse_job(data)))
            if after:
                self._world.needs[name] = after
            known.append(name)
        place = layout.queue(draw.choice(CLASSES)) if draw.random() < 0.85 else layout.HELD
        self._world.submitted.extend(names)  # also if it fails: some may be in
        submit(actor, drafts, place)

    def command(self) -> None:
        """One command of any kind."""
        draw, actor, world = self._draw, self._actor, self._world
        name = draw.choice(world.submitted) if world.submitted else "none"
        worker = f"w{draw.randrange(len(world.plan.workers))}"
        action: Action = draw.choice(("drain", "pause"))
        commands: dict[str, Any] = {
            "cancel": lambda: cancel(actor, name),
            "retry": lambda: retry(actor, name),
            "hold": lambda: hold(actor, name),
            "release": lambda: release(actor, name),
            "move": lambda: move_to_class(actor, name, draw.choice(CLASSES)),
            "adopt": lambda: self._adopt(name),
            action: lambda: ask_worker(actor, worker, action),
            "resume": lambda: resume_worker(actor, worker),
        }
        verb = draw.choice(list(commands))
        self._asked(f"{verb} {name}", commands[verb])

    def _adopt(self, name: str) -> None:
        numbers = attempt_numbers(self._actor, name)
        if numbers:
            adopt(self._actor, name, from_attempt=self._draw.choice(numbers))

    def _asked(self, what: str, ask: Any) -> None:
        self._world.trace.tell("person", f"  ** {what}")
        try:
            answer = ask()
        except (OSError, SpoolError) as error:
            self._world.trace.tell("person", f"  ** {what}: {type(error).__name__} {error}")
            return
        self._world.trace.tell("person", f"  ** {what}: {answer}")

    def tidy(self) -> None:
        """After healing: let go what is held or paused, and cancel what needs a job that a person took away."""
        world, actor = self._world, self._actor
        for number in range(len(world.plan.workers)):
            self._asked(f"resume w{number}", lambda n=number: resume_worker(actor, f"w{n}"))
        for name in world.witness.jobs:
            self._let_go(name)

    def _let_go(self, name: str) -> None:
        world, actor = self._world, self._actor
        for path in world.witness.places(name):
            if path.startswith("held/"):
                self._asked(f"release {name}", lambda: release(actor, name))
        lacking = [need for need in world.needs.get(name, ()) if world.never_comes(need)]
        waits = [p for p in world.witness.places(name) if p.startswith(("waiting/", "queue/"))]
        if lacking and waits:
            self._asked(f"cancel {name}", lambda: cancel(actor, name))


class Hands:
    """Somebody with a file manager; each act is one operation of the server, done at once."""

    def __init__(self, world: "Simulation", draw: Random) -> None:
        self._world, self._draw = world, draw

    def act(self) -> None:
        """One act on one record."""
        world, draw = self._world, self._draw
        paths = [path for name in world.witness.jobs for path in world.witness.places(name)]
        if not paths:
            return
        path = draw.choice(paths)
        state, entry = path.split("/")[0], path.rpartition("/")[2]
        queue = layout.queue(draw.choice(CLASSES)).folder
        if state in ("queue", "waiting", "held"):
            acts = [queue, queue, "held", "cancelled", "rank", "copy", "delete"]
        elif state == "claimed":
            acts = [queue, "cancelled", "copy", "delete", "edit"]
        elif state in ("failed", "cancelled"):
            acts = [queue, "copy"]
        else:
            acts = ["copy"]
        act = draw.choice(acts)
        target = f"{queue if act == 'copy' else act}/{entry}"
        if act == "rank":
            target = f"{path.rpartition('/')[0]}/0+{entry.rpartition('+')[2]}"
        if act == "delete":
            self.delete(path)
        elif act == "edit":
            self.edit(path)
        elif act == "copy":
            self.copy(path, target)
        else:
            self.drag(path, target)

    def delete(self, path: str) -> None:
        """Delete a record; one of two copies is no loss."""
        world = self._world
        world.trace.tell("hands", f"  ** delete {path}")
        with world.witness.a_hand():
            world.server.tree.unlink(path)

    def edit(self, path: str) -> None:
        """Change what a record says; its job's own is put back beside it before it is set aside."""
        world = self._world
        world.trace.tell("hands", f"  ** edit {path}")
        world.world.copied.add(job_of(path.rpartition("/")[2]))
        world.server.tree.file(path).data = job_bytes(self._draw, after=[])

    def copy(self, path: str, target: str) -> None:
        """Copy a record, unless something lies there."""
        world, tree = self._world, self._world.server.tree
        world.trace.tell("hands", f"  ** copy {path} -> {target}")
        world.world.copied.add(job_of(path.rpartition("/")[2]))
        with world.witness.a_hand(), contextlib.suppress(FileExistsError):
            tree.create(target, tree.file(path).data)

    def drag(self, path: str, target: str) -> None:
        """Move a record, unless something lies there; the file manager asks whether to replace it, and is told no."""
        world, tree = self._world, self._world.server.tree
        world.trace.tell("hands", f"  ** drag {path} -> {target}")
        try:
            tree.entry(target)
        except FileNotFoundError:
            with world.witness.a_hand(), contextlib.suppress(FileNotFoundError):
                tree.rename(path, target)  # not there any more: a program was quicker


class Gui:
    """A program that writes job files by itself: at once, or slowly and in pieces; some of them are no jobs."""

    def __init__(self, world: "Simulation", draw: Random) -> None:
        self._world, self._draw = world, draw

    def drop(self) -> None:
        """Write one file, unless one of that name lies there."""
        draw, world = self._draw, self._world
        name = f"gui-{draw.randrange(10**6)}"
        data = job_bytes(draw, after=[])
        kind = draw.random()
        if kind < 0.2:
            data = draw.choice(BROKEN)
        elif kind < 0.3 and world.submitted:
            name = draw.choice(world.submitted)  # a name that was used before
            world.world.copied.add(name)
        folder = draw.choice(("queue", *(place.folder for place in layout.QUEUES)))
        path = f"{folder}/{name}.yaml"
        world.trace.tell("gui", f"  ** drops {path}, {len(data)} bytes")
        at_once = draw.random() < 0.5
        try:
            with world.witness.a_hand():
                world.server.tree.create(path, data if at_once else b"")
        except FileExistsError:
            return
        if not at_once:
            # A beginning that reads as a job and stays the same for settle_s is taken for one; what comes later is an edit.
            world.world.copied.add(name)
            whole = data if draw.random() < 0.5 else data.replace(b"...\n", b"")
            self._grow(world.server.tree.file(path), whole)

    def _grow(self, file: File, data: bytes) -> None:
        """The program holds the file open and writes on, wherever the file is moved meanwhile."""
        for end in sorted(self._draw.randrange(len(data) + 1) for _ in range(3)):
            file.data = data[:end]
            self._world.time.sleep(self._draw.uniform(0.1, 4.0))
        file.data = data


__all__ = ["Desk", "Gui", "Hands"]
