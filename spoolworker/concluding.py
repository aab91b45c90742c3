"""The end of one attempt: what came of the backend is checked and delivered, and its verdict published.

Guarantees: exactly one verdict is published, the same bytes at every try, or none if another's stands; a result that is complete is
delivered however long the share is away, as long as the attempt is ours. Works in any thread, one at a time: beside the
next attempt, too.
"""

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
    nodes,
)
from spoolworker.backends.base import NO_SPACE, BackendError, Order, Product
from spoolworker.delivery import deliver, deliver_log
from spoolworker.insisting import Insisting
from spoolworker.measuring import Reading
from spoolworker.outputs import check
from spoolworker.pulse import Watched
from spoolworker.resuming import Taken, drop_stages
from spoolworker.stopping import Stopping


@dataclass
class Course:
    """What came of an attempt so far, as its verdict will tell."""

    began_mono: float
    reading: Reading
    watched: Watched
    request: str | None = None
    """What the backend was asked for; ``None``: it was not."""
    taken: Taken | None = None
    given_up: str | None = None
    """Why the worker hands it back."""
    fenced_s: float | None = None


class Concluding:
    """One attempt's way to its verdict."""

    def __init__(  # noqa: PLR0913 - the agent's parts
        self,
        actor: Actor,
        claim: Claim,
        course: Course,
        *,
        life: Life,
        stopping: Stopping,
        scratch: Path,
        vram_gb: float | None,
        vram_seen: Callable[[], VramSeen | None],
        node: Node | None,
        was_loaded: bool | None,
    ) -> None:
        self._actor = actor
        self._claim = claim
        self._course = course
        self._stopping = stopping
        self._scratch = scratch
        self._vram_gb = vram_gb
        self._vram_seen = vram_seen
        self._node = node
        self._was_loaded = was_loaded
        self._began_utc = actor.utc_now()
        self._insisting = Insisting(actor, claim, life, stopping)

    def ended_by(self, step: Callable[[], Ending | None]) -> Ending | None:
        """What *step* says; whatever goes wrong in it is a verdict too."""
        try:
            return step()
        except BackendError as error:
            return self._failed(error.code, str(error), error.log_tail)
        except BadRecord as error:
            return self._failed(Code.BAD_JOB, f"{error}; {error.hint}")
        except OSError as error:
            # Before delivery only this machine's disk is written to.
            code = Code.SCRATCH_FULL if error.errno in NO_SPACE else Code.SHARE_AWAY
            return self._failed(code, str(error))
        except Exception as error:  # noqa: BLE001 - a fault of this program is no reason to leave the attempt open
            return self._failed(Code.INTERNAL, self.internal(error))

    def delivered(self, product: Product, order: Order) -> Ending | None:
        """Check what the backend left, and bring it to the share; errors as ``ended_by`` turns them into verdicts."""
        check(
            product,
            images_asked=images_asked(self._claim.job, inputs=len(order.inputs)),
            stages=order.stages,
            done=order.done,
            refuse_black=self._actor.settings.refuse_black,
        )
        return self._deliver(product)

    def _deliver(self, product: Product) -> Ending | None:
        if not self._actor.settings.keep_stages:
            product = replace(product, made=tuple(one for one in product.made if one.final))
        self._write_log(product.log_tail)
        # Not while fenced: what is complete waits here until the share is back, and then says whose it is.
        outputs = self._insisting.until_it_works(
            "deliver", lambda: self._put(product), self.is_unwanted
        )
        if outputs is None:
            return self.of_stop()
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

    def publish(self, ending: Ending) -> Manifest | None:
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
        return (
            self._course.watched.standing is Standing.SUPERSEDED
            or self._stopping.hand_back.is_set()
        )

    def _failed(self, code: Code, message: str, log_tail: str = "") -> Ending:
        try:
            self._write_log(log_tail)
            self._put_log(log_tail)
        except OSError as error:
            self._actor.log("log.unsaved", job=self._claim.name, error=str(error))
        return self._ending(Verdict.FAILED, code, message, log_tail=log_tail)

    def internal(self, error: Exception) -> str:
        """Log an error that nobody foresaw, whole; what to say of it in the verdict."""
        told = "".join(traceback.format_exception(error))
        self._actor.log(
            "execution.internal", job=self._claim.name, error=repr(error), traceback=told
        )
        return repr(error)

    def of_stop(self) -> Ending | None:
        """Why the backend was stopped from outside, as a verdict; None if another's stands already."""
        standing = self._course.watched.standing
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
        if self._course.given_up is not None:
            return self._ending(Verdict.RETURNED, Code.HANDED_BACK, self._course.given_up)
        fenced_s = self._course.fenced_s or 0.0
        self._actor.log("worker.fenced", silent_s=round(fenced_s, 1))
        message = f"the share was away for {fenced_s:.0f} s, so the work was stopped"
        return self._ending(Verdict.FAILED, Code.SHARE_AWAY, message)

    def is_unwanted(self) -> bool:
        """True if nobody wants what this attempt makes, or a person told this worker to go away now."""
        return (
            self._course.watched.standing is not Standing.MINE or self._stopping.hand_back.is_set()
        )

    def _ran(self, product: Product | None) -> Ran | None:
        """What the figures are made of; ``None`` if the backend was not even asked."""
        if self._node is None or not self._course.request:
            return None
        load_s = product.load_s if product else None
        return self._course.reading.ran(self._node, load_s=load_s, was_loaded=self._was_loaded)

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
            request=self._course.request,
            vram=self._vram_seen() if self._course.request else None,
            ran=self._ran(product),
            warnings=product.warnings if product else (),
            log_tail=log_tail,
            started_at=self._began_utc,
            duration_s=round(self._actor.clock.mono() - self._course.began_mono, 3),
            vram_gb_above=self._vram_gb if code is Code.OUT_OF_MEMORY else None,
            resumed_from=self._course.taken.attempt if self._course.taken else None,
        )
