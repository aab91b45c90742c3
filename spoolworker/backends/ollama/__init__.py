"""Ollama: texts by a language model, with or without images to look at.

``options`` what the worker's configuration says · ``asking`` requests · ``refusals`` what errors mean · ``client`` short calls ·
``stream`` the long one · ``generation`` one text · ``backend`` all of it behind ``base.Backend``.
"""

from spoolworker.backends.ollama.backend import Ollama

__all__ = ["Ollama"]
