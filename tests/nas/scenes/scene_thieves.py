"""Records that somebody moves: right after they were won, and after their verdict; by name, and by an open handle."""

import pytest
from placing import CLIENTS
from processes import job_text

from tests.nas.guest import share
from tests.nas.guest.windows import Windows

DONE = ("succeeded", None)
PLACES = ("queue/normal", "waiting", "failed")


@pytest.fixture(params=["by name", "by handle"])
def thief(request, protocol):
    """``thief(path)`` gets hold of a file and gives a function that takes it to a folder."""
    if request.param == "by name":
        yield by_name
    elif protocol != "smb":
        pytest.skip("only SMB has renames by handle")
    else:
        with Windows() as windows:
            yield lambda path: by_handle(windows, path)


def by_name(path):
    def take(scene, folder):
        """Another client, with caches of its own, moves the record from wherever it lies now."""
        for found in scene.records().get(path.stem, []):
            source, target = scene.root / found, scene.root / folder / path.name
            share.inside("c3", "mv", "-n", str(source), str(target), check=False)

    return take


def by_handle(windows, path):
    handle = windows.open(path)

    def take(scene, folder):
        windows.rename(handle, scene.root / folder / path.name)

    return take


def test_s21_stolen_right_after_it_was_won(scene, thief):
    """ "A second client renames a record out of the winner's folder right after it won: the loser notices, and the job is
    still committed once."
    """
    names = [f"night.{number}" for number in range(len(PLACES))]
    workers = [scene.worker(name, seconds_per_image=1.5) for name in ("w1", "w2")]
    for one in workers:
        scene.wait_for(lambda one=one: one.events("worker.started"), one.name, 30)
    for name, place in zip(names, PLACES, strict=True):
        take = thief(scene.drop(name))
        scene.wait_for(lambda name=name: scene.state(name) == "claimed", f"{name} to be won")
        take(scene, place)
    scene.wait_for_rest(names, 60, states=("finished",))
    assert {tuple(scene.verdicts(name)) for name in names} == {(DONE,)}
    began = sorted(event["job"] for one in workers for event in one.events("claimed"))
    assert began == names, "a stolen job was run twice"
    scene.merge()
    scene.check(names)


def test_s28_a_late_thief(scene, thief):
    """ "A rename that was opened before a verdict lands after it and takes the record to `failed/`, `waiting/` or a queue:
    the record ends in `done/`, merged once, whoever moved it."
    """
    names = [f"night.{number}" for number in range(len(PLACES))]
    takes = {name: thief(scene.drop(name)) for name in names}
    quick = scene.worker("w1", "--drain")
    scene.wait_for_rest(names, 60, states=("finished",))
    assert quick.ended(40) == 0
    takes[names[0]](scene, PLACES[0])  # before it is merged
    controller = scene.controller()
    other = scene.worker("w2")
    scene.wait_for_rest(names, 60, states=("done",))
    for name, place in zip(names[1:], PLACES[1:], strict=True):
        takes[name](scene, place)  # and after it
        assert scene.state(name) != "done"
    scene.wait_for_rest(names, 60, states=("done",))
    scene.wait_for(lambda: len(scene.corpus()) == len(names), "the corpus")
    assert {tuple(scene.verdicts(name)) for name in names} == {(DONE,)}
    assert other.events("claimed") == []
    assert [one.stop(40) for one in (controller, other)] == [0, 0]
    scene.check(names)


def test_s26_one_controller_over_nfs_and_one_over_smb(scene, protocol):
    """ "Both believe that they are alone (one over NFS and one over SMB): the corpus has every record once and no torn line." """
    names = [f"night.{number:02d}" for number in range(20)]
    for name in names:
        scene.drop(name, job_text(f"prompt of {name}", count=2))
    one, another = list(CLIENTS)[:2]
    scene.placing.put("controller1", one)
    scene.placing.put("controller2", another)
    scene.placing.put("w1", "c3")
    with share.mounted(another, "nfs4" if protocol == "smb" else "smb", back=protocol):
        controllers = [scene.controller(name=f"controller{n}") for n in (1, 2)]
        worker = scene.worker("w1", "--drain")
        scene.wait_for_rest(names, 90, states=("done",))
        scene.wait_for(lambda: len(scene.corpus()) == 40, "40 lines in the corpus")
        scene.check(names)
        assert worker.ended(40) == 0
        assert [controller.stop(40) for controller in controllers] == [0, 0]
        scene.check(names)
        merged = [{event["job"] for event in one.events("merged")} for one in controllers]
        assert all(merged), "one of the two did nothing, so nothing was shown"
