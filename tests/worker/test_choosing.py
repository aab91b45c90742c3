"""Which job a worker takes next, and what it does not open on the way."""

from datetime import UTC, datetime

import pytest

from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.seen import LATER_EACH, WINDOW, JobSeen, WorkerSeen
from spoolctl.scheduling.simulate import traces
from spoolctl.scheduling.simulate import world as simulate
from spoolctl.scheduling.simulate.farm import Exactly
from spoolctl.scheduling.work import work_of
from spoolctl.spool import (
    NODE_SCHEMA,
    Admission,
    Choosing,
    Claim,
    Code,
    Ending,
    Facts,
    Life,
    Node,
    Ownership,
    Standing,
    Verdict,
    begin_session,
    layout,
    parse_job,
)
from spoolctl.spool.memory import Blind
from spoolworker import heads
from spoolworker.choosing import Chooser
from spoolworker.heads import FIRST_MAX, OPENED_MAX
from tests.spool.spool_world import JOB, START_UTC_S, World

BIG = JOB.replace(b"workload:", b"requires: {vram_gb: 24}\nworkload:")
GROWING = JOB.replace(b"...\n", b"")


class Chooses:
    """A worker that only chooses."""

    def __init__(self, world, name="w1", timing=None, **card):
        self.world = world
        self.actor = world.actor(name, machine=f"host-{name}")
        begin_session(self.actor)
        self.life = Life(self.actor, "worker")
        timing = timing or Estimates()
        self.chooser = Chooser(
            self.actor, self.life, Admission(), self.node(name, **card), estimates=lambda: timing
        )

    def node(self, name, **card):
        has = {"vram_gb": 8.0, "stages": ("txt2img",), "backend": "sketch", **card}
        return Node(
            schema_=NODE_SCHEMA, worker=name, session=self.actor.session, machine="m", protocol=1,
            version="1", started_at=datetime.fromtimestamp(START_UTC_S, tz=UTC), **has,
        )  # fmt: skip

    def take(self):
        """The name of the job that one look claimed, or None."""
        claimed = self.chooser.look().claimed
        return claimed.name if claimed else None

    def take_within(self, looks):
        """The first job that it claims in so many looks, one a second; None if it claims none."""
        for _ in range(looks):
            if (name := self.take()) is not None:
                return name
            self.world.turn(1)
        return None

    def take_all(self):
        found = []
        while (name := self.take()) is not None:
            found.append(name)
        return found

    def opened_in_one_look(self):
        begin = self.actor.files.operations
        self.chooser.look()
        trace = self.actor.files.trace[begin:]
        return [path for op, path, *_ in trace if op == "read" and path.startswith("queue/")]


@pytest.fixture
def world():
    return World(settle_s=2.0)


# Order


def test_jobs_are_taken_class_by_class_and_in_a_class_by_their_files_names(world):
    for folder, name in (
        ("batch", "a"), ("normal", "b.10"), ("normal", "b.9"), ("interactive", "z"), ("normal", "0+zz"),
        ("normal", "1+a.1"), ("batch", "0+c"),
    ):  # fmt: skip
        world.drop(name, folder=f"queue/{folder}")

    assert Chooses(world).take_all() == ["z", "zz", "a.1", "b.10", "b.9", "c", "a"]


def test_a_rank_prefix_never_passes_a_class(world):
    world.drop("0+a", folder="queue/batch")
    world.drop("z", folder="queue/interactive")

    assert Chooses(world).take_all() == ["z", "a"]


def test_a_misfit_is_left_to_others_and_the_next_one_taken(world):
    world.drop("a", BIG)
    world.drop("b")

    assert Chooses(world).take() == "b"
    assert world.events("misfit") == [{"job": "a", "reasons": ["8 of 24 GB"]}]
    assert Chooses(world, "w2", vram_gb=24.0).take() == "a"


def test_a_job_whose_chain_cannot_be_read_is_claimed_so_that_its_verdict_says_so(world):
    """It used to lie in the queue for ever, and only the log of each worker knew why."""
    world.drop(
        "a",
        b"schema: spool.job/1\nworkload: {kind: stablenew, snapshot: {normalized_job: {}}}\n...\n",
    )

    assert Chooses(world).take() == "a"


# Walls


def test_of_a_long_queue_a_look_takes_apart_only_the_names_that_it_comes_to(world, monkeypatch):
    """With ten thousand jobs in a queue a worker spent more time on their names than on the jobs."""
    for index in range(300):
        world.drop(f"a.{index:04d}")
    parsed = []
    parse = layout.parse_file_name
    monkeypatch.setattr(
        layout, "parse_file_name", lambda entry: parsed.append(entry) or parse(entry)
    )

    assert Chooses(world).take() == "a.0000"
    assert parsed == [f"a.{index:04d}.yaml" for index in range(FIRST_MAX)]


def test_a_wall_of_misfits_hides_nothing_and_one_look_opens_a_bounded_number(world):
    for index in range(500):
        world.drop(f"a.{index:04d}", BIG)
    world.drop("b")
    worker = Chooses(world)

    assert len(worker.opened_in_one_look()) == OPENED_MAX
    assert worker.take_within(17) == "b"

    assert len(worker.opened_in_one_look()) == 0, "none is opened again at once"
    world.turn(60)
    assert len(worker.opened_in_one_look()) <= OPENED_MAX


def test_a_wall_that_takes_longer_to_pass_than_a_misfit_is_remembered_hides_nothing_either(
    world, monkeypatch
):
    """After a minute the first ones were due again and filled each look, so that nothing behind 2,000 misfits ever ran."""
    monkeypatch.setattr(heads, "OPENED_MAX", 4)
    monkeypatch.setattr(heads, "AGAIN_MAX", 1)
    for index in range(400):
        world.drop(f"a.{index:04d}", BIG)
    world.drop("b")
    worker = Chooses(world)

    for _ in range(150):
        world.turn(1)
        if (name := worker.take()) is not None:
            break
    assert name == "b"


def test_a_record_that_was_passed_over_has_its_turn_again_behind_a_wall_that_is_due_too(world):
    for index in range(20):
        world.drop(f"a.{index:04d}", BIG)
    world.drop("b")
    worker = Chooses(world, stages=())
    worker.chooser.look()
    worker.chooser.node = worker.node("w1")

    names = []
    for _ in range(4):
        world.turn(61)
        names.append(worker.take())
    assert names.count("b") == 1


def test_memory_of_what_was_passed_over_is_bounded_by_what_is_there(world, monkeypatch):
    monkeypatch.setattr(heads, "_PASSED_MAX", 10)
    worker = Chooses(world)
    for index in range(30):
        world.drop(f"a.{index:04d}", BIG)
    worker.chooser.look()
    for path in [p for p in world.share.tree() if p.startswith("queue/normal/")][:25]:
        world.share.view().unlink(path)

    worker.chooser.look()

    assert len(worker.chooser._heads._passed) == 5


# Depth


class Paces(Estimates):
    """A job takes as long as its worker's pace says; loading takes nothing."""

    def __init__(self, **paces):
        super().__init__()
        self.paces = paces

    def run_s(self, work, node):
        return Exactly(self.paces[node.worker])

    def load_s(self, model, node):
        return Exactly(0.0)

    def failure_rate(self, work, node):
        return Exactly(0.0)


class Beside:
    """A company that stays as it is."""

    def __init__(self, *others):
        self.others, self.cards, self.is_there = list(others), [], True


def slow_one(world):
    """A worker that takes a minute where four others, at work now, take three seconds."""
    fast = [f"fast{number}" for number in range(4)]
    worker = Chooses(world, "slow", timing=Paces(slow=60.0, **dict.fromkeys(fast, 3.0)))
    others = [WorkerSeen(worker.node(name), free_in_s=2.0) for name in fast]
    worker.chooser.company = Beside(*others)
    return worker


def test_a_slow_worker_leaves_the_last_jobs_to_the_fast_ones(world):
    for number in range(20):
        world.drop(f"a.{number:04d}", folder="queue/batch")

    assert slow_one(world).take_within(5) is None


def test_a_slow_worker_helps_with_a_backlog_of_which_it_sees_only_the_head(world):
    """It was told nothing of what lies behind, and idled for as long as the fast ones had no more to do than it could see."""
    for number in range(300):
        world.drop(f"a.{number:04d}", folder="queue/batch")
    worker = slow_one(world)

    assert worker.take() == "a.0000"
    assert worker.take_within(5) == "a.0001"


def by(who, data=JOB):
    return data.replace(b"workload:", b"submitted_by: %s\nworkload:" % who.encode(), 1)


def takes(worker, count):
    """What so many looks claim, ten seconds apart."""
    found = []
    for _ in range(count):
        found.append(worker.take())
        worker.world.turn(10)
    return found


def test_who_comes_after_somebodys_hundreds_has_a_turn_at_once():
    """Only what lay in front was looked at, and his first was number 238."""
    world = World(choosing={"turn_s": 0})
    for number in range(300):
        world.drop(f"a.{number:04d}", by("alice"))
    for number in range(5):
        world.drop(f"b.{number:04d}", by("bob"))

    first = takes(Chooses(world), 20)

    of_bob = [at for at, name in enumerate(first) if name.startswith("b.")]
    assert of_bob == list(range(of_bob[0], of_bob[0] + 10, 2)), "one after the other, in turns"
    assert of_bob[0] < 8
    assert first[of_bob[0]] == "b.0000"


def test_of_somebodys_later_submissions_none_is_taken_before_what_lies_unseen_of_the_first():
    world = World(choosing={"turn_s": 0, "turns": "submitters"})
    for shelf in "abc":
        for number in range(150):
            world.drop(f"{shelf}.{number:04d}", by("alice"))
    worker = Chooses(world)

    for _ in range(8):
        world.turn(1)
        worker.chooser._heads.begin()
        shown = worker.chooser._heads.look("normal", lambda _location, _job: True)

    assert list(shown) == [f"queue/normal/a.{number:04d}.yaml" for number in range(WINDOW)]


def test_what_the_simulator_takes_a_worker_to_see_of_a_queue_is_what_it_sees(world):
    farm = traces.farm("three-people", seed=1, jobs=2)
    simulated = simulate.World(farm, Choosing(), lambda _world, _worker: None)
    for who, count in (("alice", 2 * WINDOW), ("bob", 9), ("carl", 2)):
        for number in range(count):
            data = by(who)
            world.drop(f"{who}.{number:04d}", data)
            job = parse_job(data)
            seen = JobSeen(f"{who}.{number:04d}", job, "normal", work_of(job))
            simulated.waiting["normal"][seen.name] = simulate.Arrival(0.0, seen)
    worker = Chooses(world)
    for _ in range(WINDOW // OPENED_MAX + 2):
        world.turn(1)
        worker.chooser._heads.begin()
        shown = worker.chooser._heads.look("normal", lambda _location, _job: True)

    names = [head.admitted.location.name for head in shown.values()]
    heads, behind = simulated.heads(simulated.workers[0], "normal")
    assert names == [job.name for job in heads]
    assert worker.chooser._heads.behind == behind == WINDOW + 9 - LATER_EACH


# Files that are no jobs yet


def test_a_growing_file_is_counted_and_taken_once_it_stayed_the_same(world):
    world.drop("a", GROWING)
    worker = Chooses(world)

    look = worker.chooser.look()
    assert (look.claimed, look.growing) == (None, 1)
    world.turn(1)
    world.drop("a", GROWING.replace(b"lighthouse", b"lighthouse at night"))
    assert worker.chooser.look().growing == 1
    world.turn(1.5)
    assert worker.chooser.look().growing == 1
    world.turn(0.6)
    assert worker.take() == "a"


def test_a_growing_file_keeps_nobody_from_the_next(world):
    world.drop("a", GROWING)
    world.drop("b")

    assert Chooses(world).take() == "b"


def test_a_record_of_a_newer_schema_waits_and_is_not_opened_again_for_a_while(world):
    world.drop("a", JOB.replace(b"spool.job/1", b"spool.job/2"))
    worker = Chooses(world)

    look = worker.chooser.look()
    assert (look.claimed, look.growing) == (None, 0)
    assert world.places("a") == ["queue/normal/a.yaml"]
    world.turn(59)
    assert worker.opened_in_one_look() == []
    world.turn(2)
    assert worker.opened_in_one_look() == ["queue/normal/a.yaml"]
    assert len(world.events("admission.newer")) == 1


def test_a_bad_file_is_rejected_and_stops_nothing(world):
    world.drop("a", b"schema: spool.job/1\nworkload: {kind: image, stages: []}\n...\n")
    world.drop("b")
    worker = Chooses(world)

    assert worker.take() == "b"
    worker.chooser.look()
    assert [name for name in world.files("rejected") if "reason" in name]


# Others


def test_a_job_that_another_took_is_passed_over(world):
    world.drop("a")
    world.drop("b")
    first, second = Chooses(world), Chooses(world, "w2")
    first.actor.files.on_operation = lambda op, path: (
        second.take()
        if op == "mkdir" and path.endswith("/a1") and not world.places("a")[0].startswith("claimed")
        else None
    )

    assert first.take() == "b"
    assert world.places("a")[0].startswith(f"claimed/{second.actor.session}/")


def test_a_record_in_trouble_is_passed_over_and_told(world):
    world.drop("a")
    world.drop("b")
    worker = Chooses(world)
    read = worker.actor.files.read

    def refuses(path, *, bytes_max):
        if path == "queue/normal/a.yaml":
            raise PermissionError(13, "Permission denied", path)
        return read(path, bytes_max=bytes_max)

    worker.actor.files.read = refuses
    assert worker.take() == "b"
    assert world.events("choose.trouble")[0]["file"] == "queue/normal/a.yaml"

    worker.actor.files.read = read
    assert worker.take() is None
    world.turn(6)
    assert worker.take() == "a"


def test_a_queue_that_cannot_be_listed_is_an_error_and_not_an_empty_one(world):
    worker = Chooses(world)
    worker.actor.files.blind("queue/normal", Blind.FAILS)

    with pytest.raises(OSError, match="queue/normal"):
        worker.chooser.look()


# A worker on which a job failed


def failed_here(world, name="a", worker="w1"):
    """A job that failed on w1 and is due again."""
    world.drop(name)
    runner = world.worker(worker)
    runner.run(runner.claim(), fail=Code.STALLED)
    world.turn(60)
    runner.sweep()
    assert world.state(name) == "queue/normal"


def company(world, state="idle"):
    life = Life(world.actor("w2", machine="host-b"), "worker", Facts(state=state))
    life.beat()
    return life


def meet(worker, life):
    worker.chooser.company.meet()
    life.beat()
    worker.chooser.company.meet()


def test_a_worker_that_is_alone_tries_its_own_failure_again(world):
    failed_here(world)
    worker = Chooses(world)
    worker.chooser.company.meet()
    worker.chooser.company.meet()

    assert not worker.chooser.company.is_there
    assert worker.take() == "a"


def test_in_company_it_leaves_it_to_others_for_a_while_and_then_takes_it(world):
    failed_here(world)
    worker, other = Chooses(world), company(world)
    meet(worker, other)
    assert worker.chooser.company.is_there

    waited = 0
    while worker.take() is None:
        world.turn(5)
        waited += 5
        other.beat()
        worker.chooser.company.meet()
        assert waited < 100
    assert waited == world.settings.retry.avoid_s


def test_others_may_take_it_at_once(world):
    failed_here(world)
    worker = Chooses(world, "w2")
    meet(worker, company(world))

    assert worker.take() == "a"


def test_company_lasts_between_two_heartbeats(world):
    """Looks come every 4 s and heartbeats every 10: most looks saw none grow, and the worker took its failure back at once."""
    failed_here(world)
    worker, other = Chooses(world), company(world)
    meet(worker, other)

    for _ in range(3):
        world.turn(4)
        worker.chooser.company.meet()
        assert worker.chooser.company.is_there
        assert worker.take() is None


def test_company_that_is_silent_for_some_heartbeats_is_none(world):
    worker, other = Chooses(world), company(world)
    meet(worker, other)
    world.turn(36)
    worker.chooser.company.meet()

    assert not worker.chooser.company.is_there


def test_a_heartbeat_that_was_there_from_the_start_is_no_company_until_it_grows(world):
    worker = Chooses(world)
    company(world)
    worker.chooser.company.meet()
    worker.chooser.company.meet()

    assert not worker.chooser.company.is_there


@pytest.mark.parametrize("state", ["stopped", "paused"])
def test_a_worker_that_takes_no_jobs_is_no_company(world, state):
    worker = Chooses(world)
    meet(worker, company(world, state))

    assert not worker.chooser.company.is_there


def test_a_worker_that_will_rest_once_its_job_is_done_is_no_company(world):
    worker = Chooses(world)
    beats = company(world, "running")
    beats.tell(rests="closed until 22:00")
    meet(worker, beats)

    assert not worker.chooser.company.is_there


def test_a_controller_and_oneself_are_no_company(world):
    worker = Chooses(world)
    controller = Life(world.actor("controller-c"), "controller", Facts(state="running"))
    meet(worker, controller)
    meet(worker, worker.life)

    assert not worker.chooser.company.is_there


def test_a_job_that_ran_out_of_memory_is_left_to_a_bigger_card_also_by_one_that_is_alone(world):
    world.drop("a")
    runner = world.worker("w1")
    claimed = runner.claim()
    runner.end(claimed, Ending(Verdict.FAILED, Code.OUT_OF_MEMORY, "no", vram_gb_above=8.0))
    world.turn(60)
    runner.sweep()

    assert Chooses(world).take() is None
    assert Chooses(world, "w3", vram_gb=12.0).take() == "a"


def test_what_was_claimed_is_this_workers_own(world):
    world.drop("a")
    worker = Chooses(world)
    claimed = worker.chooser.look().claimed
    assert isinstance(claimed, Claim)
    assert Ownership(worker.actor, claimed, worker.life).look() is Standing.MINE
    assert world.places("a") == [f"claimed/{worker.actor.session}/a~1.yaml"]


NAS = JOB.replace(b"workload:", b"requires: {tokens: [nas]}\nworkload:")


@pytest.fixture
def held():
    """A spool whose only token is held by the job *a* of another worker."""
    world = World(tokens={"nas": 1})
    world.drop("a", NAS)
    holder = world.worker("w0")
    return world, holder, holder.claim()


def times_asked_for_nas(worker, begin):
    trace = worker.actor.files.trace[begin:]
    return sum((op, path) == ("names", "tokens/nas/1") for op, path, *_ in trace)


def test_a_job_whose_token_is_held_hides_no_other_and_is_taken_once_the_token_is_free(held):
    world, holder, claim = held
    world.drop("b", NAS)
    world.drop("c")
    worker = Chooses(world)

    assert worker.take_all() == ["c"]
    world.turn(6)
    assert worker.opened_in_one_look() == [], "it was read once"
    holder.run(claim)
    assert worker.take() is None
    world.turn(6)
    assert worker.take() == "b"


def test_many_jobs_whose_token_is_held_hide_no_other_from_a_look_ahead_and_cost_the_share_little(
    held,
):
    """A look ahead forgot what it had found: it asked for the token of each of them, every second, and never came to the free one."""
    world, _, _ = held
    for number in range(99):
        world.drop(f"b.{number:02d}", NAS)
    world.drop("c")
    worker = Chooses(world)
    chosen, asked = [], []

    for _ in range(5):
        begin = len(worker.actor.files.trace)
        look = worker.chooser.look(ahead=True)
        chosen.append(look.chosen and look.chosen.ready.location.name)
        asked.append(times_asked_for_nas(worker, begin))
        world.turn(1)

    assert chosen == [None, None, None, "c", "c"]
    assert max(asked) == 1


def test_of_jobs_that_wait_for_a_token_no_more_are_remembered_than_was_said(held, monkeypatch):
    monkeypatch.setattr(heads, "PARKED_MAX", 10)
    world, _, _ = held
    for number in range(30):
        world.drop(f"b.{number:02d}", NAS)
    worker = Chooses(world)
    for _ in range(3):
        worker.chooser.look()
    assert len(worker.chooser._heads._parked) == 10
    for path in [path for path in world.share.tree() if path.startswith("queue/normal/")]:
        world.share.view().unlink(path)
    world.turn(6)

    worker.chooser.look()

    assert worker.chooser._heads._parked == {}


def test_who_lost_a_token_to_another_at_the_last_moment_asks_for_it_no_more_in_that_look(held):
    world, holder, claim = held
    for number in range(20):
        world.drop(f"b.{number:02d}", NAS)
    worker, other = Chooses(world), Chooses(world, "w2")
    worker.chooser.look()
    worker.chooser.look()
    holder.run(claim)
    world.turn(6)
    taken = []

    def quicker(op, path):
        if op == "mkdir" and path.endswith("/b.00/a1") and not taken:
            taken.append(other.take())

    worker.actor.files.on_operation = quicker
    begin = len(worker.actor.files.trace)

    assert worker.take() is None
    assert taken == ["b.00"]
    assert times_asked_for_nas(worker, begin) == 3, "of the look, of b.00 and of b.01"
