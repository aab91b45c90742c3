"""Which process this is and whether another lives: False must be a proof of death."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from spoolctl.spool import system
from spoolctl.spool.system import SystemClock, SystemEntropy, is_alive, this_host

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
PID_MAX_AND_MORE = 2**40


def test_the_monotonic_clock_does_not_go_back():
    clock = SystemClock()
    first = clock.mono()
    assert clock.mono() >= first
    assert clock.utc_s() > 1_600_000_000


def test_tokens_are_sixteen_hex_digits_and_differ():
    entropy = SystemEntropy()
    tokens = {entropy.token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(t) == 16 and set(t) <= set("0123456789abcdef") for t in tokens)
    assert all(0 <= entropy.fraction() < 1 for _ in range(100))


def test_this_process_lives_and_is_told_from_an_earlier_one_with_its_id():
    host = this_host()
    assert host == this_host()
    assert host.pid == os.getpid()
    assert host.machine == host.machine.lower()
    assert host.host_id
    assert host.boot_id
    assert is_alive(host.pid, host.started_s)
    assert not is_alive(host.pid, host.started_s - 60)


def test_another_process_of_this_machine_has_the_same_host():
    code = "from spoolctl.spool.system import this_host as t; h = t(); print(h.host_id, h.boot_id)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(system.__file__).parents[2],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    host = this_host()
    assert done.stdout.split() == [host.host_id, host.boot_id]


def test_a_process_that_ended_is_dead_and_a_zombie_too():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        started_s = system._started_s(child.pid)
        assert is_alive(child.pid, started_s)
        child.stdin.close()
        if sys.platform != "win32":
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, not yet reaped
            assert not is_alive(child.pid, started_s)
    assert not is_alive(child.pid, started_s)


@pytest.mark.parametrize("pid", [PID_MAX_AND_MORE, 2**70, 0, -1])
def test_an_id_that_no_process_can_have_is_dead(pid):
    assert not is_alive(pid, 1.0)


def test_a_process_that_we_may_not_look_at_counts_as_alive(monkeypatch):
    def refuse(_pid):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "Process", refuse)
    assert is_alive(4711, 1.0)


@pytest.mark.skipif(sys.platform == "win32", reason="hidepid is Linux's")
def test_a_process_that_proc_hides_from_us_counts_as_alive(monkeypatch):
    """With /proc mounted hidepid=2, another user's process is 'not there' but cannot be signalled."""

    def unseen(pid):
        raise psutil.NoSuchProcess(pid)

    def forbidden(_pid, _signal):
        raise PermissionError

    monkeypatch.setattr(psutil, "Process", unseen)
    monkeypatch.setattr(os, "kill", forbidden)
    assert is_alive(4711, 1.0)


@linux_only
def test_setting_the_clock_does_not_change_when_a_process_started(monkeypatch):
    """psutil adds the boot time by the wall clock: a step of the clock would have killed a worker."""
    host = this_host()
    monkeypatch.setattr(psutil.Process, "create_time", lambda _self: 4e9)
    assert is_alive(host.pid, host.started_s)


@linux_only
def test_a_process_name_with_spaces_and_brackets_does_not_confuse(monkeypatch, tmp_path):
    (tmp_path / "7").mkdir()
    fields = " ".join(["S", *(str(n) for n in range(4, 22)), "12345", "99"])
    (tmp_path / "7/stat").write_text(f"7 (my) prog (x) {fields}\n")
    monkeypatch.setattr(system, "_PROC", tmp_path)
    assert system._started_s(7) == 12345 / os.sysconf("SC_CLK_TCK")


def fake_machine(folder: Path, machine_id: str, namespace: int, monkeypatch) -> None:
    (folder / "etc").mkdir(parents=True)
    (folder / "etc/machine-id").write_text(f"{machine_id}\n")
    monkeypatch.setattr(system, "_ETC", folder / "etc")
    monkeypatch.setattr(system, "_pid_namespace", lambda: namespace)


@linux_only
def test_two_containers_with_one_machine_id_are_two_hosts(tmp_path, monkeypatch):
    fake_machine(tmp_path / "1", "abc", 4026532001, monkeypatch)
    first = system._host_id("gpu1", "boot")
    fake_machine(tmp_path / "2", "abc", 4026532002, monkeypatch)
    assert system._host_id("gpu1", "boot") != first


@linux_only
def test_containers_of_two_machines_with_one_image_and_namespace_number_are_two_hosts(
    tmp_path, monkeypatch
):
    """Or else each would take the other's boot for a reboot, which counts as a proof of death."""
    fake_machine(tmp_path, "abc", 4026532001, monkeypatch)
    assert system._host_id("worker", "boot-1") != system._host_id("worker", "boot-2")


@linux_only
def test_a_machine_stays_the_same_host_when_it_boots_anew(tmp_path, monkeypatch):
    fake_machine(tmp_path, "abc", system._FIRST_PID_NAMESPACE, monkeypatch)
    assert system._host_id("gpu1", "boot-1") == system._host_id("gpu1", "boot-2")
    assert system._host_id("gpu1", "boot-1") != system._host_id("gpu2", "boot-1")
