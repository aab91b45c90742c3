"""Whether any worker that this spool has ever met could run what is submitted.

Guarantees: a spool that has met no worker refuses nothing; cards of workers that are off count, for they may come back.
"""

from collections.abc import Iterable

from spoolctl.cli.errors import InFile, Several
from spoolctl.cli.planned import PROBLEMS_TOLD, Planned
from spoolctl.scheduling.fit import impossible
from spoolctl.spool import Actor, SpoolError, UsageError, nodes

_WORKERS_TOLD = 3
_HINT = "--anyway submits it all the same, for a worker that comes later"


def refuse_impossible(actor: Actor, planned: Iterable[Planned]) -> None:
    """Refuse jobs that no known worker can run.

    Raises:
        Several: There are some; each with every worker's reasons.
        OSError: The share did not tell.
    """
    cards = [card for card, _ in nodes(actor).values() if card is not None]
    every = list(planned)
    problems: list[SpoolError] = []
    failed = 0
    for one in every:
        reasons = impossible(one.job, cards)
        if reasons is None:
            continue
        failed += 1
        if len(problems) < PROBLEMS_TOLD:
            told = [f"{name}: {', '.join(why)}" for name, why in sorted(reasons.items())]
            more = f" and {len(told) - _WORKERS_TOLD} more" if len(told) > _WORKERS_TOLD else ""
            text = f"no known worker can run it ({'; '.join(told[:_WORKERS_TOLD])}{more})"
            problems.append(InFile(one.source, UsageError(text, hint=_HINT)))
    if problems:
        raise Several(
            f"nothing was submitted: {failed} of {len(every)} jobs could never run",
            problems,
            hint=_HINT,
        )
