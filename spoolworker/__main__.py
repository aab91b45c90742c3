"""``python -m spoolworker``: the same as the command ``spoolworker``."""

from spoolworker.cli import main

main()
