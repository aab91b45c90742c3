"""Adopting: a person makes the images of a superseded attempt the job's commit.

Guarantees: the adoption is an attempt of its own under the chain rule, so nothing is committed twice and nothing runs after it; every
output is read again and its digest stands in the new verdict. Does not judge the images; the person has looked at them.
"""

from spoolctl.spool import layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.attempts import take_and_end
from spoolctl.spool.errors import BadRecord, NoSuchJob, ShareUnusable, StateForbids
from spoolctl.spool.layout import TERMINAL, Place, State
from spoolctl.spool.looking import Decisions, attempt_numbers, decisions, find, read_record
from spoolctl.spool.records import Manifest, Output, Verdict
from spoolctl.spool.settle import move, settle_later
from spoolctl.spool.verdicts import Ending


def adopt(actor: Actor, name: str, *, from_attempt: int) -> Manifest:
    """Commit what attempt *from_attempt* left.

    Raises:
        NoSuchJob: There is no such attempt, or it left no image.
        StateForbids: The job is committed or runs.
        ShareUnusable: An output cannot be read as it was written.
        OSError: The share did not answer.
    """
    if from_attempt not in attempt_numbers(actor, name):
        raise NoSuchJob(
            f"'{name}' has no attempt {from_attempt}", hint=f"see 'spoolctl show {name}'"
        )
    decided = decisions(actor, name)
    _refuse(decided)
    ending = _ending(actor, name, from_attempt)
    for location in find(actor, name, (State.FAILED, State.CANCELLED)):
        # Into today's folder: if this process dies, sweepers find the open attempt there and not among old days.
        move(
            actor,
            location,
            Place(location.place.state, actor.share_day()),
            label=decided.next_number - 1,
        )

    def show(number: int) -> None:
        """From here on the attempt is open, and sweepers look for open ones here and not in folders of old days."""
        for location in find(actor, name, TERMINAL):
            move(actor, location, layout.WAITING, label=number)

    verdict = take_and_end(actor, decided, ending, role="person", show=show)
    if verdict is None or verdict.adopted_from != from_attempt:
        raise StateForbids(
            f"cannot adopt attempt {from_attempt} of '{name}': another attempt began meanwhile",
            hint="wait for its verdict, then ask again if it did not succeed",
        )
    for location in find(actor, name):
        settle_later(actor, location)
    actor.log("adopted", job=name, attempt=verdict.attempt, adopted_from=from_attempt)
    return verdict


def _refuse(decided: Decisions) -> None:
    name, last = decided.name, decided.highest
    if decided.pruned is not None or last is None:
        raise StateForbids(f"cannot adopt for '{name}': it has no attempts", hint="nothing to do")
    if last.is_commit:
        raise StateForbids(
            f"cannot adopt for '{name}': attempt {last.number} succeeded, and a job is committed once",
            hint="copy the images by hand if you want both",
        )
    if last.is_open:
        raise StateForbids(
            f"cannot adopt for '{name}': attempt {last.number} is running",
            hint=f"cancel it first: spoolctl cancel {name}",
        )


def _ending(actor: Actor, name: str, number: int) -> Ending:
    told = _told(actor, name, number)
    outputs = tuple(_checked(actor, name, output) for output in told.outputs) if told else ()
    outputs = outputs or _listed(actor, name, number)
    if not outputs:
        raise NoSuchJob(
            f"attempt {number} of '{name}' left no image to adopt", hint="nothing to do"
        )
    return Ending(
        Verdict.SUCCEEDED,
        outputs=outputs,
        stages=told.stages if told else (),
        backend=told.backend if told else None,
        started_at=told.started_at if told else None,
        duration_s=told.duration_s if told else None,
        warnings=(f"adopted from attempt {number} by {actor.name}",),
        adopted_from=number,
        facts=told.facts if told else None,
    )


def _told(actor: Actor, name: str, number: int) -> Manifest | None:
    """What the attempt's own worker had to say, if it was superseded when it finished, or what its verdict lists."""
    folder = layout.attempt(name, number)
    entries = actor.files.names(folder)
    for entry in (layout.SUPERSEDED, layout.MANIFEST):
        if entry in entries:
            try:
                told = read_record(actor, Manifest, f"{folder}/{entry}")
            except BadRecord as error:
                actor.log("adopt.unreadable", path=f"{folder}/{entry}", error=str(error))
                continue
            if told.outputs:
                return told
    return None


def _checked(actor: Actor, name: str, output: Output) -> Output:
    path = f"{layout.results(name)}/{output.path}"
    found = actor.files.digest(path)
    if (found.bytes, found.sha256) != (output.bytes, output.sha256):
        raise ShareUnusable(
            f"'{path}' has {found.bytes} bytes and another digest than its worker wrote ({output.bytes} bytes)",
            hint="look at the image; a damaged one cannot be adopted",
        )
    return output


def _listed(actor: Actor, name: str, number: int) -> tuple[Output, ...]:
    """The images of an attempt whose worker died before it could tell; the highest stage of each is final."""
    folder = layout.attempt(name, number)
    entries = actor.files.names(folder)
    images = sorted((*m.groups(), m[0]) for e in entries if (m := layout.OUTPUT_NAME.match(e)))
    last = {index: max(int(s) for i, s, _, _ in images if i == index) for index, *_ in images}
    outputs = []
    for index, stage_number, stage, entry in images:
        found = actor.files.digest(f"{folder}/{entry}")
        outputs.append(
            Output(
                path=f"a{number}/{entry}",
                bytes=found.bytes,
                sha256=found.sha256,
                stage=stage,
                image_index=int(index),
                final=int(stage_number) == last[index],
            )
        )
    return tuple(outputs)
