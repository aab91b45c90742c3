"""``spoolctl rate``: a person's word on images."""

import re
from dataclasses import replace
from typing import Annotated, Any

import typer

from spoolctl.cli import completing
from spoolctl.cli.each import do_each
from spoolctl.cli.opening import JsonOption, SpoolOption, opened
from spoolctl.spool import (
    PICKED,
    REJECTED,
    SUBSCORES,
    Actor,
    Said,
    UsageError,
    Word,
    images_of,
    words,
)
from spoolctl.spool import rate as rate_image
from spoolctl.spool.overview import resolve
from spoolctl.views.plain import moment

_CHOICES = {"pick": PICKED, "reject": REJECTED}
_CLEAR = "clear"
_RATING = re.compile(r"[0-9]", re.ASCII)
_IMAGE = re.compile(r"(.+):([0-9]{1,6})", re.ASCII | re.DOTALL)

ImagesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="JOB[:IMAGE]... [1-5|pick|reject|clear]",
        help="Images, counted from 0; without a number a job's only one. Then the word; without one, what was said is shown.",
        autocompletion=completing.jobs,
        show_default=False,
    ),
]


def _subscore(name: str) -> Any:  # noqa: ANN401 - what Typer takes
    return typer.Option(f"--{name}", metavar="1-5", help="A part of the rating, for StableNew.")


def rate(
    images: ImagesArgument,
    note: Annotated[
        str | None, typer.Option("--note", metavar="TEXT", help="A note; '' removes it.")
    ] = None,
    anatomy: Annotated[int | None, _subscore("anatomy")] = None,
    composition: Annotated[int | None, _subscore("composition")] = None,
    prompt_adherence: Annotated[int | None, _subscore("prompt-adherence")] = None,
    people: Annotated[
        bool | None,
        typer.Option("--people/--no-people", help="Whether people are to be seen in it."),
    ] = None,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rate images, pick or reject them, or take it back.

    A new rating, choice or note leaves the others as they are; clear takes all back. The last word counts; the controller brings it into
    the corpus within seconds.
    """
    said = {"note": note, "has_people": people}
    subscores = dict(zip(SUBSCORES, (anatomy, composition, prompt_adherence), strict=True))
    chosen, word = _split(images)
    changes = _changes(word, said, subscores)
    actor = opened(spool)

    def deed(one: str) -> tuple[str, dict[str, Any]]:
        name, index = _image(actor, one)
        last = words(actor, name).get(index)
        if changes is not None:
            now = _changed(last.word if last else Word(), changes)
            last = rate_image(actor, name, index, now)
        return f"{name}:{index}: {_in_words(last)}", _document(name, index, last)

    do_each(chosen, deed, noun="images", as_json=as_json)


def _split(given: list[str]) -> tuple[list[str], str | None]:
    """The images, and the word if there is one: a job that is called like one is named with its image."""
    *images, last = given
    if last in _CHOICES or last == _CLEAR or _RATING.fullmatch(last):
        if not images:
            raise UsageError(f"rate what with '{last}'?", hint="spoolctl rate JOB:IMAGE 4")
        return images, last
    return given, None


def _changes(
    word: str | None, said: dict[str, Any], subscores: dict[str, int | None]
) -> dict[str, Any] | None:
    """What is said anew; None if nothing is."""
    changes = {key: value for key, value in (said | subscores).items() if value is not None}
    if word == _CLEAR:
        if changes:
            raise UsageError("clear takes everything back", hint="say the rest in a second call")
        return {_CLEAR: True}
    if word in _CHOICES:
        changes["choice"] = _CHOICES[word]
    elif word is not None:
        # Parts of an earlier rating would be blended into this one.
        changes = dict.fromkeys(SUBSCORES) | changes | {"rating": int(word)}
    return changes or None


def _changed(before: Word, changes: dict[str, Any]) -> Word:
    return Word() if _CLEAR in changes else replace(before, **changes)


def _image(actor: Actor, text: str) -> tuple[str, int]:
    match = _IMAGE.fullmatch(text)
    if match:
        return resolve(actor, match[1]), int(match[2])
    name = resolve(actor, text)
    there = images_of(actor, name)
    if len(there) != 1:
        raise UsageError(
            f"'{name}' has {len(there)} images",
            hint=f"say which one, like {name}:{there[0] if there else 0}",
        )
    return name, there[0]


def _in_words(said: Said | None) -> str:
    if said is None or said.word.is_withdrawn:
        return "nothing said"
    word = said.word
    subscores = [f"{key.replace('_', ' ')} {value}" for key, value in word.subscores.items()]
    told = [
        f"rated {word.rating}" + (f" ({', '.join(subscores)})" if subscores else "")
        if word.rating is not None
        else "",
        word.choice or "",
        "" if word.has_people is None else "with people" if word.has_people else "without people",
        f"note: {word.note}" if word.note else "",
    ]
    return ", ".join(one for one in told if one)


def _document(name: str, index: int, said: Said | None) -> dict[str, Any]:
    word = said.word if said else Word()
    return {
        "job": name,
        "image": index,
        "word": said.number if said else None,
        "by": said.by if said else None,
        "at": moment(said.at) if said else None,
        "rating": word.rating,
        **{key: getattr(word, key) for key in SUBSCORES},
        "choice": word.choice,
        "note": word.note or None,
        "has_people": word.has_people,
    }
