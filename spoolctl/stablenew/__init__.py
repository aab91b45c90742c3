"""What StableNew reads of what the spool made, in files and formats of its own.

Its learning records come by ``controller/sync.py``; here are its job history and its output folder. Everything here only adds: no file
and no line of StableNew's is changed.
"""

from spoolctl.stablenew.history import Exported, export_history
from spoolctl.stablenew.images import LaidOut, lay_out

__all__ = ["Exported", "LaidOut", "export_history", "lay_out"]
