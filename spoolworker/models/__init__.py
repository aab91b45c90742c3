"""Which models this machine has in its configured folders, told in its card, and a job's models said by their local names."""

from spoolworker.models.hashes import Digests, HashCache, read_digests, short_hash
from spoolworker.models.here import Here, models_here
from spoolworker.models.saying import stages_here
from spoolworker.models.scan import KINDS, Kind, ModelFile, Scan, scan_folders
from spoolworker.models.telling import FolderSeen, folders_seen, together
from spoolworker.models.watch import Found, ModelWatch, look

__all__ = [
    "KINDS",
    "Digests",
    "FolderSeen",
    "Found",
    "HashCache",
    "Here",
    "Kind",
    "ModelFile",
    "ModelWatch",
    "Scan",
    "folders_seen",
    "look",
    "models_here",
    "read_digests",
    "scan_folders",
    "short_hash",
    "stages_here",
    "together",
]
