"""The short form of the real mounts: a Linux NFS and SMB server and its clients in a virtual machine, four minutes.

Asked for by ``SPOOL_REAL_MOUNTS=1``; ``python -m tests.nas`` has the long forms. Where no virtual machine can be had it is
skipped, and says what is missing.
"""

import os

import pytest

from tests.nas.__main__ import run
from tests.nas.image import Unavailable
from tests.nas.scenarios import SHORT, cell

LIMIT_S = 400  # by protocol; an idle machine needs a quarter of it


def test_short_form_on_real_mounts(tmp_path):
    if os.environ.get("SPOOL_REAL_MOUNTS") != "1":
        pytest.skip("not asked for: SPOOL_REAL_MOUNTS=1 boots a virtual machine for four minutes")
    try:
        results = run(SHORT, tmp_path, limit_s=LIMIT_S)
    except Unavailable as reason:
        pytest.skip(f"no virtual machine here: {reason}")
    for one in results:
        assert one["outcome"] != "failed", f"{one['protocol']} {one['test']}\n{one['text']}"
    cells = {(p, n): cell(n, p, results) for p, numbers in SHORT.items() for n in numbers}
    assert {key: text for key, text in cells.items() if not text.startswith("green")} == {}
