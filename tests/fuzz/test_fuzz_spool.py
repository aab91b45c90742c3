"""Strange files in every folder of a spool: the loops go on, the good jobs end, nothing is deleted, and what is wrong is told."""

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from spoolctl.spool import Reason, decode, layout
from spoolctl.spool.errors import BadRecord, NewerRecord
from spoolctl.spool.names import check_file_name, fold, is_ignored, parse_file_name
from spoolctl.spool.submit import parse_job
from tests.fuzz.documents import anything, file_names, jobs
from tests.fuzz.loops import events_about, go_on
from tests.fuzz.steady import assert_told_well, steady
from tests.spool.spool_world import World

GOOD = ("good-1", "good-2", "good-3")
DAY = "2026-03-27"
_READ = (
    *(place.folder for place in layout.QUEUES),
    "queue",
    "waiting",
    "cancelled",
    f"cancelled/{DAY}",
)
"""Where a file is read as a job, and rejected if it is none."""
_SHOWN = (
    "held",
    "finished",
    "done",
    f"done/{DAY}",
    "failed",
    f"failed/{DAY}",
    "claimed",
    "claimed/w7-20260327T120000-aa",
)
_OWN = (
    "", "queue/other", "rejected", "nodes", "control", "locks", "inputs", "inputs/aa", "results", "results/singles/stray",
    "results/stray", "corpus", "corpus/parts", "corpus/parts/stray", "history", "history/parts/stray", "done/stray",
)  # fmt: skip
_FOLDERS = st.sampled_from([*_READ, *_READ, *_SHOWN, *_OWN])
Strange = dict[str, bytes]


def _is_a_strangers(path: str) -> bool:
    """Not a name at which the spool's own programs keep something that they replace or remove."""
    entry = path.rpartition("/")[2]
    file = parse_file_name(entry)
    return not (
        path in (layout.SETTINGS, layout.LEARNING_RECORDS, layout.ENDED_JOBS)
        or (entry.startswith(".") and entry.endswith(".tmp"))
        or entry.startswith(("index-", ".session", "w1.", "controller-"))
        or (file is not None and file.name in GOOD)
        or fold(entry) in GOOD
    )


def _meets_its_twin(path: str, others: Strange) -> bool:
    """Two files of one job's name, one of them where jobs are shown and not read: see ``test_known_faults.py``."""

    def named(one: str) -> str | None:
        file = parse_file_name(one.rpartition("/")[2])
        return file.name if file else None

    twins = [one for one in others if named(one) is not None and named(one) == named(path)]
    return bool(twins) and any(one.rpartition("/")[0] in _SHOWN for one in (path, *twins))


@st.composite
def strange_files(draw: st.DrawFn) -> Strange:
    """Up to six files, each of other bytes, so that each can be found again."""
    found: Strange = {}
    for _ in range(draw(st.integers(1, 6))):
        folder, name = draw(_FOLDERS), draw(file_names())
        path = f"{folder}/{name}" if folder else name
        data = draw(st.one_of(anything(), jobs()))
        if (
            _is_a_strangers(path)
            and data not in found.values()
            and not _meets_its_twin(path, found)
        ):
            found[path] = data
    return found


@given(strange_files())
@example(
    {
        "queue/normal/a.yaml": b"x",
        "queue/normal/0+A.yml": b"y",
        "queue/a~2.json": b"{}",
        "done/a.yaml": b"z",
    }
)
@example(
    {
        "claimed/w7-20260327T120000-aa/a.yaml": b"\xff",
        "cancelled/b.yaml": b"\0",
        "waiting/c.yaml": b"- x",
    }
)
@steady(100, shrinks=False)
def test_files_of_strangers_anywhere_harm_no_job_and_are_not_lost(strange: Strange) -> None:
    world = World()
    world.drop(GOOD[0])
    for path, data in strange.items():
        world.share.put(path, data)
    worker, scanner = world.worker(), world.controller()
    world.drop(GOOD[1])
    worker.sweep()
    world.drop(GOOD[2])

    go_on(world, worker, scanner)

    for name in GOOD:
        assert world.state(name) == f"done/{DAY}", name
        world._check_job(name, world.share.tree())
    there = Counter(data for data in world.share.tree().values() if data is not None)
    assert all(there[data] for data in strange.values()), "something was deleted"
    for path, data in strange.items():
        _assert_is_explained(world, path, data)


def _assert_is_explained(world: World, path: str, data: bytes) -> None:
    """What is wrong with a file that lies where jobs are read is told; anything else lies where it was put."""
    folder, _, entry = path.rpartition("/")
    file = parse_file_name(entry)
    tree = world.share.tree()
    if file is None or is_ignored(entry) or folder in _OWN:
        assert tree.get(path) == data, f"{path} was moved"
        return
    try:
        check_file_name(file)
        parse_job(data)
    except NewerRecord:
        assert data in tree.values()
    except BadRecord:
        found = [at for at, one in tree.items() if one == data]
        assert found
        if folder in _READ:
            assert any(_is_rejected_with_a_reason(tree, at) for at in found) or events_about(
                world, file.name
            ), found
    else:
        assert data in tree.values()


def _is_rejected_with_a_reason(tree: dict[str, bytes | None], path: str) -> bool:
    reason = tree.get(f"{path}{layout.REASON_SUFFIX}")
    if not path.startswith(f"{layout.REJECTED}/") or reason is None:
        return False
    told = decode(Reason, reason)
    assert_told_well(BadRecord(told.error, hint=told.hint, field=told.field))
    return True


@given(st.lists(st.tuples(_FOLDERS, file_names()), min_size=1, max_size=5))
@example(
    [("queue/normal", "a.yaml"), ("waiting", "b.yaml"), ("cancelled", "c.yaml"), ("held", "d.yaml")]
)
@steady(50, shrinks=False)
def test_folders_of_strangers_anywhere_harm_no_job(strange: list[tuple[str, str]]) -> None:
    world = World()
    for folder, name in strange:
        path = f"{folder}/{name}" if folder else name
        if _is_a_strangers(path) and path not in world.share.tree():
            world.share.put(path, None)
    worker, scanner = world.worker(), world.controller()
    for name in GOOD:
        world.drop(name)

    go_on(world, worker, scanner)

    for name in GOOD:
        assert world.state(name) == f"done/{DAY}", name
