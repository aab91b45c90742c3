"""What StableNew's readers bear: each rule with a line that breaks it, and the lines that are good."""

import json

import pytest
from sample_data import stablenew

from spoolctl.corpus.rules import Effect, faults, is_rated, spoils

GOOD = {
    "run_id": "r", "timestamp": "2026-03-27T08:02:05", "base_config": {"stage": "txt2img"}, "primary_steps": 30,
    "primary_cfg_scale": 7.0, "primary_sampler": "Euler",
    "metadata": {"user_rating": 4, "record_kind": "review_tab_feedback", "stage": "txt2img"},
}  # fmt: skip


def line(metadata=None, **changes):
    record = {**GOOD, **changes}
    if metadata is not None:
        record["metadata"] = {**GOOD["metadata"], **metadata}
    return json.dumps(record).encode()


def effects(data):
    return [(one.field, one.effect) for one in faults(data)]


@pytest.mark.parametrize(
    "name", ["learning/learning_records.jsonl", "generated/learning_records_rated.jsonl"]
)
def test_stablenews_own_records_are_good(name):
    lines = stablenew(name).read_bytes().splitlines()
    assert [one for data in lines for one in faults(data) if one.is_bad] == []
    assert any(is_rated(json.loads(data)) for data in lines)


def test_the_bad_lines_of_the_sample_are_found_and_no_others():
    data = stablenew("generated/learning_records_with_bad_lines.jsonl").read_bytes()
    found = {
        number: {one.effect for one in faults(x)} for number, x in enumerate(data.splitlines(), 1)
    }
    bad = {number for number, effects in found.items() if effects - {Effect.MISREAD}}
    good = [number for number in found if number not in bad]
    assert bad
    assert good


@pytest.mark.parametrize("data", [line(), b"", b"  \r\n", b"{}" and line({"user_rating": 4.5})])
def test_a_good_line_has_no_fault(data):
    assert faults(data) == []


@pytest.mark.parametrize(
    ("data", "field", "effect"),
    [
        (b'{"a": "\xff"}', "", Effect.HIDES),
        (b"[" * 100_000, "", Effect.HIDES),
        (b"9" * 5_000, "", Effect.HIDES),
        (b'{"run_id": "x"', "", Effect.SKIPPED),
        (b"\xef\xbb\xbf" + line(), "", Effect.SKIPPED),
        (b"[1, 2]", "", Effect.BREAKS),
        (b"null", "", Effect.BREAKS),
        (line(metadata=None) .replace(b'"metadata": {', b'"metadata": null, "x": {'), "metadata", Effect.BREAKS),
        (line(base_config=["x"]), "base_config", Effect.BREAKS),
        (line(primary_sampler=["x"]), "primary_sampler", Effect.BREAKS),
        (line({"variant_value": {}}), "metadata.variant_value", Effect.BREAKS),
        (line({"variable_under_test": 5, "variant_value": 1}), "metadata.variable_under_test", Effect.BREAKS),
        (line({"secondary_motion": {"quality_risk_score": "high"}}),
         "metadata.secondary_motion.quality_risk_score", Effect.BREAKS),
        (line({"subscores": {"anatomy": 10**400}}), "metadata.subscores.anatomy", Effect.BREAKS),
        (line(timestamp="0001-01-01T00:00:00"), "timestamp", Effect.BREAKS),
        (line({"user_rating": "4"}), "metadata.user_rating", Effect.ANALYTICS),
        (line({"reason_tags": 5}), "metadata.reason_tags", Effect.ANALYTICS),
        (line({"user_rating": 7}), "metadata.user_rating", Effect.UNCOUNTED),
        (line({"record_kind": "mine"}), "metadata.record_kind", Effect.UNCOUNTED),
        (line(primary_steps=None), "primary_steps", Effect.UNLISTED),
        (line(timestamp="2026-03-27T08:02:05Z"), "timestamp", Effect.MISREAD),
        (line({"stage": ""}, base_config={}), "metadata.stage", Effect.MISREAD),
    ],
)  # fmt: skip
def test_each_rule_finds_the_line_that_breaks_it(data, field, effect):
    assert effects(data) == [(field, effect)]
    (fault,) = faults(data)
    assert fault.hint
    assert fault.is_bad is (effect is not Effect.MISREAD)
    assert spoils(data) is (effect in (Effect.HIDES, Effect.BREAKS, Effect.ANALYTICS))


def test_a_record_without_identity_is_told():
    data = json.dumps({key: value for key, value in GOOD.items() if key != "run_id"}).encode()
    assert effects(data) == [("run_id", Effect.UNLISTED)]


def test_what_is_not_rated_may_be_of_any_kind():
    odd = {
        "record_kind": "mine",
        "user_rating": None,
        "variant_value": [1],
        "variable_under_test": 5,
    }
    assert faults(line(odd, base_config=["x"])) == []
