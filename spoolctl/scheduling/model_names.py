"""The names of models, as people, servers and files write them: when two of them mean the same one.

Pure. What a model *is* only its digest tells; a name is what most jobs have.
"""

import functools
import re

_HASH = re.compile(r" \[[0-9a-f]{8,64}\]\Z")
_SHA256_SAID = re.compile(r" \[([0-9a-f]{10}|[0-9a-f]{64})\]\Z")
_SUFFIX = re.compile(r"\.(safetensors|ckpt|pt|pth|sft|gguf)\Z", re.IGNORECASE)


@functools.lru_cache(maxsize=1 << 14)
def plain_name(model: str) -> str:
    """A model's name as people and servers write it: with its file's suffix or folder, or WebUI's short hash, or without."""
    name = _HASH.sub("", model).replace("\\", "/").rpartition("/")[2]
    return _SUFFIX.sub("", name).casefold()


def short_hash_said(model: str) -> str | None:
    """How the model's SHA-256 begins, if the name says it as WebUI does: ``dreamshaper [879db523c3]``.

    The eight digits of old versions are another hash, and the twelve of a LoRA are not of the whole file.
    """
    said = _SHA256_SAID.search(model)
    return said[1] if said else None
