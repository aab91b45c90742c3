"""Choosing the next job: what waits (``heads``) and who else works here (``company``) go to the one pure function that decides.

That is ``spoolctl.scheduling.choose``; what it chooses is claimed, or, while a job is still in work, made ready to be claimed after it.
Guarantees: class strictly before class; a bounded number of files is opened in one look; whether a record may be claimed is the protocol's
to say (``spool.claim``), at the last moment. A worker whose company cannot be seen chooses as if it were alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from spoolctl.scheduling.choose import choose
from spoolctl.scheduling.estimates import Estimates
from spoolctl.scheduling.fit import misfits
from spoolctl.scheduling.model_names import plain_name
from spoolctl.scheduling.rank import Appraiser
from spoolctl.scheduling.seen import JobSeen, WorkerSeen
from spoolctl.scheduling.taking import needs_larger_card, serves
from spoolctl.scheduling.turns import Account
from spoolctl.scheduling.work import work_of
from spoolctl.spool import (
    CLASSES,
    Actor,
    Admission,
    BadRecord,
    Claim,
    Job,
    JobClass,
    Life,
    Location,
    Manifest,
    Node,
    NotClaimed,
    Ready,
    SpoolError,
    Stage,
    make_ready,
    show,
    take_ready,
)
from spoolworker.backends.base import BackendError
from spoolworker.company import Company
from spoolworker.heads import TROUBLE_AGAIN_S, Head, Heads
from spoolworker.models import stages_here
from spoolworker.tokens_seen import Held, TokensSeen

_AGAIN_S = {
    NotClaimed.TAKEN: 2.0,
    NotClaimed.OPEN: 2.0,
    NotClaimed.SETTLED: 1.0,
    NotClaimed.HELD_BACK: 1.0,
    NotClaimed.REJECTED: 0.0,
    NotClaimed.UNSUITED: 5.0,
    NotClaimed.NO_TOKEN: 5.0,
}
"""For how long a record is passed over after each answer, in seconds."""
_MISFIT_AGAIN_S = 60.0
_TRIES_MAX = 32
"""How often one look tries to claim before it looks anew: each try that fails means that another was quicker."""


@dataclass(frozen=True)
class Chosen:
    """A job that was chosen, and how its record lies."""

    ready: Ready
    head: Head
    job_class: JobClass
    me: WorkerSeen
    why: str
    left: dict[str, str]


@dataclass
class Look:
    """What one look at the queues found."""

    claimed: Claim | None = None
    chosen: Chosen | None = None
    """What is to be claimed next, of a look ahead."""
    growing: int = 0
    """Files that may become jobs in a moment; a worker that drains waits for them."""
    left: dict[str, str] = field(default_factory=dict)
    """Jobs that this worker leaves to a better one, and to which; a worker that drains waits until they are gone."""


class Chooser:
    """One worker's way to its next job."""

    def __init__(  # noqa: PLR0913, PLR0917 - the agent's parts
        self,
        actor: Actor,
        life: Life,
        admission: Admission,
        node: Node,
        lacks: Callable[[Sequence[Stage]], tuple[str, ...]] = lambda _stages: (),
        estimates: Callable[[], Estimates] = Estimates,
    ) -> None:
        self._actor = actor
        self._life = life
        self.node = node
        self._lacks = lacks
        self._estimates = estimates
        self._admission = admission
        self._heads = Heads(actor, admission)
        self._tokens = TokensSeen(actor)
        self.company = Company(actor)
        self._account = Account()
        self._appraiser = Appraiser(actor.settings.choosing, estimates())
        self._avoided_since: dict[str, float] = {}
        self._last_model: str | None = None
        now = actor.clock.mono()
        self._idle_since, self._without_since = now, now
        self._was_at_work: JobClass | None = None
        self._ahead: Chosen | None = None

    def look(
        self, *, model: str | None = None, closes_in_s: float | None = None, ahead: bool = False
    ) -> Look:
        """Look at the queues, class by class, until something is claimed or left to a better worker.

        Args:
            model: What the backend says that it has loaded; ``None``: it does not tell, or is at work with the job before.
            closes_in_s: When this worker stops taking jobs, if that is known.
            ahead: A job is in work yet: claim nothing.

        Raises:
            OSError: A queue could not be listed.
        """
        look = Look()
        self._heads.begin()
        self._tokens.begin()
        me = self._me(model, closes_in_s, ahead=ahead)
        if self._appraiser.timing is not (estimates := self._estimates()):
            self._appraiser = Appraiser(self._actor.settings.choosing, estimates)
        for job_class in CLASSES:
            if not serves(me, job_class):
                continue
            self._next_of(job_class, me, look, ahead=ahead)
            if look.claimed is not None or look.chosen is not None or look.left:
                break
        look.growing = self._heads.growing
        return look

    def taken(self, chosen: Chosen, claimed: Claim) -> None:
        """Its attempt was taken: show it, and remember whose turn it was."""
        show(self._actor, claimed, chosen.ready, self._life)
        self._heads.claimed(chosen.head.admitted.location.path)
        self._note(chosen.head, chosen.job_class, chosen.me)
        self._actor.log("chosen", job=claimed.name, why=chosen.why, left=chosen.left)

    def waits_for_upgrade(self) -> str | None:
        """What people should know of records that are too new for this program; they lie where they were put."""
        newer = self._admission.newer
        for path in list(newer):
            try:
                self._actor.files.stat(path)
            except FileNotFoundError:
                del newer[path]
                continue
            except OSError as error:
                self._actor.log("choose.trouble", file=path, error=str(error))
            more = f" (and {len(newer) - 1} more files)" if len(newer) > 1 else ""
            return f"'{path}' waits: {newer[path]}{more}"[:500]
        return None

    def _me(self, model: str | None, closes_in_s: float | None, *, ahead: bool) -> WorkerSeen:
        now = self._actor.clock.mono()
        if self._was_at_work is not None:
            self._idle_since = now
            if self._was_at_work in self.node.reserved_for:
                self._without_since = now
            self._was_at_work = self._was_at_work if ahead else None
        return WorkerSeen(
            self.node,
            model=plain_name(model) if model else self._last_model,
            idle_s=now - self._idle_since,
            without_s=now - self._without_since,
            closes_in_s=closes_in_s,
            others_gb=self._life.facts.vram_others_gb or 0.0,
        )

    def _next_of(self, job_class: JobClass, me: WorkerSeen, look: Look, *, ahead: bool) -> None:
        heads = self._heads.look(job_class, partial(self._suits_at_all, job_class))
        for _ in range(_TRIES_MAX):
            heads = self._with_tokens(heads, ahead=ahead)
            head, why = self._choose(job_class, heads, me, look)
            if head is None:
                return
            heads = {path: one for path, one in heads.items() if one is not head}
            ready = self._make_ready(head, ahead=ahead)
            if ready is None:
                continue
            chosen = Chosen(ready, head, job_class, me, why, look.left)
            if ahead:
                look.chosen = self._ahead = chosen
                return
            look.claimed = self._take(chosen)
            if look.claimed is not None:
                return

    def _with_tokens(self, heads: dict[str, Head], *, ahead: bool) -> dict[str, Head]:
        """Those whose tokens can be had; the others let what lies behind them come to the front."""
        having = {}
        for path, head in list(heads.items()):
            held = self._tokens.held(head.admitted.job)
            if held is None:
                having[path] = head
            elif not (ahead and held is Held.OURS):  # the verdict on the job in work frees it
                self._heads.park(path, head, _AGAIN_S[NotClaimed.NO_TOKEN])
        return having

    def _choose(
        self, job_class: JobClass, heads: dict[str, Head], me: WorkerSeen, look: Look
    ) -> tuple[Head | None, str]:
        unreadable = next((head for head in heads.values() if head.job is None), None)
        if unreadable is not None:
            return unreadable, "its stages cannot be read, which its verdict will say"
        waiting = {
            job.name: (job, head) for head in heads.values() if (job := self._heads.seen(head))
        }
        choice = choose(
            me,
            self.company.others,
            [job for job, _ in waiting.values()],
            self._account,
            self._appraiser,
            behind=self._heads.behind,
            also_wanted=self._heads.wanted_but(job_class),
        )
        now = self._actor.clock.mono()
        for name in choice.left:
            head = waiting[name][1]
            head.left_mono = now if head.left_mono is None else head.left_mono
        look.left = choice.left
        return (waiting[choice.job.name][1] if choice.job else None), choice.why

    def _make_ready(self, head: Head, *, ahead: bool) -> Ready | None:
        path, before = head.admitted.location.path, self._ahead
        # Looked at again when it is taken. To make a retry ready gives its record another label.
        if ahead and before and (before.head is head or before.ready.location.path == path):
            return before.ready
        try:
            admitted = self._heads.admit(head)
            if admitted is None:
                return None
            got = make_ready(self._actor, admitted, self._suits)
        except (OSError, SpoolError) as error:
            self._trouble(path, error)
            return None
        if isinstance(got, Ready):
            return got
        self._passed_by(head, got)
        return None

    def _take(self, chosen: Chosen) -> Claim | None:
        path = chosen.head.admitted.location.path
        try:
            got = take_ready(self._actor, chosen.ready, self._life)
        except (OSError, SpoolError) as error:
            self._trouble(path, error)
            return None
        if isinstance(got, Claim):
            self.taken(chosen, got)
            return got
        self._passed_by(chosen.head, got)
        return None

    def _passed_by(self, head: Head, why: NotClaimed) -> None:
        path = head.admitted.location.path
        if why is NotClaimed.NO_TOKEN:
            self._tokens.lost(head.admitted.job)
            self._heads.park(path, head, _AGAIN_S[why])
        else:
            self._heads.pass_over(path, _AGAIN_S[why])

    def _trouble(self, path: str, error: Exception) -> None:
        self._actor.log("choose.trouble", file=path, error=str(error))
        self._heads.pass_over(path, TROUBLE_AGAIN_S)

    def _note(self, head: Head, job_class: JobClass, me: WorkerSeen) -> None:
        """Remember what was taken: whose turn it was, which model will be loaded, and since when this worker is at work."""
        self._was_at_work = job_class
        if head.job is None:
            return
        offer = self._appraiser.offer(head.job, me, free_in_s=0.0, model=me.model)
        self._account.serve(head.line, offer.load_s + offer.run_s)
        self._last_model = head.job.work.model or self._last_model
        if self._last_model is not None:
            self._life.tell(model=self._last_model)

    def _suits_at_all(self, job_class: JobClass, location: Location, job: Job) -> bool:
        reasons = self._misfits(job) or self._outgrown(location, job, job_class)
        if reasons:
            self._actor.log("misfit", job=location.name, reasons=list(reasons))
            self._heads.pass_over(location.path, _MISFIT_AGAIN_S)
        return not reasons

    def _outgrown(self, location: Location, job: Job, job_class: JobClass) -> tuple[str, ...]:
        """Asked before it comes to choosing, lest a wall of such jobs hide others."""
        try:
            work = work_of(job)
        except BadRecord:
            return ()
        waited_s = self._heads.waited_s(location.path)
        seen = JobSeen(location.name, job, job_class, work, waited_s=waited_s)
        why = needs_larger_card(seen, WorkerSeen(self.node), self.company.others, self._appraiser)
        return (why,) if why else ()

    def _misfits(self, job: Job, previous: Manifest | None = None) -> tuple[str, ...]:
        try:
            return misfits(job, self.node, previous) or self._lacks(stages_here(job, self.node))
        except BackendError as error:
            return (str(error),)
        except BadRecord:
            return ()  # nobody can run it: whoever claims it says so in its verdict (bad_job)

    def _suits(self, job: Job, previous: Manifest | None) -> bool:
        """The last question before an attempt is made, now that the verdict before it is known."""
        if previous is None:
            return True
        reasons = self._misfits(job, previous)
        if reasons:
            self._actor.log("misfit", job=previous.name, reasons=list(reasons))
            return False
        if self._actor.name not in previous.avoid or previous.final:
            return True
        now = self._actor.clock.mono()
        since = self._avoided_since.setdefault(f"{previous.name}/{previous.attempt}", now)
        return not self.company.is_there or now - since >= self._actor.settings.retry.avoid_s
