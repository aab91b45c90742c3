"""What two machines try together, one after the other: each function is one exchange, run by both sides at the same time.

All times are measured by one's own monotonic clock. What a machine sees is reported from both sides.
"""

from collections.abc import Callable
from typing import Any

from spoolctl.spool.doctor import grounds, races, sights, words
from spoolctl.spool.doctor.findings import bad, note, ok, reason, warning
from spoolctl.spool.doctor.talk import UNANSWERED_S, Said, Talk
from spoolctl.spool.doctor.ward import Ward
from spoolctl.spool.records import Finding

ECHOES = 5
LOOK_FIRST_S = 2.0
"""For how long both look for what is not there yet, so that a cache remembers that it is not."""
VISIBLE_MAX_S = 70.0
"""NFS keeps a name, or its absence, for at most 60 s by default."""
LEAD_S = 2.0
THE_OTHER = "the other"
_LOOKS = (
    ("seen in listing", "listing"),
    ("seen once listed", "after"),
    (sights.BARE, "bare"),
    ("content replaced", "replaced"),
)


def handing(talk: Talk) -> list[Finding]:
    """Can each side change what the other made? As a worker must that settles another's job."""
    files, about = talk.ward.files, "each other's"
    files.mkdir(f"{talk.desk}/gift")
    files.write_new(f"{talk.desk}/gift/made", b"made here")
    talk.say("gift")
    talk.wait_for("gift")
    mine = _take(talk.ward, f"{talk.peer}/gift")
    talk.say("handed", problem=mine)
    theirs = talk.learn("handed", lambda said: words.text_or_none(said["problem"]))
    hint = (
        "give all machines one group and set 'modes' (spoolctl init --modes-files 0664 --modes-folders 2775 "
        "--group NAME), or map all users to one"
    )
    found = []
    for problem, who, whose in (
        (mine, "this machine", "the other"),
        (theirs, "the other machine", "this one"),
    ):
        if problem:
            said = f"{who} cannot change what {whose} made ({problem}): jobs of a dead worker could not be taken over"
            found.append(bad(about, said, hint))
    return found or [
        ok(
            about,
            "each machine can read, move and remove what the other made, and add to its folders",
        )
    ]


def _take(ward: Ward, gift: str) -> str | None:
    """Do with the other's folder what a sweeper does; the first problem, ``None`` if there is none."""
    files = ward.files
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("read a file", lambda: files.read(f"{gift}/made", bytes_max=64)),
        ("make a file", lambda: files.write_new(f"{gift}/added", b"")),
        ("move a file", lambda: files.rename(f"{gift}/made", f"{gift}/moved")),
        ("remove a file", lambda: files.unlink(f"{gift}/moved")),
        ("remove a file", lambda: files.unlink(f"{gift}/added")),
    )
    for what, step in steps:
        try:
            step()
        except OSError as error:
            return f"{what}: {reason(error)}"
    return None


def echoes(talk: Talk, *, first: bool) -> float:
    """Half of the time that a word and its answer take, in seconds, as this side measures it."""
    if not first:
        _answer(talk)
        return _measure(talk)
    way_s = _measure(talk)
    _answer(talk)
    return way_s


def _measure(talk: Talk) -> float:
    took = []
    for number in range(ECHOES):
        start = talk.ward.mono()
        talk.say(f"ping-{number}")
        talk.wait_for(f"pong-{number}")
        took.append(talk.ward.mono() - start)
    return sorted(took)[ECHOES // 2] / 2


def _answer(talk: Talk) -> None:
    for number in range(ECHOES):
        talk.wait_for(f"ping-{number}")
        talk.say(f"pong-{number}")


def clocks(talk: Talk, reading: grounds.ClockReading) -> list[Finding]:
    """How far the two machines' clocks are apart, each measured against the share's."""
    talk.say("clock", ahead_s=reading.ahead_s)
    apart_s = reading.ahead_s - talk.learn("clock", lambda said: words.number(said["ahead_s"]))
    return [grounds.judge_clock("clocks", "this machine's clock", "the other's", apart_s)]


def race(
    talk: Talk, room: str, reading: grounds.ClockReading, way_s: float, *, first: bool
) -> list[Finding]:
    """All races, and what they mean. *way_s*: how long a word takes to the other side."""
    ward, share_minus_mono_s = talk.ward, reading.share_minus_mono_s
    races.bring(ward, talk.desk)
    if first:
        races.lay_out(ward, room)
        talk.wait_for("brought")
        at_share_s = ward.mono() + share_minus_mono_s + LEAD_S + 2 * way_s
        talk.say("races", at_share_s=at_share_s)
    else:
        talk.say("brought")
        at_share_s = talk.learn("races", lambda said: _soon(ward, reading, said["at_share_s"]))
    mine = races.run(talk, room, at_share_s, share_minus_mono_s)
    talk.say("raced", ran=races.as_json(mine))
    theirs = talk.learn("raced", lambda said: races.from_json(said["ran"]))
    found = [races.judge(kind, mine[kind], theirs[kind]) for kind in races.KINDS]
    lost = races.replaced(ward, room, talk.desk, mine)
    if lost:
        said = f"what this machine was told it had made was replaced by the other's ({', '.join(lost[:3])})"
        found.append(bad("race: content", said, "do not put a spool here"))
    return found


def _soon(ward: Ward, reading: grounds.ClockReading, at_share_s: object) -> float:
    """The moment of the first race, if it is one to wait for."""
    at_s = words.number(at_share_s)
    if abs(at_s - ward.mono() - reading.share_minus_mono_s) > UNANSWERED_S:
        raise ValueError(at_share_s)
    return at_s


def visibility(talk: Talk, room: str, own: str, way_s: float) -> list[Finding]:
    """How late each side sees what the other does, in both directions at once."""
    ward, other = talk.ward, str(talk.peer).rpartition("/")[2]
    for look in ("listing", "after", "bare", "replaced"):
        ward.files.mkdir(f"{room}/{own}-{look}")
    ward.files.write_new(f"{room}/{own}-replaced/x", b"old")
    talk.say("see-ready")
    talk.wait_for("see-ready")
    watch = _Watch(ward, f"{room}/{other}")
    start = ward.mono()
    while ward.mono() - start < LOOK_FIRST_S:
        watch.look()
        talk.pause()
    talk.say("looking")
    talk.wait_for("looking", watch.look)
    _act(ward, f"{room}/{own}")
    talk.say("acted")
    talk.wait_for("acted", watch.look)
    told_at = ward.mono()
    while not watch.is_done and ward.mono() - told_at < VISIBLE_MAX_S:
        watch.look()
        if not watch.is_done:
            talk.beat()
            ward.sleep(sights.POLL_S)
    # The word came as late as words come, so what was seen together with it took as long.
    delays = {
        look: None if at is None else round(max(0.0, at - told_at + way_s), 3)
        for look, at in watch.seen_at.items()
    }
    talk.say("seen", delays=delays)
    theirs = talk.learn("seen", _delays)
    return [
        finding
        for about, look in _LOOKS
        for finding in sights.judge_both(about, delays[look], theirs[look], ward.settings)
    ]


def _delays(said: Said) -> dict[str, float | None]:
    return {look: words.number_or_none(said["delays"][look]) for _, look in _LOOKS}


def _act(ward: Ward, mine: str) -> None:
    files = ward.files
    files.write_new(f"{mine}-replaced/fresh", b"new")
    for look in ("listing", "after", "bare"):
        files.write_new(f"{mine}-{look}/x", b"")
    files.rename(f"{mine}-replaced/fresh", f"{mine}-replaced/x")


class _Watch:
    """Looks for what the other side does, in every way, and remembers when it was first seen."""

    def __init__(self, ward: Ward, theirs: str) -> None:
        self._ward = ward
        self._theirs = theirs
        self.seen_at: dict[str, float | None] = {look: None for _, look in _LOOKS}

    @property
    def is_done(self) -> bool:
        return None not in self.seen_at.values()

    def look(self) -> None:
        files, machine, theirs = self._ward.files, self._ward.machine, self._theirs
        ways: dict[str, Callable[[], object]] = {
            "listing": lambda: "x" in files.names(f"{theirs}-listing"),
            "after": lambda: files.stat(f"{theirs}-after/x"),
            "bare": lambda: machine.exists_by_name(f"{theirs}-bare/x"),
            "replaced": lambda: files.read(f"{theirs}-replaced/x", bytes_max=16) == b"new",
        }
        for look, way in ways.items():
            if self.seen_at[look] is None:
                try:
                    seen = bool(way())
                except FileNotFoundError:
                    seen = False
                if seen:
                    self.seen_at[look] = self._ward.mono()


def locks(talk: Talk, room: str, *, first: bool) -> list[Finding]:
    """Does a lock of one machine keep the other out, both ways, and is it free again when released?"""
    path, about = f"{room}/held.lock", "locks of both"
    granted: dict[str, Any] = {}
    for turn, mine in (("a", first), ("b", not first)):
        granted |= _hold(talk, path, turn) if mine else _try(talk, path, turn)
    refused = [said for said in granted.values() if isinstance(said, str)]
    hint = (
        "NFS: no 'nolock' and no 'local_lock'; SMB: no 'nobrl'. One over NFS and one over SMB: "
        "only 'oplocks = no', 'level2 oplocks = no' "
        "and 'smb2 leases = no' in Samba make them see each other"
    )
    if refused:
        return [
            bad(
                about,
                f"the share refuses locks ({refused[0]}): a worker cannot take its name and does not start",
                hint,
            )
        ]
    if granted["a"] or granted["b"]:
        which = (
            "neither machine's locks keep"
            if granted["a"] and granted["b"]
            else "one machine's lock does not keep"
        )
        said = (
            f"{which} the other out. No job is run twice by that, but two controllers, or two workers of one "
            "name, notice each other late"
        )
        return [warning(about, said, hint, **granted)]
    if not (granted["a-after"] and granted["b-after"]):
        return [
            warning(
                about,
                "a lock that one machine released is still held for the other",
                hint,
                **granted,
            )
        ]
    return [
        ok(
            about,
            "a lock of one machine keeps the other out, both ways, and is free when released",
            **granted,
        )
    ]


def _hold(talk: Talk, path: str, turn: str) -> dict[str, Any]:
    ward = talk.ward
    problem, release = None, None
    try:
        release = ward.machine.lock(path)
    except OSError as error:
        problem = reason(error)
    talk.say(f"lock-{turn}", problem=problem)
    granted = talk.learn(f"tried-{turn}", _granted_there)
    if release is not None:
        release()
    talk.say(f"free-{turn}")
    return {
        turn: problem or granted,
        f"{turn}-after": talk.learn(f"after-{turn}", _granted_there),
    }


def _try(talk: Talk, path: str, turn: str) -> dict[str, Any]:
    problem = talk.learn(f"lock-{turn}", lambda said: words.text_or_none(said["problem"]))
    granted = _granted(talk.ward, path)
    talk.say(f"tried-{turn}", granted=granted)
    talk.wait_for(f"free-{turn}")
    start = talk.ward.mono()
    after = _granted(talk.ward, path)
    while after is False and talk.ward.mono() - start < sights.LIMIT_ALONE_S:
        talk.pause()
        after = _granted(talk.ward, path)
    talk.say(f"after-{turn}", granted=after)
    return {turn: problem or granted, f"{turn}-after": after}


def _granted_there(said: Said) -> bool | str:
    return words.truth_or_text(said["granted"])


def _granted(ward: Ward, path: str) -> bool | str:
    """Did this machine get the lock (given back at once)? A text is the share's refusal."""
    try:
        release = ward.machine.lock(path)
    except OSError as error:
        return reason(error)
    if release is not None:
        release()
    return release is not None


def identity(talk: Talk) -> tuple[str, list[Finding]]:
    """The other machine's name, and whether the two are two."""
    host = talk.ward.actor.host
    talk.say("who", machine=host.machine, host_id=host.host_id, user=talk.ward.machine.user())
    name, host_id, user = talk.learn("who", _who)
    if host_id == host.host_id:
        said = "both runs are on this machine: they show nothing of what two machines' caches and locks do"
        return name, [note(THE_OTHER, said, "run it on two machines")]
    if name == host.machine:
        said = (
            f"both machines are called '{name}': NFS 4 tells clients apart by their host names, so they "
            "disturb each other's locks and files"
        )
        return name, [
            warning(THE_OTHER, said, "give each machine a name of its own and mount anew")
        ]
    return name, [ok(THE_OTHER, f"met '{name}', user {user}", machine=name, user=user)]


def _who(said: Said) -> tuple[str, str, int | None]:
    user = words.number_or_none(said["user"])
    name, host_id = words.text(said["machine"]), words.text(said["host_id"])
    return name, host_id, None if user is None else int(user)
