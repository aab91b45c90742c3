"""A person's word on one image: what can be said, and the line of the corpus that says it.

A line is a whole record of StableNew's learning system: the image's first record, with the word in its ``metadata``. Of a learning run it
is a ``learning_experiment_rating``, else a ``review_tab_feedback``; a pick or a reject without a rating is a ``staged_curation_event``,
which counts as 5 or as 1, as in StableNew. Subscores are blended into ``user_rating`` as StableNew blends them; what was said is
``user_rating_raw``.

Pure. Guarantees: what ``encoded`` made, ``decoded`` reads, and anything else is refused; a withdrawn word's line bears no rating.

Source of the format: StableNew2, ``src/learning/learning_record.py``, ``rating_schema.py``, ``src/gui/controllers/learning_controller.py``
(``record_rating``, ``save_review_feedback``) and ``src/curation/learning_bridge.py``.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from spoolctl.spool.errors import BadRecord, UsageError

NUMBER = "spool_word"
"""The key of a line's ``metadata`` that makes it a word: the how many-th on its image."""
SUBSCORES = ("anatomy", "composition", "prompt_adherence")
PICKED, REJECTED = "picked", "rejected"
NOTE_CHARS_MAX = 2_000
BEST, WORST = 5, 1
_DECISIONS = {PICKED: ("curated_final", BEST), REJECTED: ("rejected_hard", WORST)}
"""What StableNew calls it, and what it counts there."""
_TIME = "%Y-%m-%dT%H:%M:%S"
"""All that StableNew parses: UTC without a zone."""

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Word:
    """All that a person says of an image; it takes the place of whatever was said before. ``Word()`` withdraws it.

    Raises:
        UsageError: A number is not 1 to 5, a subscore has no rating, ``choice`` or the note is none.
    """

    rating: int | None = None
    anatomy: int | None = None
    composition: int | None = None
    prompt_adherence: int | None = None
    choice: str | None = None
    """``picked``, ``rejected`` or None."""
    note: str = ""
    has_people: bool | None = None
    """Whether people are to be seen, by which StableNew weighs ``anatomy``."""

    def __post_init__(self) -> None:
        for name in ("rating", *SUBSCORES):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not WORST <= value <= BEST):
                raise UsageError(
                    f"{name} is {value!r:.40}", hint=f"give a whole number from {WORST} to {BEST}"
                )
        if self.subscores and self.rating is None:
            raise UsageError(
                f"{next(iter(self.subscores))} without a rating",
                hint="give a rating from 1 to 5, too",
            )
        if self.choice not in (None, PICKED, REJECTED):
            raise UsageError(f"choice is {self.choice!r:.40}", hint="'picked' or 'rejected'")
        if type(self.note) is not str or len(self.note) > NOTE_CHARS_MAX:
            raise UsageError(
                "the note is no text, or too long", hint=f"at most {NOTE_CHARS_MAX} characters"
            )
        if self.has_people not in (None, True, False) or type(self.has_people) is int:
            raise UsageError(f"has_people is {self.has_people!r:.40}", hint="true or false")

    @property
    def subscores(self) -> dict[str, int]:
        """Those that were given."""
        given = {key: getattr(self, key) for key in SUBSCORES}
        return {key: value for key, value in given.items() if value is not None}

    @property
    def is_withdrawn(self) -> bool:
        """True if it says nothing, so that the image stands as if nobody had said a word."""
        return self == Word()


@dataclass(frozen=True)
class Said:
    """A word as it lies on the share."""

    job: str
    image_index: int
    number: int
    """The how many-th word on this image; the highest counts."""
    by: str
    at: datetime
    """By the clock of who said it, for people only."""
    word: Word


def worded(first: JsonObject, said: Said) -> JsonObject:
    """The record of a word, made of the image's *first* record."""
    metadata, word = dict(first["metadata"]), said.word
    metadata["user_notes"] = word.note
    metadata |= {
        NUMBER: said.number,
        "spool_word_by": said.by,
        "spool_job": said.job,
        "spool_image_index": said.image_index,
        "spool_said": {k: v for k, v in asdict(word).items() if v not in (None, "")},
    }
    mode = first["randomizer_mode"]
    in_run = bool(metadata.get("experiment_name"))
    if word.rating is not None:
        metadata |= _rated(word.rating, word.subscores, in_run=in_run)
        mode = mode if in_run else "review_feedback"
    elif word.choice is not None:
        metadata |= _curated(word.choice, metadata, first)
        mode = mode if in_run else "staged_curation"
    if word.choice is not None:
        metadata["advancement_decision"] = _DECISIONS[word.choice][0]
    if word.has_people is not None:
        metadata["rating_context" if in_run else "review_context"] = {"has_people": word.has_people}
    at = f"{said.at.astimezone(UTC):{_TIME}}"
    return {**first, "timestamp": at, "randomizer_mode": mode, "metadata": metadata}


def _rated(rating: int, subscores: dict[str, int], *, in_run: bool) -> JsonObject:
    return {
        "record_kind": "learning_experiment_rating" if in_run else "review_tab_feedback",
        "user_rating": _blended(rating, list(subscores.values()), in_run=in_run),
        "user_rating_raw": rating,
        "rating": rating,
        "rating_schema_version": 2,
        "subscores": subscores,
        "rating_details": subscores,
    }


def _blended(rating: int, subscores: list[int], *, in_run: bool) -> int:
    """As StableNew blends: of a run .45 to .55 of the mean, in its review .4 to .2 each; there a subscore not given is the rating."""
    if not subscores:
        return rating
    if in_run:
        blend = rating * 0.45 + sum(subscores) / len(subscores) * 0.55
    else:
        missing = len(SUBSCORES) - len(subscores)
        blend = rating * 0.4 + (sum(subscores) + missing * rating) * 0.2
    return min(BEST, max(WORST, round(blend)))


def _curated(choice: str, metadata: JsonObject, first: JsonObject) -> JsonObject:
    decision, counts = _DECISIONS[choice]
    workflow = str(metadata.get("experiment_name") or metadata.get("spool_group") or "")
    told: JsonObject = {
        "record_kind": "staged_curation_event",
        "experiment_name": workflow,
        "curation_workflow_id": workflow,
        "curation_candidate_id": first["run_id"],
        "user_rating": counts,
        "user_rating_source": "soft_decision_score",
        "advancement_score": float(counts),
        "evidence_class": "observational",
    }
    if not metadata.get("variable_under_test"):
        told |= {"variable_under_test": "staged_curation_decision", "variant_value": decision}
    return told


def encoded(record: JsonObject) -> bytes:
    """A record as its line: keys sorted, ASCII, as StableNew's own."""
    return (json.dumps(record, sort_keys=True, allow_nan=False) + "\n").encode("ascii")


def decoded(data: bytes, *, job: str, image_index: int, number: int) -> Said:
    """The word in a file of that job, image and number.

    Raises:
        BadRecord: It is no such word.
    """
    try:
        record = json.loads(data.decode("ascii"))
        if encoded(record) != data:
            raise ValueError("not written as this program writes it")  # noqa: TRY301 - told like any other nonsense
        said = said_in(record)
    except (ValueError, RecursionError, BadRecord) as error:
        raise BadRecord(f"no word on image {image_index} of '{job}': {error}") from None
    if said is None or (said.job, said.image_index, said.number) != (job, image_index, number):
        raise BadRecord(f"no word on image {image_index} of '{job}': it speaks of another image")
    return said


def said_in(record: Mapping[str, Any]) -> Said | None:
    """The word that a record of the corpus bears; None if it bears none.

    Raises:
        BadRecord: It claims to bear one and does not.
    """
    metadata = record.get("metadata")
    if not isinstance(metadata, dict) or NUMBER not in metadata:
        return None
    try:
        said = Said(
            job=_of(str, metadata["spool_job"]),
            image_index=_of(int, metadata["spool_image_index"]),
            number=_of(int, metadata[NUMBER]),
            by=_of(str, metadata["spool_word_by"]),
            at=datetime.strptime(record["timestamp"], _TIME).replace(tzinfo=UTC),
            word=Word(**metadata["spool_said"]),
        )
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise BadRecord(f"bears no word: {error!r:.200}") from None
    return said


def _of(kind: type, value: Any) -> Any:  # noqa: ANN401 - whatever a file holds
    if type(value) is not kind:
        raise TypeError(f"{value!r:.40} is no {kind.__name__}")
    return value
