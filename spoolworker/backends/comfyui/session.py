"""One server during one run: a workflow in, checked pictures out.

Guarantees: a workflow that the server cannot run is refused before it is sent; what comes back is what its save nodes promised, fetched
whole into
the run's own folder and told with WebUI's text.
"""

import contextlib
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from spoolctl.spool import Code, slug
from spoolworker.backends.base import BackendError, Order, Watch
from spoolworker.backends.comfyui.catalogue import Catalogue, refuse
from spoolworker.backends.comfyui.client import Client
from spoolworker.backends.comfyui.graph import Nodes
from spoolworker.backends.comfyui.live import Event, LoadTime, Progress
from spoolworker.backends.comfyui.outcome import ContextGone, Saved, files_of, refuse_other_models
from spoolworker.backends.comfyui.pictures import as_png, size_of, with_text
from spoolworker.backends.comfyui.prompts import Prompts
from spoolworker.backends.comfyui.workflow import put_prefixes

_NAMESPACE = uuid.UUID("3d6a0c1e-52f5-5a3b-8c0e-6f3c5a2b9d10")
"""Ours, drawn once: a prompt's id is the uuid5 of attempt, stage and image, so that the same work is found again."""

_NAMES = frozenset(
    {"ckpt_name", "vae_name", "lora_name", "model_name", "sampler_name", "scheduler"}
)
_SUMMARY_CHARS_MAX = 2_000


@dataclass(frozen=True)
class Picture:
    """One image that the server made."""

    node: str
    png: bytes
    size: tuple[int, int]
    saved: Saved

    @property
    def remote(self) -> str:
        """What LoadImage on the same server calls it."""
        path = f"{self.saved.subfolder}/{self.saved.filename}".replace("\\", "/").lstrip("/")
        return f"{path} [{self.saved.type}]"


class Session:
    """Runs workflows for one order.

    Args:
        client: The server.
        prompts: Brings them to their end.
        catalogue: What the server has; called with True it looks anew.
        order: The attempt's work.
        watch: Told of progress and previews.
        output_folder: The server's, where fetched files are removed; ``None``: they stay.
    """

    def __init__(  # noqa: PLR0913 - each is one independent part
        self,
        client: Client,
        prompts: Prompts,
        *,
        catalogue: Callable[[bool], Catalogue],
        order: Order,
        watch: Watch,
        output_folder: Path | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._prompts = prompts
        self._catalogue = catalogue
        self._watch = watch
        self._output_folder = output_folder
        self._attempt = order.attempt or uuid.uuid4().hex
        self._fetched: list[Saved] = []
        self._told = 0.0
        token = uuid.uuid5(_NAMESPACE, self._attempt).hex[:12]
        self._folder = f"spool/{slug(order.title)[:60] or 'job'}-{token}"
        self.warnings: list[str] = []
        self.load_time = LoadTime(clock)
        self.asked = ""
        """The workflow that was sent last, on one line, for a log."""

    def make(
        self,
        key: str,
        nodes: Nodes,
        promised: Mapping[str, int],
        at: Callable[[float], float],
        stage: str,
    ) -> tuple[Picture, ...]:
        """Run one workflow; the images of the promised nodes, in their order.

        Args:
            key: Tells this workflow from the others of the attempt.
            nodes: The workflow; its prefixes are set.
            promised: Node id to how many images.
            at: The whole chain's progress, by this workflow's.
            stage: For the progress.

        Raises:
            BackendError: It cannot run here, failed, or did not leave what was promised.
            Interrupted: The run was stopped.
        """
        prompt_id = str(uuid.uuid5(_NAMESPACE, f"{self._attempt}/{key}"))
        prefixes = put_prefixes(nodes, f"{self._folder}/{key}")
        if self._catalogue(False).problems(nodes):  # noqa: FBT003 - its meaning stands above
            refuse(self._catalogue(True).problems(nodes))  # noqa: FBT003

        def hear(event: Event, progress: Progress) -> None:
            if event.picture is not None:
                self._watch.on_preview(event.picture)
            self.load_time.take(event, nodes)
            self.tell(at(progress.fraction), stage)

        self.asked = f"comfyui: {stage}: asked for '{key}': {_summary(nodes)}\n"
        try:
            entry = self._prompts.finish(prompt_id, nodes, {}, hear)
            refuse_other_models(entry, nodes)
            files = files_of(entry, promised, prefixes)
        except ContextGone as error:
            error.prompt_id = prompt_id
            raise
        pictures = tuple(self._fetch(node, one) for node, saved in files.items() for one in saved)
        with contextlib.suppress(BackendError):  # it only keeps the history short
            self._client.forget(prompt_id)
        self.tell(at(1.0), stage)
        return pictures

    def tell(self, fraction: float, stage: str) -> None:
        """Tell the progress if it grew."""
        if fraction > self._told:
            self._told = min(1.0, fraction)
            self._watch.on_progress(self._told, stage)

    def upload(self, path: Path) -> str:
        """Bring a local image to the server; what LoadImage calls it."""
        try:
            return self._client.upload(path)
        except FileNotFoundError as error:
            raise BackendError(Code.INPUT_MISSING, f"there is no file '{path}'") from error

    def tidy(self) -> None:
        """Remove what was fetched from the server's output folder, if this machine has it."""
        if self._output_folder is None:
            return
        for saved in self._fetched:
            path = self._output_folder / saved.subfolder.replace("\\", "/") / saved.filename
            inside = path.resolve().is_relative_to(self._output_folder.resolve())
            if saved.type == "output" and inside:
                path.unlink(missing_ok=True)
        folders = {saved.subfolder.replace("\\", "/") for saved in self._fetched}
        for folder in self._with_parents(folders):
            with contextlib.suppress(OSError):  # not empty, or gone
                (self._output_folder / folder).rmdir()

    def _with_parents(self, folders: Iterable[str]) -> list[str]:
        """Folders below the attempt's own, and that one, the deepest first."""
        below = {folder for folder in folders if folder.startswith(self._folder)}
        return sorted({*below, *([self._folder] if below else [])}, key=len, reverse=True)

    def _fetch(self, node: str, saved: Saved) -> Picture:
        png, converted = as_png(self._client.fetch(saved), saved.filename)
        if converted:
            self.warnings.append(f"'{saved.filename}' was made a PNG")
        self._fetched.append(saved)
        return Picture(node, png, size_of(png, saved.filename), saved)


def _summary(nodes: Nodes) -> str:
    """Its nodes with their numbers and the names of what they load; texts may be prompts, and stay out."""
    told = []
    for node in nodes.values():
        facts = (
            f"{key} {value}"
            for key, value in node["inputs"].items()
            if isinstance(value, int | float) or (key in _NAMES and isinstance(value, str))
        )
        told.append(f"{node['class_type']}({', '.join(facts)})")
    return " ".join(told)[:_SUMMARY_CHARS_MAX]


def keep(png: bytes, path: Path, text: str | None) -> None:
    """Write an image to where it belongs, with WebUI's text in it."""
    path.write_bytes(png if text is None else with_text(png, text))
