"""The steps on a simulated Windows disk: drive letters, backslashes, names that differ only in case.

A simulation; not yet seen on a real Windows. It shows that no path is put together with a slash that Windows would not take,
and that a case-blind disk gives one job for two spellings.
"""

from pathlib import PureWindowsPath

import pytest
from pyfakefs.fake_filesystem import OSType

from spoolctl.spool import codec, layout
from spoolctl.spool.files import ShareFiles, probe_links
from spoolctl.spool.names import parse_file_name
from tests.spool.spool_world import JOB

ROOT = "C:\\nas\\spool"


@pytest.fixture
def share(fs):
    fs.os = OSType.WINDOWS
    fs.create_dir(ROOT)
    files = ShareFiles.__new__(ShareFiles)
    ShareFiles.__init__(files, PureWindowsPath(ROOT))
    for folder in layout.FOLDERS:
        files.mkdir(folder)
    return files


def test_a_spools_folders_lie_where_windows_shows_them(share, fs):
    assert fs.exists("C:\\nas\\spool\\queue\\interactive")
    assert fs.exists("C:\\nas\\spool\\corpus\\parts")


def test_the_share_is_probed_and_left_as_it_was(share):
    before = share.names(layout.LOCKS)
    probe_links(share, layout.LOCKS, "0123456789abcdef")
    assert share.names(layout.LOCKS) == before


def test_a_record_dropped_in_capitals_is_found_by_the_name_that_it_folds_to(share, fs):
    fs.create_file("C:\\nas\\spool\\queue\\normal\\Portrait.YAML", contents=JOB)
    [entry] = share.names("queue/normal")
    file = parse_file_name(entry)
    assert file.name == "portrait"
    assert codec.decode_mapping(share.read(f"queue/normal/{file}", bytes_max=1 << 20))
    share.rename(f"queue/normal/{file}", f"waiting/{file.labelled(2)}")
    assert share.names("waiting") == ("Portrait~2.YAML",)


def test_a_name_that_differs_only_in_case_is_taken(share):
    share.write_new("queue/normal/portrait.yaml", JOB)
    with pytest.raises(FileExistsError):
        share.write_new("queue/normal/PORTRAIT.yaml", JOB)
