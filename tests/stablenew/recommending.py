"""A reader of learning records written to the rules of StableNew's recommendations: tiers, confidence, no de-duplication.

Only what ratings decide: the context of refinement and of motion is left out, for no record of ours has any. ``recommend`` raises where
StableNew's engine would.
"""

import json
import statistics
from collections import defaultdict
from dataclasses import dataclass

KINDS = {"", "learning_experiment_rating", "review_tab_feedback", "staged_curation_event"}
PEOPLE = {
    "woman", "man", "girl", "boy", "person", "people", "portrait", "face", "couple", "model", "male", "female", "lady",
    "gentleman", "child", "teen", "adult",
}  # fmt: skip
SUBSCORES = ("anatomy", "composition", "prompt_adherence")


@dataclass(frozen=True)
class Best:
    """The value that is recommended for one parameter."""

    value: object
    confidence: float
    samples: int
    mean: float


@dataclass(frozen=True)
class Recommended:
    tier: str
    automatic: bool
    best: dict[str, Best]


def recommend(data: bytes, prompt: str, stage: str = "txt2img") -> Recommended:
    """What a file of learning records recommends for a prompt and a stage."""
    rated = [one for one in map(_rated, _records(data)) if one and one["stage"] == stage]
    experiment = [one for one in rated if one["kind"] == "learning_experiment_rating"]
    review = [one for one in rated if one["kind"] != "learning_experiment_rating"]
    if not rated:
        return Recommended("no_evidence", False, {})
    if len(experiment) >= 3:
        return Recommended("experiment_strong", True, _best(experiment, prompt))
    if experiment:
        return Recommended(
            "experiment_sparse_plus_review", False, _best(experiment + review, prompt)
        )
    return Recommended("review_only", False, _best(review, prompt))


def _records(data: bytes) -> list[dict]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return []
    records = []
    for line in text.splitlines():
        if line.strip():
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return records


def _rated(record: dict) -> dict | None:
    metadata = record.get("metadata", {})
    kind = str(metadata.get("record_kind") or "").strip()
    if kind not in KINDS or metadata.get("user_rating") is None:
        return None
    rating = float(metadata["user_rating"])
    if not 1 <= rating <= 5:
        return None
    config = record.get("base_config") or {}
    values = {
        "sampler": record.get("primary_sampler", ""),
        "scheduler": record.get("primary_scheduler", ""),
        "steps": record.get("primary_steps", 0),
        "cfg_scale": record.get("primary_cfg_scale", 0.0),
    }
    tested = metadata.get("variable_under_test")
    pairs = list(values.items())
    if tested and metadata.get("variant_value") is not None:
        pairs.append((tested.lower().replace(" ", "_"), metadata["variant_value"]))
    return {
        "rating": rating,
        "kind": kind or "legacy",
        "stage": metadata.get("stage")
        or config.get("stage")
        or metadata.get("stage_name")
        or "txt2img",
        "prompt": str(config.get("prompt", "")),
        "pairs": pairs,
        "subscores": metadata.get("subscores") or metadata.get("rating_details") or {},
        "context": metadata.get("rating_context") or metadata.get("review_context") or {},
    }


def _weight(one: dict, prompt: str) -> float:
    wanted, said = _tokens(prompt), _tokens(one["prompt"])
    overlap = len(wanted & said) / max(1, len(wanted))
    weight, adjusted = 1.6, 0.0
    if wanted and said:
        weight += 0.45 if overlap >= 0.6 else 0.2 if overlap >= 0.3 else -0.2
    scores = [score for key in SUBSCORES if (score := _score(one["subscores"], key)) is not None]
    if scores:
        adjusted += (statistics.mean(scores) - 3) * 0.025
        people = bool(PEOPLE & {word.strip().lower() for word in prompt.replace(",", " ").split()})
        context = one["context"]
        shown = context.get("has_people") if isinstance(context, dict) else None
        anatomy = _score(one["subscores"], "anatomy")
        if shown is not None and not shown and people and anatomy is not None and anatomy < 3:
            adjusted -= 0.10
    return max(0.05, weight + adjusted)


def _score(subscores: object, key: str) -> float | None:
    try:
        score = float(subscores.get(key)) if isinstance(subscores, dict) else 0.0
    except (TypeError, ValueError):
        return None
    return score if 1 <= score <= 5 else None


def _tokens(prompt: str) -> set[str]:
    return {part.strip().lower() for part in prompt.replace("\n", " ").split(",")} - {""}


def _best(rated: list[dict], prompt: str) -> dict[str, Best]:
    groups: dict[str, dict[object, list[dict]]] = defaultdict(lambda: defaultdict(list))
    for one in rated:
        for name, value in one["pairs"]:
            groups[name][value].append(one)
    found = {}
    for name, values in groups.items():
        best = Best(None, 0.0, 0, 0.0)
        for value, members in values.items():
            ratings = [one["rating"] for one in members]
            spread = statistics.stdev(ratings) if len(ratings) > 1 else 0.0
            weight = statistics.mean(_weight(one, prompt) for one in members)
            confidence = (
                0.45 * min(1.0, len(members) / 6)
                + 0.25 * (1 - min(1.0, spread / 2.5))
                + 0.30 * max(0.0, min(1.0, (weight - 1) / 1.5))
            )
            mean = statistics.mean(ratings)
            if (confidence, mean) > (best.confidence, best.mean):
                best = Best(value, confidence, len(members), mean)
        found[name] = best
    return found
