"""Backends: what makes images, each behind the interface in ``base``.

A backend's own module is imported only when it is opened, so that a worker never needs the
libraries of the backends that it does not use.
"""

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from spoolctl.spool import UsageError
from spoolworker.backends.base import Backend
from spoolworker.commands import AllowedCommand


def _open_sketch(options: Mapping[str, str]) -> Backend:
    from spoolworker.backends.sketch import Sketch  # noqa: PLC0415 - see the module's docstring

    return Sketch.from_options(options)


def _open_webui(options: Mapping[str, str]) -> Backend:
    from spoolworker.backends.webui import Webui  # noqa: PLC0415 - see the module's docstring

    return Webui.from_options(options)


def _open_comfyui(options: Mapping[str, str]) -> Backend:
    from spoolworker.backends.comfyui import ComfyUI  # noqa: PLC0415 - see the module's docstring

    return ComfyUI.from_options(options)


def _open_ollama(options: Mapping[str, str]) -> Backend:
    from spoolworker.backends.ollama import Ollama  # noqa: PLC0415 - see the module's docstring

    return Ollama.from_options(options)


def _open_command(
    options: Mapping[str, str],
    commands: Mapping[str, AllowedCommand],
    remember_in: Path | None,
) -> Backend:
    from spoolworker.backends.command import Command  # noqa: PLC0415 - see the module's docstring

    if options:
        raise UsageError(
            f"backend 'command' has no option '{next(iter(options))}'",
            hint="what it may run stands in the tables [commands.NAME] of the worker's TOML file",
        )
    return Command(commands, remember_in=remember_in)


_FACTORIES: dict[str, Callable[[Mapping[str, str]], Backend]] = {
    "sketch": _open_sketch,
    "webui": _open_webui,
    "comfyui": _open_comfyui,
    "ollama": _open_ollama,
}

_COMMAND = "command"

BACKENDS: tuple[str, ...] = (*_FACTORIES, _COMMAND)
"""Every name that ``open_backend`` knows."""


def open_backend(
    name: str,
    options: Mapping[str, str],
    *,
    commands: Mapping[str, AllowedCommand] = MappingProxyType({}),
    remember_in: Path | None = None,
) -> Backend:
    """Make the backend of that name.

    Args:
        name: One of ``BACKENDS``.
        options: The backend's own options, as text: ``--backend-option KEY=VALUE``.
        commands: What the backend ``command`` may run.
        remember_in: A file in which that backend finds what it had started in a life that was cut off. Only for the worker
            itself: whoever looks ends what it finds there.

    Raises:
        UsageError: The name or an option is not known, or an option's value cannot be read.
    """
    if name == _COMMAND:
        return _open_command(options, commands, remember_in)
    factory = _FACTORIES.get(name)
    if factory is None:
        near = difflib.get_close_matches(name, BACKENDS, n=1)
        known = ", ".join(BACKENDS)
        raise UsageError(
            f"there is no backend '{name}'; known: {known}",
            hint=f"did you mean '{near[0]}'?" if near else f"choose one of: {known}",
        )
    return factory(options)
