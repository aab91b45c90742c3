"""Two machines prove a share together: the same command on both, in any order.

They meet by their desks (``ward``), talk through the share (``talk``), and try together what ``meeting`` lists. Each tells the result from
its own side.

Guarantees: each wait is bounded; whatever ends a run, Ctrl-C included, its desk is removed and the other run ends soon with what it has.
Of three runs at a time two meet, and the third says that nobody came.
Does not guarantee: anything about a third machine; for each pair of machines it is run once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from spoolctl.spool.doctor import meeting
from spoolctl.spool.doctor.findings import bad, is_bad, ok, reason
from spoolctl.spool.doctor.grounds import read_clock
from spoolctl.spool.doctor.talk import PeerGone, Talk, find_peer
from spoolctl.spool.doctor.ward import Ward, own_desk
from spoolctl.spool.records import Finding

WAIT_S = 300.0
THE_OTHER = meeting.THE_OTHER


@dataclass
class Met:
    """What came of a meeting."""

    machine: str | None = None
    """The other machine's name; ``None`` if nobody came."""
    findings: list[Finding] = field(default_factory=list)


def meet(ward: Ward, *, wait_s: float = WAIT_S) -> Met:
    """Meet another run of this function on the same share.

    Args:
        ward: The share.
        wait_s: For how long to wait until the other comes.

    Returns:
        The findings; that nobody came, or that the other left, is one too.
    """
    met, doing = Met(), ["meet"]
    try:
        with own_desk(ward) as desk:
            _meet(Talk(ward, desk), met, doing, wait_s)
    except PeerGone as error:
        hint = "look at the other machine's own output, then run both again"
        met.findings.append(
            bad(THE_OTHER, f"the meeting ended early, while we tried '{doing[-1]}': {error}", hint)
        )
    except OSError as error:
        hint = "see that the share is mounted and writable on both machines, then run both again"
        met.findings.append(
            bad(THE_OTHER, f"the share failed while we tried '{doing[-1]}': {reason(error)}", hint)
        )
    return met


def _meet(talk: Talk, met: Met, doing: list[str], wait_s: float) -> None:
    ward = talk.ward
    own, other = talk.desk.rpartition("/")[2], find_peer(talk, wait_s)
    if other is None:
        hint = "run 'spoolctl doctor --peer' there too, at the same time and on the same folder of the same share; two at a time"
        met.findings.append(
            bad(
                THE_OTHER,
                f"no other machine came within {wait_s:.0f} s, or it does not see this folder",
                hint,
            )
        )
        return

    def step(what: str, call: Callable[[], list[Finding]]) -> None:
        ward.tell(what)
        doing.append(what)
        met.findings += call()

    met.machine, found = meeting.identity(talk)
    met.findings += found
    ward.tell(f"met '{met.machine}'")
    step("changing each other's files", lambda: meeting.handing(talk))
    if not is_bad(met.findings):
        _try_together(talk, own, other, step)
    doing.append("good-bye")
    talk.say("done")
    try:
        talk.wait_for("done")
    except PeerGone:
        pass  # it had heard us, said so and went


def _try_together(
    talk: Talk, own: str, other: str, step: Callable[[str, Callable[[], list[Finding]]], None]
) -> None:
    ward, first = talk.ward, own < other
    room = f"{ward.base}/{min(own, other)}/with-{max(own, other)}"
    if first:
        ward.files.mkdir(room)
        talk.say("room")
    else:
        talk.wait_for("room")
    reading = read_clock(ward, talk.desk)
    ways: list[float] = []

    def words() -> list[Finding]:
        ways.append(meeting.echoes(talk, first=first))
        said = f"a word and its answer through the share take {2 * ways[0]:.2f} s"
        return [ok("words", said, there_and_back_s=round(2 * ways[0], 3))]

    step("timing words", words)
    step("comparing clocks through the share's", lambda: meeting.clocks(talk, reading))
    step("racing (about 12 s)", lambda: meeting.race(talk, room, reading, ways[0], first=first))
    step("locking", lambda: meeting.locks(talk, room, first=first))
    step(
        "looking at what is seen when (up to 75 s)",
        lambda: meeting.visibility(talk, room, own, ways[0]),
    )
