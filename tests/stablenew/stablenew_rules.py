"""What StableNew's readers of learning records can bear, rule by rule, as they stand in its code.

``readable_by_stablenew(lines)`` raises AssertionError naming line and rule. Rules marked "breaks
everybody": one such line makes ``RecommendationEngine.recommend`` raise for every query.
"""

import json
import time
from collections.abc import Iterable

KEYS = {
    "run_id": str, "timestamp": str, "base_config": dict, "variant_configs": list,
    "randomizer_mode": str, "randomizer_plan_size": int, "primary_model": str,
    "primary_sampler": str, "primary_scheduler": str, "primary_steps": int,
    "primary_cfg_scale": float, "metadata": dict, "stage_plan": list, "stage_events": list,
    "outputs": list, "sidecar_priors": dict,
}  # fmt: skip
KINDS = ("", "learning_experiment_rating", "review_tab_feedback", "staged_curation_event")
SCALAR = (str, int, float, bool, type(None))


def readable_by_stablenew(lines: Iterable[bytes]) -> list[dict]:
    """The records in *lines*, each checked against every rule."""
    return [_record(number, line) for number, line in enumerate(lines, 1)]


def _record(number: int, line: bytes) -> dict:
    def rule(holds: bool, text: str) -> None:
        assert holds, f"line {number}: {text}: {line[:200]!r}"

    rule(line.endswith(b"\n") and line.count(b"\n") == 1, "one whole line")
    rule(line.isascii(), "ASCII: an invalid UTF-8 byte hides the whole file")
    record = json.loads(line)
    rule(isinstance(record, dict), "an object (breaks everybody)")
    rule(set(record) == set(KEYS), f"the 16 keys, not {set(record) ^ set(KEYS)}")
    for key, kind in KEYS.items():
        rule(type(record[key]) is kind, f"{key} is a {kind.__name__}")
    rule(list(record) == sorted(record), "keys sorted, as to_json writes them")
    time.strptime(record["timestamp"], "%Y-%m-%dT%H:%M:%S")
    metadata = record["metadata"]
    rule(metadata.get("record_kind", "") in KINDS, "a known record_kind")
    rule(
        ("user_rating" in metadata) == bool(metadata.get("record_kind")),
        "a rating and its kind only together",
    )
    variable = metadata.get("variable_under_test", "")
    rule(isinstance(variable, str), "variable_under_test is text (breaks everybody)")
    value = metadata.get("variant_value")
    rule(isinstance(value, SCALAR), "variant_value is a scalar (breaks everybody)")
    for key in ("experiment_name", "stage", "prompt", "image_path", "pack_name", "tags"):
        rule(isinstance(metadata.get(key, ""), str), f"metadata.{key} is text")
    rule("secondary_motion" not in metadata, "no secondary_motion numbers (breaks everybody)")
    stage = record["base_config"].get("stage")
    rule(isinstance(stage, str) and stage == metadata.get("stage"), "the stage, twice the same")
    for name in ("variant_configs", "stage_events", "outputs"):
        rule(all(isinstance(one, dict) for one in record[name]), f"{name} are objects")
    rule(all(isinstance(one, str) for one in record["stage_plan"]), "stage_plan are names")
    return record
