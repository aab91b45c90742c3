"""What this worker expects of a job before it runs it: by the figures on the share, else by the stated formula.

Guarantees: the figures are read at most every few minutes, and never in an attempt's way; never raises. Does not guarantee that the
figures are of today: they are what the controller folded last.
"""

from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.model_names import plain_name
from spoolctl.scheduling.work import Work, work_of
from spoolctl.spool import Actor, BadRecord, Code, Job, Manifest, Node, read_figures

AGAIN_S = 300.0
AFTER_TIMEOUT = 2.0
"""So many times as long as the attempt that ran into its timeout. Three attempts, the default, cover seven times the first one's time."""


class Expecting:
    """One worker's expectations."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._estimates = Estimates()
        self._read_again_at = 0.0

    @property
    def estimates(self) -> Estimates:
        """By the figures as they were read last; read anew if that is long ago."""
        now = self._actor.clock.mono()
        if now >= self._read_again_at:
            self._read_again_at = now + AGAIN_S
            self._estimates = Estimates(read_figures(self._actor))
        return self._estimates

    def timeout_s(self, job: Job, node: Node, previous: Manifest | None = None) -> float:
        """How long an attempt may take: what the job says; else what is expected at most, but no more than ``spool.yaml`` says.

        Args:
            job: The record.
            node: This worker's card.
            previous: The verdict on the attempt before. If that ran into its timeout, this one gets at least twice as long: what was
                expected was wrong, and as only successes are timed it would be wrong for ever.
        """
        cap_s = self._actor.settings.timeout_s
        work = _work(job)
        if job.limits.timeout_s is not None or work is None:
            return job.limits.timeout_s or cap_s
        expected_s = self.estimates.timeout_s(work, node)
        if previous is not None and previous.code is Code.TIMEOUT:
            expected_s = max(expected_s, AFTER_TIMEOUT * (previous.duration_s or 0.0))
        return min(cap_s, round(expected_s))


def was_loaded(job: Job, loaded_model: str | None) -> bool | None:
    """True if the model that *job* asks for is the one that the backend said it held; ``None``: one of them is not known."""
    work = _work(job)
    if work is None or work.model is None or loaded_model is None:
        return None
    return plain_name(loaded_model) == work.model


def model_of(job: Job) -> str | None:
    """The model that *job* asks for, as it is told; ``None``: none, or its stages cannot be read."""
    work = _work(job)
    return work.model if work else None


def _work(job: Job) -> Work | None:
    """``None`` if its stages cannot be read: whoever runs it says so in its verdict."""
    try:
        return work_of(job)
    except BadRecord:
        return None
