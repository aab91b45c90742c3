"""What the storm starts, it ends."""

import os
import signal
import sys
import time

import psutil
import pytest

from tests.storm.crew import Crew, Nursery, crew_of
from tests.storm.storm import make_spool

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux lets the storm fork, freeze and kill as it must"
)


def ended(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(condition, what):
    until = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < until, f"waited in vain for: {what}"
        time.sleep(0.02)


def test_what_runs_and_what_is_frozen_ends_with_the_block_though_it_raises(tmp_path):
    make_spool(tmp_path, 1)
    pids = []

    def leave():
        with crew_of(tmp_path) as crew:
            crew.keep(["worker-1", "worker-2", "controller-1"])
            crew.send("worker-2", signal.SIGSTOP)
            pids.extend(crew._pids.values())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()

    assert len(pids) == 3
    for pid in pids:
        wait_until(lambda pid=pid: ended(pid), f"process {pid} to end")


def test_children_end_with_a_nursery_that_is_killed(tmp_path):
    make_spool(tmp_path, 1)
    nursery = Nursery(tmp_path / "logs")
    try:
        crew = Crew(tmp_path, nursery)
        crew.keep(["worker-1"])
        crew.send("worker-1", signal.SIGSTOP)
        (pid,) = crew._pids.values()
        os.kill(nursery._popen.pid, signal.SIGKILL)

        wait_until(lambda: ended(pid), "the frozen worker to end")
    finally:
        nursery.close()


def test_a_program_that_falls_by_itself_is_told_and_started_again(tmp_path):
    make_spool(tmp_path, 1)
    with crew_of(tmp_path) as crew:
        crew.keep(["worker-1"])
        (first,) = crew._pids.values()
        crew.send("worker-1", signal.SIGKILL)

        crew.keep(["worker-1"])

        assert crew.fell == ["worker-1 ended by itself with -9"]
        assert first not in crew._pids.values()
