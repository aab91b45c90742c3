"""Deep queues: what comes next is found in a head and a few shards, in the order of names, and nothing is lost on the way."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spoolctl.spool import Admission, Fronts, State, all_records, find, layout
from spoolctl.spool.fronts import FRESH, HUGE, MANY, SHARDS_MAX
from spoolctl.spool.layout import Place
from spoolctl.spool.names import is_record_name, may_be_of, parse_file_name
from spoolctl.spool.overview import Memory, counts
from spoolctl.spool.shards import SIZES, Sizes
from spoolctl.spool.spilling import Spiller
from tests.spool.shard_scenes import NORMAL, in_shards, spills
from tests.spool.spool_world import JOB, World

GROWING = JOB.replace(b"...\n", b"")
SMALL = Sizes(head_max=20, head_kept=10, shard=10, chunks_max=2)


@pytest.fixture
def world():
    return World(settle_s=2.0)


def entries(paths):
    return [path.rpartition("/")[2] for path in paths]


def dropped(world, count, *, prefix="a", folder="queue/normal"):
    for number in range(count):
        world.drop(f"{prefix}.{number:04d}", folder=folder)


def shard_of(world, *names, bound=None):
    """A shard with these jobs in it, as a spill leaves it."""
    actor = world.person()
    place = layout.shard(NORMAL, bound or f"{names[0]}.yaml", actor.entropy.token())
    world.share.put(f"{NORMAL.folder}/{layout.MORE}", None)
    world.share.put(place.folder, None)
    for name in names:
        world.drop(name, folder=place.folder)
    return place


def shards(world):
    return sorted(
        path for path in world.share.tree() if path.startswith(f"{NORMAL.folder}/more/from-")
    )


# Spilling


def test_a_head_with_too_many_names_spills_its_last_ones_and_the_order_stays(world):
    dropped(world, 45)
    actor = world.actor("w1")
    spiller = Spiller(actor, Admission(), SMALL)
    assert spiller.spill(NORMAL) == 20, "two shards in one pass, no more"
    assert entries(Fronts(actor).paths(NORMAL))[:25] == [f"a.{n:04d}.yaml" for n in range(25)]
    assert spiller.spill(NORMAL) == 15
    assert spiller.spill(NORMAL) == 0
    assert len(world.files(NORMAL.folder)) == 10

    taken = []
    while len(taken) < 45:
        path = Fronts(actor).paths(NORMAL)[0]
        taken.append(path.rpartition("/")[2])
        world.share.unlink(path)
    assert taken == [f"a.{n:04d}.yaml" for n in range(45)]


def test_a_head_that_is_small_enough_stays_as_it_is(world):
    dropped(world, SMALL.head_max)
    assert Spiller(world.actor("w1"), Admission(), SMALL).spill(NORMAL) == 0
    assert shards(world) == []


def test_a_file_that_may_still_be_growing_spills_only_once_it_has_stayed_the_same(world):
    world.drop("job-1", GROWING)
    world.drop("job-2", b'{"schema": "spool.job/1"')
    spill = spills(world.actor("w1"))
    assert spill() == 0
    world.turn(1)
    world.drop("job-2", b'{"schema": "spool.job/1"}')
    world.turn(1)
    assert spill() == 1
    assert world.location("job-1").place.shard
    assert not world.location("job-2").place.shard


def test_what_is_no_file_or_too_long_for_a_record_stays_where_it_is(world):
    world.share.put("queue/normal/folder.yaml", None)
    world.drop("long", b"x" * (2 << 20))
    assert spills(world.actor("w1"))() == 0
    assert world.files(NORMAL.folder) == ["long.yaml"]


def test_names_that_differ_only_in_case_never_go_into_one_shard(world):
    """Over SMB the second would replace the first."""
    world.drop("Portrait", JOB)
    world.drop("portrait", JOB.replace(b"lighthouse", b"mill"))
    world.copied.add("portrait")
    spill = spills(world.actor("w1"))
    assert [spill(), spill()] == [1, 1]
    folders = {place.rpartition("/")[0] for place in world.places("portrait")}
    assert len(folders) == 2


def test_every_spill_makes_a_shard_of_its_own_also_for_a_name_that_lies_in_one_already(world):
    world.copied.add("job-1")
    for text in (b"mill", b"tower"):
        world.drop("job-1", JOB.replace(b"lighthouse", text))
        assert spills(world.actor("w1"))() == 1
    assert len(world.places("job-1")) == 2
    world.recover()
    assert len(world.runs) == 1, "one of them is the job"
    assert len(world.files("rejected")) == 2, "the other was rejected, with its reason"


def test_whatever_its_first_name_is_a_shard_has_a_name_that_is_legal_everywhere():
    for first in (
        "con.yaml",
        "a:b?.yaml",
        "x~2.yaml",
        " blank.yaml",
        "ä" * 119 + ".yaml",
        "\U00010437" * 61,
        "\udcff.yaml",
    ):
        name = layout.shard(NORMAL, first, "0123456789abcdef").shard
        assert layout.is_shard(name)
        assert first.startswith(layout.shard_begins(name))
        assert parse_file_name(name) is None
        assert len(name.encode()) <= 255
        assert not set(name) & set('<>:"/\\|?*')


# Fronts


def test_a_name_in_the_head_comes_at_its_place_among_the_shards(world):
    world.drop("0+z")
    world.drop("b5")
    world.drop("zz")
    shard_of(world, "a1", "a2")
    shard_of(world, "b1", "b9")
    shard_of(world, "c1")
    found = entries(Fronts(world.actor("w1")).paths(NORMAL))
    assert [name.removesuffix(".yaml") for name in found] == [
        "0+z",
        "a1",
        "a2",
        "b1",
        "b5",
        "b9",
        "c1",
        "zz",
    ]


def test_shards_that_overlap_are_merged(world):
    """Two who spill at once divide the names between them."""
    shard_of(world, "a1", "a3", "a5")
    shard_of(world, "a2", "a4", "a6")
    found = entries(Fronts(world.actor("w1")).paths(NORMAL))
    assert found == [f"a{n}.yaml" for n in range(1, 7)]


def test_of_many_shards_that_all_overlap_some_come_before_others_and_all_come(world):
    """Names that begin with nothing that a shard's name may repeat; or files dropped one by one, in any order."""
    names = [f"{number:02d}" for number in range(3 * SHARDS_MAX)]
    for name in names:
        shard_of(world, name, bound=":")
    fronts, taken = Fronts(world.actor("w1")), []
    while paths := fronts.paths(NORMAL):
        taken += entries(paths[:1])
        world.share.unlink(paths[0])
    assert sorted(taken) == [f"{name}.yaml" for name in names]


def test_of_a_deep_queue_only_the_head_and_the_names_of_its_shards_are_listed(world):
    dropped(world, FRESH)
    for number in range(50):
        shard_of(world, f"b.{number:04d}")
    actor = world.actor("w1")
    Fronts(actor).paths(NORMAL)
    listed = [path for op, path, *_ in actor.files.trace if op == "names"]
    assert listed == [NORMAL.folder, f"{NORMAL.folder}/more"]


def test_how_many_lie_behind_the_front_is_told_by_what_was_listed_anyway(world):
    dropped(world, FRESH + 30)
    for number in range(3):
        shard_of(world, f"a.{number:04d}.{number}", "b")
    for number in range(5):
        shard_of(world, f"c.{number:04d}", "d")
    actor = world.actor("w1")
    listed = len(actor.files.trace)
    front = Fronts(actor).front(NORMAL)
    told = [path for op, path, *_ in actor.files.trace[listed:] if op == "names"]
    assert len(told) == 5, "the head, the names of the shards, and those three that overlap with it"
    assert len(front.paths) == FRESH
    in_head_and_open, more = 30 + 3 * 2, 1
    assert front.behind == in_head_and_open + more + 5 * SIZES.shard


def test_a_queue_that_is_seen_whole_has_nothing_behind_it(world):
    dropped(world, 5)
    shard_of(world, "b")
    front = Fronts(world.actor("w1")).front(NORMAL)
    assert (len(front.paths), front.behind) == (6, 0)


def later_of(fronts, passed=()):
    return [entries(paths) for paths in fronts.front(NORMAL, passed).later]


def test_who_comes_later_is_met_in_what_was_listed_anyway_by_the_beginnings_of_names(world):
    for prefix, count in (("a", 20), ("b", 2), ("c-d", 9), ("c", 5)):
        dropped(world, count, prefix=prefix)
    world.drop("alone")
    fronts = Fronts(world.actor("w1"), enough=10, shelves=3, each=2)
    assert later_of(fronts) == [
        ["alone.yaml"], ["b.0000.yaml", "b.0001.yaml"], ["c-d.0000.yaml", "c-d.0001.yaml"]
    ]  # fmt: skip
    passed = {f"{NORMAL.folder}/c-d.0000.yaml"}
    assert later_of(fronts, passed)[2] == ["c-d.0000.yaml", "c-d.0001.yaml", "c-d.0002.yaml"]
    assert fronts.front(NORMAL).behind == 37 - 10 - 5
    assert later_of(Fronts(world.actor("w1"), enough=10)) == []


def test_who_comes_later_and_lies_in_a_shard_is_met_by_one_listing_more(world):
    dropped(world, 12)
    for number in range(4):
        shard_of(world, f"a.{100 + number}0", f"a.{100 + number}1")
    shard_of(world, "b.0000", "b.0001")
    shard_of(world, "c.0000")
    actor = world.actor("w1")
    fronts = Fronts(actor, enough=10, shelves=8, each=1)
    assert later_of(fronts) == [["b.0000.yaml"]]
    listed = [path for op, path, *_ in actor.files.trace if op == "names"]
    assert len(listed) == 3, "the head, the names of the shards, and that shard"


def test_an_empty_shard_is_removed_and_one_with_something_hidden_in_it_stays(world):
    empty = shard_of(world, "a1")
    world.share.unlink(f"{empty.folder}/a1.yaml")
    hidden = shard_of(world, "b1")
    world.share.rename(f"{hidden.folder}/b1.yaml", f"{hidden.folder}/.b1.tmp")
    shard_of(world, "c1")
    assert entries(Fronts(world.actor("w1")).paths(NORMAL)) == ["c1.yaml"]
    tree = world.share.tree()
    assert empty.folder not in tree
    assert hidden.folder in tree


def test_a_wall_of_shards_that_were_passed_over_hides_nothing(world):
    for number in range(5 * SHARDS_MAX):
        shard_of(world, f"a.{number:04d}")
    shard_of(world, "b")
    world.drop("zz")
    fronts, passed, opened, looks = Fronts(world.actor("w1")), set(), [], 0
    while "b.yaml" not in opened:
        fresh = [path for path in fronts.paths(NORMAL, passed) if path not in passed]
        opened += entries(fresh)
        passed |= set(fresh)
        looks += 1
        assert looks < 30
    assert opened == sorted(opened), "nor brings it the last one forward"
    world.drop("0+first")
    assert fronts.paths(NORMAL, passed)[0] == "queue/normal/0+first.yaml", (
        "nor what comes before it"
    )


def test_once_a_wall_is_gone_the_first_are_first_again(world):
    for number in range(3 * SHARDS_MAX):
        shard_of(world, *(f"a.{number:04d}.{inner}" for inner in range(20)))
    fronts = Fronts(world.actor("w1"))
    everything = {one.path for one in all_records(world.person(), (State.QUEUE,))}
    first = fronts.paths(NORMAL, everything)[0]
    assert fronts.paths(NORMAL, everything)[0] != first, "behind the wall"
    assert fronts.paths(NORMAL)[0] == fronts.paths(NORMAL)[0] == first


def test_a_huge_head_is_not_listed_anew_for_every_claim(world):
    """Ten thousand files that a person dropped: until they have spilled, each listing costs."""
    dropped(world, HUGE + 50)
    actor = world.actor("w1")
    listing = actor.files.names
    actor.files.names = lambda folder: world.turn(0.1) or listing(folder)
    fronts = Fronts(actor)
    first = fronts.paths(NORMAL)
    assert len(first) == FRESH
    fronts.gone(first[0])
    world.drop("0+hurried")
    assert fronts.paths(NORMAL)[0] == first[1]
    world.turn(1.1)
    assert fronts.paths(NORMAL)[0] == "queue/normal/0+hurried.yaml"


def test_the_names_of_many_shards_are_not_listed_anew_for_every_claim(world):
    for number in range(MANY + 1):
        shard_of(world, f"b.{number:04d}")
    actor = world.actor("w1")
    listing = actor.files.names
    actor.files.names = lambda folder: world.turn(0.1) or listing(folder)
    fronts = Fronts(actor)
    for _ in range(2):
        assert entries(fronts.paths(NORMAL))[0] == "b.0000.yaml"
    listed = [path for op, path, *_ in actor.files.trace if op == "names"]
    assert listed.count(f"{NORMAL.folder}/more") == 1


# Everybody else


def test_people_and_programs_find_and_count_what_lies_in_shards(world):
    world = in_shards("job-1", "job-2")
    world.submit("job-3")
    ann = world.person()
    [location] = find(ann, "job-2")
    assert (location.place.part, bool(location.place.shard)) == ("normal", True)
    assert layout.location_of(location.path) == location
    assert counts(ann, Memory()).queues == {"interactive": 0, "normal": 3, "batch": 0}


def test_a_worker_takes_what_lies_in_shards_and_the_class_is_the_folders(world):
    world = in_shards("job-1", "job-2")
    worker = world.worker("w1")
    claimed = worker.claim()
    assert (claimed.name, claimed.job_class) == ("job-1", "normal")
    worker.run(claimed)
    world.recover()
    world.check_ended()
    assert shards(world) == []


def test_a_record_that_a_person_drags_out_of_a_shard_to_the_front_is_next(world):
    world = in_shards("job-1", "job-2", "job-3")
    [path] = world.places("job-3")
    world.share.rename(path, "queue/normal/0+job-3.yaml")
    assert world.worker("w1").claim().name == "job-3"


def test_a_sweep_spills(world, monkeypatch):
    monkeypatch.setattr("spoolctl.spool.shards.SIZES", SMALL)
    dropped(world, 25)
    worker = world.worker("w1")
    assert worker.sweep().spilled == 15
    assert len(world.files(NORMAL.folder)) == 10
    world.recover()
    world.check_ended()


def test_where_no_record_can_lie_there_is_no_location():
    for path in (
        "queue/normal/more/a.yaml.d/x/y.yaml",
        "done/2026-01-01/more/x/a.yaml",
        "nodes/a.yaml",
        "queue/a.txt",
    ):
        assert layout.location_of(path) is None
    assert layout.location_of("queue/a.yaml").place == Place(State.QUEUE)


@settings(deadline=None)
@given(
    st.text(max_size=30),
    st.sampled_from(["", "0+", "+", "~", "."]),
    st.sampled_from([".yaml", ".YML", "~2.json", "~1.yaml", ".txt", ".tmp"]),
)
def test_the_cheap_looks_at_a_file_name_agree_with_the_dear_one(stem, before, after):
    name = f"{before}{stem}{after}"
    file = parse_file_name(name)
    assert is_record_name(name) == (file is not None)
    assert file is None or may_be_of(name, file.name)
