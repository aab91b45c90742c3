"""The short form of the real mounts: a Linux NFS and SMB server and its clients in a virtual machine, some minutes.

Runs where the virtual machine can be had: root builds its disk on the first run, for which the packages that ``tests.nas.image.TOOLS``
names must be installed, and a Debian mirror and a package index in reach. Elsewhere it is skipped, and says what is missing.

``SPOOL_REAL_MOUNTS=0`` skips it, ``SPOOL_REAL_MOUNTS=1`` makes it fail where it would be skipped: for machines that must not lose it
unnoticed. ``python -m tests.nas`` has the long forms.
"""

import os

import pytest

from tests.nas.image import Unavailable, ensure_image
from tests.nas.runs import run
from tests.nas.scenarios import SHORT, cell

LIMIT_S = 1500  # by protocol; an idle machine needs a tenth of it


@pytest.fixture
def machine_here():
    wanted = os.environ.get("SPOOL_REAL_MOUNTS")
    if wanted == "0":
        pytest.skip("not wanted: SPOOL_REAL_MOUNTS=0")
    try:
        ensure_image(install=False)
    except Unavailable as reason:
        if wanted == "1":
            raise
        pytest.skip(f"no virtual machine here: {reason}")


def test_short_form_on_real_mounts(machine_here, tmp_path):
    results = run(SHORT, tmp_path, limit_s=LIMIT_S)
    for one in results:
        assert one["outcome"] != "failed", f"{one['protocol']} {one['test']}\n{one['text']}"
    cells = {(p, n): cell(n, p, results) for p, numbers in SHORT.items() for n in numbers}
    assert {key: text for key, text in cells.items() if not text.startswith("green")} == {}
