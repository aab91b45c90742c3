"""Each kind of damage, made alone, is found alone; and it is healed, or the finding says who must do what."""

import re
from pathlib import Path

import pytest

from spoolctl.fsck import Severity
from tests.fsck.damages import DAMAGES


@pytest.mark.parametrize("story", DAMAGES)
def test_exactly_this_is_found(story):
    told = DAMAGES[story]
    checked = told.make()
    found = checked.the_one(told.code, deep=told.deep)
    assert (found.severity, found.invariant) == (told.severity, told.invariant)
    assert told.path in (None, found.path)
    assert found.path
    assert "\n" not in found.what + found.value + found.remedy
    if not told.heals and found.severity is not Severity.NOTE:
        assert found.mend is None or told.code == "twice"
        assert found.remedy.startswith("a person must: ") or found.mend


@pytest.mark.parametrize("story", DAMAGES)
def test_looking_changes_nothing(story):
    told = DAMAGES[story]
    checked = told.make()
    before = checked.world.share.tree()
    checked.check(deep=True)
    assert checked.world.share.tree() == before


@pytest.mark.parametrize("story", [one for one, told in DAMAGES.items() if told.heals])
def test_repair_heals_it(story):
    told = DAMAGES[story]
    checked = told.make()
    before = checked.world.share.tree()
    assert any(did.startswith("would ") for did in checked.repair(dry_run=True))
    assert checked.world.share.tree() == before
    checked.repair()
    report = checked.check()
    assert told.code not in [one.code for one in report.findings]
    assert report.is_sound, report.findings
    checked.repair()  # what was put back may have to be settled or merged
    # Twice done is once done.
    after = checked.world.share.tree()
    checked.repair()
    assert checked.world.share.tree() == after


@pytest.mark.parametrize("story", [one for one, told in DAMAGES.items() if not told.heals])
def test_repair_leaves_to_a_person_what_is_a_persons(story):
    told = DAMAGES[story]
    checked = told.make()
    before = {p: d for p, d in checked.world.share.tree().items() if d is not None}
    checked.repair()
    after = checked.world.share.tree()
    changed = {path for path, data in before.items() if after.get(path) != data}
    assert not [path for path in changed if path.startswith("results/")]
    assert told.code in [one.code for one in checked.check(deep=told.deep).findings] or changed


def test_every_code_is_in_the_documents_table_and_no_other():
    """People and scripts go by them: a code is a promise."""
    root = Path(__file__).parents[2]
    text = (root / "docs/CLI.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?:damage|stuck|note)[^|]*\|([^|]*)\|", text, flags=re.MULTILINE)
    told = {code for row in rows for code in re.findall(r"`([a-z-]+)`", row)}
    source = "".join(p.read_text(encoding="utf-8") for p in (root / "spoolctl/fsck").glob("*.py"))
    assert {one.code for one in DAMAGES.values()} == told - {"unseen"}
    assert {code for code in told if f'"{code}"' not in source} == set()
