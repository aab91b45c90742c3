"""Things in a queue that are named like job files and are none: they are set aside, and nobody waits for them."""

import os
import sys
from dataclasses import replace

import pytest

from spoolctl.spool import Admission, NotAdmitted, create_spool, layout, open_spool, records_in

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has neither pipe nor such links"
)


def odd(tmp_path, make):
    root = tmp_path / "spool"
    create_spool(root)
    make(root / "queue/normal/odd.yaml")
    actor = open_spool(root, name="w1")
    actor = replace(actor, settings=actor.settings.model_copy(update={"reject_after_s": 0.0}))
    [location] = records_in(actor, layout.queue("normal"))
    assert Admission().admit(actor, location) is NotAdmitted.REJECTED
    [reason] = (root / "rejected").glob("*.reason.yaml")
    return reason.read_text(encoding="utf-8")


def test_a_pipe_is_rejected_and_nobody_waits_for_its_writer(tmp_path):
    """Opening it hung every worker until somebody wrote to it; fifty jobs waited while all of them looked idle."""
    assert "a folder or a device" in odd(tmp_path, os.mkfifo)


@pytest.mark.parametrize("target", ["../../spool.yaml", "nowhere"])
def test_a_symbolic_link_is_rejected(tmp_path, target):
    """It stayed in the queue for ever, and commands that look through the records failed with it."""
    assert "symbolic link" in odd(tmp_path, lambda path: path.symlink_to(target))
