"""The workload that makes words: a prompt for a language model, with or without images to look at.

For captions of images, and for prompts that are to be made longer. Which models are there, and which of them can see images, is for the
backend to say.
"""

from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from spoolctl.spool.records.base import JsonObject, Label, Submitted, Text

TEXT_BYTES_MAX: Final = 1 << 20
"""Longest text that a job may leave; a model that rambles never ends by itself."""
COUNT_MAX: Final = 100
_SAID_HERE = ("seed", "num_predict")


class TextWorkload(Submitted):
    """One prompt. Without inputs it leaves ``count`` texts; with inputs, which must be images, so many for each of them."""

    kind: Literal["text"]
    model: Label
    """As the server calls it, like ``llava:7b``."""
    prompt: Annotated[Text, Field(min_length=1)]
    system: Text | None = None
    """Instead of the model's own system prompt."""
    format: Literal["json"] | JsonObject | None = None
    """``json``, or a JSON schema that the text must fit; the text is then checked to be JSON."""
    count: Annotated[int, Field(ge=1, le=COUNT_MAX)] = 1
    seed: Annotated[int, Field(ge=-1, le=2**32 - 1)] = -1
    """Text i (from 0) gets seed + i. -1 lets the worker draw one; the manifest tells which it was."""
    num_predict: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Longest text in tokens; a text that is cut there is told as a warning. Left out: until the model ends by itself."""
    think: bool | None = None
    """Of a model that can think before it answers: whether it does. What it thinks is not kept."""
    options: JsonObject = {}
    """Handed to the backend as it is, like ``temperature`` or ``num_ctx``."""

    @property
    def stage(self) -> Literal["text"]:
        """It is a chain of one stage, called so."""
        return "text"

    def texts(self, inputs: int) -> int:
        """How many texts it leaves, with so many inputs."""
        return self.count * max(inputs, 1)

    @field_validator("options")
    @classmethod
    def _said_once(cls, options: JsonObject) -> JsonObject:
        for name in _SAID_HERE:
            if name in options:
                raise ValueError(f"'{name}' is said beside 'options', not in it")
        return options
