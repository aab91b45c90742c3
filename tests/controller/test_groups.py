"""What became of a group: told once its last job has ended, anew if that changes, and by nobody's death left out or told wrongly."""

import json

import pytest

from spoolctl.controller import groups as keeping
from spoolctl.controller.groups import GroupsKeeper
from spoolctl.controller.scanner import Scanner
from spoolctl.groups import learning_run, standing_of
from spoolctl.index import Index
from spoolctl.spool import (
    Code,
    Facts,
    GroupImage,
    GroupJob,
    GroupResult,
    Life,
    decode,
    define_group,
    layout,
    retry,
)
from spoolctl.spool.memory import Crashed, Fault
from tests.spool.spool_world import JOB, World

NAMES = ["night.0001", "night.0002", "night.0003"]
RESULT = "groups/night/result.json"


@pytest.fixture
def world():
    return World()


@pytest.fixture
def scanner(world, tmp_path):
    """A controller with an index of its own on this machine."""
    made = []

    def make(index="index.sqlite", **kwargs):
        actor = world.actor("controller-c", **kwargs)
        keeper = GroupsKeeper(actor, tmp_path / index)
        made.append(keeper)
        return Scanner(actor, Life(actor, "controller", Facts(state="running")), keeper)

    yield make
    for one in made:
        one.close()


def submitted(world, *names):
    for name in names:
        world.drop(name)
    define_group(world.person(), "night", list(names))


def result(world, path=RESULT):
    found = world.share.tree().get(path)
    return None if found is None else decode(GroupResult, found)


def told(world):
    return [(one.name, one.state) for one in result(world).jobs]


def one_fails(world):
    """The last of the three in the queue fails for good."""
    worker = world.worker()
    for _ in range(2):
        worker.run(worker.claim())
    worker.run(worker.claim(), fail=Code.BAD_JOB)


def test_a_group_is_told_when_its_last_job_has_ended(world, scanner):
    submitted(world, *NAMES)
    controller = scanner()
    worker = world.worker()
    worker.run(worker.claim())
    assert controller.scan().groups == 0
    assert result(world) is None

    worker.work()
    assert controller.scan().groups == 1

    assert told(world) == [(name, "succeeded") for name in NAMES]
    found = result(world)
    assert (found.group, found.counts, found.images) == ("night", {"succeeded": 3}, 3)
    assert found.jobs[0].images[0].path == f"{layout.attempt(NAMES[0], 1)}/0000-1-txt2img.png"


def test_a_second_scan_tells_nothing_again(world, scanner):
    submitted(world, *NAMES)
    world.worker().work()
    controller = scanner()
    for _ in range(4):  # the result, a contact sheet, the page
        controller.scan()
    before = world.share.tree()[RESULT]
    operations = controller._actor.files.operations
    assert controller.scan().groups == 0
    after = [str(one) for one in controller._actor.files.trace[operations:]]
    assert [one for one in after if "groups" in one] == []
    assert world.share.tree()[RESULT] == before


def test_a_failure_is_told_with_its_reason_and_the_order_is_that_of_the_plan(world, scanner):
    order = ["night.0003", "night.0001", "night.0002"]
    for name in order:
        world.drop(name)
    define_group(world.person(), "night", order)
    one_fails(world)
    scanner().scan()
    assert [name for name, _ in told(world)] == order
    failed = next(one for one in result(world).jobs if one.state == "failed")
    assert (failed.code, failed.attempt) == (Code.BAD_JOB, 1)
    assert failed.message


def test_a_retry_opens_the_group_and_its_end_is_told_anew(world, scanner):
    submitted(world, *NAMES)
    one_fails(world)
    controller = scanner()
    controller.scan()
    assert result(world).counts == {"succeeded": 2, "failed": 1}

    retry(world.person(), NAMES[2])
    controller.scan()
    world.worker("w2").work()
    controller.scan()

    assert result(world).counts == {"succeeded": 3}
    assert result(world).jobs[2].attempt == 2


def test_a_group_goes_on_without_a_job_that_somebody_took_away(world, scanner):
    """A queued record that was deleted leaves no trace; the controller looks for such jobs now and then."""
    submitted(world, *NAMES)
    world.share.view().unlink(f"queue/normal/{NAMES[1]}.yaml")
    controller = scanner()
    controller.scan()
    world.worker().work()
    controller.scan()
    assert result(world) is None
    for _ in range(2):
        world.turn(keeping.LOOK_S)
        controller.scan()
    assert told(world) == [(NAMES[0], "succeeded"), (NAMES[1], "gone"), (NAMES[2], "succeeded")]


def test_files_that_name_a_group_are_told_once_none_has_ended_for_ten_minutes(world, scanner):
    """Nobody knows how many are on their way: told after each, a night of two thousand would be drawn two thousand times."""
    controller, worker = scanner(), world.worker()
    for name in ("a", "b"):
        world.drop(name, JOB.replace(b"workload:", b"group: night\nworkload:"))
        worker.work()
        world.turn(keeping.LOOK_S / 2)
        controller.scan()
        assert result(world) is None
    for _ in range(3):
        world.turn(keeping.LOOK_S)
        controller.scan()
    assert told(world) == [("a", "succeeded"), ("b", "succeeded")]


def test_one_groups_trouble_keeps_no_other_waiting(world, scanner):
    """A file lies where a group's folder must be."""
    world.share.put("groups/another", b"a note of somebody's")
    for group in ("another", "night"):
        names = [f"{group}.{number:04d}" for number in (1, 2)]
        for name in names:
            world.drop(name, JOB.replace(b"workload:", f"group: {group}\nworkload:".encode()))
    define_group(world.person(), "night", ["night.0001", "night.0002"])
    world.worker().work()
    controller = scanner()
    for _ in range(3):
        world.turn(keeping.LOOK_S)
        assert controller.scan().troubles == []
    assert told(world) == [("night.0001", "succeeded"), ("night.0002", "succeeded")]
    assert any(event == "group.trouble" for _, event, _ in world.log)


def test_what_no_record_can_hold_ends_no_scan(world, scanner):
    """An experiment's name of 300 characters merges, for StableNew takes it; it once ended the controller at every start."""
    long = f"learning: {{experiment_name: {'x' * 300}, variable_under_test: a, variant_value: 1}}\nworkload:"
    for name in ("night.0001", "night.0002"):
        world.drop(name, JOB.replace(b"workload:", long.encode()))
    define_group(world.person(), "night", ["night.0001", "night.0002"])
    world.worker().work()
    assert scanner().scan().troubles == []
    assert result(world).learning_run["experiment_name"] == "x" * 300


def test_a_damaged_index_is_made_anew_while_the_controller_runs(world, scanner, tmp_path):
    submitted(world, *NAMES)
    controller = scanner()
    controller.scan()
    path = tmp_path / "index.sqlite"
    for file in tmp_path.glob("index.sqlite*"):
        file.write_bytes(b"\0" * file.stat().st_size)
    world.worker().work()
    for _ in range(3):
        world.turn(4_000)
        controller.scan()
    assert path.stat().st_size > 0
    assert told(world) == [(name, "succeeded") for name in NAMES]


def test_many_groups_that_go_on_keep_none_that_ended_from_being_told(world, scanner):
    for number in range(keeping.AT_ONCE + 5):
        names = [f"open{number:02d}.{one:04d}" for one in (1, 2)]
        world.drop(names[0])
        define_group(world.person(), f"open{number:02d}", names)
    world.worker().work()
    for number in range(keeping.AT_ONCE + 5):
        world.drop(f"open{number:02d}.0002", folder="held")
    world.drop("night.0001")
    define_group(world.person(), "night", ["night.0001", "night.0002"])
    world.worker("w2").work()
    controller = scanner()
    for _ in range(6):
        world.turn(keeping.LOOK_S)
        controller.scan()
    assert told(world) == [("night.0001", "succeeded"), ("night.0002", "gone")]


def test_jobs_that_came_alone_are_no_group_that_ends(world, scanner):
    world.drop("alone")
    world.worker().work()
    assert scanner().scan().groups == 0


def test_a_label_that_is_no_folder_name_gets_one_that_is(world, scanner):
    labels = ["Night", "night", "a/b: c?", "con", "ä" * 100]
    world.drop("x.0001")
    world.drop("x.0002")
    for label in labels:
        define_group(world.person(), label, ["x.0001", "x.0002"])
    folders = [
        path.split("/")[1]
        for path in world.share.tree()
        if path.startswith("groups/") and path.endswith("yaml")
    ]
    assert len({one.lower() for one in folders}) == len(labels)
    assert all(
        one.isascii() and not set(one) & set('<>:"/\\|?*') and len(one) < 80 for one in folders
    )


def test_another_machine_tells_what_the_first_did_not(world, scanner):
    """The index is lost, or the controller moved: what lies on the share is enough."""
    submitted(world, *NAMES)
    world.worker().work()
    scanner().scan()
    before = world.share.tree()[RESULT]
    world.share.view().unlink(RESULT)
    scanner("another.sqlite").scan()
    assert world.share.tree()[RESULT] == before


def test_a_result_that_somebody_deleted_comes_back_unless_the_whole_folder_went(world, scanner):
    submitted(world, *NAMES)
    world.worker().work()
    controller = scanner()
    for _ in range(4):
        controller.scan()
    before = world.share.tree()[RESULT]
    world.share.view().unlink(RESULT)
    controller.scan()
    assert result(world) is None, "it is looked for now and then, not at each scan"
    world.turn(keeping.LOOK_S)
    controller.scan()
    assert world.share.tree()[RESULT] == before

    everything = sorted(path for path in world.share.tree() if path.startswith("groups/night"))
    view = world.share.view()
    for path in reversed(everything):
        (view.rmdir if world.share.tree()[path] is None else view.unlink)(path)
    world.turn(keeping.LOOK_S)
    controller.scan()
    assert "groups/night" not in world.share.tree()


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.CRASH_AFTER, Fault.TORN])
def test_a_controller_that_is_killed_anywhere_between_merge_and_result_leaves_it_to_the_next(
    tmp_path, fault
):
    """On the same machine, whose index may be ahead of the results, or on another."""
    number = 0
    while True:
        world = World()
        submitted(world, *NAMES)
        one_fails(world)
        view = world.client()
        view.fail(number, fault)
        actor = world.actor("controller-c", files=view)
        keeper = GroupsKeeper(actor, tmp_path / f"{fault.name}-{number}.sqlite")
        ended = True
        try:
            Scanner(actor, Life(actor, "controller", Facts(state="running")), keeper).scan()
        except Crashed:
            ended = False
        keeper.close()
        if ended:
            break
        for index in (f"{fault.name}-{number}.sqlite", f"{fault.name}-{number}-other.sqlite"):
            actor = world.actor("controller-d")
            keeper = GroupsKeeper(actor, tmp_path / index)
            controller = Scanner(actor, Life(actor, "controller", Facts(state="running")), keeper)
            for _ in range(3):
                controller.scan()
            assert result(world) is not None, f"operation {number}, {index}"
            assert result(world).counts == {"succeeded": 2, "failed": 1}
            assert sum(len(one.images) for one in result(world).jobs) == 2
            with Index(tmp_path / index) as found:
                assert len(standing_of(actor, found, "night").members) == 3
            keeper.close()
            world.share.view().unlink(RESULT)
        lines = world.share.tree()["corpus/learning_records.jsonl"].splitlines()
        assert len({json.loads(line)["run_id"] for line in lines}) == len(lines) == 2
        number += 1
    assert number > 40


def test_a_learning_run_is_told_as_steps_in_the_order_of_the_plan():
    def job(name, value, *, state="succeeded"):
        image = GroupImage(
            path=f"results/{name}.png",
            image_index=0,
            seed="1",
            experiment="cfg",
            variable="CFG Scale",
            value=value,
        )
        return GroupJob(name=name, state=state, images=(image,) if state == "succeeded" else ())

    run = learning_run(
        [job("n.1", 5.0), job("n.2", 7.0), job("n.3", 5.0), job("n.4", 9.0, state="failed")], {}
    )
    assert [(one["index"], one["value"], one["images"], one["jobs"]) for one in run["steps"]] == [
        (0, 5.0, 2, ["n.1", "n.3"]), (1, 7.0, 1, ["n.2"]),
    ]  # fmt: skip
    assert [one["step_index"] for one in run["artifacts"]] == [0, 1, 0]
    assert run["summary"]["failed"] == ["n.4"]
    assert run["plan"] == {"target_variable": "CFG Scale", "sweep_values": [5.0, 7.0]}
    submitted_plan = {"target_variable": "CFG Scale", "sweep_values": [5.0, 7.0, 9.0]}
    told = learning_run([job("n.1", 5.0)], {"learning_plan": submitted_plan})
    assert told["plan"] == submitted_plan, "also the values of which no image came"


def test_a_group_without_an_experiment_has_no_learning_run():
    assert learning_run([GroupJob(name="n.1", state="succeeded")], {}) is None
