"""How programs end, are ended, and what is left of them: nothing."""

import subprocess
import sys
import threading

import psutil
import pytest
from command_rig import BY_HAND_S, Command, Leaps, allowed, order, run, workload

from spoolctl.spool import Code
from spoolworker.backends.base import BackendError, Interrupted, Watch
from spoolworker.backends.command.program import Program
from spoolworker.processes import lives, remember, remembered
from tests.backends.background import Background


def gone(pid):
    try:
        return not lives(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return True


class Heard:
    """Waits for a program's word, whose stage names a process."""

    def __init__(self):
        self.said = threading.Event()
        self.pid = 0
        self.watch = Watch(on_progress=self._hear)

    def _hear(self, _fraction, stage):
        self.pid = int(stage.removeprefix("pid"))
        self.said.set()

    def wait(self):
        assert self.said.wait(BY_HAND_S)
        return self.pid


def test_an_interrupt_ends_the_program_and_all_that_it_started(tmp_path):
    heard = Heard()
    body = "say(progress=0.5, stage=f'pid{child()}'); for_ever()"
    going = Background(lambda: run(tmp_path, body, watch=heard.watch))
    pid = heard.wait()
    heard.watch.interrupted.set()

    assert isinstance(going.join().error, Interrupted)
    assert gone(pid)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_a_program_may_tidy_up_when_it_is_told_to_end(tmp_path):
    heard = Heard()
    body = """
import signal
def tidy(*_):
    (OUT.parent / "tidied").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, tidy)
say(progress=0.5, stage=f"pid{os.getpid()}")
for_ever()
"""
    going = Background(lambda: run(tmp_path, body, watch=heard.watch))
    heard.wait()
    heard.watch.interrupted.set()
    going.join()

    assert (tmp_path / "work" / "tidied").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_a_program_that_will_not_end_is_made_to(tmp_path, monkeypatch):
    monkeypatch.setattr("spoolworker.processes.PATIENCE_S", 0.2)
    heard = Heard()
    body = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
say(progress=0.5, stage=f"pid{os.getpid()}")
for_ever()
"""
    going = Background(lambda: run(tmp_path, body, watch=heard.watch))
    pid = heard.wait()
    heard.watch.interrupted.set()

    assert isinstance(going.join().error, Interrupted)
    assert gone(pid)


def test_what_a_program_leaves_running_behind_it_is_ended_too(tmp_path):
    """It inherits the output, too: whoever waited for the end of that would wait for ever."""
    product = run(tmp_path, "(OUT / 'pid.txt').write_text(str(child()))", outputs=("text",))

    assert gone(int(product.made[0].path.read_text()))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no sessions of this kind")
def test_a_child_that_went_into_a_session_of_its_own_is_ended_if_it_was_ever_seen(tmp_path):
    (tmp_path / "record").write_text("{}")
    made = allowed(tmp_path, "say(pid=child(start_new_session=True)); for_ever()")
    program = Program(
        made.run, tmp_path, {"SPOOL_OUTPUTS": str(tmp_path)}, stdin=tmp_path / "record"
    )
    _, line = program.lines.get(timeout=BY_HAND_S)
    pid = int(line.strip("{} ").split(":")[1])
    program.memory_bytes()  # what a run does every second
    psutil.Process(program.pid).kill()

    assert program.end()
    assert gone(pid)
    assert program.end()


def test_a_program_that_takes_too_much_memory_is_ended(tmp_path):
    body = "block = bytearray(os.urandom(1)) * (200 << 20); print('big', flush=True); for_ever()"
    with pytest.raises(BackendError, match="may use 100") as caught:
        run(tmp_path, body, memory_mb=100, clock=Leaps(2))

    assert caught.value.code is Code.OUT_OF_HOST_MEMORY


def test_the_memory_of_all_that_it_started_counts(tmp_path):
    body = """
eats = "import threading; block = bytearray(b'x') * (80 << 20); threading.Event().wait()"
for _ in range(2): subprocess.Popen([sys.executable, "-c", eats])
for_ever()
"""
    with pytest.raises(BackendError) as caught:
        run(tmp_path, body, memory_mb=140, clock=Leaps(2))

    assert caught.value.code is Code.OUT_OF_HOST_MEMORY


def test_a_run_that_fails_leaves_nothing_behind_either(tmp_path):
    with pytest.raises(BackendError) as caught:
        run(tmp_path, "say(message=str(child())); sys.exit(3)")

    assert gone(int(str(caught.value).rpartition(" ")[2]))


# -- a worker that was killed

WORKER = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from command_rig import Command, allowed, order, workload
from spoolworker.backends.base import Watch
tmp = Path(sys.argv[1])
made = allowed(tmp, "say(progress=0.5, stage=f'pid{{os.getpid()}}'); for_ever()")
backend = Command({{"draw": made}}, remember_in=tmp / "remembered.json")
backend.run(order(tmp, workload()), Watch(on_progress=lambda _f, stage: print(stage, flush=True)))
"""


def test_a_program_that_outlived_its_killed_worker_is_ended_by_the_workers_next_life(tmp_path):
    """Else it would burn the card, unseen, beside the next job."""
    script = WORKER.format(paths=[path for path in sys.path if path])
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as worker:
        pid = int(worker.stdout.readline().strip().removeprefix("pid"))
        worker.kill()
    assert not gone(pid)

    Command({"draw": allowed(tmp_path, "")}, remember_in=tmp_path / "remembered.json").probe()

    assert gone(pid)


def test_a_worker_that_only_looks_ends_nothing(tmp_path):
    going = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
    try:
        remember(tmp_path / "remembered.json", going.pid)
        Command({"draw": allowed(tmp_path, "")}).probe()
        assert going.poll() is None
    finally:
        going.kill()
        going.wait()


def test_another_process_of_the_same_number_is_left_alone(tmp_path):
    file = tmp_path / "remembered.json"
    remember(file, psutil.Process().pid)
    assert remembered(file) is not None

    file.write_text(file.read_text().replace('"began_s": ', '"began_s": 1'))
    assert remembered(file) is None
    for nonsense in ("", "[]", "{}", '{"pid": "x", "began_s": 1}', '{"pid": -4, "began_s": 1}'):
        file.write_text(nonsense)
        assert remembered(file) is None


def test_what_was_remembered_is_forgotten_with_the_run(tmp_path):
    file = tmp_path / "remembered.json"
    backend = Command({"draw": allowed(tmp_path, "png('a.png')")}, remember_in=file)
    backend.run(order(tmp_path, workload()), Watch())

    assert not file.exists()
