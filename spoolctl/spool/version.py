"""This program's version, as its distribution says; spoolctl and spoolworker are one distribution."""

from importlib.metadata import PackageNotFoundError, version


def _read() -> str:
    try:
        return version("spoolctl")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0+source"


VERSION = _read()
