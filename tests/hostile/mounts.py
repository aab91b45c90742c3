"""The lies of the mounts that people use, each with a switch of its own. Measured on kernel 6.1 clients and Samba 4.17 unless said."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Mount:
    """How one client sees a share. All off: an honest client."""

    absence_s: float = 0.0
    """For how long a name that was not there is answered "not found" without asking."""
    presence_s: float = 0.0
    """For how long a name that was there leads to what it led to then: to a file that was moved elsewhere meanwhile."""
    listing_refreshes: bool = True
    """Opening a folder makes its names fresh (NFS; not SMB)."""
    same_file_s: float = 0.0
    """For how long a name is remembered for a file that this client now finds under another: a rename from there to here is one of a file
    onto itself, does nothing, and is said to be done (Linux)."""
    attributes_s: float = 0.0
    """For how long a file's length and time are told as they were, though it was written since; opening it asks."""
    contents_s: float = 0.0
    """For how long a name is read as it was, though another file was put there; its opening asks only whether there is one (SMB)."""
    listings_s: float = 0.0
    """For how long a listing is given again without asking (SMB)."""
    torn_listings: bool = False
    """A long listing is read in pieces: it misses a name that is renamed meanwhile, or shows it twice."""
    rename_by_handle: bool = False
    """A rename opens its source and then moves what it holds, wherever that has got to (Windows): it can take a file from its winner."""
    open_files_bar: bool = False
    """A file that somebody holds open to read cannot be renamed or removed: sharing violation (Windows)."""
    clock_s: float = 0.0
    """By how much this machine's wall clock is ahead of the share's."""
    stamps_files: bool = False
    """A written file's time is this machine's (SMB from Linux); otherwise the server's. A folder's is always the server's."""


HONEST = Mount()
NFS = Mount(
    absence_s=60.0, presence_s=60.0, same_file_s=60.0, attributes_s=3.0, torn_listings=True
)  # fmt: skip
"""Linux, default options (``acdirmax`` 60 s, ``acregmin`` 3 s)."""
SMB = Mount(
    absence_s=1.6, presence_s=2.0, same_file_s=inf, attributes_s=4.0, contents_s=4.0, listing_refreshes=False,
    listings_s=1.6, torn_listings=True, stamps_files=True,
)  # fmt: skip
"""Linux cifs, default options (``actimeo=1``). What is asked about a file under one name keeps its other name fresh, too: for ever."""
WINDOWS = Mount(rename_by_handle=True, open_files_bar=True, torn_listings=True)
"""As far as it was measured with separate requests against Samba; a real Windows was not on hand. Its caches are left out here:
they hold for seconds, and what they tell is played by ``SMB``."""
