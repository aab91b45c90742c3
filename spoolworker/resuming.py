"""Chains that go on where an earlier attempt stopped: whole stages are left on the share as they end, and taken over by the next attempt.

Where they are not to be kept, an attempt that succeeds drops its own.

Guarantees: a stage counts as left only once every image of it lies on the share and reads back as written; it is taken over only if each of
its images is fetched with the digest that was told, and is a whole image of the size that the chain asks for. Otherwise that stage is
made again: nothing here can fail an attempt. Decides nothing: the manifest does.
"""

import queue
import threading
from dataclasses import dataclass
from pathlib import Path

from spoolctl.spool import (
    STAGES_SCHEMA,
    Actor,
    Claim,
    Manifest,
    Output,
    SpoolError,
    StageDone,
    StagesDone,
    StageTiming,
    attempt_numbers,
    encode,
    images_asked,
    layout,
    read_record,
    replace_own,
)
from spoolworker.backends.base import BackendError, Made, Order
from spoolworker.delivery import deliver
from spoolworker.outputs import check_stages

_AGAIN_S = 5.0
_LAST_WORDS_S = 60.0
"""How long the end of an attempt waits for the stages that are still on their way to the share."""


@dataclass(frozen=True)
class Taken:
    """What is taken over."""

    attempt: int
    stages: tuple[StageDone, ...]
    done: tuple[tuple[Made, ...], ...]
    """Local copies, one tuple a stage."""


def take_over(actor: Actor, claim: Claim, order: Order, folder: Path) -> Taken | None:
    """Fetch what earlier attempts left of the chain; at least its last stage is made anew.

    Args:
        actor: The worker.
        claim: The attempt that begins.
        order: Its work.
        folder: An empty local folder for the copies.
    """
    best: StagesDone | None = None
    if claim.number == 1:
        return None  # not even a look: a card waits for it
    try:
        for number in attempt_numbers(actor, claim.name):
            told = _told(actor, claim, number) if number < claim.number else None
            if told is not None and (best is None or len(told.stages) >= len(best.stages)):
                best = told
        if best is None:
            return None
        stages = best.stages[: len(order.stages) - 1]
        done = tuple(
            tuple(_fetch(actor, claim, one, folder) for one in stage.outputs) for stage in stages
        )
        images = images_asked(claim.job, inputs=len(order.inputs))
        check_stages(
            done, order.stages, images_asked=images, refuse_black=actor.settings.refuse_black
        )
    except (OSError, SpoolError, BackendError) as error:
        actor.log("stages.not_taken_over", job=claim.name, error=str(error))
        return None
    if not done:
        return None
    actor.log("stages.taken_over", job=claim.name, attempt=best.attempt, stages=len(done))
    return Taken(best.attempt, stages, done)


def _told(actor: Actor, claim: Claim, number: int) -> StagesDone | None:
    try:
        told = read_record(actor, StagesDone, layout.stages_done(claim.name, number))
    except FileNotFoundError:
        return None
    ours = (told.name, told.attempt, told.record_sha256) == (claim.name, number, claim.sha256)
    return told if ours else None


def _fetch(actor: Actor, claim: Claim, output: Output, folder: Path) -> Made:
    name = output.path.rpartition("/")[2]
    if layout.OUTPUT_NAME.match(name) is None:
        raise OSError(f"'{output.path}' is not called like an output")
    found = actor.files.fetch(f"{layout.results(claim.name)}/{output.path}", folder / name)
    if found.sha256 != output.sha256:
        raise OSError(f"'{output.path}' is not what its worker wrote")
    return Made(
        path=folder / name,
        stage=output.stage,
        image_index=output.image_index,
        final=False,
        width=output.width or 0,
        height=output.height or 0,
        seed_requested=output.seed_requested,
        seed_actual=output.seed_actual,
    )


class Leaving:
    """Leaves each stage of one attempt on the share while the next one runs; who ends a stage never waits for the share.

    Args:
        actor: The worker.
        claim: The attempt.
        taken: What it took over, which is told again: whoever comes next need look at one attempt only.
    """

    def __init__(self, actor: Actor, claim: Claim, taken: Taken | None) -> None:
        self._actor = actor
        self._claim = claim
        self._stages = list(taken.stages) if taken else []
        self._ended: queue.SimpleQueue[tuple[tuple[Made, ...], StageTiming] | None] = (
            queue.SimpleQueue()
        )
        self._closing = threading.Event()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def leave(self, made: tuple[Made, ...], timing: StageTiming) -> None:
        """A stage has ended. The last one is the product's, and delivered with it."""
        if any(one.final for one in made):
            return
        if self._thread is None:
            # A daemon: a share that hangs must not keep this process from ending.
            self._thread = threading.Thread(target=self._run, name="stages", daemon=True)
            self._thread.start()
        self._ended.put((made, timing))

    def close(self) -> None:
        """The backend is done: finish what is on its way, within a limit, and touch nothing after that."""
        if self._thread is None:
            return
        self._closing.set()
        self._ended.put(None)
        self._thread.join(_LAST_WORDS_S)
        self._over.set()

    def _run(self) -> None:
        while (one := self._ended.get()) is not None:
            # Later stages wait: a list with a gap would be of no use.
            while not self._put(*one):
                if self._closing.wait(_AGAIN_S):
                    if self._over.is_set() or not self._put(*one):
                        return
                    break

    def _put(self, made: tuple[Made, ...], timing: StageTiming) -> bool:
        actor, claim = self._actor, self._claim
        try:
            done = StageDone(timing=timing, outputs=deliver(actor, claim, made))
            record = StagesDone(
                schema_=STAGES_SCHEMA,
                name=claim.name,
                attempt=claim.number,
                record_sha256=claim.sha256,
                stages=(*self._stages, done),
            )
            if not self._over.is_set():
                replace_own(actor, layout.stages_done(claim.name, claim.number), encode(record))
        except OSError as error:
            actor.log("stage.not_left", job=claim.name, error=str(error))
            return False
        self._stages.append(done)
        return True


def drop_stages(actor: Actor, claim: Claim, manifest: Manifest) -> None:
    """Remove from the attempt's folder what *manifest*, a success that is about to be published, does not name.

    The list of stages goes first: whoever dies in between leaves images that nobody speaks of, never a list of images that are gone.
    Tidiness only, so that no error of the share holds up the verdict. Earlier attempts' folders are not touched.
    """
    folder = layout.attempt(claim.name, claim.number)
    named = {output.path.rpartition("/")[2] for output in manifest.outputs}
    try:
        there = actor.files.names(folder)
    except OSError as error:
        actor.log("stages.not_dropped", job=claim.name, error=str(error))
        return
    if layout.MANIFEST in there:
        return  # somebody took this worker for dead: the next attempt may resume from these
    images = sorted(name for name in set(there) - named if layout.OUTPUT_NAME.match(name))
    if images and _is_gone(actor, claim, f"{folder}/{layout.STAGES}"):
        for name in images:
            _is_gone(actor, claim, f"{folder}/{name}")


def _is_gone(actor: Actor, claim: Claim, path: str) -> bool:
    """Remove a file; False if it may be there still, perhaps because a person on Windows looks at it."""
    try:
        actor.files.unlink(path)
    except FileNotFoundError:
        pass  # a list that was never left; an image of which the listing was old
    except OSError as error:
        actor.log("stages.not_dropped", job=claim.name, path=path, error=str(error))
        return False
    return True
