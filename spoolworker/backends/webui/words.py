"""What WebUI reads out of a prompt beside its words: extra networks in angle brackets. Pure.

Format (``modules/extra_networks.py``): ``<kind:name:weight>``; LoRA is the kind ``lora``, and ``lyco`` the same under its old name.
Only the prompt is read for them, not the negative one.
"""

import re

_NETWORK = re.compile(r"<(\w+):([^>]+)>")
_LORA = ("lora", "lyco")
_KINDS = (*_LORA, "hypernet")


def loras_of(*prompts: str) -> tuple[str, ...]:
    """Names of the LoRAs that the prompts call, each once."""
    found = (
        name.split(":")[0]
        for prompt in prompts
        for kind, name in _NETWORK.findall(prompt)
        if kind in _LORA
    )
    return tuple(dict.fromkeys(found))


def unknown_networks(prompt: str) -> tuple[str, ...]:
    """Kinds in angle brackets that WebUI takes out of the prompt and does nothing with, like ComfyUI's ``embedding``."""
    kinds = (kind for kind, _ in _NETWORK.findall(prompt))
    return tuple(dict.fromkeys(kind for kind in kinds if kind not in _KINDS))
