"""What a sampling stage says, in one server's words: nothing left unsaid, and every name one that the server has.

Pure. Guarantees: the steps of a pass that changes an image are those that WebUI takes, and "Automatic" is the sampler's own schedule. What
has no counterpart is refused, or told among ``warnings`` where it is only words of the prompt.
"""

from dataclasses import dataclass

from spoolctl.spool import Code, Sampling
from spoolworker.backends.base import BackendError
from spoolworker.backends.comfyui.catalogue import Catalogue
from spoolworker.backends.comfyui.words import Lora, read_prompt, sampler_of

SAMPLER, STEPS, CFG_SCALE = "Euler", 20, 7.0
"""What a chain that does not say runs with; steps and CFG scale are those with which WebUI's page begins."""

Values = dict[str, str | int | float]
"""By the names that the templates give to places."""


@dataclass(frozen=True)
class Said:
    """What a sampling stage says."""

    values: Values
    said: Sampling
    """The same in the job's words, with what it left to us."""
    loras: tuple[Lora, ...]
    warnings: tuple[str, ...]


class Wording:
    """Reads stages for one server.

    Args:
        catalogue: What the server has.
        model: The checkpoint of chains that name none.
    """

    def __init__(self, catalogue: Catalogue, model: str | None) -> None:
        self._catalogue = catalogue
        self._model = model

    def read(self, said: Sampling, seed: int, denoise: float | None = None) -> Said:
        """Read what holds in a stage.

        Args:
            said: It.
            seed: The image's own.
            denoise: How much an image is changed, 0 to 1; ``None``: it is a new one.

        Raises:
            BackendError: ``model_missing`` or ``backend_rejected``.
        """
        said = said.model_copy(
            update={
                "sampler": said.sampler or SAMPLER,
                "steps": said.steps or STEPS,
                "cfg_scale": CFG_SCALE if said.cfg_scale is None else said.cfg_scale,
                "model": self._checkpoint(said.model),
            }
        )
        sampler, scheduler = self._sampler(said)
        prompt = read_prompt(said.prompt or "", self._catalogue.embeddings)
        negative = read_prompt(said.negative_prompt or "", self._catalogue.embeddings)
        for name in (*prompt.embeddings, *negative.embeddings):
            if name not in self._catalogue.embeddings:
                raise BackendError(Code.MODEL_MISSING, f"embedding '{name}' is not here")
        unknown = (*prompt.unknown, *negative.unknown)
        if unknown:
            message = f"the prompt asks for '{unknown[0]}', which ComfyUI does not have"
            raise BackendError(Code.BACKEND_REJECTED, message)
        foreign = dict.fromkeys((*prompt.foreign, *negative.foreign))
        warning = (
            f"ComfyUI takes {len(foreign)} parts of the prompt for plain words that mean something else to WebUI: "
            "brackets, BREAK or AND"
        )
        steps = said.steps or STEPS
        values: Values = {
            "prompt": prompt.text, "negative_prompt": negative.text, "seed": seed,
            "model": said.model or "", "cfg_scale": said.cfg_scale or 0.0, "sampler": sampler,
            "scheduler": scheduler, "steps": steps if denoise is None else _steps_taken(steps, denoise),
        }  # fmt: skip
        return Said(values, said, prompt.loras, (warning,) if foreign else ())

    def _sampler(self, said: Sampling) -> tuple[str, str]:
        samplers = self._catalogue.choices("KSampler", "sampler_name") or ()
        schedulers = self._catalogue.choices("KSampler", "scheduler") or ()
        name = said.sampler or SAMPLER
        sampler, scheduler = sampler_of(name, said.scheduler, samplers, schedulers)
        if sampler is None:
            raise BackendError(Code.BACKEND_REJECTED, f"ComfyUI has no sampler '{name}'")
        if scheduler is None:
            message = f"ComfyUI has no scheduler '{said.scheduler}'"
            raise BackendError(Code.BACKEND_REJECTED, message)
        return sampler, scheduler

    def _checkpoint(self, name: str | None) -> str:
        have = self._catalogue.choices("CheckpointLoaderSimple", "ckpt_name") or ()
        name = name or self._model or (have[0] if len(have) == 1 else None)
        if name is None:
            message = (
                f"the job names no model, and this server has {len(have)}; set the option 'model'"
            )
            raise BackendError(Code.MODEL_MISSING, message)
        return self._catalogue.file("CheckpointLoaderSimple", "ckpt_name", name)


def _steps_taken(steps: int, denoise: float) -> int:
    """How many steps WebUI takes of *steps* when it changes an image."""
    return min(steps, int(min(denoise, 0.999) * steps) + 1)


def is_named(vae: str | None) -> bool:
    """True of a VAE other than the checkpoint's own."""
    return vae is not None and vae not in ("", "Automatic", "None")
