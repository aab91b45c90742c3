"""Two machines on one share, side by side on a clock of the test's own."""

import errno

import pytest
from doctor_world import LinkReplaces, Overwrites, TwiceMade, World, Wrapped, by_about, severities

from spoolctl.spool.doctor import meet
from spoolctl.spool.doctor.ward import desk_name


def both(world, here=None, there=None, **options):
    """Let two machines meet; their findings."""
    wards = (world.ward("attic", **(here or {})), world.ward("barn", **(there or {})))
    return world.time.together(*(lambda ward=ward: meet(ward, **options) for ward in wards))


def lies(world):
    return [path for path in world.share.tree() if ".doctor" in path]


def test_two_machines_on_a_good_share_find_nothing_bad_and_name_each_other():
    world = World()
    attic, barn = both(world)
    assert (attic.machine, barn.machine) == ("barn", "attic")
    assert set(severities(attic.findings).values()) == {"ok"}
    assert set(severities(barn.findings).values()) == {"ok"}
    assert lies(world) == []


def test_they_meet_in_any_order():
    world = World()
    first, second = world.ward("attic"), world.ward("barn")

    def late():
        world.time.sleep(40.0)
        return meet(second)

    attic, barn = world.time.together(lambda: meet(first), late)
    assert (attic.machine, barn.machine) == ("barn", "attic")


def test_one_that_waits_does_not_take_the_other_for_come_while_that_still_looks_alone():
    """It once said hello to the desk of the checks alone, which ended, and then was passed over as one who speaks with another."""
    from spoolctl.spool.doctor import examine

    world = World()
    first, second = world.ward("attic"), world.ward("barn", operation_s=0.05)

    def looks_first():
        world.time.sleep(3.0)
        examine(second)
        return meet(second)

    attic, barn = world.time.together(lambda: meet(first), looks_first)
    assert (attic.machine, barn.machine) == ("barn", "attic")


def test_every_race_has_exactly_one_winner_each_round_and_the_rounds_meet():
    attic, _ = both(World())
    for kind in ("folder", "file", "publish", "rename"):
        facts = by_about(attic.findings)[f"race: {kind}"].facts
        assert (facts["rounds"], facts["met"], facts["both_won"]) == (25, 25, 0)


def test_machines_whose_clocks_are_hours_apart_race_at_the_same_instant_all_the_same():
    attic, barn = both(World(), here={"ahead_s": 7_200.0}, there={"ahead_s": -600.0})
    assert by_about(attic.findings)["race: folder"].facts["met"] == 25
    assert by_about(attic.findings)["clocks"].facts["ahead_s"] == pytest.approx(7_800.0, abs=0.1)
    assert by_about(barn.findings)["clocks"].facts["ahead_s"] == pytest.approx(-7_800.0, abs=0.1)
    assert by_about(barn.findings)["clocks"].severity == "warning"


class WindowsRenames(Wrapped):
    """As Windows over SMB: a rename by open handle takes the file from whoever moved it before."""

    def rename(self, source, target):
        try:
            self.inner.rename(source, target)
        except FileNotFoundError:
            folder, _, name = source.rpartition("/")
            (moved,) = (one for one in self.inner.names(folder) if one.startswith(f"{name}-"))
            self.inner.rename(f"{folder}/{moved}", target)


@pytest.mark.parametrize(
    ("share", "about"),
    [(TwiceMade, "race: folder"), (Overwrites, "race: file"), (LinkReplaces, "race: publish")],
)
def test_two_winners_are_bad_on_both_sides(share, about):
    for met in both(World(), here={"wrap": share}, there={"wrap": share}):
        found = by_about(met.findings)[about]
        assert (found.severity, found.facts["both_won"]) == ("bad", 25)


def test_what_the_other_overwrote_is_told_by_whom_it_was_taken_from():
    met = both(World(), here={"wrap": LinkReplaces}, there={"wrap": LinkReplaces})
    assert "bad" in {severities(one.findings).get("race: content") for one in met}


def test_two_winners_of_a_rename_are_a_note_because_nothing_is_decided_by_one():
    for met in both(World(), here={"wrap": WindowsRenames}, there={"wrap": WindowsRenames}):
        found = by_about(met.findings)["race: rename"]
        assert (found.severity, found.facts["both_won"]) == ("note", 25)
        assert "bad" not in severities(met.findings).values()


class LosesReplies(Wrapped):
    """Every third folder is made, and the answer says that it was there."""

    made = 0

    def mkdir(self, folder):
        self.inner.mkdir(folder)
        if "/folder/" in folder:
            self.made += 1
            if self.made % 3 == 0:
                raise FileExistsError(errno.EEXIST, "File exists", folder)


def test_a_round_that_nobody_won_is_a_warning_not_two_winners():
    attic, _ = both(World(), here={"wrap": LosesReplies}, there={"wrap": LosesReplies})
    found = by_about(attic.findings)["race: folder"]
    assert found.severity == "warning"
    assert found.facts["nobody_won"] > 0


def late_by(world, seconds, *folders):
    """A share on which what is new under these folders is seen only so late."""

    class Late(Wrapped):
        def _hidden(self, path):
            if not any(f"-{folder}" in path for folder in folders):
                return False
            return world.time.now_s - (self.inner.stat(path).mtime_s - 1_700_000_000.0) < seconds

        def names(self, folder):
            return tuple(n for n in self.inner.names(folder) if not self._hidden(f"{folder}/{n}"))

        def stat(self, path):
            found = self.inner.stat(path)
            if not found.is_folder and self._hidden(path):
                raise FileNotFoundError(errno.ENOENT, "No such file", path)
            return found

        def read(self, path, *, bytes_max):
            if self._hidden(path):
                return b"old"
            return self.inner.read(path, bytes_max=bytes_max)

    return Late


@pytest.mark.parametrize(("seconds", "severity"), [(1.5, "ok"), (20.0, "warning"), (500.0, "bad")])
def test_a_late_listing_is_judged_by_the_heartbeat_and_the_lease(seconds, severity):
    world = World()
    attic, barn = both(world, here={"wrap": late_by(world, seconds, "listing")})
    assert severities(attic.findings)["seen in listing"] == severity
    assert severities(attic.findings)["seen once listed"] == "ok"
    assert severities(barn.findings)["seen in listing"] == severity, "told from both sides"


def test_how_late_is_told_in_seconds_of_ones_own_clock():
    world = World()
    attic, barn = both(world, here={"wrap": late_by(world, 20.0, "replaced"), "ahead_s": 3_600.0})
    assert by_about(attic.findings)["content replaced"].facts["seconds"] == pytest.approx(
        20, abs=0.3
    )
    assert by_about(barn.findings)["content replaced"].facts["seconds"] == pytest.approx(
        20, abs=0.3
    )


def test_a_bare_name_that_is_late_as_on_nfs_by_default_is_only_a_note():
    world = World()
    cached = {}

    def bare(path):
        """An absence is remembered for 24 s."""
        until = cached.setdefault(path, world.time.now_s + 24.0)
        return world.time.now_s >= until and path in world.share.tree()

    attic, barn = both(world, here={"bare": bare})
    found = by_about(attic.findings)["seen by name"]
    assert found.severity == "note"
    assert found.facts["seconds"] == pytest.approx(22, abs=0.5), (
        "both looked 2 s before it was made"
    )
    assert severities(barn.findings)["seen by name"] == "note"


def test_locks_that_do_not_see_each_other_as_nfs_and_smb_are_a_warning():
    met = both(World(), here={"locked": set()}, there={"locked": set()})
    for one in met:
        found = by_about(one.findings)["locks of both"]
        assert found.severity == "warning"
        assert "oplocks = no" in found.hint


def test_a_machine_whose_locks_are_refused_is_bad():
    refused = {"lock_error": OSError(errno.ENOLCK, "No locks available")}
    attic, _ = both(World(), here=refused)
    assert severities(attic.findings)["locks of both"] == "bad"


class CannotTouch(Wrapped):
    """Another user's files cannot be moved."""

    def rename(self, source, target):
        if "/gift/" in source:
            raise PermissionError(errno.EACCES, "Permission denied", source)
        self.inner.rename(source, target)


def test_a_machine_that_cannot_change_what_the_other_made_is_bad_on_both_sides_and_the_rest_is_left():
    world = World()
    attic, barn = both(world, here={"wrap": CannotTouch})
    assert "this machine cannot change" in by_about(attic.findings)["each other's"].said
    assert "the other machine cannot change" in by_about(barn.findings)["each other's"].said
    assert "race: folder" not in by_about(attic.findings)
    assert "modes" in by_about(barn.findings)["each other's"].hint
    assert lies(world) == []


def test_two_runs_on_one_machine_are_told_that_they_prove_little():
    attic, _ = both(World(), here={"host_id": "one"}, there={"host_id": "one"})
    assert severities(attic.findings)["the other"] == "note"


def test_two_machines_of_one_name_are_a_warning():
    world = World()
    wards = (world.ward("attic"), world.ward("attic", host_id="another"))
    first, _ = world.time.together(*(lambda ward=ward: meet(ward) for ward in wards))
    assert severities(first.findings)["the other"] == "warning"


def test_nobody_coming_is_told_after_the_wait_and_leaves_nothing():
    world = World()
    met = meet(world.ward(), wait_s=30.0)
    assert met.machine is None
    assert severities(met.findings) == {"the other": "bad"}
    assert 30.0 <= world.time.now_s < 32.0
    assert "waiting for the other machine (15 s left)" in world.told
    assert lies(world) == []


def test_what_a_dead_run_left_is_not_taken_for_the_other_machine():
    world = World()
    ward, dead = world.ward(), world.ward("barn")
    left = f"{ward.base}/{desk_name('0' * 16, dead.actor.host)}"
    world.share.put(f"{left}/beat-7", b"")
    met = meet(ward, wait_s=20.0)
    assert met.machine is None
    world.dead.add(dead.actor.host.pid)
    meet(world.ward("barn"), wait_s=1.0)
    assert lies(world) == []


class Dies(Wrapped):
    """Its user presses Ctrl-C in the middle of the races."""

    def link(self, source, target):
        raise KeyboardInterrupt


def test_ctrl_c_on_one_machine_ends_the_other_soon_with_what_it_has_and_all_is_removed():
    world = World()
    attic, barn = both(world, there={"wrap": Dies})
    assert isinstance(barn, KeyboardInterrupt)
    assert severities(attic.findings)["the other"] == "bad"
    assert "each other's" in severities(attic.findings)
    assert world.time.now_s < 60.0
    assert lies(world) == []


class Stale(Wrapped):
    """NFS may answer ESTALE, not ENOENT, of a folder that somebody else removed."""

    def names(self, folder):
        try:
            return self.inner.names(folder)
        except FileNotFoundError:
            raise OSError(errno.ESTALE, "Stale file handle", folder) from None


def test_a_desk_whose_handle_is_stale_is_one_that_went():
    world = World()
    attic, _ = both(world, here={"wrap": Stale}, there={"wrap": Dies})
    assert "it ended before we were done" in by_about(attic.findings)["the other"].said


class Hangs(Wrapped):
    """Killed in the middle: it neither says nor removes anything from then on."""

    dead = False

    def __getattr__(self, name):
        if self.dead:
            raise KeyboardInterrupt
        return super().__getattr__(name)

    def link(self, source, target):
        self.dead = True
        raise KeyboardInterrupt


def test_a_machine_that_dies_is_given_up_after_two_minutes_of_silence():
    world = World()
    attic, _ = both(world, there={"wrap": Hangs})
    assert severities(attic.findings)["the other"] == "bad"
    assert 120.0 < world.time.now_s < 180.0


def test_one_that_lives_but_never_says_what_is_waited_for_is_given_up_too():
    """As another version of this program would: both once could have waited for ever, each showing life."""
    from spoolctl.spool.doctor.talk import PeerGone, Talk, find_peer
    from spoolctl.spool.doctor.ward import own_desk

    world = World()
    attic, barn = world.ward("attic"), world.ward("barn")

    def of_another_version():
        with own_desk(barn) as desk:
            talk = Talk(barn, desk)
            find_peer(talk, 60.0)
            talk.say("salute")
            with pytest.raises(PeerGone):
                talk.wait_for("salute")

    met, _ = world.time.together(lambda: meet(attic), of_another_version)
    assert severities(met.findings) == {"the other": "bad"}
    assert 300.0 < world.time.now_s < 500.0
