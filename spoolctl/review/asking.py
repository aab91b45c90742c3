"""What the page may ask for: the bodies of its requests, and the filters of its gallery. Anything else is refused by name."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, model_validator

from spoolctl.index import Order, Wanted
from spoolctl.review.desk import PAGE_MAX
from spoolctl.spool import JobClass, State
from spoolctl.views.moments import moment_of

AT_ONCE_MAX = 2_000
Text = Annotated[str, Field(min_length=1, max_length=500)]
Texts = Annotated[list[Text], Field(min_length=1, max_length=AT_ONCE_MAX)]
Stars = Annotated[StrictInt, Field(ge=1, le=5)]


class Asked(BaseModel):
    """One request's body."""

    model_config = ConfigDict(extra="forbid")


class RateAsked(Asked):
    """A word on images: the fields that are there are said anew, ``null`` takes back, the others stay."""

    images: Texts
    rating: Stars | None = None
    subscores: dict[Literal["anatomy", "composition", "prompt_adherence"], Stars] = {}
    """Parts of the rating, as an earlier answer's ``before`` told them; a new rating drops those that are not here."""
    choice: Literal["picked", "rejected"] | None = None
    note: Annotated[str, Field(max_length=2_000)] | None = None


class ApproveAsked(Asked):
    """Exactly these images of their jobs, once and for all."""

    images: Texts
    note: Annotated[str, Field(max_length=2_000)] | None = None


class JobsAsked(Asked):
    """Some jobs."""

    jobs: Texts


class MoveAsked(JobsAsked):
    """Some jobs into the queue of another class."""

    to: JobClass = Field(alias="class")


class GroupAsked(Asked):
    """Some jobs, or those of a group that it applies to."""

    jobs: Texts | None = None
    group: Text | None = None
    cancelled: StrictBool = False
    """Of a group that is retried: those that were cancelled, too."""

    @model_validator(mode="after")
    def _one_of_both(self) -> "GroupAsked":
        if (self.jobs is None) == (self.group is None):
            msg = "needs 'jobs' or 'group', and not both"
            raise ValueError(msg)
        return self


class DeriveAsked(Asked):
    """New jobs from an image."""

    image: Text
    how: Literal["variations", "larger", "upscale"]
    count: Annotated[StrictInt, Field(ge=1, le=100)] = 4
    factor: Annotated[float, Field(gt=1, le=8)] = 2.0
    to: JobClass = Field(default="interactive", alias="class")
    dry_run: StrictBool = False


class Listing(BaseModel):
    """Which jobs are listed."""

    model_config = ConfigDict(extra="forbid")

    state: State
    to: JobClass | None = Field(default=None, alias="class")
    """Of a queue only."""
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 100


class Filters(BaseModel):
    """The gallery's filters, as ``spoolctl results`` has them; all that is given must hold."""

    model_config = ConfigDict(extra="forbid")

    job: Text | None = None
    group: Text | None = None
    pack: Text | None = None
    model: Text | None = None
    worker: Text | None = None
    text: Text | None = None
    experiment: Text | None = None
    rating: Annotated[int, Field(ge=1, le=5)] | None = None
    rated: bool | None = None
    choice: Literal["picked", "rejected", "neither"] | None = None
    since: Text | None = None
    until: Text | None = None
    order: Order = "newest"
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 200
    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0

    def wanted(self, now: datetime) -> Wanted:
        """What is asked of the index.

        Raises:
            UsageError: A moment is none.
        """
        return Wanted(
            job=self.job,
            group=self.group,
            pack=self.pack,
            model=self.model,
            worker=self.worker,
            text=self.text,
            experiment=self.experiment,
            rating_min=self.rating,
            rated=self.rated,
            choice=self.choice,
            since=_utc(self.since, now),
            until=_utc(self.until, now),
            order=self.order,
            limit=self.limit,
            offset=self.offset,
        )


def _utc(said: str | None, now: datetime) -> str | None:
    """As the corpus writes moments: UTC without its zone."""
    return None if said is None else f"{moment_of(said, now):%Y-%m-%dT%H:%M:%S}"
