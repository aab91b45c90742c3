"""The backend's server is started, found dead or hung, and ended with all that it started. Its processes are real."""

import itertools
import json
import sys

import psutil
import pytest

from spoolworker.serving import ServerConfig, Serving

SLEEPS = "import time; time.sleep(600)"
HAS_A_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPS!r}])"
LIMIT_S = 60.0


class Desk:
    def __init__(self, folder):
        self.folder, self.now = folder, 1_000.0
        self.events, self.begun, self.servings = [], [], []

    def serving(self, program=SLEEPS, *, stop=None, **config):
        start = (sys.executable, "-c", program)
        if stop is not None:
            config["stop"] = (sys.executable, "-c", stop)
        serving = Serving(
            ServerConfig(start=start, folder=self.folder, **config),
            mono=lambda: self.now,
            file=self.folder / "s" / "server.json",
            output=self.folder / "logs" / "server.log",
            log=self.log,
        )
        self.servings.append(serving)
        return serving

    def log(self, event, **facts):
        self.events.append(event)
        if event == "server.started":
            self.begun.append(psutil.Process(facts["pid"]))

    def remembered(self):
        return json.loads((self.folder / "s" / "server.json").read_text())


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    for one in desk.begun:
        for process in (*children(one), one):
            if process.is_running():
                process.kill()
        if one.is_running():
            one.wait(LIMIT_S)
    for serving in desk.servings:
        serving.end()


def children(process):
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def ends(process):
    """Wait for its end and leave its exit code to the one who started it, which ``wait`` would take away."""
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        pass


def is_gone(process):
    try:
        process.wait(LIMIT_S)
    except psutil.NoSuchProcess:
        pass
    return not process.is_running()


def test_without_configuration_nothing_is_started(desk):
    serving = Serving(None, mono=lambda: 0.0, file=desk.folder / "f", output=desk.folder / "o", log=desk.log)  # fmt: skip

    assert serving.mend() is None
    assert not serving.end()
    assert desk.events == []


def test_a_server_that_does_not_answer_is_started_once_and_then_waited_for(desk):
    serving = desk.serving(grace_s=300)

    assert serving.mend() == "its server is starting"
    desk.now += 100
    assert serving.mend() == "its server has 200 s left to answer"

    assert desk.events == ["server.started"]
    assert serving.end()
    assert is_gone(desk.begun[0])


def test_one_that_never_answers_within_its_grace_is_ended_and_started_anew(desk):
    serving = desk.serving(grace_s=300)
    serving.mend()

    desk.now += 301
    told = serving.mend()

    assert told == "its server is starting"
    assert desk.events == ["server.started", "server.hangs", "server.ended", "server.started"]
    assert is_gone(desk.begun[0])
    assert desk.begun[1].is_running()


def test_one_that_answered_for_hours_is_not_ended_for_one_answer_that_fails(desk):
    serving = desk.serving(grace_s=300)
    serving.mend()
    serving.answered()
    desk.now += 10_000

    assert serving.mend() == "its server has 60 s left to answer"
    desk.now += 61
    serving.mend()

    assert desk.events[1:] == ["server.hangs", "server.ended", "server.started"]


def test_a_server_that_dies_at_once_is_started_ever_more_seldom(desk):
    serving = desk.serving("raise SystemExit(3)")
    starts = []
    for _ in range(400):
        before = len(desk.begun)
        serving.mend()
        if len(desk.begun) > before:
            starts.append(desk.now)
            desk.begun[-1].wait(LIMIT_S)
        desk.now += 5
        if len(starts) == 5:
            break

    assert [b - a for a, b in itertools.pairwise(starts)] == [10, 20, 40, 80]


def test_ending_takes_what_the_server_started_with_it(desk):
    """``webui.bat`` starts a shell that starts Python: ending the first alone leaves the card full."""
    serving = desk.serving(HAS_A_CHILD)
    serving.mend()
    while not (inner := children(desk.begun[0])):
        assert desk.begun[0].is_running()

    assert serving.end()

    assert is_gone(desk.begun[0])
    assert all(is_gone(one) for one in inner)


def test_a_server_of_a_former_life_of_the_worker_is_known_again(desk):
    desk.serving().mend()

    again = desk.serving()

    assert again.mend() == "its server has 60 s left to answer"
    assert again.end()
    assert is_gone(desk.begun[0])


def test_another_process_under_a_remembered_number_is_left_alone(desk):
    desk.serving().mend()
    told = desk.remembered() | {"began_s": 1.0}
    (desk.folder / "s" / "server.json").write_text(json.dumps(told))

    assert not desk.serving().end()

    assert desk.begun[0].is_running()


@pytest.mark.parametrize("text", ["", "[]", '{"pid": "x", "began_s": 1}', '{"pid": -5, "began_s": 1}'])  # fmt: skip
def test_a_spoilt_memory_is_as_good_as_none(desk, text):
    (desk.folder / "s").mkdir()
    (desk.folder / "s" / "server.json").write_text(text)

    assert not desk.serving().end()


def test_a_program_that_is_not_there_is_told(desk):
    serving = Serving(
        ServerConfig(start=(str(desk.folder / "no-such-program"),)), mono=lambda: desk.now,
        file=desk.folder / "f", output=desk.folder / "o", log=desk.log,
    )  # fmt: skip

    assert "cannot be started" in serving.mend()
    assert desk.events == ["server.not_started"]


def test_what_the_server_says_is_kept(desk):
    serving = desk.serving("print('model loaded')")
    serving.mend()
    desk.begun[0].wait(LIMIT_S)

    assert "model loaded" in (desk.folder / "logs" / "server.log").read_text()


def test_a_server_that_cannot_be_remembered_is_known_to_this_life_and_not_started_twice(desk):
    """Its number could not be written down, and a second server was started beside it."""
    (desk.folder / "s").write_text("no folder")
    serving = desk.serving()

    assert serving.mend() == "its server is starting"
    desk.now += 100
    serving.mend()

    assert desk.events == ["server.started", "server.unsaved"]
    assert serving.end()
    assert is_gone(desk.begun[0])


STARTED = "open('service', 'w')"
STOPPED = "import os; os.remove('service')"


def test_a_service_is_woken_given_its_grace_stopped_and_woken_again(desk):
    """Its start comes back at once, and the server is no child of it."""
    serving = desk.serving(STARTED, stop=STOPPED, grace_s=300)
    service = desk.folder / "service"

    serving.mend()
    ends(desk.begun[0])
    assert service.exists()
    desk.now += 100
    assert serving.mend() == "its server has 200 s left to answer"
    desk.now += 201
    assert serving.mend() == "its server is starting"

    assert desk.events == ["server.started", "server.hangs", "server.stopped", "server.started"]
    ends(desk.begun[1])
    assert service.exists()


def test_a_server_that_people_started_is_ended_by_the_command_for_it(desk):
    serving = desk.serving(stop=STOPPED)
    (desk.folder / "service").touch()

    assert not serving.end(), "the worker only leaves; the server is somebody else's"
    assert serving.end(whoever_started_it=True), "it hangs under a job"

    assert not (desk.folder / "service").exists()


@pytest.mark.parametrize("stop", ["raise SystemExit(1)", None])
def test_a_server_that_could_not_be_stopped_is_not_said_to_be_gone(desk, stop):
    serving = desk.serving(stop=stop)

    assert not serving.end(whoever_started_it=True)


def test_a_command_that_is_not_there_ends_nothing_and_is_told(desk):
    program = str(desk.folder / "no-such-program")
    serving = Serving(
        ServerConfig(start=(program,), stop=(program,)), mono=lambda: desk.now,
        file=desk.folder / "f", output=desk.folder / "o", log=desk.log,
    )  # fmt: skip

    assert not serving.end(whoever_started_it=True)
    assert desk.events == ["server.not_stopped"]


def test_what_start_began_is_ended_too_where_the_command_left_it(desk):
    serving = desk.serving(stop="pass")
    serving.mend()

    assert serving.end()

    assert is_gone(desk.begun[0])
    assert desk.events == ["server.started", "server.stopped", "server.ended"]


def test_a_service_whose_start_fails_is_dead_and_started_ever_more_seldom(desk):
    serving = desk.serving("raise SystemExit(3)", stop=STOPPED)
    serving.mend()
    ends(desk.begun[0])

    assert serving.mend() == "its server is started again in 10 s"
    assert desk.events == ["server.started", "server.died"]
