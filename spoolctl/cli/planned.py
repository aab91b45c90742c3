"""What ``submit`` works on: jobs that are nearly ready, what the options say of them, and doing one step to all of them.

Guarantees: ``each_of`` tells all that is wrong with any of them at once.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from spoolctl.cli.errors import InFile, Several
from spoolctl.spool import (
    Actor,
    Draft,
    Job,
    JobClass,
    Need,
    Place,
    SpoolError,
    draft,
    encode,
    from_mapping,
    layout,
)

if TYPE_CHECKING:  # what makes jobs of a plan is imported only where there is one
    from spoolctl.expansion import Expansion

T = TypeVar("T")
U = TypeVar("U")
PROBLEMS_TOLD = 20
"""Of what is wrong with thousands of jobs of one plan the first say enough."""


@dataclass(frozen=True)
class Wishes:
    """What the options of ``submit`` say; they go before what a record says."""

    job_class: JobClass | None = None
    group: str | None = None
    name: str | None = None
    priority: int | None = None
    hold: bool = False
    after: tuple[str, ...] = ()
    """As the person wrote them: a job, and perhaps what has to become of it."""
    needs: tuple[Need, ...] = ()
    """The same, once it is known which jobs are meant."""
    anyway: bool = False
    """A need that no job answers to is for one that comes later."""
    attach: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Planned:
    """A job that is ready to be submitted, but for its attached files."""

    source: str
    """The file as the person named it."""
    job: Job
    data: bytes
    attached: tuple[Path, ...] = ()
    """Local files that its inputs are to be stored from."""
    name: str = ""
    made_by: "Expansion | None" = None
    """The plan that it is of, if *source* is one."""

    def edited(self, edits: dict[str, Any]) -> "Planned":
        """The same with fields of its record changed, its bytes written anew; raises BadRecord."""
        if not edits:
            return self
        mapping = self.job.model_dump(mode="json", by_alias=True, exclude_none=True)
        job = from_mapping(Job, mapping | edits)
        return replace(self, job=job, data=encode(job))

    def place(self, actor: Actor, wishes: Wishes) -> Place:
        """The folder that it goes to."""
        if wishes.hold:
            return layout.HELD
        if self.job.needs or self.job.not_before:
            return layout.WAITING
        chosen = wishes.job_class or self.job.class_ or actor.settings.default_class
        return layout.queue(chosen)

    def draft(self) -> Draft:
        """The record's bytes and file name."""
        return draft(self.name, self.data, self.job)


def each_of(ones: Iterable[T], step: Callable[[T], U], source: Callable[[T], str]) -> list[U]:
    """Do *step* to each; raises all that went wrong at once, of very many the first."""
    done: list[U] = []
    problems: list[SpoolError] = []
    failed = count = 0
    for one in ones:
        count += 1
        try:
            done.append(step(one))
        except SpoolError as error:
            failed += 1
            if len(problems) < PROBLEMS_TOLD:
                problems.append(InFile(source(one), error))
    if problems:
        raise Several(
            f"nothing was submitted: {failed} of {count} files cannot be", problems, hint=""
        )
    return done
