"""docs/PLANS.md: its plans are those of the examples, and every other piece of a plan in it is one."""

import re
from pathlib import Path

import pytest
import yaml

from spoolctl.expansion import JOBS_MAX, parse_plan
from spoolctl.expansion.packs import ROWS_MAX
from spoolctl.expansion.picks import VERSION

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/PLANS.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", DOCUMENT, re.M | re.S)
PLANS = sorted((ROOT / "examples").glob("*/plan.yaml"))


def test_the_documents_plans_are_the_examples():
    shown = [block for block in BLOCKS if block.startswith("schema:")]

    assert sorted(shown) == sorted(path.read_text(encoding="utf-8") for path in PLANS)
    assert len(PLANS) == 3


@pytest.mark.parametrize("block", [one for one in BLOCKS if not one.startswith("schema:")])
def test_every_piece_of_a_plan_is_one(block):
    assert parse_plan(f"schema: spool.plan/1\n{block}")


def test_the_document_tells_every_mode_and_the_real_limits():
    for word in (
        "fanout",
        "random",
        "sequential",
        "rotate",
        VERSION,
        f"{JOBS_MAX:_}".replace("_", " "),
    ):
        assert f"`{word}`" in DOCUMENT or word in DOCUMENT
    assert f"{ROWS_MAX:_}".replace("_", " ") in DOCUMENT


def test_every_example_of_a_plan_holds_nothing_that_is_left_out_by_mistake():
    for path in PLANS:
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["name"]
