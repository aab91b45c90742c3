"""The agent: one process for one GPU, from its start to its end.

It takes its name, ends what its former life left open, then claims and runs one job after another (``succession``); beside
them and in idle moments it sweeps.

Guarantees: no error of a job, a file or the share ends it, except what it cannot work without (a spool, a name, a backend that
comes to rest); it never claims while it rests (``availability``), is drained or told to stop, or while its backend does not answer. Does
not restart itself: a service manager does.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial

from spoolctl.spool import (
    EXIT_SHARE_HANGS,
    Actor,
    Admission,
    Claim,
    HangWatch,
    Life,
    Log,
    Manifest,
    Sweeper,
    Swept,
    asked_of_worker,
    begin_session,
    end_former_sessions,
    end_session,
    open_spool,
    refuse_other_protocol,
    spread,
)
from spoolworker.ahead import Ahead
from spoolworker.availability import (
    Availability,
    InputSeen,
    InUse,
    PauseFile,
    read_input,
)
from spoolworker.backends import open_backend
from spoolworker.beside import Beside
from spoolworker.breaker import Breaker
from spoolworker.choosing import Chooser, Chosen
from spoolworker.config import Config
from spoolworker.execution import BackendHangs, Execution
from spoolworker.expecting import Expecting, model_of, was_loaded
from spoolworker.fetching import Fetched, Fetching
from spoolworker.naming import hold_name
from spoolworker.pace import Pace
from spoolworker.pulse import LOOK_S, Pulse
from spoolworker.readiness import Readiness
from spoolworker.stopping import Stopping
from spoolworker.succession import Succession
from spoolworker.wake import Wake

EXIT_BACKEND_HANGS = 70
_ASIDE = frozenset({"preview", "stages"})
"""Threads that work beside an attempt; it goes on without them."""


class Agent:
    """One life of a worker."""

    def __init__(
        self,
        config: Config,
        stopping: Stopping,
        log: Log,
        *,
        exit_now: Callable[[int], object] = os._exit,
    ) -> None:
        self._exit_now = exit_now
        self._config = config
        self._stopping = stopping
        self._actor: Actor = open_spool(config.spool, name=config.name, log=log)
        self._backend = open_backend(
            config.backend,
            config.backend_options,
            commands=config.commands,
            remember_in=config.scratch / f"command-{config.name}.json",
        )
        self._life = Life(self._actor, "worker")
        self._pulse = Pulse(self._actor, self._life, self._at_beat)
        self.hang_watch = HangWatch(self._actor, self._share_hangs, aside=_ASIDE)
        """To be entered around ``run``: ends the process if a call to the share never returns."""
        self._admission = Admission()
        self._sweeper = Sweeper(self._actor, self._life, self._admission)
        self._pace = Pace(self._actor, self._sweeper)
        self._chooser: Chooser | None = None
        self._next_look = 0.0
        wall_s, available = self._actor.clock.utc_s, config.availability
        in_use = InUse(
            available,
            self._actor.clock.mono,
            lambda what, problem: log("use.unknown", setting=what, problem=problem),
        )
        self._input: Beside[InputSeen] = Beside(
            "input", lambda: read_input(wall_s()), in_use.tell_input
        )
        self._availability = Availability(
            available,
            pause_file=PauseFile(config.pause_file),
            wall_s=wall_s,
            in_use=in_use,
            log=log,
        )
        self._readiness = Readiness(config, self._actor, self._life, self._backend, in_use)
        self._expecting = Expecting(self._actor)
        self._scratch = config.scratch / f"attempts-{config.name}"
        self._breaker = Breaker(
            self._actor.clock.mono,
            after=config.sick_after,
            wait_s=config.sick_wait_s,
            file=config.scratch / f"failed-{config.name}.json",
            on_fault=lambda error: log("breaker.unsaved", error=str(error)),
        )

        fetching = Fetching(self._actor, self._scratch)
        ahead = Ahead(
            self._actor, self._life, self._look_ahead,
            prepare=lambda chosen: fetching.fetch(chosen.ready), tidy=self._tidy_if_due,
        )  # fmt: skip
        self._succession = Succession(
            self._actor, self._life, ahead, fetching, self._execution,
            self._finish, partial(self._finish, is_behind=True), self._goes_on, self._taken_ahead,
        )  # fmt: skip

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
        self._ask_input()
        self._heed()  # a pause outlives the session that heard it: before the first claim, not at the first beat
        # What a former life left when it was killed.
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._pulse.start()
        wake = Wake(actor, self._config.spool, self._stopping.wake)
        actor.log("worker.started", session=actor.session, backend=self._config.backend)
        try:
            yield
        finally:
            wake.stop()
            self._readiness.close()
            self._readiness.end_server()
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
            if self._stopping.wake.is_set():
                self._pace.hurry()
            self._stopping.wake.clear()
            claimed, leave = self._next() if self._is_ready() else (None, self._may_leave())
            if claimed is not None:
                self._pace.hurry()
                try:
                    self._succession.run(claimed)
                except BackendHangs as error:
                    if not self._readiness.end_server(whoever_started_it=True):
                        self._actor.log("worker.gives_up", error=str(error))
                        return EXIT_BACKEND_HANGS
                self._readiness.ask_anew()
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
        once = self._config.once and not self._availability.is_unsure
        return once or (self._config.drain and not self._breaker.may_claim)

    def _rest(self, seconds: float) -> None:
        # With jitter, so that workers that were started together do not list the share together for ever.
        self._stopping.wake.wait(spread(seconds, self._actor.entropy.fraction()))

    def _next(self) -> tuple[Claim | None, bool]:
        """The next claim, and whether it is time to leave instead."""
        if self._chooser is None or self._stopping.finish.is_set():
            return None, self._stopping.finish.is_set()
        try:
            look = self._chooser.look(
                model=self._readiness.loaded_model,
                closes_in_s=self._availability.closes_in_s(),
            )
        except OSError as error:
            self._actor.log("choose.trouble", error=str(error))
            return None, False
        self._life.tell(message=self._chooser.waits_for_upgrade())
        stays = look.growing or look.left or not (self._config.drain or self._config.once)
        if look.claimed is not None or stays:
            return look.claimed, False
        # What waited for the jobs just done may be due by now; only a sweep brings it into a queue.
        swept = self._sweeper.sweep()
        return None, not (swept.promoted or swept.reaped)

    def _execution(self, claimed: Claim, fetched: Fetched | None) -> Execution:
        node = self._readiness.node
        return Execution(
            self._actor, claimed, backend=self._backend, life=self._life, pulse=self._pulse,
            stopping=self._stopping, scratch=self._scratch, interrupt_wait_s=self._config.interrupt_wait_s,
            vram_gb=node.vram_gb if node else None, vram_seen=lambda: self._readiness.vram, node=node,
            measuring=self._readiness.measuring, was_loaded=was_loaded(claimed.job, self._readiness.loaded_model),
            timeout_s=self._expecting.timeout_s(claimed.job, node, claimed.previous) if node else None, give_up=self._must_give_up,
            fetched=fetched,
        )  # fmt: skip

    def _finish(self, execution: Execution, *, is_behind: bool = False) -> None:
        try:
            manifest = execution.finish()
        except BackendHangs as error:
            # It counts as what it is: a backend that hangs under one job after another must not be fed on.
            self._tell_end(execution.claim, error.manifest, is_behind=is_behind)
            raise
        self._tell_end(execution.claim, manifest, is_behind=is_behind)

    def _goes_on(self, done: Claim) -> bool:
        """True if another job may be claimed as soon as the backend has done one, and before that one's verdict is known."""
        goes_on = (
            not self._config.once
            and not self._stopping.finish.is_set()
            and not self._breaker.is_doubtful
            and self._pulse.silent_s <= self._actor.settings.lease_s / 2
            and self._availability.look() is None
        )
        return goes_on and self._readiness.worked(model_of(done.job))

    def _look_ahead(self) -> Chosen | None:
        if self._chooser is None or self._stopping.finish.is_set() or self._config.once:
            return None
        return self._chooser.look(closes_in_s=self._availability.closes_in_s(), ahead=True).chosen

    def _taken_ahead(self, chosen: Chosen, claimed: Claim) -> None:
        if self._chooser is not None:
            self._chooser.taken(chosen, claimed)

    def _must_give_up(self) -> str | None:
        """Why the job in work must be handed back; looked for here, so that it is found while the share does not answer, too."""
        now = self._actor.clock.mono()
        if now >= self._next_look:
            self._next_look = now + LOOK_S
            self._availability.look()
        return self._availability.stop

    def _tell_end(self, claimed: Claim, manifest: Manifest | None, *, is_behind: bool) -> None:
        self._life.tell(message=None)
        if not is_behind:
            self._life.tell(
                state="idle", name=None, attempt=None, job_class=None,
                stage=None, progress=None, eta_s=None,
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
        rests = self._availability.look() is not None
        if rests:
            self._life.tell(message=None)
            self._readiness.give_memory_back()
        if rests or self._stopping.finish.is_set() or not self._breaker.may_claim:
            self._tell_state()
            return False
        if self._pulse.silent_s > self._actor.settings.lease_s / 2:
            return False  # its thread may hang on the share: whatever is claimed now would be reaped or fenced
        was_away = self._readiness.away is not None
        answers = self._readiness.answers()
        if not answers or self._readiness.node is None or self._availability.is_unsure:
            self._tell_state()
            return False
        if was_away:
            self._pulse.beat_soon()  # till then people and other workers take this one for one that waits
        if self._chooser is None:
            self._chooser = Chooser(
                self._actor,
                self._life,
                self._admission,
                self._readiness.node,
                self._backend.misfits,
                lambda: self._expecting.estimates,
            )
        self._chooser.node = self._readiness.node
        return True

    def _tidy_if_due(self) -> bool:
        """Sweep, obey requests and look around, if it is time; True if the sweep brought something into a queue."""
        is_due = self._pace.is_due()
        if self._stopping.finish.is_set() or not (is_due or self._pace.may_meet()):
            return False
        swept = Swept()
        try:
            if is_due:
                swept = self._sweeper.sweep()
                self._pace.swept()
                self._heed()
            if self._chooser is not None:
                self._chooser.company.meet()
        except OSError as error:
            self._actor.log("sweep.trouble", what="control", error=str(error))
        self._pace.met()
        return bool(swept.promoted or swept.settled)

    def _at_beat(self) -> None:
        """What the pulse does with every heartbeat, also while a job runs; errors as for ``_heed``."""
        self._readiness.at_beat()
        self._ask_input()
        self._heed()

    def _ask_input(self) -> None:
        if self._config.availability.input_idle_s is not None:
            self._input.ask()

    def _share_hangs(self, waits_s: float) -> None:
        """A call of the work does not return, and nothing but the process's end ends it; its service starts it anew."""
        try:
            self._actor.log("worker.share_hangs", waits_s=round(waits_s))
            self._readiness.end_server()
        finally:
            self._exit_now(EXIT_SHARE_HANGS)

    def _heed(self) -> None:
        """Hear what people ask of this worker. Raises OSError if the share did not answer."""
        asked = asked_of_worker(self._actor)
        finishing, drain = self._stopping.finish, asked.get("drain")
        if drain is not None and not finishing.is_set():
            self._actor.log("worker.drained")
            finishing.set()
            self._stopping.wake.set()
        if drain is not None and drain.now:
            self._stopping.hand_back.set()
        self._availability.look(asked.get("pause"), heard=True)
        self._tell_state()

    def _tell_state(self) -> None:
        rest, sick = self._availability.rest, not self._breaker.may_claim
        self._life.tell(
            rests=rest.why[:500] if rest else None,
            closes_in_s=self._availability.closes_in_s(),
            opens_in_s=rest.for_s if rest else None,
        )
        if self._stopping.finish.is_set():
            self._life.tell(state="draining")
        elif rest is not None:
            self._life.tell_unless_at_work(rest.state)
        elif sick:
            self._life.tell_unless_at_work("sick")
        elif self._readiness.away is not None:
            self._life.tell_unless_at_work("waiting")
        else:
            self._life.tell_unless_at_work("idle")
        if sick:
            self._life.tell(message=self._breaker.message)
        elif self._readiness.away is not None and rest is None:
            self._life.tell(message=self._readiness.away[:500])
