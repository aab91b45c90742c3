"""Programs that this worker's own configuration allows by name, under a contract (docs/BACKENDS.md).

``talk`` what a program says · ``codes`` how it ends · ``leavings`` what it left · ``program`` its process · ``backend`` all of it behind
``base.Backend``. What is allowed stands in ``spoolworker.commands``.
"""

from spoolworker.backends.command.backend import Command

__all__ = ["Command"]
