"""Nothing is claimed while the backend is away, and the card on the share is what it can do now."""

from types import SimpleNamespace

import pytest

from spoolctl.spool import STAGE_NAMES, Code, Life, ModelHere, layout, nodes
from spoolworker.backends.base import Abilities, BackendError
from spoolworker.config import Config, ModelFolders
from spoolworker.gpus import Gpu, GpuReading
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
    def __init__(self, folder, backend=None, in_use=None, **configured):
        self.world = World()
        self.actor = self.world.worker("w1").actor
        self.backend = backend or Played()
        config = Config(spool=folder, name="w1", scratch=folder, log_folder=folder, **configured)
        self.life = Life(self.actor, "worker")
        self.ready = Readiness(config, self.actor, self.life, self.backend, in_use)

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


class Holding(Played):
    """A backend whose server holds models in the card's memory."""

    name = "holding"

    def __init__(self):
        super().__init__()
        self.releases, self.busy = 0, False

    def vram_held_gb(self):
        return 8.0

    def release(self):
        self.releases += 1
        if self.refuses:
            raise BackendError(Code.BACKEND_UNREACHABLE, "nothing listens at port 7860")
        return not self.busy


@pytest.fixture
def resting(tmp_path, monkeypatch):
    monkeypatch.setattr("spoolworker.readiness.read_gpus", lambda: GpuReading(()))
    return lambda **configured: Desk(tmp_path, backend=Holding(), **configured)


def test_the_cards_memory_is_given_back_once_in_each_rest(resting):
    desk = resting()
    desk.ready.answers()
    for _ in range(3):
        desk.ready.give_memory_back()
        desk.pass_time(600)
    assert desk.backend.releases == 1
    assert desk.life.record().model is None
    assert len(desk.world.events("backend.memory_given_back")) == 1

    desk.ready.answers()
    desk.ready.give_memory_back()
    assert desk.backend.releases == 2


@pytest.mark.parametrize("how", ["busy", "refuses"])
def test_a_server_that_keeps_its_memory_is_asked_again_a_minute_later_and_told_once(resting, how):
    desk = resting()
    setattr(desk.backend, how, True)
    for _ in range(3):
        desk.ready.give_memory_back()
        desk.ready.give_memory_back()
        desk.pass_time(61)
    assert desk.backend.releases == 3
    assert len(desk.world.events("backend.memory_kept")) == 1

    setattr(desk.backend, how, False)
    desk.ready.give_memory_back()
    assert len(desk.world.events("backend.memory_given_back")) == 1


def test_memory_is_kept_where_that_is_configured_or_nothing_is_held(resting, desk):
    kept = resting(availability={"give_memory_back": False})
    kept.ready.give_memory_back()
    desk.ready.give_memory_back()

    assert kept.backend.releases == 0


@pytest.mark.parametrize(
    ("at_work", "backend", "others_gb"),
    [
        (False, Holding, 2.0),
        (True, Holding, 2.0),
        (False, Played, 10.0),
        (True, Played, None),
    ],
)
def test_what_others_hold_of_the_card_is_told_without_what_is_ones_own(
    tmp_path, at_work, backend, others_gb
):
    """A job's own memory must not look like somebody's use of the machine, and stop the job."""
    told = []
    desk = Desk(
        tmp_path, backend=backend(), in_use=SimpleNamespace(tell_vram=lambda *a: told.append(a[0]))
    )
    if at_work:
        desk.life.begin("job-1", 1, None)

    desk.ready._tell_card(Gpu(0, "RTX", "u", 24.0, 14.0))

    assert desk.life.record().vram_others_gb == others_gb
    assert told == ([] if others_gb is None else [others_gb])


def test_a_card_that_nobody_knows_is_told_so_that_nobody_waits_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr("spoolworker.readiness.read_gpus", lambda: GpuReading((), "no driver"))
    told = []
    use = SimpleNamespace(tell_vram=lambda *a: told.append(a))

    Desk(tmp_path, in_use=use).ready.answers()

    assert told == [(None, "no driver")]


def test_the_card_on_the_share_tells_the_workers_hours(tmp_path):
    desk = Desk(tmp_path, availability={"hours": ["sat,sun all day"], "when_closing": "stop"})

    desk.ready.answers()

    assert desk.card().hours == ("sat,sun all day",)
    assert desk.card().hands_back
