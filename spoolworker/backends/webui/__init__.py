"""The ``webui`` backend: AUTOMATIC1111's Stable Diffusion WebUI and its fork Forge, over their API.

Guarantees: a picture is taken only if the server said, before and after, that it was made with what the job asked for; one request at
a time; what was asked of the server to stop is known to have stopped before ``run`` comes back as interrupted.
Does not guarantee it where the server cannot be asked: whether faces were restored, and scripts of extensions other than
ADetailer and ControlNet that fail in silence. Where that may be, the product warns.
"""

from spoolworker.backends.webui.backend import Webui

__all__ = ["Webui"]
