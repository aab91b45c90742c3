"""The agent: one process for one GPU, from its start to its end.

It takes its name, ends what its former life left open, then claims and runs one job after another; in between and in
idle moments it sweeps.

Guarantees: no error of a job, a file or the share ends it, except what it cannot work without (a spool, a name, a backend that
comes to rest); it never claims while it is paused, drained, told to stop, or while its backend does not answer. Does not restart
itself: a service manager does.
"""

import contextlib
import shutil
from collections.abc import Iterator

from spoolctl.spool import (
    NODE_SCHEMA,
    PROTOCOL_VERSION,
    Actor,
    Admission,
    Claim,
    Life,
    Log,
    Node,
    Sweeper,
    asked_of_worker,
    begin_session,
    end_former_sessions,
    end_session,
    introduce,
    open_spool,
    refuse_other_protocol,
    spread,
)
from spoolctl.spool.version import VERSION
from spoolworker.backends import open_backend
from spoolworker.backends.base import Abilities, BackendError
from spoolworker.breaker import Breaker
from spoolworker.choosing import Chooser
from spoolworker.config import Config
from spoolworker.execution import BackendHangs, Execution
from spoolworker.gpus import FreeMemory, Gpu, read_gpus
from spoolworker.naming import hold_name
from spoolworker.pulse import Pulse
from spoolworker.stopping import Stopping
from spoolworker.wake import Wake

EXIT_BACKEND_HANGS = 70
_PROBE_AGAIN_S = 15.0


class Agent:
    """One life of a worker."""

    def __init__(self, config: Config, stopping: Stopping, log: Log) -> None:
        self._config = config
        self._stopping = stopping
        self._actor: Actor = open_spool(config.spool, name=config.name, log=log)
        self._backend = open_backend(config.backend, config.backend_options)
        self._life = Life(self._actor, "worker")
        self._pulse = Pulse(self._actor, self._life, self._at_beat)
        self._admission = Admission()
        self._sweeper = Sweeper(self._actor, self._life, self._admission)
        self._chooser: Chooser | None = None
        self._free_memory: FreeMemory | None = None
        self._next_sweep = 0.0
        self._next_probe = 0.0
        self._paused = False
        self._scratch = config.scratch / f"attempts-{config.name}"
        self._breaker = Breaker(
            self._actor.clock.mono,
            after=config.sick_after,
            wait_s=config.sick_wait_s,
            file=config.scratch / f"failed-{config.name}.json",
            on_fault=lambda error: log("breaker.unsaved", error=str(error)),
        )

    def run(self) -> int:
        """Live.

        Returns:
            The process's exit code.

        Raises:
            SpoolError: It cannot begin: no name, another protocol, a share that does not answer.
            OSError: The share did not answer at the start.
        """
        held = hold_name(self._actor, self._config.spool, self._stopping)
        if held is None:
            return 0
        try:
            with self._session():
                return self._loop()
        finally:
            held.release()

    @contextlib.contextmanager
    def _session(self) -> Iterator[None]:
        """Everything that has to be undone when this life ends."""
        actor = self._actor
        refuse_other_protocol(actor)
        # The heartbeat first: by an older one a sweeper would take the new session's folder for a dead one's.
        self._life.beat()
        begin_session(actor)
        end_former_sessions(actor, self._life)
        # What a former life left when it was killed.
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._pulse.start()
        wake = Wake(actor, self._config.spool, self._stopping.wake)
        actor.log("worker.started", session=actor.session, backend=self._config.backend)
        try:
            yield
        finally:
            wake.stop()
            self._pulse.stop()
            self._life.tell(state="stopped", name=None, attempt=None, stage=None, progress=None)
            try:
                self._life.beat()
                end_session(actor, actor.session)
            except OSError as error:
                actor.log("worker.farewell_unsaid", error=str(error))
            actor.log("worker.stopped", session=actor.session)

    def _loop(self) -> int:
        while not self._stopping.finish.is_set():
            self._stopping.wake.clear()
            claimed, leave = self._next() if self._is_ready() else (None, self._may_leave())
            if claimed is not None:
                try:
                    self._execute(claimed)
                except BackendHangs as error:
                    self._actor.log("worker.gives_up", error=str(error))
                    return EXIT_BACKEND_HANGS
                leave = self._config.once
            # Not before the first look: a worker that is started anew again and again would come to nothing but sweeps.
            moved = self._tidy_if_due()
            if leave:
                return 0
            if claimed is None and not moved:
                self._rest(self._actor.settings.poll_s)
        return 0

    def _may_leave(self) -> bool:
        """True if a worker that cannot claim now need not wait until it can."""
        return self._config.once or (self._config.drain and not self._breaker.may_claim)

    def _rest(self, seconds: float) -> None:
        # With jitter, so that workers that were started together do not list the share together for ever.
        self._stopping.wake.wait(spread(seconds, self._actor.entropy.fraction()))

    def _next(self) -> tuple[Claim | None, bool]:
        """The next claim, and whether it is time to leave instead."""
        if self._chooser is None or self._stopping.finish.is_set():
            return None, self._stopping.finish.is_set()
        try:
            look = self._chooser.look()
        except OSError as error:
            self._actor.log("choose.trouble", error=str(error))
            return None, False
        self._life.tell(message=self._waits_for_upgrade())
        if (
            look.claimed is not None
            or look.growing
            or not (self._config.drain or self._config.once)
        ):
            return look.claimed, False
        # What waited for the jobs just done may be due by now; only a sweep brings it into a queue.
        swept = self._sweeper.sweep()
        return None, not (swept.promoted or swept.reaped)

    def _waits_for_upgrade(self) -> str | None:
        """What people should know of records that are too new for this program; they lie where they were put."""
        newer = self._admission.newer
        for path in list(newer):
            try:
                self._actor.files.stat(path)
            except FileNotFoundError:
                del newer[path]
                continue
            except OSError as error:
                self._actor.log("choose.trouble", file=path, error=str(error))
            more = f" (and {len(newer) - 1} more files)" if len(newer) > 1 else ""
            return f"'{path}' waits: {newer[path]}{more}"[:500]
        return None

    def _execute(self, claimed: Claim) -> None:
        execution = Execution(
            self._actor,
            claimed,
            backend=self._backend,
            life=self._life,
            pulse=self._pulse,
            stopping=self._stopping,
            scratch=self._scratch,
            interrupt_wait_s=self._config.interrupt_wait_s,
            vram_gb=self._chooser.node.vram_gb if self._chooser else None,
        )
        manifest = execution.run()
        self._life.tell(
            state="idle", name=None, attempt=None, job_class=None,
            stage=None, progress=None, eta_s=None, message=None,
        )  # fmt: skip
        if manifest is not None:
            self._breaker.tell(manifest)
            self._actor.log(
                "job.ended",
                job=claimed.name,
                attempt=claimed.number,
                verdict=manifest.verdict.value,
                code=manifest.code.value if manifest.code else None,
                seconds=manifest.duration_s,
                images=sum(1 for output in manifest.outputs if output.final),
            )

    def _is_ready(self) -> bool:
        """True if it may claim, and its backend answers."""
        if self._paused or self._stopping.finish.is_set() or not self._breaker.may_claim:
            self._tell_state()
            return False
        if self._pulse.silent_s > self._actor.settings.lease_s / 2:
            return False  # its thread may hang on the share: whatever is claimed now would be reaped or fenced
        return self._chooser is not None or self._probe()

    def _tidy_if_due(self) -> bool:
        """Sweep, obey requests and look around, if it is time; True if the sweep brought something into a queue."""
        if self._stopping.finish.is_set() or self._actor.clock.mono() < self._next_sweep:
            return False
        swept = self._sweeper.sweep()
        try:
            self._heed()
            if self._chooser is not None:
                self._chooser.meet()
        except OSError as error:
            self._actor.log("sweep.trouble", what="control", error=str(error))
        rest_s = spread(self._actor.settings.sweep_s, self._actor.entropy.fraction())
        self._next_sweep = self._actor.clock.mono() + rest_s
        return bool(swept.promoted or swept.settled)

    def _at_beat(self) -> None:
        """What the pulse does with every heartbeat, also while a job runs; errors as for ``_heed``."""
        if self._free_memory is not None:
            self._free_memory.ask()
        self._heed()

    def _heed(self) -> None:
        """Hear what people ask of this worker. Raises OSError if the share did not answer."""
        asked = asked_of_worker(self._actor)
        finishing = self._stopping.finish
        if "drain" in asked and not finishing.is_set():
            self._actor.log("worker.drained")
            finishing.set()
            self._stopping.wake.set()
        if self._paused != ("pause" in asked):
            self._paused = "pause" in asked
            self._actor.log("worker.paused" if self._paused else "worker.resumed")
        self._tell_state()

    def _tell_state(self) -> None:
        if self._stopping.finish.is_set():
            self._life.tell(state="draining")
        elif not self._breaker.may_claim:
            self._life.tell_unless_at_work("paused" if self._paused else "sick")
            self._life.tell(message=self._breaker.message)
        elif self._chooser is not None:
            self._life.tell_unless_at_work("paused" if self._paused else "idle")

    def _probe(self) -> bool:
        now = self._actor.clock.mono()
        if now < self._next_probe:
            return False
        reading = read_gpus()
        gpu = next((one for one in reading.gpus if one.index == self._config.gpu), None)
        try:
            abilities = self._backend.probe()
            node = self._node(abilities, gpu, reading.problem)
            introduce(self._actor, node)
        except (BackendError, OSError) as error:
            self._next_probe = now + _PROBE_AGAIN_S
            self._actor.log("backend.away", backend=self._config.backend, error=str(error))
            self._life.tell(state="waiting", message=f"backend does not answer: {error}"[:500])
            return False
        self._life.tell(state="idle", message=None, model=abilities.loaded_model)
        self._chooser = Chooser(self._actor, self._life, self._admission, node)
        if gpu is not None:
            self._free_memory = FreeMemory(gpu.index, self._tell_free)
            self._free_memory.ask()
        return True

    def _tell_free(self, free_gb: float | None) -> None:
        self._life.tell(vram_free_gb=free_gb)

    def _node(self, abilities: Abilities, gpu: Gpu | None, gpu_problem: str | None) -> Node:
        total_gb = round(gpu.vram_total_gb, 1) if gpu else None
        return Node(
            schema_=NODE_SCHEMA,
            worker=self._config.name,
            session=self._actor.session,
            machine=self._actor.host.machine,
            protocol=PROTOCOL_VERSION,
            version=VERSION,
            backend=abilities.backend,
            backend_version=abilities.version,
            stages=abilities.stages,
            models=abilities.models,
            gpu=gpu.name if gpu else None,
            vram_gb=self._config.vram_gb if self._config.vram_gb is not None else total_gb,
            tags=self._config.tags,
            started_at=self._actor.utc_now(),
            facts={"gpu_problem": gpu_problem} if gpu_problem else {},
        )
