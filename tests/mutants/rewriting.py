"""Deliberate errors: a step of the product with a few of its words exchanged, put wherever that step is used.

Guarantees: a patch that no longer fits the code fails instead of changing nothing. Does not guarantee that the change is an error.
"""

import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from tests.mutants.searching import Search

Patch = Callable[[pytest.MonkeyPatch], None]
_PACKAGES = ("spoolctl.spool.", "spoolctl.", "")
_OURS = ("spoolctl", "spoolworker", "tests")
_THEIR_OWN = (
    *(
        f"tests.mutants.{name}"
        for name in ("deciding", "living", "resting", "sharing", "spilling", "working")
    ),
    "tests.spool.world_checks",
)
"""Where the errors themselves are written, and the checker, which remembers what it read: they go on using the steps as they are."""


@dataclass(frozen=True)
class Mutant:
    """One deliberate error.

    ``breaks``: the promise that does not hold any more (docs/RELIABILITY.md). ``story``: which error it plays. ``shows``: what the
    search that catches it must say, a regular expression; the first that it says may be another promise, broken on the way.
    """

    name: str
    breaks: str
    story: str
    patch: Patch
    caught_in: Search
    shows: str


def rewritten(target: str, *edits: tuple[str, str], **given: Any) -> Patch:
    """A function or method with each first text exchanged for the second.

    Args:
        target: ``module:name`` or ``module:Class.name``.
        edits: Each first text must be there, once.
        given: Names that the new texts use and the module does not know.
    """

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        module, owner, name = _found(target)
        source = textwrap.dedent(inspect.getsource(_function(owner, name)))
        for old, new in edits:
            assert source.count(old) == 1, f"{target} has {source.count(old)} times: {old}"
            source = source.replace(old, new)
        for unknown, value in given.items():
            monkeypatch.setitem(vars(module), unknown, value)
        made: dict[str, Any] = {}
        exec(compile(source, f"<mutant of {target}>", "exec"), vars(module), made)
        _put(monkeypatch, owner, name, made[name])

    return patch


def replaced(target: str, by: Any) -> Patch:
    """A function or method replaced by another, everywhere."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        _, owner, name = _found(target)
        _put(monkeypatch, owner, name, by)

    return patch


def together(*patches: Patch) -> Patch:
    """Several errors at once: where one alone is made good by another part of the product."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        for one in patches:
            one(monkeypatch)

    return patch


def _found(target: str) -> tuple[ModuleType, Any, str]:
    where, _, path = target.partition(":")
    *classes, name = path.split(".")
    module = next(found for package in _PACKAGES if (found := _module(package + where)))
    owner: Any = module
    for one in classes:
        owner = getattr(owner, one)
    return module, owner, name


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def _function(owner: Any, name: str) -> Any:
    static = inspect.getattr_static(owner, name)
    return static.fget if isinstance(static, property) else static


def _put(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, made: Any) -> None:
    if not inspect.ismodule(owner):
        monkeypatch.setattr(owner, name, made)
        return
    before = getattr(owner, name)
    for module in [m for m in sys.modules.values() if m.__name__.startswith(_OURS)]:
        if module.__name__ in _THEIR_OWN:
            continue
        for attribute, value in list(vars(module).items()):
            if value is before:
                monkeypatch.setattr(module, attribute, made)
