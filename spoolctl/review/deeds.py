"""What people do on the page: each deed goes through the library, and is answered image by image and job by job.

Guarantees: an error with one of them does not keep it from the others, and all are told; what the library refuses on the command line it
refuses here. Jobs are known by their whole names only: nobody reads what else a name might begin. A group's jobs, or many images, are done
some at a time, and words do not wait for jobs: a record that may still be growing takes seconds to be cancelled.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from spoolctl.deriving import prepare, wanted_of
from spoolctl.deriving import submit as submit_prepared
from spoolctl.review.asking import (
    ApproveAsked,
    DeriveAsked,
    GroupAsked,
    JobsAsked,
    MoveAsked,
    RateAsked,
)
from spoolctl.review.desk import Desk, image_id
from spoolctl.spool import (
    SUBSCORES,
    Actor,
    Cancelled,
    Location,
    NoSuchJob,
    Said,
    SpoolError,
    UsageError,
    Word,
    approve,
    cancel,
    from_share,
    hold,
    is_legal,
    move_to_class,
    rate,
    release,
    retry,
    words,
)

_WORDS_AT_ONCE, _JOBS_AT_ONCE = 4, 8
_LOCKS = 64

JsonObject = dict[str, Any]
Tell = Callable[[str, JsonObject], None]
"""Tells every open page: the event's name, and what happened."""


def error_document(error: SpoolError) -> JsonObject:
    """An error as the page shows it."""
    return {"message": str(error), "hint": error.hint}


class Deeds:
    """Deeds on one spool.

    Args:
        acting: Opens the spool for one thread.
        desk: Knows the images.
        tell: Tells all open pages.
    """

    def __init__(self, acting: Callable[[], Actor], desk: Desk, tell: Tell) -> None:
        self._acting = acting
        self._desk = desk
        self._tell = tell
        self._mine = threading.local()
        self._on_words = ThreadPoolExecutor(_WORDS_AT_ONCE, "words")
        self._on_jobs = ThreadPoolExecutor(_JOBS_AT_ONCE, "jobs")
        self._locks = tuple(threading.Lock() for _ in range(_LOCKS))

    @property
    def _actor(self) -> Actor:
        """This thread's own: what an actor remembers is not made for several."""
        if not hasattr(self._mine, "actor"):
            self._mine.actor = self._acting()
        actor: Actor = self._mine.actor
        return actor

    def rate(self, asked: RateAsked) -> JsonObject:
        """Say a word on images, and tell all open pages."""
        changes: JsonObject = {
            key: getattr(asked, key) for key in asked.model_fields_set - {"images", "subscores"}
        }
        if "rating" in changes:  # parts of an earlier rating would be blended into this one
            changes |= dict.fromkeys(SUBSCORES) | asked.subscores
        if changes.get("note", "") is None:
            changes["note"] = ""
        told = []

        def deed(image: str) -> JsonObject:
            job, index = image_id(image)
            with self._locks[
                hash(image) % _LOCKS
            ]:  # of two words at once neither may miss the other
                last = words(self._actor, job).get(index)
                before = last.word if last else Word()
                after = replace(before, **changes)
                if after != before:
                    self._hear(rate(self._actor, job, index, after))
            told.append({"id": image, **_word(after)})
            return {
                "id": image,
                **_word(after),
                "before": {**_word(before), "subscores": before.subscores},
            }

        answer = self._each(asked.images, deed, self._on_words)
        if told:
            self._tell("said", {"words": told})
        return answer

    def approve(self, asked: ApproveAsked) -> JsonObject:
        """Approve exactly these images of each of their jobs."""
        chosen: dict[str, list[int]] = {}
        bad = []
        for image in asked.images:
            try:
                job, index = image_id(image)
            except UsageError as error:
                bad.append({"asked": image, "error": error_document(error)})
            else:
                chosen.setdefault(job, []).append(index)

        def deed(job: str) -> JsonObject:
            made = approve(self._actor, job, images=tuple(chosen[job]), note=asked.note)
            self._desk.approved(job, made)
            return {"job": job, "images": list(made.images)}

        answer = self._each(chosen, deed, self._on_words)
        return {**answer, "errors": bad + answer["errors"]}

    def cancel(self, asked: GroupAsked) -> JsonObject:
        """Cancel jobs, or what has not ended of a group."""

        def deed(job: str) -> JsonObject:
            done = cancel(self._actor, job) is Cancelled.DONE
            return {"job": job, "result": "cancelled" if done else "asked"}

        jobs = asked.jobs if asked.jobs is not None else self._members(asked, ())
        return self._each_job(jobs, deed)

    def retry(self, asked: GroupAsked) -> JsonObject:
        """Put jobs, or those of a group that failed, back into a queue."""
        states = ("failed", "cancelled") if asked.cancelled else ("failed",)
        jobs = asked.jobs if asked.jobs is not None else self._members(asked, states)
        return self._each_job(jobs, lambda job: _moved(retry(self._actor, job)))

    def move(self, asked: MoveAsked) -> JsonObject:
        """Move queued jobs to another class."""
        return self._each_job(
            asked.jobs, lambda job: _moved(move_to_class(self._actor, job, asked.to))
        )

    def hold(self, asked: JobsAsked) -> JsonObject:
        """Hold jobs back that have not begun."""
        return self._each_job(asked.jobs, lambda job: _moved(hold(self._actor, job)))

    def release(self, asked: JobsAsked) -> JsonObject:
        """Let held or waiting jobs go to their queue."""
        return self._each_job(asked.jobs, lambda job: _moved(release(self._actor, job)))

    def derive(self, asked: DeriveAsked) -> JsonObject:
        """Submit new jobs from an image, or tell what would be submitted."""
        number = asked.count if asked.how == "variations" else asked.factor

        def deed(image: str) -> JsonObject:
            job, index = image_id(image)
            wanted = wanted_of(asked.how, number)
            prepared = prepare(self._actor, job, index, wanted, job_class=asked.to)
            document: JsonObject = {"summary": prepared.summary, "group": prepared.group}
            if not asked.dry_run:
                document["jobs"] = list(submit_prepared(self._actor, prepared))
            return document

        return self._each([asked.image], deed, self._on_jobs)

    def _members(self, asked: GroupAsked, states: tuple[str, ...]) -> list[str]:
        """The jobs of a group in these states; without any, those that have not ended."""
        members = self._desk.members(asked.group or "").members
        return [one.name for one in members if (one.state in states if states else one.is_open)]

    def _each_job(self, jobs: Iterable[str], deed: Callable[[str], JsonObject]) -> JsonObject:
        def known(job: str) -> JsonObject:
            if not is_legal(job):
                raise NoSuchJob(f"no job '{job:.200}' in this spool")
            return deed(job)

        return self._each(jobs, known, self._on_jobs)

    def _each(
        self, asked: Iterable[str], deed: Callable[[str], JsonObject], on: ThreadPoolExecutor
    ) -> JsonObject:
        def tried(one: str) -> tuple[str, JsonObject]:
            try:
                return "done", deed(one)
            except SpoolError as error:
                return "errors", {"asked": one, "error": error_document(error)}
            except OSError as error:
                return "errors", {"asked": one, "error": error_document(from_share(error))}

        answer: dict[str, list[JsonObject]] = {"done": [], "errors": []}
        for key, document in on.map(tried, dict.fromkeys(asked)):
            answer[key].append(document)
        return dict(answer)

    def _hear(self, said: Said) -> None:
        """Into this machine's index, so that filters know it before the ledger brings it."""
        try:
            image = self._desk.image(said.job, said.image_index)
            with self._desk.index(fresh=False) as index:
                index.hear(image.run_id, said)
        except (SpoolError, OSError, sqlite3.Error):
            pass  # it is said, and the ledger brings it within seconds


def _word(word: Word) -> JsonObject:
    return {"rating": word.rating, "choice": word.choice, "note": word.note or None}


def _moved(location: Location) -> JsonObject:
    return {"job": location.name, "folder": location.place.folder}
