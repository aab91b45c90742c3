"""Arrivals drawn by chance, after what home farms see: few models for most of the work, bursts in the evening, a batch at night.

Pure and deterministic by their seed.
"""

import itertools
import random
from collections.abc import Callable, Iterator

from spoolctl.scheduling.seen import JobSeen
from spoolctl.scheduling.simulate.farm import Arrival, Card, Farm, FarmWorker, Model, Speeds
from spoolctl.scheduling.simulate.recorded import card, image_job
from spoolctl.scheduling.work import work_of
from spoolctl.spool import Job, JobClass, Node

MODELS = tuple(
    [Model(f"sd15-{letter}", 2.0, 1.0) for letter in "abcde"]
    + [Model(f"xl-{letter}", 6.5, 1.4) for letter in "abcde"]
    + [Model(f"flux-{letter}", 12.0, 5.5) for letter in "ab"]
)
POPULARITY = (7, 0, 5, 1, 10, 6, 2, 8, 3, 11, 4, 9)
"""The models by popularity: xl-c first."""
_NEEDS_GB = {"sd15": 4.0, "xl": 7.5, "flux": 15.0}
CARDS = (
    ("study", "RTX 4090", 24.0, 10.0, 1.2),
    ("attic", "RTX 3090", 24.0, 5.5, 0.8),
    ("desk", "RTX 4070", 12.0, 4.5, 1.0),
    ("cellar", "RTX 3060", 12.0, 2.4, 0.5),
    ("old", "GTX 1070", 8.0, 0.9, 0.25),
)
"""Name, card, memory in GB, work per second, GB a second when loading: five unequal workers, our guess at common ones."""
_SIZES = {
    "sd15": ((512, 512, 25), (512, 768, 30), (768, 768, 30)),
    "xl": ((1024, 1024, 30), (832, 1216, 30), (1024, 1024, 20)),
    "flux": ((1024, 1024, 20), (1024, 1024, 28)),
}


def workers(
    cards: tuple[tuple[str, str, float, float, float], ...] = CARDS,
) -> tuple[FarmWorker, ...]:
    """Workers of these cards, each with every model on its disk."""
    return tuple(
        FarmWorker(Node.model_validate(card(name, MODELS, gpu=gpu, vram_gb=vram_gb)))
        for name, gpu, vram_gb, _speed, _load_gb_s in cards
    )


class Draw:
    """Draws jobs; the numbers of its names grow."""

    def __init__(self, seed: int, skew: float = 1.0) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a simulation
        self._numbers = itertools.count(1)
        self._weights = [1 / (rank + 1) ** skew for rank in range(len(POPULARITY))]

    def model(self) -> Model:
        """One model, the popular ones more often (Zipf)."""
        return MODELS[self.random.choices(POPULARITY, self._weights)[0]]

    def job(
        self,
        at_s: float,
        job_class: JobClass,
        model: Model,
        *,
        submitter: str,
        group: str | None = None,
    ) -> Arrival:
        """One job of that model, of a common size."""
        family = model.name.partition("-")[0]
        size, count = self.random.choice(_SIZES[family]), self.random.choice((1, 1, 2, 4))
        fields = image_job(
            job_class,
            model.name,
            size,
            count,
            _NEEDS_GB[family],
            submitted_by=submitter,
            group=group,
        )
        job = Job.model_validate(fields)
        return Arrival(at_s, JobSeen(f"{next(self._numbers):06d}", job, job_class, work_of(job)))


def randomised_night(seed: int, jobs: int = 2_000) -> Iterator[Arrival]:
    """One batch whose every job draws its model anew, and single interactive jobs now and then."""
    draw = Draw(seed)
    late = max(1, jobs // 20)
    for _ in range(jobs - late):
        yield draw.job(0.0, "batch", draw.model(), submitter="ann", group="night")
    at = 0.0
    for _ in range(late):
        at += draw.random.expovariate(1 / 50)
        yield draw.job(at, "interactive", draw.model(), submitter="ann")


def evening_and_night(seed: int, jobs: int = 2_000) -> Iterator[Arrival]:
    """Six hours of people trying things in bursts, one model each, and what they leave for the night: sets of one model, mixed sets."""
    draw = Draw(seed)
    evening = jobs // 4
    at, made = 0.0, 0
    while made < evening:
        at += draw.random.expovariate(1 / 180)
        model, who = draw.model(), draw.random.choice(("ann", "ben", "cho"))
        for _ in range(min(evening - made, draw.random.randint(1, 12))):
            at += draw.random.expovariate(1 / 10)
            made += 1
            yield draw.job(at, "interactive", model, submitter=who)
    night = at
    left = jobs - evening
    while left > 0:
        who, many = (
            draw.random.choice(("ann", "ben", "cho")),
            min(left, draw.random.randint(30, 250)),
        )
        one = draw.model() if draw.random.random() < 0.5 else None  # noqa: PLR2004 - half of the sets are of one model
        group = f"{who}-{left}"
        for _ in range(many):
            yield draw.job(
                night * draw.random.uniform(0.9, 1.0),
                "batch",
                one or draw.model(),
                submitter=who,
                group=group,
            )
        left -= many


def three_people(seed: int, jobs: int = 2_000) -> Iterator[Arrival]:
    """A day and a night of normal jobs from three people in sets of 10 to 60, and interactive ones between."""
    draw = Draw(seed)
    at, made = 0.0, 0
    while made < jobs:
        at += draw.random.expovariate(1 / 60)
        who = draw.random.choice(("ann", "ben", "cho"))
        if draw.random.random() < 0.4:  # noqa: PLR2004 - four of ten
            made += 1
            yield draw.job(at, "interactive", draw.model(), submitter=who)
            continue
        models = [draw.model() for _ in range(draw.random.randint(1, 3))]
        group = f"{who}-{made}"
        for _ in range(min(jobs - made, draw.random.randint(10, 60))):
            made += 1
            yield draw.job(at, "normal", draw.random.choice(models), submitter=who, group=group)


TRACES: dict[str, Callable[[int, int], Iterator[Arrival]]] = {
    "randomised-night": randomised_night,
    "evening-and-night": evening_and_night,
    "three-people": three_people,
}


def farm(trace: str, seed: int = 1, jobs: int = 2_000) -> Farm:
    """Five unequal workers and the arrivals of a trace."""
    drawn = sorted(TRACES[trace](seed, jobs), key=lambda one: (one.at_s, one.job.name))
    speeds = Speeds(
        {name: Card(speed, load_gb_s) for name, _, _, speed, load_gb_s in CARDS},
        {one.name: one for one in MODELS},
    )
    return Farm(workers(), tuple(drawn), speeds, seed=seed, name=trace)
