"""What a seed means: who takes part, how the share and the machines behave, and when all of it ends. Drawn whole before anything begins.

A plan is plain data, so that a violation can be made smaller by leaving parts of it out (``less``).
"""

from dataclasses import dataclass, replace
from random import Random

from spoolctl.spool.records import Settings
from spoolctl.spool.records.settings import Retry
from spoolctl.spool.shards import SIZES, Sizes
from tests.hostile.mounts import HONEST, NFS, SMB, WINDOWS, Mount

MOUNTS: dict[str, Mount] = {"nfs": NFS, "smb": SMB, "windows": WINDOWS, "honest": HONEST}
LATE_S = 240.0
"""For how long a request may be under way at most, and after healing what is still under way."""


@dataclass(frozen=True)
class Trouble:
    """Something that happens to one machine, one process or the share, and for how long, in seconds.

    ``kind``: crash, freeze (a process); reboot, cut (a machine); stall, full, blind (the share, for everybody).
    """

    at_s: float
    kind: str
    target: int = 0
    for_s: float = 0.0


@dataclass(frozen=True)
class Weather:
    """How requests fare, as long as nothing has healed; chances for each request."""

    fault: float
    slow: float
    median_s: float
    slow_s: float


@dataclass(frozen=True)
class Plan:
    """One seed's world."""

    seed: int
    heal_at_s: float
    jobs: int
    workers: tuple[tuple[int, str], ...]
    """Each one's machine and mount."""
    controllers: tuple[tuple[int, str], ...]
    machines: int
    weather: Weather
    troubles: tuple[Trouble, ...]
    commands: int
    """What people ask for with the command line."""
    hands: int
    """What people do with a file manager."""
    dropped: int
    """Files that a GUI writes by itself, beside the jobs that are submitted."""
    failing: float
    """The chance that a backend fails."""
    run_s: float
    """How long a run takes, about."""
    settings: dict[str, float]
    retry: dict[str, float]
    skew_s: float

    @property
    def run_max_s(self) -> float:
        """The longest that a backend takes."""
        return 2.0 * self.run_s

    @property
    def sizes(self) -> Sizes:
        """How much lies where in queues: in two seeds of three so little in a head that most of it goes through shards."""
        return SIZES if self.seed % 3 == 0 else Sizes(head_max=2, head_kept=1, shard=2)

    def bound_s(self) -> float:
        """How long after healing everything must have ended, if only one worker is left to do it all, in turn.

        What is under way lands (``LATE_S``); who hung begins its watches anew and an orphan costs a lease, twice if the
        second is left by a late ``mkdir``; a job waits its longest backoff; a record at rest is looked at every 600 s
        (``REST_AGAIN_S``), a problem of the merge every 300 s, and a ledger is compiled whole every ``FULL_COMPILE_S``.
        Each job then takes a run and a few polls; needs come one after the other, which that covers.
        """
        poll_s = 4 * (self.settings["poll_s"] + self.settings["sweep_s"])
        fixed = LATE_S + 4 * self.settings["lease_s"] + 2 * self.retry["backoff_s_max"] + 1800.0
        return fixed + (self.jobs + self.dropped + 1) * (self.run_max_s + poll_s)


def plan_of(seed: int) -> Plan:
    """Draw a plan."""
    draw = Random(f"spool/{seed}/plan")
    machines = draw.randint(1, 4)
    heal_at_s = draw.uniform(200.0, 900.0)
    heartbeat_s = draw.choice((10.0, 15.0, 20.0))
    workers = 1 + int(6 * draw.random() ** 2.2)
    storm = draw.choice((0.5, 1.0, 2.0, 4.0))
    calm = draw.random() < 0.15
    return Plan(
        seed=seed,
        heal_at_s=heal_at_s,
        jobs=5 + int(36 * draw.random() ** 4),
        workers=tuple(
            (draw.randrange(machines), draw.choice(list(MOUNTS))) for _ in range(workers)
        ),
        controllers=tuple(
            (draw.randrange(machines), draw.choice(list(MOUNTS)))
            for _ in range(draw.choice((0, 1, 1, 1, 2)))
        ),
        machines=machines,
        weather=Weather(
            fault=0.0 if calm else draw.choice((0.0, 0.003, 0.01, 0.03)),
            slow=draw.choice((0.0, 0.005, 0.02)),
            median_s=draw.choice((0.002, 0.01, 0.05)),
            slow_s=draw.choice((1.0, 5.0, 20.0)),
        ),
        troubles=() if calm else _troubles(draw, storm, heal_at_s, heartbeat_s),
        commands=draw.randint(0, 12),
        hands=draw.choice((0, 0, 3, 8)),
        dropped=draw.choice((0, 1, 4)),
        failing=draw.choice((0.0, 0.1, 0.4)),
        run_s=draw.choice((15.0, 40.0, 80.0)),
        settings={
            "heartbeat_s": heartbeat_s,
            "lease_s": heartbeat_s * draw.choice((3.0, 4.0, 6.0)),
            "sweep_s": draw.choice((20.0, 30.0, 45.0)),
            "poll_s": draw.choice((8.0, 15.0, 25.0)),
            "settle_s": 6.0,
            "reject_after_s": 20.0,
            "timeout_s": 600.0,
            "stall_s": 90.0,
        },
        retry={
            "attempts_max": draw.randint(1, 3),
            "crashes_max": draw.randint(2, 5),
            "backoff_s": draw.choice((2.0, 15.0)),
            "backoff_s_max": 60.0,
            "avoid_s": 30.0,
        },
        skew_s=draw.choice((0.0, 30.0, 3600.0)),
    )


def _troubles(
    draw: Random, storm: float, until_s: float, heartbeat_s: float
) -> tuple[Trouble, ...]:
    kinds = ("crash", "crash", "freeze", "freeze", "cut", "cut", "reboot", "stall", "full", "blind")
    found = []
    for _ in range(int(storm * until_s / 100.0)):
        kind = draw.choice(kinds)
        long_s = {
            "crash": 0.0,
            "reboot": draw.uniform(5.0, 90.0),
            "stall": 90.0,
            "freeze": draw.choice((2.0, heartbeat_s, 6 * heartbeat_s, 15 * heartbeat_s)),
            "cut": draw.choice((3.0, 2 * heartbeat_s, 10 * heartbeat_s)),
        }.get(kind, draw.uniform(10.0, 120.0))
        found.append(
            Trouble(draw.uniform(0.0, until_s), kind, draw.randrange(60), long_s * draw.random())
        )
    return tuple(sorted(found, key=lambda one: one.at_s))


def settings_of(plan: Plan) -> dict[str, object]:
    """What ``World`` takes as settings."""
    return {**plan.settings, "retry": Retry(**plan.retry), "tokens": {"nas": 1}}  # type: ignore[arg-type]


def smaller(plan: Plan) -> list[Plan]:
    """Plans with one thing less than this one; the larger steps first."""
    found = []
    many = len(plan.troubles)
    for part in (many // 2, many // 4, 1):
        if part > 0:
            found += [
                replace(plan, troubles=plan.troubles[:at] + plan.troubles[at + part :])
                for at in range(0, many, part)
            ]
    found += [replace(plan, commands=0), replace(plan, hands=0), replace(plan, dropped=0)]
    found += [replace(plan, failing=0.0), replace(plan, skew_s=0.0)]
    found += [replace(plan, weather=replace(plan.weather, fault=0.0))]
    found += [replace(plan, weather=replace(plan.weather, slow=0.0))]
    found += [replace(plan, workers=plan.workers[:-1])] if len(plan.workers) > 1 else []
    found += [replace(plan, controllers=plan.controllers[:-1])] if plan.controllers else []
    found += [replace(plan, jobs=jobs) for jobs in (1, plan.jobs // 2, plan.jobs - 1) if jobs > 0]
    return [one for one in found if one != plan]


__all__ = ["LATE_S", "MOUNTS", "Plan", "Settings", "Trouble", "Weather", "plan_of", "smaller"]
