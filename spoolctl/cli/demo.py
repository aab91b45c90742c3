"""``spoolctl demo``: not there yet."""

from spoolctl.spool import UsageError


def demo() -> None:
    """Show a spool at work on this machine."""
    raise UsageError("this version has no demo", hint="see docs/CLI.md for the commands it has")
