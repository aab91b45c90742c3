"""Races between two machines: many rounds, each at one instant by the share's clock, each with exactly one winner or not.

Both machines know the share's clock to some milliseconds (``grounds.read_clock``), so both act at the same instant without a word. How
many rounds truly overlapped is told beside the result: rounds that did not meet prove little.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spoolctl.spool.doctor import words
from spoolctl.spool.doctor.findings import bad, note, ok, reason, warning
from spoolctl.spool.doctor.talk import Talk
from spoolctl.spool.doctor.ward import Ward
from spoolctl.spool.records import Finding

ROUNDS = 25
GAP_S = 0.1
"""Between the starts of two rounds; a slower share takes longer."""
KINDS = ("folder", "file", "publish", "rename")
WON, LOST = "won", "lost"
_MET_S = 0.01
"""Two operations this close to each other have met: the share's clock is not read more precisely."""
_WHAT = {
    "folder": "making one folder",
    "file": "making one file (O_EXCL)",
    "publish": "publishing one file by hard link",
    "rename": "moving one file to two places",
}


@dataclass(frozen=True)
class Ran:
    """One round as one machine saw it. Times are the share's."""

    came: str
    """``won``, ``lost``, or what the share said."""
    start_s: float
    end_s: float


def bring(ward: Ward, desk: str) -> None:
    """Make what this machine will publish; its content names it."""
    ward.files.mkdir(f"{desk}/own")
    for number in range(ROUNDS):
        ward.files.write_new(f"{desk}/own/{number}", desk.encode())


def lay_out(ward: Ward, room: str) -> None:
    """Lay down what both race for; one of the two does this."""
    for kind in KINDS:
        ward.files.mkdir(f"{room}/{kind}")
    for number in range(ROUNDS):
        ward.files.write_new(f"{room}/rename/{number}", b"")


def run(
    talk: Talk, room: str, at_share_s: float, share_minus_mono_s: float
) -> dict[str, list[Ran]]:
    """Run all races, the first at *at_share_s* by the share's clock, showing life between two kinds."""
    ward, desk = talk.ward, talk.desk
    found: dict[str, list[Ran]] = {kind: [] for kind in KINDS}
    due_s = at_share_s
    for kind in KINDS:
        for number in range(ROUNDS):
            ward.sleep(max(0.0, due_s - share_minus_mono_s - ward.mono()))
            found[kind].append(
                _once(ward, _call(ward, room, kind, number, desk), share_minus_mono_s)
            )
            due_s += GAP_S
        talk.beat()
    return found


def _call(ward: Ward, room: str, kind: str, number: int, desk: str) -> Callable[[], None]:
    files, path = ward.files, f"{room}/{kind}/{number}"
    own = desk.rpartition("/")[2]
    calls: dict[str, Callable[[], None]] = {
        "folder": lambda: files.mkdir(path),
        "file": lambda: files.write_new(path, desk.encode()),
        "publish": lambda: files.link(f"{desk}/own/{number}", path),
        "rename": lambda: files.rename(path, f"{path}-{own}"),
    }
    return calls[kind]


def _once(ward: Ward, call: Callable[[], None], share_minus_mono_s: float) -> Ran:
    start = ward.mono()
    try:
        call()
        came = WON
    except (FileExistsError, FileNotFoundError):
        came = LOST
    except OSError as error:
        came = reason(error)
    return Ran(came, start + share_minus_mono_s, ward.mono() + share_minus_mono_s)


def replaced(ward: Ward, room: str, desk: str, mine: dict[str, list[Ran]]) -> list[str]:
    """The files that this machine was told it had made, and that hold something else now."""
    lost = []
    for kind in ("file", "publish"):
        for number, ran in enumerate(mine[kind]):
            path = f"{room}/{kind}/{number}"
            if ran.came == WON and ward.files.read(path, bytes_max=1 << 16) != desk.encode():
                lost.append(f"{kind} {number}")
    return lost


def as_json(ran: dict[str, list[Ran]]) -> dict[str, Any]:
    """What ``from_json`` reads."""
    return {kind: [[one.came, one.start_s, one.end_s] for one in ran[kind]] for kind in KINDS}


def from_json(said: dict[str, Any]) -> dict[str, list[Ran]]:
    """What the other machine saw; raises as ``words`` does unless it is as many rounds of all races."""
    ran = {
        kind: [
            Ran(words.text(came), words.number(start), words.number(end))
            for came, start, end in said[kind]
        ]
        for kind in KINDS
    }
    if {len(rounds) for rounds in ran.values()} != {ROUNDS}:
        raise ValueError(f"not {ROUNDS} rounds of each race")
    return ran


def judge(kind: str, mine: list[Ran], theirs: list[Ran]) -> Finding:
    """What the rounds of one race mean."""
    about, what = f"race: {kind}", _WHAT[kind]
    rounds = list(zip(mine, theirs, strict=True))
    both = [number for number, (a, b) in enumerate(rounds) if a.came == b.came == WON]
    nobody = [number for number, (a, b) in enumerate(rounds) if WON not in (a.came, b.came)]
    odd = sorted({one.came for pair in rounds for one in pair} - {WON, LOST})
    met = sum(a.start_s <= b.end_s + _MET_S and b.start_s <= a.end_s + _MET_S for a, b in rounds)
    facts = {
        "rounds": len(rounds),
        "met": met,
        "both_won": len(both),
        "nobody_won": len(nobody),
        "errors": odd,
    }
    if both and kind == "rename":
        said = (
            f"{what}: in {len(both)} of {len(rounds)} rounds both machines were told that they "
            "moved it, as Windows does over SMB. "
            "The spool decides nothing by a rename, so this is harmless here"
        )
        return note(about, said, "no program of your own should take a rename for a claim", **facts)
    if both:
        said = f"{what}: in {len(both)} of {len(rounds)} rounds both machines were told that they made it. Jobs would run twice"
        return bad(
            about,
            said,
            "do not put a spool here; do both machines mount the same folder without a cache or "
            "a program in between?",
            **facts,
        )
    if odd or nobody:
        told = f": {', '.join(odd)}" if odd else ""
        said = f"{what}: never two winners, but in {len(nobody) or 'some'} of {len(rounds)} rounds no clear answer{told}"
        return warning(
            about,
            said,
            "run it again; if it stays, look at the server's log and the network",
            **facts,
        )
    return ok(
        about,
        f"{what}: exactly one winner in each of {len(rounds)} rounds ({met} at the same instant)",
        **facts,
    )
