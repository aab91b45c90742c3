"""Backends: what makes images, each behind the interface in ``base``.

A backend's own module is imported only when it is opened, so that a worker never needs the
libraries of the backends that it does not use.
"""

import difflib
from collections.abc import Callable, Mapping

from spoolctl.spool import UsageError
from spoolworker.backends.base import Backend


def _open_sketch(options: Mapping[str, str]) -> Backend:
    from spoolworker.backends.sketch import Sketch  # noqa: PLC0415 - see the module's docstring

    return Sketch.from_options(options)


_FACTORIES: dict[str, Callable[[Mapping[str, str]], Backend]] = {"sketch": _open_sketch}

BACKENDS: tuple[str, ...] = tuple(_FACTORIES)
"""Every name that ``open_backend`` knows."""


def open_backend(name: str, options: Mapping[str, str]) -> Backend:
    """Make the backend of that name.

    Args:
        name: One of ``BACKENDS``.
        options: The backend's own options, as text: ``--backend-option KEY=VALUE``.

    Raises:
        UsageError: The name or an option is not known, or an option's value cannot be read.
    """
    factory = _FACTORIES.get(name)
    if factory is None:
        near = difflib.get_close_matches(name, BACKENDS, n=1)
        known = ", ".join(BACKENDS)
        raise UsageError(
            f"there is no backend '{name}'; known: {known}",
            hint=f"did you mean '{near[0]}'?" if near else f"choose one of: {known}",
        )
    return factory(options)
