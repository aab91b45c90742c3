"""The ``comfyui`` backend: a ComfyUI server, spoken to over HTTP and, where it can be had, a websocket.

``backend`` is the class; ``prompts`` brings one workflow to its end, ``client`` and ``live`` speak to the server; ``drafts``, ``graph``,
``words``,
``catalogue``, ``outcome`` and ``workflow`` are pure.
"""

from spoolworker.backends.comfyui.backend import ComfyUI
from spoolworker.backends.comfyui.options import Options

__all__ = ["ComfyUI", "Options"]
