"""Nothing is claimed while the backend is away, and the card on the share is what it can do now."""

import pytest

from spoolctl.spool import STAGE_NAMES, Code, Life, ModelHere, layout, nodes
from spoolworker.backends.base import Abilities, BackendError
from spoolworker.config import Config, ModelFolders
from spoolworker.gpus import GpuReading
from spoolworker.readiness import Readiness
from tests.spool.spool_world import World
from tests.worker.model_files import put, sha


class Played:
    """A backend that answers what the test says."""

    name = "played"

    def __init__(self):
        self.asked, self.refuses, self.models = 0, False, ("a",)

    def probe(self):
        self.asked += 1
        if self.refuses:
            raise BackendError(Code.BACKEND_UNREACHABLE, "nothing listens at port 7860")
        models = tuple(ModelHere(name=one) for one in self.models)
        return Abilities("played", "1", STAGE_NAMES, models, loaded_model=self.models[0])


class Desk:
    def __init__(self, folder, **configured):
        self.world = World()
        self.actor = self.world.worker("w1").actor
        self.backend = Played()
        config = Config(spool=folder, name="w1", scratch=folder, log_folder=folder, **configured)
        self.life = Life(self.actor, "worker")
        self.ready = Readiness(config, self.actor, self.life, self.backend)

    def pass_time(self, seconds):
        self.world.clock.elapsed_s += seconds

    def card(self):
        return nodes(self.actor)["w1"][0]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.setattr("spoolworker.readiness.read_gpus", lambda: GpuReading(()))
    return Desk(tmp_path)


def test_what_the_backend_answers_is_the_workers_card(desk):
    assert desk.ready.answers()

    assert [model.name for model in desk.card().models] == ["a"]
    assert desk.life.record().model == "a"


def test_a_backend_that_is_away_is_told_and_asked_again_later(desk):
    desk.backend.refuses = True

    assert not desk.ready.answers()
    assert not desk.ready.answers()
    assert desk.backend.asked == 1
    assert desk.ready.away == "backend does not answer: nothing listens at port 7860"

    desk.pass_time(15)
    desk.backend.refuses = False
    assert desk.ready.answers()
    assert desk.ready.away is None


def test_it_is_asked_again_before_a_claim_when_it_answered_some_seconds_ago(desk):
    """It was asked once in a worker's life: a server that went away later cost every job in the queue an attempt."""
    desk.ready.answers()
    desk.ready.answers()
    assert desk.backend.asked == 1

    desk.pass_time(5)
    desk.backend.refuses = True

    assert not desk.ready.answers()


def test_after_a_job_it_is_asked_at_once(desk):
    desk.ready.answers()

    desk.ready.ask_anew()
    desk.ready.answers()

    assert desk.backend.asked == 2


def test_a_model_that_is_new_shows_in_the_card(desk):
    desk.ready.answers()
    desk.backend.models = ("a", "b")
    desk.pass_time(5)

    desk.ready.answers()

    assert [model.name for model in desk.card().models] == ["a", "b"]


def test_an_unchanged_card_is_not_written_again(desk):
    desk.ready.answers()
    desk.actor.files.unlink(layout.node_card("w1"))
    desk.pass_time(5)

    desk.ready.answers()

    assert layout.node_card("w1").rpartition("/")[2] not in desk.actor.files.names("nodes")


@pytest.mark.parametrize(
    ("code", "mended"),
    [
        (Code.BACKEND_UNREACHABLE, 1),
        (Code.BACKEND_DIED, 1),
        (Code.BACKEND_UNAUTHORISED, 0),
        (Code.BACKEND_REJECTED, 0),
    ],
)
def test_only_a_server_that_does_not_answer_is_started_anew(desk, monkeypatch, code, mended):
    """A wrong password ended a healthy server every minute."""
    calls = []
    monkeypatch.setattr(desk.ready._serving, "mend", lambda: calls.append(1) or "starting")

    def refuse():
        raise BackendError(code, "no")

    desk.backend.probe = refuse

    assert not desk.ready.answers()
    assert len(calls) == mended


# Models in folders


@pytest.fixture
def with_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("spoolworker.readiness.read_gpus", lambda: GpuReading(()))
    desk = Desk(tmp_path, models=ModelFolders(checkpoints=(tmp_path / "sd",)))
    monkeypatch.setattr(desk.ready._models, "start", lambda: None)  # tests let it look
    put(tmp_path, "sd/a.safetensors", b"weights")
    return desk


def test_the_folders_are_looked_through_beside_the_work_and_change_the_card_when_they_have_news(
    with_folder,
):
    desk = with_folder
    assert desk.ready.answers()
    assert desk.card().models == (ModelHere(name="a"),)

    desk.ready._models.round()
    desk.pass_time(5)
    assert desk.ready.answers()

    assert desk.card().models == (ModelHere(name="a", sha256=sha(b"weights"), bytes=7),)


def test_the_card_is_not_written_again_when_the_folders_are_as_they_were(with_folder):
    desk = with_folder
    desk.ready._models.round()
    desk.ready.answers()
    desk.actor.files.unlink(layout.node_card("w1"))

    desk.ready._models.round()
    desk.pass_time(5)
    desk.ready.answers()

    assert layout.node_card("w1").rpartition("/")[2] not in desk.actor.files.names("nodes")


def test_the_folders_are_looked_through_from_the_first_question_to_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("spoolworker.readiness.read_gpus", lambda: GpuReading(()))
    desk = Desk(tmp_path, models=ModelFolders(loras=(tmp_path,)))
    desk.backend.refuses = True

    assert not desk.ready.answers()
    thread = desk.ready._models._thread
    desk.ready.close()
    thread.join(10)

    assert not thread.is_alive()
