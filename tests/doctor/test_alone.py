"""One machine alone: a good share passes, and each bad one is told as what it is."""

import errno

import pytest
from doctor_world import LinkReplaces, Overwrites, TwiceMade, World, Wrapped, by_about, severities

from spoolctl.spool.doctor import Mount, examine
from spoolctl.spool.doctor.ward import Owner, Space


class NoLinks(Wrapped):
    """As FAT and exFAT."""

    def link(self, source, target):
        raise OSError(errno.EPERM, "Operation not permitted", target)


class RenameRefuses(Wrapped):
    """A rename onto a file is an error."""

    def rename(self, source, target):
        folder, _, name = target.rpartition("/")
        if name in self.inner.names(folder):
            raise FileExistsError(errno.EEXIST, "File exists", target)
        self.inner.rename(source, target)


class RenameCopies(Wrapped):
    """A rename leaves the old name behind, as a synchronised folder may."""

    def rename(self, source, target):
        data = self.inner.read(source, bytes_max=1 << 20)
        self.inner.rename(source, target)
        self.inner.write_new(source, data)


class CaseBlind(Wrapped):
    """As Windows and most SMB shares: ``JOB`` is ``job``."""

    def write_new(self, path, data):
        folder, _, name = path.rpartition("/")
        if name.lower() in {one.lower() for one in self.inner.names(folder)}:
            raise FileExistsError(errno.EEXIST, "File exists", path)
        self.inner.write_new(path, data)


class StaleListing(Wrapped):
    """Listings of folders in which something is looked for never show what is new."""

    def names(self, folder):
        return () if folder.endswith("/see") else self.inner.names(folder)


class ReadOnly(Wrapped):
    """Nothing can be made."""

    def mkdir(self, folder):
        raise OSError(errno.EROFS, "Read-only file system", folder)


class FailsToRead(Wrapped):
    """Reading is an error, which says nothing of what is there."""

    def read(self, path, *, bytes_max):
        raise OSError(errno.EIO, "Input/output error", path)


def findings(world=None, **odd):
    return by_about(examine((world or World()).ward(**odd)))


def test_a_good_share_has_nothing_bad_and_nothing_to_warn_of():
    found = severities(examine(World().ward()))
    assert {about for about, severity in found.items() if severity in ("bad", "warning")} == set()
    assert {"folder once", "publish once", "rename", "seen", "locks", "clock", "rate"} <= set(found)


def test_nothing_is_left_on_the_share():
    world = World()
    before = world.share.tree()
    examine(world.ward())
    assert world.share.tree() == before


def test_a_bare_folder_before_init_is_examined_and_left_as_it_was():
    world = World(is_spool=False)
    found = severities(examine(world.ward()))
    assert found["folders"] == "ok"
    assert world.share.tree() == {}


@pytest.mark.parametrize(
    ("share", "blamed"),
    [
        (TwiceMade, {"folder once"}),
        (Overwrites, {"file once"}),
        (LinkReplaces, {"publish once"}),
        (NoLinks, {"publish once"}),
        (RenameRefuses, {"rename", "seen"}),  # what is seen of a replaced file cannot be tried then
        (RenameCopies, {"rename"}),
        (StaleListing, {"seen in listing"}),
    ],
)
def test_a_bad_share_is_told_as_such_and_nothing_else_is_blamed(share, blamed):
    world = World()
    found = examine(world.ward(wrap=share))
    assert {one.about for one in found if one.severity == "bad"} == blamed
    assert all(by_about(found)[about].hint for about in blamed)
    assert not [path for path in world.share.tree() if ".doctor" in path]


def test_a_share_without_hard_links_is_told_where_to_have_them():
    told = findings(wrap=NoLinks)["publish once"]
    assert "Operation not permitted" in told.said
    assert "exFAT" in told.hint


def test_a_share_that_cannot_tell_names_by_case_is_fine_and_says_so():
    told = findings(wrap=CaseBlind)["name case"]
    assert (told.severity, told.facts["case_sensitive"]) == ("ok", False)
    assert findings()["name case"].facts["case_sensitive"] is True


def test_a_share_that_cannot_be_written_is_bad_and_what_can_be_seen_is_still_told():
    found = findings(wrap=ReadOnly)
    assert found["write"].severity == "bad"
    assert "Read-only" in found["write"].said
    assert found["space"].severity == "ok"


def test_an_error_is_no_answer_each_check_that_it_hits_says_what_the_share_said():
    """A failed read must never be told as "the share replaces files"."""
    found = findings(wrap=FailsToRead)
    assert "could not be tried to its end: Input/output error" in found["file once"].said
    assert found["folder once"].severity == "ok"


def test_a_name_that_a_cache_answers_is_a_note_because_the_spool_lists_first():
    found = findings(bare=lambda _path: False)
    assert found["seen by name"].severity == "note"
    assert "lookupcache=none" in found["seen by name"].hint


def test_locks_that_do_not_exclude_are_a_warning_and_none_at_all_are_bad():
    class Everybody(set):
        def __contains__(self, path):
            return False

    assert findings(locked=Everybody())["locks"].severity == "warning"
    refused = findings(lock_error=OSError(errno.ENOLCK, "No locks available"))["locks"]
    assert refused.severity == "bad"
    assert "--no-lock" in refused.hint


@pytest.mark.parametrize(
    ("ahead_s", "severity"), [(0.0, "ok"), (4.0, "ok"), (-30.0, "note"), (7_200.0, "warning")]
)
def test_a_clock_that_is_off_is_told_though_nothing_depends_on_it(ahead_s, severity):
    told = findings(ahead_s=ahead_s)["clock"]
    assert told.severity == severity
    assert told.facts["ahead_s"] == pytest.approx(ahead_s, abs=0.05)


def test_the_clock_offset_says_which_one_is_ahead():
    assert "3 hours ahead of the share's" in findings(ahead_s=10_800.0)["clock"].said
    assert "30.0 s behind the share's" in findings(ahead_s=-30.0)["clock"].said


def test_on_smb_a_folders_time_is_looked_at_only_when_the_client_asks_the_server_for_it():
    """A Linux client shows its own clock's time of a folder that it has just made."""

    class OwnClockFirst(Wrapped):
        def stat(self, path):
            return self.inner.stat(path)

    world = World()
    smb = Mount("/mnt/nas", "cifs", "//nas/spool", ("rw", "vers=3.1.1", "actimeo=1"))
    before = world.time.now_s
    examine(world.ward(wrap=OwnClockFirst, mounted=smb))
    assert world.time.now_s - before > 1.5


@pytest.mark.parametrize(("free_gb", "severity"), [(0.1, "bad"), (2.0, "warning"), (50.0, "ok")])
def test_free_space_is_judged_by_the_images_that_fit(free_gb, severity):
    assert findings(left=Space(int(free_gb * 1e9), None))["space"].severity == severity


def test_a_share_that_is_out_of_files_is_told_although_it_has_space():
    assert findings(left=Space(10**12, 12))["space"].severity == "warning"


def test_a_folder_that_this_user_may_not_write_is_bad_and_named():
    told = findings(unwritable=frozenset({"queue/batch", "nodes"}))["folders"]
    assert told.severity == "bad"
    assert "'queue/batch'" in told.said
    assert "'nodes'" in told.said


def test_a_sticky_folder_of_another_user_is_bad_because_nothing_can_be_moved_out_of_it():
    told = findings(owners={"claimed": Owner(0, 0, 0o1777)})["folders"]
    assert told.severity == "bad"
    assert "chmod -t" in told.hint


@pytest.mark.parametrize(
    ("folder", "file", "severity"),
    [(0o775, 0o664, "ok"), (0o777, 0o666, "ok"), (0o755, 0o644, "note")],
)
def test_permissions_say_who_can_move_what_this_user_makes(folder, file, severity):
    owners = {"made": Owner(1000, 100, folder), "file": Owner(1000, 100, file)}
    assert findings(owners=owners)["users"].severity == severity


def test_a_share_that_maps_users_says_to_whom():
    owners = {"made": Owner(65534, 65534, 0o775), "file": Owner(65534, 65534, 0o664)}
    told = findings(owners=owners)["users"]
    assert "belongs to user 65534" in told.said


def test_names_that_a_spool_needs_must_be_kept():
    """An encrypting file system takes 143 characters only."""
    told = findings(refuses=lambda name: len(name) > 143)["names"]
    assert told.severity == "bad"
    assert findings(refuses=lambda name: len(name) > 200)["names"].severity == "note"


def test_odd_names_that_are_refused_harm_nobody():
    told = findings(refuses=lambda name: any(char in ':*?"<>|' for char in name))["names"]
    assert told.severity == "ok"
    assert "refuses 6 odd ones" in told.said


def test_odd_names_that_are_shown_differently_are_a_note():
    class Mapped(Wrapped):
        def names(self, folder):
            return tuple(name.replace(":", "\uf022") for name in self.inner.names(folder))

    assert findings(wrap=Mapped)["odd names"].facts["changed"] == ["a:b"]


def test_windows_is_asked_for_no_name_that_opens_a_device_there():
    asked = []
    findings(on_windows=True, refuses=asked.append)
    assert "con" not in asked
    assert "a:b" not in asked


def test_a_slow_share_says_what_that_costs():
    told = findings(operation_s=0.5)["rate"]
    assert told.severity == "warning"
    assert told.facts["create"] == pytest.approx(2.0, abs=0.3)


def test_a_folder_that_a_program_synchronises_is_bad():
    told = findings(program="Syncthing")["synchronised"]
    assert (told.severity, "Syncthing" in told.said) == ("bad", True)


def test_what_a_dead_run_left_goes_and_a_live_ones_desk_stays():
    world = World()
    dead, alive = world.ward(), world.ward()
    world.share.put(f"{dead.base}/{'0' * 16}-not-a-desk", b"")
    from spoolctl.spool.doctor.ward import desk_name

    left = desk_name("a" * 16, dead.actor.host)
    kept = desk_name("b" * 16, alive.actor.host)
    foreign = desk_name("c" * 16, world.ward("barn").actor.host)
    for name in (left, kept, foreign):
        world.share.put(f"{dead.base}/{name}/room-1/deep/file", b"x")
    world.dead.add(dead.actor.host.pid)

    examine(world.ward())

    there = set(world.share.names(dead.base))
    assert left not in there
    assert {kept, foreign} <= there


def test_ctrl_c_in_the_middle_leaves_nothing():
    class Interrupted(Wrapped):
        def link(self, source, target):
            raise KeyboardInterrupt

    world = World()
    before = world.share.tree()
    with pytest.raises(KeyboardInterrupt):
        examine(world.ward(wrap=Interrupted))
    assert world.share.tree() == before
