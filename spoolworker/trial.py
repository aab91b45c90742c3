"""Trying a backend out: one tiny job through the real server, what it can do, and which waiting jobs this worker would take.

Guarantees: nothing is claimed and nothing is written to the spool; the tiny job's files are checked as any attempt's are, and
removed. Does not prove that larger jobs fit the card.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from spoolctl.scheduling.fit import misfits
from spoolctl.spool import (
    Actor,
    Fronts,
    Node,
    SpoolError,
    Stage,
    Txt2Img,
    layout,
    parse_job,
)
from spoolworker.backends.base import Abilities, Backend, BackendError, Order, Product, Watch
from spoolworker.config import Config
from spoolworker.gpus import GpuReading
from spoolworker.models import FolderSeen, Found, HashCache, folders_seen, stages_here
from spoolworker.outputs import check
from spoolworker.readiness import card_of

SIDE, STEPS = 256, 4
JOBS_MAX = 20
_BYTES_MAX = 1 << 20
_SHOWN_MAX = 8

Tell = Callable[[str], None]


def try_backend(backend: Backend, tell: Tell, *, model: str | None = None) -> Abilities:
    """Ask what the backend can do, and have it make one small image if it makes any.

    Args:
        backend: It.
        tell: Called with each line of what was found.
        model: The model to use; the loaded one, or the first, if left out.

    Raises:
        BackendError: It does not answer, or the small job failed; the message says how.
    """
    found = backend.probe()
    tell(f"{found.backend} {found.version or ''} answers".replace("  ", " "))
    tell(f"stages: {', '.join(found.stages)}")
    models = None if found.models is None else tuple(one.name for one in found.models)
    lists = (
        ("models", models), ("VAEs", found.vaes), ("LoRAs", found.loras), ("embeddings", found.embeddings),
        ("upscalers", found.upscalers), ("samplers", found.samplers), ("extensions", found.extensions),
    )  # fmt: skip
    for what, names in lists:
        if names is not None:
            tell(f"{what}: {_shortened(names)}")
    if found.loaded_model:
        tell(f"loaded: {found.loaded_model}")
    if "txt2img" not in found.stages:
        tell("it makes no images from words: nothing was tried")
        return found
    wanted = model or found.loaded_model or (models[0] if models else None)
    began = time.monotonic()
    product = _make_one(backend, wanted, tell)
    used = product.used.model or "its own model"
    tell(
        f"one image of {SIDE}x{SIDE} in {STEPS} steps: {time.monotonic() - began:.1f} s, by {used}"
    )
    for warning in product.warnings:
        tell(f"warning: {warning}")
    return found


def _make_one(backend: Backend, model: str | None, tell: Tell) -> Product:
    stages: tuple[Stage, ...] = (
        Txt2Img(
            stage="txt2img", prompt="a lighthouse", seed=1, steps=STEPS, width=SIDE, height=SIDE, model=model,
        ),
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="spool-trial-") as folder:
        order = Order(stages, (), Path(folder), "trial", attempt=f"trial/{time.time_ns()}")
        last = [-1]

        def on_progress(fraction: float, _stage: str) -> None:
            tenth = int(fraction * 10)
            if tenth > last[0]:
                last[0] = tenth
                tell(f"progress: {fraction:.0%}")

        product = backend.run(order, Watch(on_progress=on_progress))
        # Four steps of some models are as good as black.
        check(product, images_asked=1, stages=stages, refuse_black=False)
    return product


def _shortened(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN_MAX} more" if len(names) > _SHOWN_MAX else ""
    return (", ".join(names[:_SHOWN_MAX]) or "none") + more


def tell_folders(config: Config, tell: Tell) -> tuple[FolderSeen, ...]:
    """What lies in the configured folders of models, by what a worker remembers of it: nothing is read here."""
    cache = HashCache(config.model_hashes, lambda problem: tell(f"warning: {problem}"))
    seen = folders_seen(config.models.by_kind(), cache)
    for one in seen:
        tell(f"{one.said}: {one.names or 'none'}")
        for problem in one.found.problems:
            tell(f"warning: {problem}")
    return seen


def would_claim(  # noqa: PLR0913, PLR0917 - what a card tells, and the jobs
    actor: Actor,
    config: Config,
    backend: Backend,
    abilities: Abilities,
    reading: GpuReading,
    found: Found | None = None,
) -> Iterator[str]:
    """A line for each of the first waiting jobs: that this worker would take it, or every reason why not. Raises OSError."""
    node = card_of(
        config, abilities, reading, session="trial", machine=actor.host.machine, started_at=datetime.now(UTC),
        found=found,
    )  # fmt: skip
    seen = 0
    for place in layout.QUEUES:
        for path in Fronts(actor).paths(place)[: JOBS_MAX - seen]:
            seen += 1
            yield f"{path}: {_verdict(actor, path, node, backend)}"
    if not seen:
        yield "no job waits"


def _verdict(actor: Actor, path: str, node: Node, backend: Backend) -> str:
    try:
        job = parse_job(actor.files.read(path, bytes_max=_BYTES_MAX))
        reasons = misfits(job, node) or backend.misfits(stages_here(job, node))
    except FileNotFoundError:
        return "claimed meanwhile"
    except (SpoolError, OSError, BackendError) as error:
        return f"is no job that could run: {error}"
    return f"no: {'; '.join(reasons)}" if reasons else "yes"
