"""Choosing: which of the waiting jobs of one class a worker takes next, and which it leaves to whom.

What was passed over too often or has waited too long goes next, of such jobs of one line first what needs the model that is loaded.
Otherwise the worker makes the plan that all would make of what it sees (``plan``). Jobs that the plan gives to it and that may be passed
over only a few times more come first, then what needs the model that is loaded, then what else the plan gives to it; what the plan gives to
others it leaves to them, for a bounded moment. There is nobody who assigns: where the workers' plans do not agree, a claim still has one
winner.

Pure: no share, no clock. The caller asks class by class, the most urgent first, and asks for the next only if nothing of this one
could be run here.
Guarantees: a job is taken before at most ``passes_max`` older ones of its line, and no job is passed over more often than that by workers
that see the same; a job is never left for longer than it would take here.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from spoolctl.scheduling.plan import Plan
from spoolctl.scheduling.rank import Appraiser
from spoolctl.scheduling.seen import JobSeen, WorkerSeen
from spoolctl.scheduling.taking import has_waited, others_pool, takes
from spoolctl.scheduling.turns import Account, Line, line_of
from spoolctl.spool import Choosing


@dataclass
class Choice:
    """What a worker does next about one class."""

    job: JobSeen | None = None
    """To be claimed; ``None``: nothing now."""
    why: str = ""
    """For the log and for people."""
    passed: tuple[JobSeen, ...] = ()
    """The older jobs of its line that it is taken before."""
    left: dict[str, str] = field(default_factory=dict)
    """By the name of a job that this worker could run: the worker to which it leaves it."""


def choose(  # noqa: PLR0913 - what a worker sees
    me: WorkerSeen,
    others: Sequence[WorkerSeen],
    jobs: Sequence[JobSeen],
    account: Account,
    appraiser: Appraiser,
    *,
    behind: int = 0,
    also_wanted: Container[str | None] = (),
) -> Choice:
    """Choose the next job of one class for one worker.

    Args:
        me: The worker; idle, and one that ``serves`` this class.
        others: The other live workers.
        jobs: The head of the class's queue, in the order of the names.
        account: Of the turns that this worker gave.
        appraiser: What jobs cost.
        behind: How many jobs wait behind that head.
        also_wanted: Models that waiting jobs of other classes need.

    Returns:
        What to do. Nothing to take and nothing left: no job here is for this worker, and a less urgent class may be asked.
    """
    live, rules = [me, *others], appraiser.rules
    mine = [job for job in jobs if takes(job, me, live, appraiser)]
    if not mine:
        return Choice()
    pressed = next((job for job in mine if _slack(job, rules) <= 0), None)
    if pressed is None:
        mine = [job for job in mine if others_pool(job, me, live, appraiser) is None] or mine
    lines: dict[Line, list[JobSeen]] = {}
    for job in mine:
        lines.setdefault(line_of(job, rules), []).append(job)
    if pressed is not None:
        job = _loaded_before(pressed, lines[line_of(pressed, rules)], me, rules, len(live))
        return _take(job, lines, appraiser, "it has waited its time")
    plan = Plan(me, others, jobs, appraiser, behind=behind, also_wanted=also_wanted)
    return _by_plan(plan, lines, account)


def _slack(job: JobSeen, rules: Choosing) -> int:
    """How often the job may be passed over yet."""
    return 0 if has_waited(job, rules) else _passes_left(job, rules)


def _passes_left(job: JobSeen, rules: Choosing) -> int:
    most: int = getattr(rules.passes_max, job.job_class)
    return most - job.passed


def _loaded_before(
    pressed: JobSeen, line: list[JobSeen], me: WorkerSeen, rules: Choosing, workers: int
) -> JobSeen:
    """What of its line has waited its time as well and needs no loading, while those older have passes left; else *pressed* itself.

    By age alone every job of a mixed set would load its model again, and all would wait the longer.
    """
    for job in line[: getattr(rules.passes_max, pressed.job_class) + 1]:
        if job.work.model == me.model and has_waited(job, rules):
            return job
        if _passes_left(job, rules) <= workers:
            break
    return pressed


def _by_plan(plan: Plan, lines: dict[Line, list[JobSeen]], account: Account) -> Choice:
    rules, choice = plan.appraiser.rules, Choice()
    mine, loaded = [], []
    for job in _in_reach(lines, account, plan.appraiser):
        now = plan.now(job)
        if now.load_s == 0 and plan.helps(job):
            loaded.append(job)
        if plan.is_mine(job) or job.left_s >= min(rules.leave_s, now.ends_in_s):
            mine.append(job)
        else:
            choice.left[job.name] = plan.given[job.name].worker.name
    # While this worker is at work each of the others may pass a job over once.
    due = [job for job in mine if _slack(job, rules) <= len(plan.workers)]
    spare = [job for line in lines.values() for job in line[:1] if plan.helps(job)]
    for jobs, why in (
        (due, "it may be passed over only a few times more"),
        (loaded, "its model is loaded"),
        (mine, "it is next"),
        (spare, "the others have enough to do"),
    ):
        if jobs:
            taken = _take(jobs[0], lines, plan.appraiser, why)
            choice.left.pop(jobs[0].name, None)
            taken.left = choice.left
            return taken
    return choice


def _in_reach(
    lines: dict[Line, list[JobSeen]], account: Account, appraiser: Appraiser
) -> list[JobSeen]:
    """The jobs that may be taken now without passing over too many, of the lines whose turn it is, those in order."""
    order = account.order(lines)
    reach = []
    for line in order:
        if account.ahead_s(line, order[0]) <= appraiser.rules.turn_s:
            most: int = getattr(appraiser.rules.passes_max, line[0])
            reach += lines[line][: most + 1]
    return reach


def _take(job: JobSeen, lines: dict[Line, list[JobSeen]], appraiser: Appraiser, why: str) -> Choice:
    line = lines[line_of(job, appraiser.rules)]
    return Choice(job, why, tuple(line[: line.index(job)]))
