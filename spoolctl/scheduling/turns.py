"""Turns: between the submitters and groups inside a class, so that who came first with a thousand jobs does not keep the rest waiting.

Each submitter, and each group of one, is a line of jobs in name order; a worker serves the line that it has served least, in seconds of
work. Every worker keeps its own account, so that turns are fair on each and therefore on all.

Pure. Guarantees: a line that comes late begins level with those there and is owed nothing for the time before; within one line
the order is that of the names.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from spoolctl.scheduling.seen import JobSeen
from spoolctl.spool import Choosing

Line = tuple[str, ...]
"""Class, submitter, group; as far as the rules tell them apart."""


def line_of(job: JobSeen, rules: Choosing) -> Line:
    """The line in which a job stands."""
    if rules.turns == "off":
        return (job.job_class,)
    submitter = job.job.submitted_by or ""
    if rules.turns == "submitters":
        return (job.job_class, submitter)
    return (job.job_class, submitter, job.job.group or "")


@dataclass
class Account:
    """How much one worker has served each line, in seconds of work; it forgets lines that are gone when it looks at their class."""

    _served: dict[Line, float] = field(default_factory=dict)

    def serve(self, line: Line, seconds: float) -> None:
        """Note that a job of *line* was taken; its submitter is served as well as its group."""
        for part in _parts(line):
            self._served[part] = self._served.get(part, 0.0) + seconds

    def order(self, lines: Iterable[Line]) -> list[Line]:
        """The lines that wait now, the least served first: by submitter, then by group; equal ones as they come."""
        present = list(dict.fromkeys(lines))
        self._level(present)
        return sorted(present, key=self._key)

    def ahead_s(self, line: Line, of: Line) -> float:
        """By how many seconds of work *line* was served more than *of*, where they first differ."""
        for mine, other in zip(_parts(line), _parts(of), strict=True):
            if mine != other:
                return self._served[mine] - self._served[other]
        return 0.0

    def _key(self, line: Line) -> tuple[float, ...]:
        return tuple(self._served[part] for part in _parts(line))

    def _level(self, present: list[Line]) -> None:
        """Let newcomers begin level with the least served of their like."""
        parts = {part: None for line in present for part in _parts(line)}
        known = {part: s for part, s in self._served.items() if part in parts}
        for part in parts:
            if part not in known:
                like = [
                    s
                    for other, s in known.items()
                    if other[:-1] == part[:-1] and other in self._served
                ]
                known[part] = min(like, default=0.0)
        classes = {part[0] for part in parts}
        self._served = {p: s for p, s in self._served.items() if p[0] not in classes} | known


def _parts(line: Line) -> list[Line]:
    return [line[: end + 1] for end in range(len(line))]
