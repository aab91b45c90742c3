"""Rating, picking, rejecting, withdrawing: a person's word on one image of a merged job.

Each word is a part of the corpus of its own, ``corpus/parts/<shelf>/<job>~<image>~<n>.jsonl``, published once and never changed; the one
of the highest *n* counts. *n* is one more than the highest that its speaker saw, and a number that somebody else took meanwhile is refused
by the share, so that two words never bear the same one: every actor finds the same last word, whatever its clock says, and whoever has
seen a word outbids it. Moments and tokens were rejected: a clock that runs behind would lose a person's second thoughts to their first.

Guarantees: a word is there whole or not at all, whoever is killed; saying it again is harmless; a word that cannot be read counts as
not said, and the one before it stands. Does not guarantee that a word is compiled before the controller's next pass; one whose speaker
was killed before marking the shelf, by its next full look. Words are never to be deleted: whoever regrets one says another.
"""

import json
from typing import Any

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import BadRecord, ShareUnusable, StateForbids
from spoolctl.spool.looking import decisions
from spoolctl.spool.names import shelf
from spoolctl.spool.publish import Outcome, ensure_folder, publish_once
from spoolctl.spool.words import JsonObject, Said, Word, decoded, encoded, worded

TRIES_MAX = 50
"""Others that may take the number first, one after the other."""
PART_BYTES_MAX = 64 << 20
WORD_BYTES_MAX = 8 << 20


def rate(actor: Actor, name: str, image_index: int, word: Word) -> Said:
    """Say *word* on one image of a merged job; it takes the place of what was said before.

    Args:
        actor: Who says it.
        name: The job.
        image_index: Which image, from 0.
        word: All that is to be said; ``Word()`` withdraws what was said.

    Raises:
        StateForbids: The job has not succeeded, is not in the corpus yet, or has no such image.
        BadRecord: The job's part of the corpus cannot be read.
        OSError: Nothing was published.
        ShareUnusable: The share does not say whether it was published, or others are always quicker.
    """
    folder = layout.parent(layout.part(layout.CORPUS, name))
    first = _first_records(actor, name).get(image_index)
    if first is None:
        raise StateForbids(
            f"'{name}' has no image {image_index}",
            hint=f"'spoolctl show {name}' lists them; the first has the number 0",
        )
    number = 0
    for _ in range(TRIES_MAX):
        told = _told(actor.files.names(folder), name)
        number = max(number, *told.get(image_index, ()), 0) + 1
        said = Said(name, image_index, number, actor.name, actor.utc_now(), word)
        path = layout.word(name, image_index, number)
        outcome = publish_once(actor, path, encoded(worded(first, said)))
        if outcome is Outcome.WON:
            actor.log("rated", job=name, image=image_index, word=number)
            _mark(actor, shelf(name))
            return said
        if outcome is Outcome.UNKNOWN:
            raise ShareUnusable(
                f"the share does not say whether '{path}' was published",
                hint="say it again once the share answers; the last word counts",
            )
    raise ShareUnusable(
        f"others always rate image {image_index} of '{name}' first", hint="say it again"
    )


def images_of(actor: Actor, name: str) -> tuple[int, ...]:
    """The numbers of a merged job's images, by which ``rate`` knows them; errors as for it."""
    return tuple(sorted(_first_records(actor, name)))


def words(actor: Actor, name: str) -> dict[int, Said]:
    """The last word on each image of a job, by its number, but for those withdrawn: one listing, and a read for each image.

    Raises:
        OSError: The share did not tell.
    """
    try:
        entries = actor.files.names(layout.parent(layout.part(layout.CORPUS, name)))
    except FileNotFoundError:
        return {}
    found: dict[int, Said] = {}
    for image_index, numbers in sorted(_told(entries, name).items()):
        said = _last(actor, name, image_index, numbers)
        if said is not None and not said.word.is_withdrawn:
            found[image_index] = said
    return found


def marked_shelves(actor: Actor) -> frozenset[str]:
    """The shelves that are marked as having new words. Costs one listing, however many words there are.

    Raises:
        OSError: The share did not tell.
    """
    try:
        return frozenset(e for e in actor.files.names(layout.TOUCHED) if not e.startswith("."))
    except FileNotFoundError:
        ensure_folder(actor, layout.TOUCHED)
        return frozenset()


def unmark(actor: Actor, shelf_name: str) -> None:
    """Take a shelf's mark away: to be done *before* the shelf is listed, since who finds it there leaves it be.

    Raises:
        OSError: It may be there still.
    """
    try:
        actor.files.rmdir(layout.touched(shelf_name))
    except FileNotFoundError:
        pass  # another controller


def _mark(actor: Actor, shelf_name: str) -> None:
    """Tell the controller where to look. The word is said whatever comes of it: a full look finds it, too."""
    try:
        try:
            ensure_folder(actor, layout.touched(shelf_name))
        except FileNotFoundError:  # no controller of this version has run yet
            ensure_folder(actor, layout.TOUCHED)
            ensure_folder(actor, layout.touched(shelf_name))
    except OSError as error:
        actor.log("rate.not_marked", shelf=shelf_name, error=str(error))


def _told(entries: tuple[str, ...], name: str) -> dict[int, list[int]]:
    """The numbers of the words on each image of a job."""
    found: dict[int, list[int]] = {}
    begins = f"{name}~"
    for entry in entries:
        told = layout.word_of(entry) if entry.startswith(begins) else None
        if told is not None:
            found.setdefault(told[1], []).append(told[2])
    return found


def _last(actor: Actor, name: str, image_index: int, numbers: list[int]) -> Said | None:
    for number in sorted(numbers, reverse=True):
        path = layout.word(name, image_index, number)
        try:
            data = actor.files.read(path, bytes_max=WORD_BYTES_MAX)
            return decoded(data, job=name, image_index=image_index, number=number)
        except (FileNotFoundError, BadRecord) as error:
            actor.log("rate.word_unreadable", path=path, error=str(error))
    return None


def _first_records(actor: Actor, name: str) -> dict[int, JsonObject]:
    """The unrated records with which a job's images came into the corpus."""
    path = layout.part(layout.CORPUS, name)
    try:
        data = actor.files.read(path, bytes_max=PART_BYTES_MAX)
    except FileNotFoundError:
        raise _not_merged(actor, name) from None
    try:
        found = {
            _index(record): record for record in map(json.loads, data.decode("ascii").splitlines())
        }
        json.dumps(list(found.values()), allow_nan=False)
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise BadRecord(
            f"cannot rate '{name}': '{path}' is no part of the corpus: {error!r:.200}",
            hint="'spoolctl fsck' tells what is wrong with it",
        ) from None
    return found


def _index(record: Any) -> int:  # noqa: ANN401 - whatever a file holds
    if not (isinstance(record["run_id"], str) and isinstance(record["randomizer_mode"], str)):
        raise TypeError("no record of the corpus")
    return int(record["metadata"]["spool_image_index"])


def _not_merged(actor: Actor, name: str) -> StateForbids:
    decided = decisions(actor, name)
    if decided.highest is None or not decided.highest.is_commit:
        return StateForbids(
            f"cannot rate '{name}': it has not succeeded",
            hint=f"'spoolctl show {name}' tells how it stands",
        )
    return StateForbids(
        f"cannot rate '{name}': it is not in the corpus yet",
        hint="the controller merges it within seconds; 'spoolctl controller run --once' does so, too",
    )
