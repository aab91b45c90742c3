"""Executing one attempt: inputs, backend, checks, delivery, verdict.

The backend works in a thread of its own; this one watches it, and ends it when the attempt is superseded or cancelled, when
a person or the worker's hours hand it back, when it takes too long or does not get on, or when this worker has been silent for a lease.

Guarantees: exactly one verdict is published, the same bytes at every try, or none if another's stands; a result that is complete is
delivered however long the share is away, as long as the attempt is ours; nothing of the job is left on the local disk.
"""

import shutil
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from spoolctl.spool import (
    Actor,
    BadRecord,
    Claim,
    Code,
    Ending,
    Life,
    Manifest,
    Node,
    Outcome,
    Output,
    Ran,
    Standing,
    Verdict,
    VramSeen,
    compare_record,
    conclude,
    digest_of,
    end,
    images_asked,
    layout,
    needs_inputs,
    nodes,
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
from spoolworker.delivery import deliver, deliver_log
from spoolworker.inputs import fetch_inputs
from spoolworker.insisting import Insisting
from spoolworker.measuring import Measuring
from spoolworker.models import stages_here
from spoolworker.outputs import check
from spoolworker.preview import Preview
from spoolworker.pulse import Pulse
from spoolworker.resuming import Leaving, Taken, drop_stages, take_over
from spoolworker.stopping import Stopping

_TICK_S = 0.05


class BackendHangs(Exception):
    """The backend did not come to rest after it was interrupted; until its server was ended nothing may be claimed.

    Args:
        message: One line for the log.
        manifest: The verdict, as ``Execution.run`` would have returned it.
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
    ) -> None:
        self._actor = actor
        self._claim = claim
        self._backend = backend
        self._life = life
        self._pulse = pulse
        self._stopping = stopping
        self._scratch = scratch / f"{claim.name}-a{claim.number}"
        self._interrupt_wait_s = interrupt_wait_s
        self._vram_gb = vram_gb
        self._vram_seen = vram_seen
        self._node = node
        self._give_up = give_up
        self._given_up: str | None = None
        self._measuring = measuring or Measuring()
        self._was_loaded = was_loaded
        self._timeout_s = claim.job.limits.timeout_s or timeout_s or actor.settings.timeout_s
        self._began_mono = actor.clock.mono()
        self._began_utc = actor.utc_now()
        self._insisting = Insisting(actor, claim, life, stopping)
        self._hangs = False
        self._taken: Taken | None = None
        self._request: str | None = None
        self._fenced_s: float | None = None
        self._progress = (0.0, self._began_mono)

    def run(self) -> Manifest | None:
        """Run the attempt to its end.

        Returns:
            The verdict that was published; ``None`` if another's stands, or this worker was told to go away first.

        Raises:
            BackendHangs: The verdict is published, and the backend still works on.
        """
        self._measuring.begin()
        self._pulse.watch(self._claim)
        try:
            shutil.rmtree(self._scratch, ignore_errors=True)
            ending = self._work()
            manifest = self._publish(ending) if ending is not None else None
        finally:
            self._measuring.end()
            self._pulse.unwatch()
            shutil.rmtree(self._scratch, ignore_errors=True)
        if self._hangs:
            message = f"backend '{self._backend.name}' goes on after it was interrupted"
            raise BackendHangs(message, manifest)
        return manifest

    # -- the work

    def _work(self) -> Ending | None:
        try:
            self._scratch.mkdir(parents=True)
            order = self._order()
            self._taken = take_over(self._actor, self._claim, order, self._folder("taken"))
            if self._taken is not None:
                order = replace(order, done=self._taken.done)
            self._request = asked(order)
            product = self._run_backend(order)
            if product is None:
                return self._ending_of_stop()
            check(
                product,
                images_asked=images_asked(self._claim.job, inputs=len(order.inputs)),
                stages=order.stages,
                done=order.done,
                refuse_black=self._actor.settings.refuse_black,
            )
            return self._deliver(product)
        except BackendError as error:
            return self._failed(error.code, str(error), error.log_tail)
        except BadRecord as error:
            return self._failed(Code.BAD_JOB, f"{error}; {error.hint}")
        except OSError as error:
            # Before delivery only this machine's disk is written to.
            code = Code.SCRATCH_FULL if error.errno in NO_SPACE else Code.SHARE_AWAY
            return self._failed(code, str(error))
        except Exception as error:  # noqa: BLE001 - a fault of this program is no reason to leave the attempt open
            return self._failed(Code.INTERNAL, self._internal(error))

    def _order(self) -> Order:
        job = self._claim.job
        inputs = fetch_inputs(self._actor, job, self._scratch)
        if needs_inputs(job) and not inputs:
            raise BackendError(
                Code.INPUT_MISSING,
                "the chain begins with a stage that needs inputs, and the job has none; submit it with --attach",
            )
        attempt = f"{self._actor.session}/{self._claim.name}/{self._claim.number}"
        return Order(
            stages_here(job, self._node),
            inputs,
            self._folder("work"),
            self._claim.name,
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
        leaving = Leaving(self._actor, self._claim, self._taken)
        preview = Preview(self._actor, self._claim)
        run = _Run(
            Watch(on_progress=self._on_progress, on_preview=preview.show, on_stage=leaving.leave)
        )

        def work() -> None:
            try:
                run.product = self._backend.run(order, run.watch)
            except Exception as error:  # noqa: BLE001 - handed to the waiting thread, which raises it
                run.error = error

        # A daemon: a hung call to a backend must not keep this process from ending.
        thread = threading.Thread(target=work, name="backend", daemon=True)
        thread.start()
        try:
            if self._was_stopped(run, thread):
                return None
        finally:
            self._measuring.look()
            leaving.close()
            preview.close()
        if isinstance(run.error, BackendError):
            raise run.error
        if isinstance(run.error, OSError) and run.error.errno in NO_SPACE:
            raise run.error  # only scratch is written to by a backend
        if run.error is None and run.product is not None:
            return run.product
        error = run.error or TypeError(f"it left {run.product!r}")
        message = f"backend '{self._backend.name}': {self._internal(error)}"
        raise BackendError(Code.INTERNAL, message)

    def _internal(self, error: Exception) -> str:
        """Log an error that nobody foresaw, whole; what to say of it in the verdict."""
        told = "".join(traceback.format_exception(error))
        self._actor.log(
            "execution.internal", job=self._claim.name, error=repr(error), traceback=told
        )
        return repr(error)

    def _was_stopped(self, run: _Run, thread: threading.Thread) -> bool:
        """Wait for the backend, or stop it from outside. Raises BackendError if it was stopped for the job's own fault."""
        while thread.is_alive():
            thread.join(_TICK_S)
            if not thread.is_alive():
                return False
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
            self._actor.log("backend.hangs", job=self._claim.name, backend=self._backend.name)
        elif run.error is not None and not isinstance(run.error, Interrupted):
            # Not the job's fault, but what comes of stopping a server in its work. What was decided stays,
            # also if the backend was done at the same instant.
            self._actor.log("backend.stopped", job=self._claim.name, error=repr(run.error))

    def _must_stop(self) -> bool:
        if self._pulse.is_fenced:
            self._fenced_s = self._pulse.silent_s  # noted now: the share may be back a moment later
        self._given_up = self._give_up()
        wanted = self._fenced_s is None and self._given_up is None
        return self._is_unwanted() or not wanted

    def _is_unwanted(self) -> bool:
        return self._pulse.standing is not Standing.MINE or self._stopping.hand_back.is_set()

    def _limit_exceeded(self) -> BackendError | None:
        limits, settings = self._claim.job.limits, self._actor.settings
        now = self._actor.clock.mono()
        if now - self._began_mono > self._timeout_s:
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
        elapsed = now - self._began_mono
        eta_s = elapsed * (1 - done) / done if done > 0 else None
        self._life.tell(stage=stage[:100] or None, progress=done, eta_s=eta_s)

    def _ending_of_stop(self) -> Ending | None:
        """Why the backend was stopped from outside, as a verdict; None if another's stands already."""
        standing = self._pulse.standing
        if standing is Standing.SUPERSEDED:
            return None
        if standing is Standing.CANCEL_ASKED:
            return self._ending(Verdict.CANCELLED, Code.REQUESTED, "cancelled while it ran")
        if standing is Standing.RECORD_REMOVED:
            return self._ending(
                Verdict.CANCELLED, Code.RECORD_REMOVED, "its file was removed by hand"
            )
        if self._stopping.hand_back.is_set():
            return self._ending(Verdict.RETURNED, Code.HANDED_BACK, "the worker was told to stop")
        if self._given_up is not None:
            return self._ending(Verdict.RETURNED, Code.HANDED_BACK, self._given_up)
        fenced_s = self._fenced_s or 0.0
        self._actor.log("worker.fenced", silent_s=round(fenced_s, 1))
        message = f"the share was away for {fenced_s:.0f} s, so the work was stopped"
        return self._ending(Verdict.FAILED, Code.SHARE_AWAY, message)

    # -- the end

    def _deliver(self, product: Product) -> Ending | None:
        if not self._actor.settings.keep_stages:
            product = replace(product, made=tuple(one for one in product.made if one.final))
        self._life.tell(state="delivering", progress=1.0, eta_s=None)
        self._write_log(product.log_tail)
        # Not while fenced: what is complete waits here until the share is back, and then says whose it is.
        outputs = self._insisting.until_it_works(
            "deliver", lambda: self._put(product), self._is_unwanted
        )
        if outputs is None:
            return self._ending_of_stop()
        return self._ending(
            Verdict.SUCCEEDED, outputs=outputs, product=product, log_tail=product.log_tail
        )

    def _put(self, product: Product) -> tuple[Output, ...]:
        try:
            outputs = deliver(self._actor, self._claim, product.made)
            self._put_log(product.log_tail)
        except OSError:
            self._refuse_lost_scratch(product)
            raise
        return outputs

    def _refuse_lost_scratch(self, product: Product) -> None:
        """Tell a local disk that fails from a share that does: for the first, no waiting helps."""
        for made in product.made:
            try:
                digest_of(made.path)
            except OSError as error:
                message = f"'{made.path.name}' cannot be read on this machine any more: {error}"
                raise BackendError(Code.OUTPUT_INCOMPLETE, message) from None

    def _write_log(self, text: str) -> None:
        """On the local disk, apart from bringing it to the share: a full local disk is not waited for."""
        if text:
            local = self._scratch / layout.LOG
            local.write_text(text, encoding="utf-8", errors="backslashreplace")

    def _put_log(self, text: str) -> None:
        if text:
            deliver_log(self._actor, self._claim, self._scratch / layout.LOG)

    def _publish(self, ending: Ending) -> Manifest | None:
        """Publish the verdict, the same bytes at every try; None if another's stands, or nobody waits for ours any more."""
        manifest = self._insisting.until_it_works(
            "conclude", lambda: self._conclude(ending), self._is_over
        )
        if manifest is None:
            return None
        if manifest.succeeded and not self._actor.settings.keep_stages:
            drop_stages(self._actor, self._claim, manifest)
        # Not until superseded: the verdict that is seen there may be this very one, its reply lost.
        handed_back = self._stopping.hand_back.is_set
        outcome = self._insisting.until_it_works(
            "publish", lambda: self._end(manifest), handed_back
        )
        if outcome is not Outcome.WON:
            self._actor.log("execution.superseded", job=self._claim.name)
            return None
        return manifest

    def _conclude(self, ending: Ending) -> Manifest:
        succeeded = ending.verdict is Verdict.SUCCEEDED
        if succeeded and compare_record(self._actor, self._claim) is Standing.RECORD_CHANGED:
            ending = self._failed(Code.RECORD_CHANGED, "its file was edited while it ran")
        manifest = conclude(self._actor, self._claim, ending)
        if ending.code is Code.OUT_OF_MEMORY and not manifest.final:
            return self._final_unless_bigger(manifest)
        return manifest

    def _final_unless_bigger(self, manifest: Manifest) -> Manifest:
        """Without a bigger card anywhere the job would wait for ever; one that is switched off counts, it may be back in the morning.

        Who does not see its own card, or cannot read another's, proves nothing by what it sees.
        """
        needed_gb = manifest.vram_gb_above
        found = {
            name: card
            for name, (card, beat) in nodes(self._actor).items()
            if beat is None or beat.role == "worker"
        }
        cards = [card for card in found.values() if card is not None]
        if needed_gb is None or self._actor.name not in found or len(cards) < len(found):
            return manifest
        if any(card.vram_gb and card.vram_gb > needed_gb for card in cards):
            return manifest
        message = f"{manifest.message}; it needs a card of more than {needed_gb:g} GB, and no worker here has one"
        return manifest.model_copy(update={"final": True, "retry_at": None, "message": message})

    def _end(self, manifest: Manifest) -> Outcome:
        outcome = end(self._actor, self._claim, manifest)
        if outcome is Outcome.UNKNOWN:
            raise OSError("the share does not say whether the verdict was published")
        return outcome

    def _is_over(self) -> bool:
        return self._pulse.standing is Standing.SUPERSEDED or self._stopping.hand_back.is_set()

    def _failed(self, code: Code, message: str, log_tail: str = "") -> Ending:
        try:
            self._write_log(log_tail)
            self._put_log(log_tail)
        except OSError as error:
            self._actor.log("log.unsaved", job=self._claim.name, error=str(error))
        return self._ending(Verdict.FAILED, code, message, log_tail=log_tail)

    def _ran(self, product: Product | None) -> Ran | None:
        """What the figures are made of; ``None`` if the backend was not even asked."""
        if self._node is None or not self._request:
            return None
        load_s = product.load_s if product else None
        return self._measuring.ran(self._node, load_s=load_s, was_loaded=self._was_loaded)

    def _ending(  # noqa: PLR0913 - the parts of a verdict
        self,
        verdict: Verdict,
        code: Code | None = None,
        message: str | None = None,
        *,
        outputs: tuple[Output, ...] = (),
        product: Product | None = None,
        log_tail: str = "",
    ) -> Ending:
        return Ending(
            verdict,
            code,
            message,
            outputs=outputs,
            stages=product.timings if product else (),
            backend=product.used if product else None,
            request=self._request,
            vram=self._vram_seen() if self._request else None,
            ran=self._ran(product),
            warnings=product.warnings if product else (),
            log_tail=log_tail,
            started_at=self._began_utc,
            duration_s=round(self._actor.clock.mono() - self._began_mono, 3),
            vram_gb_above=self._vram_gb if code is Code.OUT_OF_MEMORY else None,
            resumed_from=self._taken.attempt if self._taken else None,
        )
