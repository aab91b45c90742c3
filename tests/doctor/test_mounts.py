"""Mounts: found in mountinfo, and each option that harms a spool is named with what to write instead."""

import pytest

from spoolctl.spool.doctor.mounts import Mount, advise, find_mount, is_network

MOUNTINFO = r"""
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 21 0:30 / /mnt rw,relatime shared:2 - autofs systemd-1 rw,fd=50
41 40 0:45 / /mnt/nas rw,relatime shared:3 - nfs4 nas:/tank/spool rw,vers=4.2,rsize=1048576,hard,proto=tcp,addr=10.0.0.2
42 40 0:46 / /mnt/my\040share rw,relatime - cifs //nas/my\040share rw,vers=3.1.1,cache=strict,soft,actimeo=1
43 40 0:47 / /mnt/nas2 rw - nfs nas:/old rw,vers=3,soft,nolock,local_lock=all
"""


def nfs(*options):
    return Mount("/mnt/nas", "nfs4", "nas:/tank", ("rw", "vers=4.2", *options))


def smb(*options):
    return Mount("/mnt/nas", "cifs", "//nas/spool", ("rw", "vers=3.1.1", *options))


def told(mount):
    order = ("ok", "note", "warning", "bad")
    found = {}
    for one in sorted(advise(mount), key=lambda one: order.index(one.severity)):
        found[one.about] = one
    return found


@pytest.mark.parametrize(
    ("path", "folder", "kind"),
    [
        ("/mnt/nas/spool", "/mnt/nas", "nfs4"),
        ("/mnt/nas", "/mnt/nas", "nfs4"),
        ("/mnt/nas2/spool", "/mnt/nas2", "nfs"),
        ("/mnt/my share/spool", "/mnt/my share", "cifs"),
        ("/home/ada", "/", "ext4"),
    ],
)
def test_the_mount_that_holds_a_path_is_found(path, folder, kind):
    mount = find_mount(MOUNTINFO, path)
    assert (mount.folder, mount.kind) == (folder, kind)


def test_of_two_mounts_on_one_folder_the_later_one_is_seen():
    twice = MOUNTINFO + "60 40 0:60 / /mnt/nas rw - cifs //nas/x rw\n"
    assert find_mount(twice, "/mnt/nas/spool").kind == "cifs"


def test_text_that_is_no_mountinfo_holds_no_mount():
    assert find_mount("nonsense\n\n1 2 3 - a", "/mnt") is None


def test_nfs_by_default_is_fine_and_only_notes_what_scripts_may_see_late():
    found = told(nfs("hard"))
    assert {one.severity for one in found.values()} == {"ok", "note"}
    assert found["mount: names"].severity == "note"
    assert "actimeo=1" in found["mount: names"].hint


@pytest.mark.parametrize(
    "options",
    [("acregmin=1", "acregmax=1", "acdirmin=1", "acdirmax=1"), ("lookupcache=none",), ("noac",)],
)
def test_nfs_mounted_as_advised_has_no_more_to_be_told_about_names(options):
    assert told(nfs("hard", *options))["mount: names"].severity == "ok"


def test_lookupcache_positive_still_keeps_names_that_were_renamed_away():
    assert told(nfs("lookupcache=pos"))["mount: names"].severity == "note"


@pytest.mark.parametrize(
    ("option", "about"),
    [
        ("soft", "mount: soft"),
        ("softerr", "mount: soft"),
        ("nolock", "mount: locks"),
        ("local_lock=all", "mount: locks"),
        ("local_lock=flock", "mount: locks"),
        ("nocto", "mount: nocto"),
    ],
)
def test_an_nfs_option_that_harms_is_a_warning_that_names_it(option, about):
    found = told(nfs(option))[about]
    assert found.severity == "warning"
    assert option.split("=")[0].removesuffix("err") in found.hint


def test_locks_that_go_to_the_server_are_nothing_to_warn_of():
    assert "mount: locks" not in told(nfs("local_lock=none"))


def test_nfs_3_is_noted_for_its_locks():
    found = told(Mount("/mnt/nas", "nfs", "nas:/tank", ("rw", "vers=3", "hard")))
    assert "vers=4.2" in found["mount: version"].hint


def test_what_cannot_be_seen_from_a_client_is_said():
    assert "cannot be seen from a client" in told(nfs())["export: sync"].said


def test_smb_as_advised_is_fine():
    found = told(smb("cache=strict", "actimeo=1", "closetimeo=0"))
    assert {one.severity for one in found.values()} == {"ok", "note"}


@pytest.mark.parametrize("options", [(), ("closetimeo=1",)])
def test_smb_from_linux_that_keeps_closed_files_open_is_warned_of(options):
    """Four of eight workers hung in an open for good; not one with ``closetimeo=0``."""
    assert "closetimeo=0" in told(smb(*options))["mount: closetimeo"].hint


def test_smb_from_a_mac_has_no_such_option():
    assert "mount: closetimeo" not in told(Mount("/mnt/nas", "smbfs", "//nas/spool", ("rw",)))


@pytest.mark.parametrize(
    ("option", "about"),
    [
        ("actimeo=30", "mount: actimeo"),
        ("acdirmax=60", "mount: actimeo"),
        ("cache=loose", "mount: cache"),
        ("nobrl", "mount: locks"),
    ],
)
def test_an_smb_option_that_harms_is_a_warning(option, about):
    assert told(smb(option))[about].severity == "warning"


def test_smb_says_what_makes_its_locks_and_those_of_nfs_see_each_other():
    assert "smb2 leases = no" in told(smb())["mount: locks"].hint


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        ("fuse.rclone", "bad"),
        ("fuse.s3fs", "bad"),
        ("fuse.sshfs", "warning"),
        ("9p", "warning"),
        ("ceph", "note"),
        ("tmpfs", "warning"),
        ("ext4", "note"),
        ("zfs", "note"),
    ],
)
def test_other_file_systems_are_told_for_what_they_are(kind, severity):
    (found,) = advise(Mount("/x", kind, "src", ("rw",)))
    assert found.severity == severity


def test_a_local_disk_that_fuse_serves_is_a_local_disk():
    (found,) = advise(Mount("/x", "fuseblk", "/dev/sdb1", ("rw",)))
    assert found.severity == "note"


def test_a_mount_that_is_read_only_is_bad():
    found = told(Mount("/mnt/nas", "nfs4", "nas:/tank", ("ro", "vers=4.2")))
    assert found["mount"].severity == "bad"


def test_where_mounts_cannot_be_told_that_is_said():
    (found,) = advise(None)
    assert found.severity == "note"


@pytest.mark.parametrize(
    ("kind", "options", "network"),
    [
        ("nfs4", ("rw",), True),
        ("cifs", ("rw",), True),
        ("fuse.sshfs", ("rw",), True),
        ("ntfs", ("rw", "remote"), True),
        ("ext4", ("rw",), False),
        ("fuseblk", ("rw",), False),
    ],
)
def test_a_network_mount_is_known_as_one(kind, options, network):
    assert is_network(Mount("/x", kind, "src", options)) is network


def test_a_web_folder_behind_fuse_is_no_local_disk():
    """Its type is plain ``fuse``."""
    (found,) = advise(Mount("/mnt/cloud", "fuse", "https://cloud.example/dav", ("rw",)))
    assert found.severity == "warning"


def test_a_network_drive_of_windows_is_taken_for_smb():
    found = told(Mount("Z:", "ntfs", "Z:\\", ("rw", "remote")))
    assert found["mount"].said.startswith("SMB, ")
    assert found["mount"].severity == "ok"
