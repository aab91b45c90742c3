"""File names that could not be kept through every move are rejected, under names that can."""

import pytest

from spoolctl.spool import layout
from spoolctl.spool.errors import BadRecord
from spoolctl.spool.names import FILE_NAME_BYTES_MAX, FileName, check_file_name, parse_file_name
from tests.spool.spool_world import JOB, World


def _file(file_name: str) -> FileName:
    parsed = parse_file_name(file_name)
    assert parsed is not None
    return parsed


@pytest.mark.parametrize("stem", ["a" * 240, "0+" + "a" * 238, "é" * 120, "a" * 240 + "~7"])
def test_a_file_name_that_fits_with_its_longest_label_is_taken(stem: str) -> None:
    check_file_name(_file(f"{stem}.yaml"))


@pytest.mark.parametrize(
    "stem", ["a" * 241, "0+" + "a" * 239, "é" * 121, "a" * 241 + "~7", "a\udcff"]
)
def test_a_file_name_that_could_not_be_kept_is_refused(stem: str) -> None:
    with pytest.raises(BadRecord, match="the file's name") as caught:
        check_file_name(_file(f"{stem}.yaml"))

    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "stem",
    ["a" * 245, "a" * 250, "🙂" * 61, "a\udcff", "\udcff", "0+" + "\udcff" * 60],
    ids=["245", "250", "pictures", "not UTF-8", "only stray bytes", "many stray bytes"],
)
@pytest.mark.parametrize("data", [JOB, b"gruop: x\n"], ids=["good", "bad"])
def test_a_file_whose_name_cannot_be_kept_is_rejected_under_one_that_can(
    stem: str, data: bytes
) -> None:
    """A legal drop of 250 characters could not be renamed to its claim; a stray byte stopped every sweep."""
    world = World()
    world.drop(stem, data=data)
    world.submit("after-it")
    worker = world.worker()
    worker.sweep()

    assert worker.work() == 1
    rejected = world.share.view().names(layout.REJECTED)
    assert len(rejected) == 2
    assert [name.endswith(".reason.yaml") for name in sorted(rejected)] == [False, True]
    assert all(len(name.encode()) <= FILE_NAME_BYTES_MAX for name in rejected)
