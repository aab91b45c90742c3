"""What Ollama tells about itself: its version, the models that it has, and those that are loaded."""

import re
from collections.abc import Mapping
from typing import Any

from spoolctl.spool import Code, ModelHere
from spoolworker.backends.base import BackendError
from spoolworker.backends.ollama.refusals import code_of, error_of
from spoolworker.backends.server import Server, said

_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")
_DEFAULT_TAG = ":latest"
_OK = 200
_SHORT_S = 10.0


class Client:
    """The short calls of one server.

    Args:
        server: Address and credentials.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def version(self) -> str:
        """Its version; also the lightest question that proves it alive.

        Raises:
            BackendError: It cannot be reached, refuses us, or is something else.
        """
        return str(self._get("/api/version").get("version", ""))

    def models(self) -> tuple[ModelHere, ...]:
        """What is installed, each ``NAME:latest`` as ``NAME`` too; errors as for ``version``.

        The digest is that of the model's manifest, as Ollama shows it: the same on every machine that pulled the same model.
        """
        found = []
        for one in self._list("/api/tags"):
            name, sha256 = _name(one), _SHA256.match(str(one.get("digest", "")))
            names = [name, name.removesuffix(_DEFAULT_TAG)]
            found += [
                ModelHere(name=each, sha256=sha256[1] if sha256 else None)
                for each in dict.fromkeys(names)
            ]
        return tuple(found)

    def loaded(self) -> tuple[str, ...]:
        """The models in memory, the one that stays longest first; errors as for ``version``."""
        return tuple(_name(one) for one in self._list("/api/ps"))

    def vram_bytes(self) -> int:
        """What the models in memory hold on the card; errors as for ``version``."""
        sizes = (one.get("size_vram") for one in self._list("/api/ps"))
        return sum(size for size in sizes if isinstance(size, int))

    def capabilities(self, model: str) -> tuple[str, ...] | None:
        """What a model can do, like ``vision``; ``None`` if the server is too old to tell.

        Raises:
            BackendError: As for ``version``; ``model_missing``.
        """
        answer = self._server.call("POST", "/api/show", json={"model": model}, timeout_s=_SHORT_S)
        if answer.status_code != _OK:
            text = error_of(said(answer))
            raise BackendError(
                code_of(answer.status_code, text),
                f"ollama does not tell of model '{model}': {text or answer.status_code}",
                log_tail=said(answer),
            )
        told = _mapping(self._server.read_json(answer)).get("capabilities")
        return tuple(map(str, told)) if isinstance(told, list) else None

    def unload(self, model: str) -> None:
        """Ask that a model leave the memory as soon as nothing is made with it any more; ``loaded`` tells whether it has.

        Raises:
            BackendError: It cannot be reached or refuses us.
        """
        body = {"model": model, "keep_alive": 0}
        self._server.call("POST", "/api/generate", json=body, timeout_s=_SHORT_S)

    def _get(self, path: str) -> Mapping[str, Any]:
        return _mapping(self._server.json("GET", path, timeout_s=_SHORT_S))

    def _list(self, path: str) -> list[Mapping[str, Any]]:
        models = self._get(path).get("models")
        return [_mapping(one) for one in models] if isinstance(models, list) else []


def same_model(one: str, other: str) -> bool:
    """True if two names mean one model: ``llava`` is ``llava:latest``."""
    return one.removesuffix(_DEFAULT_TAG) == other.removesuffix(_DEFAULT_TAG)


def _name(model: Mapping[str, Any]) -> str:
    return str(model.get("name") or model.get("model") or "")


def _mapping(told: Any) -> Mapping[str, Any]:  # noqa: ANN401 - raw JSON
    if not isinstance(told, dict):
        raise BackendError(Code.BACKEND_REJECTED, "what answers is no ollama: no JSON object")
    return told
