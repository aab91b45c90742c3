"""The ``command`` backend: runs programs that this machine's configuration allows by name (the interface is ``base.Backend``).

Guarantees: a job chooses a name and brings data, and nothing else: no text of a record becomes part of a command line or of an
environment; when a run has ended nothing of the program is left. A program that outlived a worker which was killed is ended by that
worker's next life.
"""

import os
import queue
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from spoolctl.spool import (
    BackendUsed,
    Code,
    CommandWorkload,
    Stage,
    StageTiming,
    UsageError,
    stage_of_command,
)
from spoolctl.spool.version import VERSION
from spoolworker.backends.base import (
    NO_SPACE,
    Abilities,
    BackendError,
    Interrupted,
    Order,
    Product,
    Watch,
    filling,
)
from spoolworker.backends.command.codes import code_of
from spoolworker.backends.command.leavings import collect
from spoolworker.backends.command.program import Program
from spoolworker.backends.command.talk import Said, Tail, read_line
from spoolworker.commands import AllowedCommand
from spoolworker.processes import end_tree, remember, remembered

_LOOK_S, _WEIGH_S = 0.2, 1.0
_MIB = 1 << 20
_OWN = "SPOOLWORKER_"
_PYTHON = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
"""Or progress would come when it is too late, and on Windows in some code page."""


class Command:
    """All allowed programs of one worker.

    Args:
        commands: Name to program.
        remember_in: A file of this worker alone, in which it finds after its own death what it had started; ``None``: it does not look.
        clock: Seconds.

    Raises:
        UsageError: None is allowed.
    """

    name = "command"

    def __init__(
        self,
        commands: Mapping[str, AllowedCommand],
        *,
        remember_in: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not commands:
            raise UsageError(
                "backend 'command' runs what the configuration allows, and it allows nothing",
                hint="put a table [commands.NAME] with run = ['program', 'argument'] into the worker's TOML file",
            )
        self._commands = dict(commands)
        self._remember_in = remember_in
        self._clock = clock

    def probe(self) -> Abilities:
        """Which commands are allowed and whose program is there.

        Raises:
            BackendError: Not one program is there.
        """
        self._end_former()
        there = [name for name, one in self._commands.items() if _program(one) is not None]
        if not there:
            wanted = ", ".join(f"'{one.run[0]}'" for one in self._commands.values())
            raise BackendError(Code.BACKEND_UNREACHABLE, f"no allowed program is there: {wanted}")
        return Abilities(
            self.name,
            VERSION,
            tuple(stage_of_command(name) for name in there),
            models=None,
            extensions=tuple(there),
        )

    def misfits(self, stages: Sequence[Stage]) -> tuple[str, ...]:
        """Nothing beyond what its card tells."""
        del stages
        return ()

    def run(self, order: Order, watch: Watch) -> Product:
        """Run the job's command; its outputs are left in scratch.

        Raises:
            BackendError: It failed.
            Interrupted: *watch* says so, and nothing of the program is left.
        """
        self._end_former()
        workload = order.stages[0]
        if not isinstance(workload, CommandWorkload):
            message = f"command runs allowed programs, and no '{workload.stage}'"
            raise BackendError(Code.BACKEND_REJECTED, message)
        allowed = self._commands.get(workload.command)
        if allowed is None:
            message = f"command '{workload.command}' is not allowed on this machine"
            raise BackendError(Code.BACKEND_REJECTED, message)
        try:
            with filling(order.scratch):
                return _Run(workload, allowed, order, watch, self._clock, self._remember).finish()
        finally:
            if self._remember_in is not None:
                self._remember_in.unlink(missing_ok=True)

    def _remember(self, pid: int) -> None:
        if self._remember_in is not None:
            remember(self._remember_in, pid)

    def _end_former(self) -> None:
        """End what this worker started in a life that was cut off; between two runs there is nothing else to be remembered."""
        process = remembered(self._remember_in) if self._remember_in is not None else None
        if process is not None and not end_tree(process):
            message = f"a program of a former life of this worker (pid {process.pid}) does not end"
            raise BackendError(Code.BACKEND_UNREACHABLE, message)


class _Run:
    """One attempt's run."""

    def __init__(  # noqa: PLR0913, PLR0917 - one run's facts, gathered by the only caller
        self,
        workload: CommandWorkload,
        allowed: AllowedCommand,
        order: Order,
        watch: Watch,
        clock: Callable[[], float],
        started: Callable[[int], None],
    ) -> None:
        self._workload = workload
        self._allowed = allowed
        self._order = order
        self._watch = watch
        self._clock = clock
        self._started = started
        self._tail = Tail()
        self._outputs: list[Said] = []
        self._used = BackendUsed(name=Command.name)
        self._said_last = ""
        self._nonsense: BackendError | None = None
        self._told = 0.0
        self._next_weighing = clock()

    def finish(self) -> Product:
        """Run it to its end; errors as for ``Command.run``."""
        outputs = self._order.scratch / "outputs"
        began = self._clock()
        program = self._start(outputs)
        try:
            self._started(program.pid)
            exit_code = self._watch_over(program, began)
        finally:
            while not program.end():
                pass  # what cannot be ended may not be left alone; the agent knows how long it waits
            self._hear(program)
        self._refuse_failure(exit_code)
        try:
            made = collect(
                outputs, self._order.scratch, self._outputs,
                stage=self._workload.stage, kinds=self._allowed.outputs,
            )  # fmt: skip
        except BackendError as error:
            error.log_tail = self._tail.text
            raise
        timing = StageTiming(
            stage=self._workload.stage,
            seconds=self._clock() - began,
            images=sum(one.final for one in made),
        )
        return Product(made, (timing,), self._used, log_tail=self._tail.text)

    def _start(self, outputs: Path) -> Program:
        scratch = self._order.scratch
        record, inputs, folder = scratch / "record.json", scratch / "inputs", scratch / "folder"
        for one in (outputs, inputs, folder):
            one.mkdir()
        for path in self._order.inputs:
            shutil.copyfile(path, inputs / path.name)
        job = self._order.job
        told = job.model_dump_json(by_alias=True, exclude_none=True) if job else "{}"
        record.write_text(told, encoding="utf-8")
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(_OWN)},
            **_PYTHON,
            **self._allowed.variables,
            "SPOOL_RECORD": str(record),
            "SPOOL_INPUTS": str(inputs),
            "SPOOL_OUTPUTS": str(outputs),
            "SPOOL_ATTEMPT": self._order.attempt,
        }
        arguments = [_program(self._allowed) or self._allowed.run[0], *self._allowed.run[1:]]
        try:
            return Program(arguments, self._allowed.folder or folder, environment, record)
        except OSError as error:
            if error.errno in NO_SPACE:
                raise
            message = f"command '{self._workload.command}' cannot be started: {error}"
            raise BackendError(Code.BACKEND_UNREACHABLE, message) from error

    def _watch_over(self, program: Program, began: float) -> int:
        while (exit_code := program.exit_code) is None:
            self._hear(program, wait_s=_LOOK_S)
            if self._watch.interrupted.is_set():
                raise Interrupted
            self._refuse_excess(program, began)
        return exit_code

    def _refuse_excess(self, program: Program, began: float) -> None:
        now, allowed = self._clock(), self._allowed
        if allowed.timeout_s is not None and now - began > allowed.timeout_s:
            message = f"command '{self._workload.command}' may run {allowed.timeout_s:g} s here, and was not done"
            raise BackendError(Code.TIMEOUT, message, log_tail=self._tail.text)
        if now < self._next_weighing:
            return
        self._next_weighing = now + _WEIGH_S
        used_mb = (
            program.memory_bytes() // _MIB
        )  # also when no limit is set: it sees what must be ended later
        if allowed.memory_mb is not None and used_mb > allowed.memory_mb:
            message = f"command '{self._workload.command}' used {used_mb} MiB of memory, and may use {allowed.memory_mb}"
            raise BackendError(Code.OUT_OF_HOST_MEMORY, message, log_tail=self._tail.text)

    def _hear(self, program: Program, *, wait_s: float = 0.0) -> None:
        """Take in all that it has said so far; waits at most so long for the first line."""
        while True:
            try:
                is_out, line = program.lines.get(block=wait_s > 0, timeout=wait_s or None)
            except queue.Empty:
                return
            wait_s = 0.0
            try:
                said = read_line(line) if is_out else None
            except BackendError as error:
                self._nonsense, said = error, None
            if said is None:
                self._tail.add(line)
            else:
                self._obey(said)

    def _obey(self, said: Said) -> None:
        if said.message is not None:
            self._said_last = said.message
            self._tail.add(said.message)
        if said.output is not None:
            self._outputs.append(said)
        if said.model is not None or said.version is not None:
            known = {"model": said.model, "version": said.version}
            self._used = self._used.model_copy(
                update={key: value for key, value in known.items() if value is not None}
            )
        if said.progress is not None and said.progress > self._told:
            self._told = said.progress
            self._watch.on_progress(said.progress, said.stage or self._workload.stage)

    def _refuse_failure(self, exit_code: int) -> None:
        if exit_code != 0:
            how = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
            message = f"command '{self._workload.command}' ended with {how}"
            if self._said_last:
                message += f": {self._said_last[:300]}"
            raise BackendError(code_of(exit_code), message, log_tail=self._tail.text)
        if self._nonsense is not None:
            self._nonsense.log_tail = self._tail.text
            raise self._nonsense


def _program(allowed: AllowedCommand) -> str | None:
    path = allowed.variables.get("PATH")
    return shutil.which(allowed.run[0], path=path)
