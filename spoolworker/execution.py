"""Executing one attempt: its inputs and its backend; then its end (``concluding``), which may be beside the next attempt's work.

The backend works in a thread of its own; this one watches it, and ends it when the attempt is superseded or cancelled, when
a person or the worker's hours hand it back, when it takes too long or does not get on, or when this worker has been silent for a lease.

Guarantees: whatever becomes of the work, ``finish`` ends the attempt; nothing of the job is left on the local disk then.
"""

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from spoolctl.spool import (
    Actor,
    Claim,
    Code,
    Ending,
    Life,
    Manifest,
    Node,
    VramSeen,
    needs_inputs,
)
from spoolworker.asked import asked
from spoolworker.backends.base import (
    NO_SPACE,
    Backend,
    BackendError,
    Interrupted,
    Order,
    Product,
    Watch,
)
from spoolworker.concluding import Concluding, Course
from spoolworker.fetching import Fetched
from spoolworker.inputs import fetch_inputs
from spoolworker.measuring import Measuring
from spoolworker.models import stages_here
from spoolworker.preview import Preview
from spoolworker.pulse import Pulse
from spoolworker.resuming import Leaving, take_over
from spoolworker.stopping import Stopping

_TICK_S = 0.05


class BackendHangs(Exception):
    """The backend did not come to rest after it was interrupted; until its server was ended nothing may be claimed.

    Args:
        message: One line for the log.
        manifest: The verdict, as ``Execution.finish`` would have returned it.
    """

    def __init__(self, message: str, manifest: Manifest | None) -> None:
        super().__init__(message)
        self.manifest = manifest


@dataclass
class _Run:
    """What the backend's thread is told, and what came of it."""

    watch: Watch
    product: Product | None = None
    error: Exception | None = None


class Execution:
    """One attempt of one job on one backend."""

    def __init__(  # noqa: PLR0913 - the agent's parts
        self,
        actor: Actor,
        claim: Claim,
        *,
        backend: Backend,
        life: Life,
        pulse: Pulse,
        stopping: Stopping,
        scratch: Path,
        interrupt_wait_s: float,
        vram_gb: float | None,
        vram_seen: Callable[[], VramSeen | None] = lambda: None,
        node: Node | None = None,
        give_up: Callable[[], str | None] = lambda: None,
        measuring: Measuring | None = None,
        was_loaded: bool | None = None,
        timeout_s: float | None = None,
        fetched: Fetched | None = None,
    ) -> None:
        self._actor = actor
        self.claim = claim
        self._backend = backend
        self._life = life
        self._pulse = pulse
        self._stopping = stopping
        self._scratch = scratch / f"{claim.name}-a{claim.number}"
        self._interrupt_wait_s = interrupt_wait_s
        self._give_up = give_up
        self._measuring = measuring or Measuring()
        self._node = node
        self._fetched = fetched
        self._timeout_s = claim.job.limits.timeout_s or timeout_s or actor.settings.timeout_s
        self._course = Course(actor.clock.mono(), self._measuring.begin(), pulse.watch(claim))
        self._concluding = Concluding(
            actor, claim, self._course, life=life, stopping=stopping, scratch=self._scratch,
            vram_gb=vram_gb, vram_seen=vram_seen, node=node, was_loaded=was_loaded,
        )  # fmt: skip
        self._leaving: Leaving | None = None
        self._preview = Preview(actor, claim)
        self._beside: Callable[[], None] | None = None
        self._hangs = False
        self._ending: Ending | None = None
        self._left: tuple[Product, Order] | None = None
        self._progress = (0.0, self._course.began_mono)
        self._ends_mono: float | None = None

    def run(self) -> Manifest | None:
        """Run the attempt to its end: ``work``, then ``finish``."""
        self.work()
        return self.finish()

    def work(self, beside: Callable[[], None] = lambda: None) -> bool:
        """Run the backend until it is done or was stopped.

        Args:
            beside: Called once, as soon as the backend is at work, or never will be: until then a card waits.

        Returns:
            True if it left a product, which ``finish`` delivers: the backend is free for another attempt.
        """
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._beside = beside
        self._ending = self._concluding.ended_by(self._work)
        self._begin_beside()
        return self._left is not None

    def finish(self) -> Manifest | None:
        """Deliver what there is, and publish the verdict; in any thread, after ``work``.

        Returns:
            The verdict that was published; ``None`` if another's stands, or this worker was told to go away first.

        Raises:
            BackendHangs: The verdict is published, and the backend still works on.
        """
        concluding, manifest = self._concluding, None
        try:
            if self._leaving is not None:
                self._leaving.close()
            self._preview.close()
            if self._left is not None:
                product, order = self._left
                self._ending = concluding.ended_by(lambda: concluding.delivered(product, order))
            if self._ending is not None:
                manifest = concluding.publish(self._ending)
        finally:
            self._measuring.end(self._course.reading)
            self._pulse.unwatch(self._course.watched)
            shutil.rmtree(self._scratch, ignore_errors=True)
        if self._hangs:
            message = f"backend '{self._backend.name}' goes on after it was interrupted"
            raise BackendHangs(message, manifest)
        return manifest

    def _begin_beside(self) -> None:
        beside, self._beside = self._beside, None
        if beside is not None:
            beside()

    def _work(self) -> Ending | None:
        self._scratch.mkdir(parents=True)
        order, course = self._order(), self._course
        course.taken = take_over(self._actor, self.claim, order, self._folder("taken"))
        if course.taken is not None:
            order = replace(order, done=course.taken.done)
        course.request = asked(order)
        product = self._run_backend(order)
        if product is None:
            return self._concluding.of_stop()
        self._left = product, order
        self._life.tell(state="delivering", progress=1.0, eta_s=None)
        return None

    def _order(self) -> Order:
        job = self.claim.job
        here = self._fetched.into(self._scratch) if self._fetched else None
        inputs = fetch_inputs(self._actor, job, self._scratch) if here is None else here
        if needs_inputs(job) and not inputs:
            raise BackendError(
                Code.INPUT_MISSING,
                "the chain begins with a stage that needs inputs, and the job has none; submit it with --attach",
            )
        attempt = f"{self._actor.session}/{self.claim.name}/{self.claim.number}"
        return Order(
            stages_here(job, self._node),
            inputs,
            self._folder("work"),
            self.claim.name,
            attempt=attempt,
            job=job,
        )

    def _folder(self, name: str) -> Path:
        """A new empty folder of the local disk."""
        folder = self._scratch / name
        folder.mkdir()
        return folder

    def _run_backend(self, order: Order) -> Product | None:
        """What the backend made; None if it was stopped. Its errors are raised."""
        leaving = self._leaving = Leaving(self._actor, self.claim, self._course.taken)
        run = _Run(
            Watch(
                on_progress=self._on_progress,
                on_preview=self._preview.show,
                on_stage=leaving.leave,
            )
        )

        def work() -> None:
            try:
                run.product = self._backend.run(order, run.watch)
            except Exception as error:  # noqa: BLE001 - handed to the waiting thread, which raises it
                run.error = error

        # A daemon: a hung call to a backend must not keep this process from ending.
        thread = threading.Thread(target=work, name="backend", daemon=True)
        thread.start()
        self._begin_beside()
        try:
            if self._was_stopped(run, thread):
                return None
        finally:
            self._measuring.look()
        if isinstance(run.error, BackendError):
            raise run.error
        if isinstance(run.error, OSError) and run.error.errno in NO_SPACE:
            raise run.error  # only scratch is written to by a backend
        if run.error is None and run.product is not None:
            return run.product
        error = run.error or TypeError(f"it left {run.product!r}")
        message = f"backend '{self._backend.name}': {self._concluding.internal(error)}"
        raise BackendError(Code.INTERNAL, message)

    def _was_stopped(self, run: _Run, thread: threading.Thread) -> bool:
        """Wait for the backend, or stop it from outside. Raises BackendError if it was stopped for the job's own fault."""
        while thread.is_alive():
            thread.join(_TICK_S)
            if not thread.is_alive():
                return False
            self._life.tell(eta_s=self._eta_s())
            exceeded = self._limit_exceeded()
            if exceeded is not None or self._must_stop():
                self._interrupt(run, thread)
                if exceeded is not None:
                    exceeded.log_tail = (
                        run.error.log_tail if isinstance(run.error, Interrupted) else ""
                    )
                    raise exceeded
                return True
        return False

    def _interrupt(self, run: _Run, thread: threading.Thread) -> None:
        run.watch.interrupted.set()
        thread.join(self._interrupt_wait_s)
        self._hangs = thread.is_alive()
        if self._hangs:
            self._actor.log("backend.hangs", job=self.claim.name, backend=self._backend.name)
        elif run.error is not None and not isinstance(run.error, Interrupted):
            # Not the job's fault, but what comes of stopping a server in its work. What was decided stays,
            # also if the backend was done at the same instant.
            self._actor.log("backend.stopped", job=self.claim.name, error=repr(run.error))

    def _must_stop(self) -> bool:
        if self._pulse.is_fenced:
            self._course.fenced_s = (
                self._pulse.silent_s
            )  # noted now: the share may be back a moment later
        self._course.given_up = self._give_up()
        wanted = self._course.fenced_s is None and self._course.given_up is None
        return self._concluding.is_unwanted() or not wanted

    def _limit_exceeded(self) -> BackendError | None:
        limits, settings = self.claim.job.limits, self._actor.settings
        now = self._actor.clock.mono()
        if now - self._course.began_mono > self._timeout_s:
            return BackendError(Code.TIMEOUT, f"not done after {self._timeout_s:g} s")
        stall_s = limits.stall_s or settings.stall_s
        fraction, since = self._progress
        if now - since > stall_s:
            return BackendError(Code.STALLED, f"no progress for {stall_s:g} s, at {fraction:.0%}")
        return None

    def _on_progress(self, fraction: float, stage: str) -> None:
        now = self._actor.clock.mono()
        # A server's own figure may lie beyond 1, or be no number.
        done = min(fraction, 1.0) if fraction > 0 else 0.0
        if done > self._progress[0]:
            self._progress = (done, now)
        elapsed = now - self._course.began_mono
        self._ends_mono = now + elapsed * (1 - done) / done if done > 0 else None
        self._life.tell(stage=stage[:100] or None, progress=done, eta_s=self._eta_s())

    def _eta_s(self) -> float | None:
        """What is left by the last progress, which may have been told minutes ago."""
        ends = self._ends_mono
        return None if ends is None else max(0.0, ends - self._actor.clock.mono())
