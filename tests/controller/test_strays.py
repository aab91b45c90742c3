"""Job files in folders of people's own: told of, and left where they are."""

import pytest

from spoolctl.controller.strays import AGAIN_S
from tests.spool.spool_world import World


@pytest.mark.parametrize(
    "folder",
    [
        "queue/tonight",
        "queue/normal/tonight",
        "queue/normal/more",
        "queue/normal/more/tonight",
        "waiting/tonight",
    ],
)
def test_jobs_in_a_folder_that_somebody_dragged_into_a_queue_are_told_of_and_not_run(folder):
    """They waited for ever, and nothing said why."""
    world = World()
    world.drop("job-1", folder=folder)
    world.drop("job-2", folder=folder)
    scanner = world.controller()

    [(told, text)] = scanner.scan().strays.items()
    assert told == folder
    assert text.startswith("2 job files that no worker looks at; drag them into queue/interactive/")
    assert world.worker("w1").work() == 0
    assert scanner.scan().strays, "it is told for as long as they lie there"
    assert len(world.events("strays")) == 1, "and logged once"

    for name in ("job-1", "job-2"):
        world.share.rename(f"{folder}/{name}.yaml", f"queue/normal/{name}.yaml")
    world.turn(AGAIN_S)
    assert scanner.scan().strays == {}


def test_what_is_no_folder_of_jobs_is_not_told_of():
    world = World()
    world.drop("job-1")
    world.share.put("queue/to do.txt", b"buy a card")
    world.share.put("queue/empty", None)
    world.share.put("queue/normal/@eaDir/job-1.yaml", b"a thumbnail")
    world.share.put("held/notes/why.txt", b"so")
    world.share.put("queue/batch/more", b"a note of that name")

    scanned = world.controller().scan()
    assert (scanned.strays, scanned.troubles) == ({}, [])
