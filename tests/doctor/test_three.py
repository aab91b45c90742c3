"""More than two runs at once, and desks that no run made: whoever can meet does, and nobody waits for ever."""

import itertools
import json

import pytest
from doctor_world import World, Wrapped, by_about, severities

from spoolctl.spool.doctor import meet
from spoolctl.spool.doctor.talk import Talk, find_peer
from spoolctl.spool.doctor.ward import desk_name, own_desk

NAMES = ("attic", "barn", "cellar")


def together(world, *delays, wait_s=300.0, names=NAMES):
    """Let as many machines meet as there are delays, each beginning so late."""

    def begin(ward, delay_s):
        world.time.sleep(delay_s)
        return meet(ward, wait_s=wait_s)

    wards = [world.ward(name) for name, _ in zip(names, delays, strict=False)]
    calls = [lambda w=w, d=d: begin(w, d) for w, d in zip(wards, delays, strict=True)]
    return dict(zip(names, world.time.together(*calls), strict=False))


def lies(world):
    return [path for path in world.share.tree() if ".doctor" in path]


def two_met_and_one_is_told(met):
    pairs = {name: one.machine for name, one in met.items() if one.machine is not None}
    assert len(pairs) == 2, pairs
    assert all(pairs[other] == name for name, other in pairs.items())
    for name, one in met.items():
        if name in pairs:
            assert set(severities(one.findings).values()) == {"ok"}
        else:
            assert "no other machine came" in by_about(one.findings)["the other"].said


class Yielding(Wrapped):
    """Every operation takes time, in which the others go on."""

    def __init__(self, inner, world, seconds):
        super().__init__(inner)
        self._pause = lambda: world.time.sleep(seconds)

    def names(self, folder):
        self._pause()
        return self.inner.names(folder)

    def rename(self, source, target):
        self._pause()
        self.inner.rename(source, target)


class Blinkered(Wrapped):
    """Sees one of the others only later, as over a cache that knew its desk without a beat."""

    def __init__(self, inner, world, number, seconds):
        super().__init__(inner)
        self._hidden, self._world, self._seconds = f"/{number << 32 | 1:016x}-", world, seconds

    def names(self, folder):
        found = self.inner.names(folder)
        if self._hidden in folder and self._world.time.now_s < self._seconds:
            return tuple(name for name in found if not name.startswith("beat-"))
        return found


@pytest.mark.parametrize("hidden", [(3, 1, 2), (2, 3, 1)])
def test_three_that_see_each_other_in_a_ring_do_not_wait_for_each_other_in_one(hidden):
    """Each said hello to the next: two then talked to one that talked to another, and the third to nobody."""
    world = World()
    wards = [
        world.ward(name, wrap=lambda files, n=number: Blinkered(files, world, n, 6.0))
        for name, number in zip(NAMES, hidden, strict=True)
    ]
    met = world.time.together(*(lambda w=w: meet(w, wait_s=90.0) for w in wards))
    two_met_and_one_is_told(dict(zip(NAMES, met, strict=True)))
    assert lies(world) == []


@pytest.mark.parametrize("seconds", [(0.01, 0.01, 0.01), (0.3, 0.29, 0.31), (0.01, 0.4, 1.1)])
def test_of_three_that_begin_at_once_two_meet_and_the_third_is_told(seconds):
    for order in itertools.permutations(seconds):
        world = World()
        wards = {
            name: world.ward(name, wrap=lambda files, s=s, w=world: Yielding(files, w, s))
            for name, s in zip(NAMES, order, strict=True)
        }
        met = world.time.together(*(lambda w=w: meet(w, wait_s=90.0) for w in wards.values()))
        two_met_and_one_is_told(dict(zip(NAMES, met, strict=True)))
        assert lies(world) == []


@pytest.mark.parametrize("delays", [*itertools.permutations((0.0, 0.04, 1.07))])
def test_of_three_that_come_one_after_the_other_two_meet(delays):
    world = World()
    two_met_and_one_is_told(together(world, *delays))
    assert lies(world) == []


@pytest.mark.parametrize("step_s", [0.001, 0.013, 0.05, 0.09, 0.31, 1.0, 2.7])
def test_of_three_two_meet_whatever_their_steps_are(step_s):
    for delays in itertools.permutations((0.0, step_s, 2 * step_s)):
        two_met_and_one_is_told(together(World(), *delays, wait_s=60.0))


def test_the_third_meets_one_of_the_others_once_that_begins_anew():
    world = World()
    wards = [world.ward(name) for name in NAMES]

    def twice():
        return meet(wards[0]), meet(world.ward("attic"))

    first, second, third = world.time.together(
        twice, lambda: meet(wards[1]), lambda: meet(wards[2], wait_s=600.0)
    )
    assert [one.machine for one in first] == ["barn", "cellar"]
    assert (second.machine, third.machine) == ("attic", "attic")


def test_four_at_once_are_two_pairs():
    names = (*NAMES, "den")
    met = together(World(), 0.0, 0.0, 0.0, 0.0, names=names)
    assert sorted(one.machine or "" for one in met.values()) == sorted(names)
    assert all(met[one.machine].machine == name for name, one in met.items())


def test_one_that_asked_a_run_which_then_died_meets_the_next_one():
    """It waited for the dead one's answer until its time was over."""
    world = World()
    attic, barn, cellar = (world.ward(name) for name in NAMES)

    def is_killed():
        desk = f"{barn.base}/{desk_name('f' * 16, barn.actor.host)}"
        barn.files.mkdir(desk)
        talk = Talk(barn, desk)
        for _ in range(40):
            talk.beat()
            world.time.sleep(0.1)

    def comes_late():
        world.time.sleep(30.0)
        return meet(cellar)

    met, _, late = world.time.together(lambda: meet(attic), is_killed, comes_late)
    assert (met.machine, late.machine) == ("cellar", "attic")


NONSENSE = [
    b"",
    b"[" * 100_000,
    b"null",
    b'["machine"]',
    b"{}",
    b'{"machine": 3, "host_id": null, "user": "x", "problem": 7, "ahead_s": "fast"}',
    b'{"at_share_s": NaN, "ahead_s": 1e999, "ran": {}, "delays": 5, "granted": null}',
    b'{"at_share_s": 1e300, "ahead_s": -Infinity, "ran": {"folder": [[1]]}, "delays": {}}',
    b'{"ahead_s": ' + b"9" * 5_000 + b', "ran": [], "delays": {"listing": "soon"}}',
    b"\xff\xfe{",
    b"x" * (2 << 20),
    None,
]
_READERS = {}
WORDS = ("who", "handed", "clock", "races", "raced", "lock-a", "tried-a", "after-b", "seen")


@pytest.mark.parametrize("said", NONSENSE, ids=lambda said: repr(said)[:20])
@pytest.mark.parametrize("word", WORDS)
def test_a_word_that_makes_no_sense_counts_as_not_said(word, said):
    """A stranger's file of that name ended the doctor with the traceback of a JSON reader."""
    world = World()
    ward = world.ward("attic")
    with own_desk(ward) as desk:
        talk = Talk(ward, desk, peer=f"{ward.base}/theirs")
        world.share.put(f"{ward.base}/theirs", None)
        world.share.put(f"{ward.base}/theirs/say-{word}", said)
        assert talk.heard(word, _READERS[word]) == []


@pytest.fixture(autouse=True, scope="module")
def _gather():
    """Let two runs meet once, and keep with what each word was read."""
    world, real = World(), Talk.learn

    def learn(talk, topic, read, *more):
        _READERS[topic] = read
        return real(talk, topic, read, *more)

    Talk.learn = learn
    try:
        wards = (world.ward("attic"), world.ward("barn"))
        world.time.together(*(lambda ward=ward: meet(ward) for ward in wards))
    finally:
        Talk.learn = real


@pytest.mark.parametrize("said", [b"[" * 100_000, b'{"machine": [], "host_id": 1}'])
def test_a_strangers_words_on_a_desk_end_the_meeting_as_one_with_somebody_who_never_speaks(said):
    world = World()
    attic, barn = world.ward("attic"), world.ward("barn")

    def odd():
        with own_desk(barn) as desk:
            world.share.put(f"{desk}/say-who", said)
            talk = Talk(barn, desk)
            find_peer(talk, 60.0)
            for _ in range(8_000):
                talk.beat()
                world.time.sleep(0.05)

    met, _ = world.time.together(lambda: meet(attic), odd)
    assert severities(met.findings) == {"the other": "bad"}
    assert "never said 'who'" in by_about(met.findings)["the other"].said


def test_whatever_lies_among_the_desks_two_meet_all_the_same():
    world = World()
    base = world.ward("attic").base
    world.share.put(f"{base}/notes.txt", b"a person's")
    world.share.put(f"{base}/~", b"\x00")
    world.share.put(f"{base}/folder/say-hello-me", b"{")
    world.share.put(f"{base}/folder/beat-1", b"")
    world.share.put(f"{base}/folder/beat-folder/deep", b"")
    world.share.put(f"{base}/0/say-yes-0", json.dumps({}).encode())
    met = together(world, 0.0, 0.0)
    assert (met["attic"].machine, met["barn"].machine) == ("barn", "attic")
    assert f"{base}/notes.txt" in world.share.tree(), "a person's file stays"
