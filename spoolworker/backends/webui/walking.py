"""One order on its way through the chain: what each stage asks, sends, checks and leaves in scratch.

Guarantees: everything that the chain names is looked up before the first picture is made, and each stage's images are whole and in
scratch before the next stage begins.
"""

import base64
import copy
import io
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from PIL import ExifTags, Image

from spoolctl.spool import ADetailer, BackendUsed, Code, Img2Img, StageTiming, Txt2Img, layout
from spoolworker.backends.base import (
    BackendError,
    Interrupted,
    Made,
    Order,
    Product,
    Watch,
    filling,
)
from spoolworker.backends.chain import Picture, Step, begin, sow, steps
from spoolworker.backends.webui import asking
from spoolworker.backends.webui.answers import (
    Answer,
    Picked,
    is_only_resized,
    is_same_picture,
    read,
)
from spoolworker.backends.webui.asking import Ask, Source
from spoolworker.backends.webui.known import Known
from spoolworker.backends.webui.loads import Loads
from spoolworker.backends.webui.posting import Beat, Line, Posting

_ANY_SOURCE = Source("", 8_192, 8_192)
"""Stands for a picture that is not made yet, while names are looked up."""
_FORMATS = ("PNG", "JPEG", "WEBP")
_TURNED = (5, 6, 7, 8)
"""EXIF orientations that change width and height; the server turns the picture as they say."""
Work = tuple[list[Picture], Ask]


class Walk:
    """One order.

    Args:
        line: The server.
        order: What is to be done.
        watch: The run's.
        draw: Gives a seed where the job leaves it open.
        ask_again: What the server lists, once its folders were read anew; asked if a name is missing.
        pin: Called with every request before it is sent; gives warnings.
        loaded: The checkpoint that the last answer before told of.
    """

    def __init__(  # noqa: PLR0913 - each is one independent part
        self,
        line: Line,
        order: Order,
        watch: Watch,
        *,
        draw: Callable[[], int],
        ask_again: Callable[[], Known],
        pin: Callable[[Ask, Known], tuple[str, ...]],
        loaded: str | None = None,
    ) -> None:
        self.used = BackendUsed(name="webui")
        self._line = line
        self._order = order
        self._watch = watch
        self._draw = draw
        self._ask_again = ask_again
        self._pin = pin
        self._loads = Loads(loaded)
        self._known = Known()
        self._preview = Beat(line.clock, line.settings.preview_s, first=False)
        self._token = order.attempt or secrets.token_hex(8)
        self._sent = 0
        self._told = 0.0
        self._done = 0
        self._total = 1
        self._made: list[Made] = []
        self._timings: list[StageTiming] = []
        self._warnings: list[str] = []
        self._log: list[str] = []
        self._asked = ""

    def run(self, known: Known) -> Product:
        """Walk it.

        Raises:
            BackendError: The work failed; its log tells what was done and asked before what the server said.
            Interrupted: As ``Posting.send``.
        """
        pictures = begin(self._order)
        self._total = len(self._order.stages) * len(pictures)
        self._done = len(self._order.done) * len(pictures)
        try:
            self._look_up(known, pictures)
            for step in steps(self._order):
                self._stage(step, pictures)
        except (BackendError, Interrupted) as error:
            error.log_tail = "".join((*self._log, self._asked, error.log_tail))
            raise
        return Product(
            tuple(self._made), tuple(self._timings), self.used,
            warnings=tuple(dict.fromkeys(self._warnings)), log_tail="".join(self._log),
            load_s=self._loads.seconds,
        )  # fmt: skip

    def _look_up(self, known: Known, pictures: Sequence[Picture]) -> None:
        """See that the server has everything that the chain names; its folders are read anew before that is denied."""
        self._known = known
        try:
            self._rehearse(pictures)
        except BackendError as error:
            if error.code is not Code.MODEL_MISSING:
                raise
            self._known = self._ask_again()
            self._rehearse(pictures)

    def _rehearse(self, pictures: Sequence[Picture]) -> None:
        """Put every request together once, sending none."""
        for step in steps(self._order):
            rehearsed = copy.deepcopy(list(pictures[:1]))
            sow(step, rehearsed, lambda: 0)
            for _ in self._asks(step, rehearsed, lambda _picture: _ANY_SOURCE):
                pass

    def _stage(self, step: Step, pictures: list[Picture]) -> None:
        name = step.stage.stage
        began = self._line.clock()
        sow(step, pictures, self._draw)
        if any(one.seed is None for one in pictures):  # an enlarged input that is sampled anew
            base = self._draw()
            for one in pictures:
                one.seed = base + one.index
        first = len(self._made)
        for part, ask in self._asks(step, pictures, source):
            answer = self._send(ask, name, part)
            for picture, picked in zip(part, answer.images, strict=True):
                self._made.append(self._keep(step, picture, picked))
            self._done += len(part)
            self._tell(0.0, 0, name)
        seconds = max(0.0, self._line.clock() - began)
        timing = StageTiming(stage=name, seconds=seconds, images=len(pictures))
        self._timings.append(timing)
        self._log.append(f"webui: {name}: {len(pictures)} images in {seconds:.1f} s\n")
        self._watch.on_stage(tuple(self._made[first:]), timing)

    def _asks(
        self, step: Step, pictures: list[Picture], feed: Callable[[Picture], Source]
    ) -> Iterator[Work]:
        """A stage's requests, each with its pictures; one that changes a picture is put together when its turn comes."""
        stage, known = step.stage, self._known
        if isinstance(stage, Txt2Img):
            begun = 0
            at_once = self._line.settings.images_per_request
            for ask in asking.txt2img(step, pictures, known, at_once=at_once):
                yield pictures[begun : begun + ask.images], ask
                begun += ask.images
            return
        build: dict[type, Any] = {Img2Img: asking.img2img, ADetailer: asking.adetailer}
        for one in pictures:
            yield [one], build.get(type(stage), asking.upscale)(step, one, feed(one), known)

    def _send(self, ask: Ask, stage: str, part: Sequence[Picture]) -> Answer:
        """One request, and its answer once it is believed."""
        self._warnings += [*ask.warnings, *self._pin(ask, self._known)]
        client = self._line.client
        ran_out = client.card().ran_out if ask.scripts else 0
        self._sent += 1
        self._asked = f"webui: {stage}: asked for {ask.summary}\n"
        posting = Posting(
            self._line, self._watch, lambda done: self._tell(done, len(part), stage),
            task=f"spool-{self._token}-{self._sent}", preview=self._preview,
        )  # fmt: skip
        answer = read(ask, posting.send(ask))
        self._loads.take(answer.model, posting.waited_s)
        self.used = BackendUsed(
            name="webui",
            version=answer.version or self.used.version,
            model=answer.model or self.used.model,
            vae=answer.vae if answer.model else self.used.vae,
        )
        if ask.resized_means_failed and is_only_resized(_bytes(part[0]), answer.images[0].png):
            message = f"webui only resized instead of using '{ask.body['upscaler_1']}'"
            raise BackendError(
                Code.MODEL_SWITCHED_WRONGLY, f"{message}: it cannot load that upscaler's file"
            )
        if ask.scripts:
            self._judge_scripts(ask, part, answer, ran_out=client.card().ran_out > ran_out)
        return answer

    def _judge_scripts(
        self, ask: Ask, part: Sequence[Picture], answer: Answer, *, ran_out: bool
    ) -> None:
        """A script that fails is logged there and passed over; a card's memory that ran out can be seen from here."""
        idle = False
        if ask.same_means_nothing_found:
            idle = is_same_picture(_bytes(part[0]), answer.images[0].png)
        # Forge makes up for some such failures by itself, by working in tiles
        if ran_out and (idle or not (ask.same_means_nothing_found or self._known.is_forge)):
            message = "the card's memory ran out in a script, and webui went on without it"
            raise BackendError(Code.OUT_OF_MEMORY, message)
        if idle:
            self._warnings.append(
                f"image {part[0].index}: ADetailer changed nothing: it found nothing, or failed at it"
            )

    def _keep(self, step: Step, picture: Picture, picked: Picked) -> Made:
        """Leave one image in scratch."""
        stage = step.stage.stage
        path = self._order.scratch / layout.output_name(picture.index, step.number, stage)
        with filling(self._order.scratch):
            path.write_bytes(picked.png)
        picture.path = path
        if picked.seed is not None:
            picture.seed = picked.seed
        return Made(
            path, stage, picture.index, final=step.last, width=picked.width, height=picked.height,
            seed_requested=picture.requested, seed_actual=picture.seed,
        )  # fmt: skip

    def _tell(self, fraction: float, images: int, stage: str) -> None:
        """Progress over the whole chain, if it grew."""
        done = (self._done + fraction * images) / self._total
        if done > self._told:
            self._told = done
            self._watch.on_progress(done, stage)


def _bytes(picture: Picture) -> bytes:
    assert picture.path is not None, "only txt2img begins without a file"  # noqa: S101 - a bug, not an error
    return picture.path.read_bytes()


def source(picture: Picture) -> Source:
    """A picture's file, as a request takes it.

    Raises:
        BackendError: ``input_missing``, or ``bad_job`` if it is no image.
    """
    path = picture.path
    try:
        data = _bytes(picture)
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            if image.getexif().get(ExifTags.Base.Orientation) in _TURNED:
                width, height = height, width
    except FileNotFoundError as error:
        raise BackendError(Code.INPUT_MISSING, f"there is no file '{path}'") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        name = path.name if path else ""
        message = f"'{name}' cannot be read as an image: {error}"
        raise BackendError(Code.BAD_JOB, message) from error
    return Source(base64.b64encode(data).decode("ascii"), width, height)
