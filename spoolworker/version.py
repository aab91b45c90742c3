"""This program's version, as its distribution says."""

from importlib.metadata import PackageNotFoundError, version


def _read() -> str:
    try:
        return version("spoolctl")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0+source"


VERSION = _read()
