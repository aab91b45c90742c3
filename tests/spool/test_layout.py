"""Where things lie, and what an output is called."""

import pytest

from spoolctl.spool import layout
from spoolctl.spool.records import STAGE_NAMES


@pytest.mark.parametrize("stage", STAGE_NAMES)
@pytest.mark.parametrize(("image", "number"), [(0, 1), (999, 16), (12_345, 2)])
def test_an_output_is_called_so_that_it_can_be_read_again(image, number, stage):
    read = layout.OUTPUT_NAME.match(layout.output_name(image, number, stage))

    assert read is not None
    assert (int(read[1]), int(read[2]), read[3]) == (image, number, stage)


@pytest.mark.parametrize(
    "name",
    [layout.MANIFEST, layout.LOG, "1-1-txt2img.png", "0000-1-a.b.png", "0000-1-txt2img.png\n"],
)
def test_what_is_called_otherwise_is_no_output(name):
    assert layout.OUTPUT_NAME.match(name) is None


def test_every_file_of_an_attempt_lies_in_its_folder():
    inside = {layout.manifest("s.a", 2), layout.attempt_heartbeat("s.a", 2)}
    assert {layout.parent(path) for path in inside} == {"results/s/s.a/a2"}
    assert layout.parent(layout.results("s.a")) == layout.shelf_folder("s.a")
