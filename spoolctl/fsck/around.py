"""What is around the jobs: folders of the format, ``rejected/`` (I8), heartbeats and clocks, sessions, and what was left lying.

I6 (no decision compares two machines' clocks) and I7 (a blind observer does nothing) cannot be seen in a tree at rest: they are how
programs act. All that can be told of them is a clock that runs far from the share's, and a folder that this very look could not see.
"""

from collections.abc import Iterator

from spoolctl.fsck.finding import Finding, Mend, Severity, on_its_way
from spoolctl.fsck.look import Look
from spoolctl.fsck.needs import Standing
from spoolctl.fsck.reading import and_
from spoolctl.fsck.seen import JobSeen, Owner
from spoolctl.spool import (
    FORMAT_VERSION,
    Actor,
    Heartbeat,
    Reason,
    State,
    is_ignored,
    layout,
    worker_of,
)

LITTER_S = 86_400.0
"""How old by the share's clock a temporary file is before it is told, or removed."""
CLOCK_OFF_S = 60.0


def around(look: Look) -> Iterator[Finding]:
    """Everything that belongs to no job, but for the ledgers."""
    for folder in look.missing:
        if folder == layout.SETTINGS:
            yield Finding(
                Severity.DAMAGE, "no-settings", "-", folder, "the settings are missing, so nobody can open this spool",
                "", "a person must: restore it from a backup; the corpus names its spool_id",
            )  # fmt: skip
            continue
        yield Finding(
            Severity.DAMAGE, "no-folder", "-", folder, "a folder of the format is missing", "",
            "make it", mend=Mend.FOLDER,
        )  # fmt: skip
    for folder in look.in_the_way:
        yield file_for_folder(folder)
    if look.actor.settings.format != FORMAT_VERSION:
        value = f"format {look.actor.settings.format}, this program knows {FORMAT_VERSION}"
        yield Finding(
            Severity.DAMAGE, "format", "-", layout.SETTINGS, "another version of the format", value,
            "a person must: check it with a program of that version",
        )  # fmt: skip
    yield from _rejected(look)
    yield from _clocks(look)
    yield from _sessions(look)
    for path in look.strangers:
        yield Finding(
            Severity.NOTE, "stranger", "-", path, "not a file or folder of the format", "",
            "none needed: every program ignores it; move it out of the spool if nobody wants it here",
        )  # fmt: skip
    yield from _left_over(look)


def file_for_folder(path: str) -> Finding:
    """A file lies where a folder must be."""
    return Finding(
        Severity.STUCK, "in-the-way", "I5", path, "a file lies where a folder must be, so what goes there waits", "",
        "a person must: move it away; the rest goes on by itself",
    )  # fmt: skip


def in_the_way(look: Look, job: JobSeen) -> Iterator[Finding]:
    """A file where this job's results or parts go; of a shelf that no job is on it is a stranger's and harms nobody."""
    parts = (layout.part(one, job.name) for one in (layout.CORPUS, layout.HISTORY))
    for path in (
        layout.shelf_folder(job.name),
        layout.results(job.name),
        *map(layout.parent, parts),
    ):
        if path in look.reader.files:
            yield file_for_folder(path)


def unseen(look: Look) -> Iterator[Finding]:
    """Where this very look saw nothing; asked last."""
    for path, why in look.unseen.items():
        yield Finding(
            Severity.STUCK, "unseen", "I7", path, f"the share did not answer: {why}", why,
            "a person must: look at the mount, then check again; nothing is said of what lies there",
        )  # fmt: skip


def _rejected(look: Look) -> Iterator[Finding]:
    reasons = {e for e in look.rejected if e.endswith(layout.REASON_SUFFIX)}
    files = {e for e in look.rejected - reasons if not is_ignored(e)}
    for entry in sorted(reasons):
        path = f"{layout.REJECTED}/{entry}"
        with look.looking_at(path):
            look.reader.record(Reason, path)
        if entry.removesuffix(layout.REASON_SUFFIX) not in files:
            yield Finding(
                Severity.NOTE, "reason-alone", "I8", path, "a reason without its file", "",
                "none needed: somebody took the file away, or its rejection was cut off and is done again",
            )  # fmt: skip
    for entry in sorted(files):
        if f"{entry}{layout.REASON_SUFFIX}" not in reasons:
            yield Finding(
                Severity.DAMAGE, "no-reason", "I8", f"{layout.REJECTED}/{entry}",
                "a rejected file without a reason beside it", "",
                "a person must: drop it into a queue again, which tells what is wrong with it, or delete it",
            )  # fmt: skip


def _clocks(look: Look) -> Iterator[Finding]:
    """Only of those that live: a dead one's last word is old by right."""
    for name, beat in look.beats.items():
        ahead_s = beat.written_at.timestamp() - look.now_s
        lives = _moved(look, beat) or _is_here(look.actor, beat)
        behind = lives and -ahead_s > CLOCK_OFF_S + look.actor.settings.heartbeat_s * 3
        if look.clock_is_shares and (ahead_s > CLOCK_OFF_S or behind):
            value = "ahead of" if ahead_s > 0 else "behind"
            yield Finding(
                Severity.NOTE, "clock", "I6", layout.node_heartbeat(name),
                f"the clock of '{beat.machine}' is {round(abs(ahead_s) / 60)} min {value} the share's", value,
                "set it by NTP; nothing is decided by it, but times in manifests and logs are wrong",
            )  # fmt: skip


def _moved(look: Look, beat: Heartbeat) -> bool:
    earlier = look.before.beats.get(beat.worker) if look.before else None
    return earlier is not None and (earlier.session, earlier.counter) != (
        beat.session,
        beat.counter,
    )


def _is_here(actor: Actor, beat: Heartbeat) -> bool:
    here = (beat.host_id, beat.boot_id) == (actor.host.host_id, actor.host.boot_id)
    return here and not beat.is_stopped and actor.is_alive(beat.pid, beat.started_s)


def _sessions(look: Look) -> Iterator[Finding]:
    for session, entries in look.sessions.items():
        beat = look.beats.get(worker_of(session))
        if any(not one.startswith(".") for one in entries) or beat is None:
            continue
        told = beat.session != session or beat.is_stopped
        if told or look.owner(beat) is Owner.GONE:
            path = f"{State.CLAIMED}/{session}"
            if told and look.is_alive("worker", "controller"):
                yield on_its_way("end-session", path, "an empty folder of a session that is over")
            else:
                yield Finding(
                    Severity.NOTE, "old-session", "-", path, "an empty folder of a session that is over",
                    "", "none needed: it goes once that worker starts again", mend=Mend.SESSION,
                )  # fmt: skip


def _left_over(look: Look) -> Iterator[Finding]:
    for path in sorted(set(look.reader.temporaries)):
        with look.looking_at(path):
            try:
                age_s = look.now_s - look.actor.files.stat(path).mtime_s
            except FileNotFoundError:
                continue
            if age_s > LITTER_S:
                yield Finding(
                    Severity.NOTE, "litter", "-", path, "left by a step that was cut off, more than a day ago",
                    "", "none needed: it is ignored everywhere; it may be deleted", mend=Mend.LITTER,
                )  # fmt: skip


def inputs(look: Look, census: dict[str, Standing]) -> Iterator[Finding]:
    """Stored files that no job refers to, told as one: an input comes before the job that needs it, so only old ones."""
    wanted = frozenset(path for one in census.values() for path in one.inputs)
    idle: list[str] = []
    for folder in sorted(look.reader.names(layout.INPUTS) or ()):
        inner = f"{layout.INPUTS}/{folder}"
        entries = () if is_ignored(folder) else look.reader.names(inner) or ()
        paths = {f"{inner}/{one}" for one in entries if not is_ignored(one)} - wanted
        idle += [one for one in paths if look.now_s - look.actor.files.stat(one).mtime_s > LITTER_S]
    if idle and not look.is_blind:
        yield Finding(
            Severity.NOTE, "idle-inputs", "-", layout.INPUTS, f"{len(idle)} stored inputs that no job refers to",
            and_(sorted(idle)), "none needed; they may be deleted if no submission is under way",
        )  # fmt: skip


def nobody(look: Look, census: dict[str, Standing], pending: list[Finding]) -> Iterator[Finding]:
    """Work that waits although nobody lives who would do it."""
    ready = sum(
        1
        for one in census.values()
        if one.place and one.place.state in (State.QUEUE, State.WAITING)
    )
    sweeps = [one for one in pending if not one.by_controller]
    if (sweeps or ready) and not look.is_alive("worker", "controller"):
        value = and_(
            [f"{ready} jobs wait"] * bool(ready) + [f"{len(sweeps)} steps are due"] * bool(sweeps)
        )
        yield Finding(
            Severity.NOTE, "nobody-alive", "I5", layout.NODES, f"no worker or controller is alive: {value}",
            "", "start one: 'spoolworker run', 'spoolctl controller run'",
        )  # fmt: skip
    merges = [one for one in pending if one.by_controller]
    if merges and not look.is_alive("controller"):
        yield Finding(
            Severity.NOTE, "no-controller", "I5", layout.NODES,
            f"no controller is alive, and {len(merges)} steps wait for one", "",
            "start one: 'spoolctl controller run'",
        )  # fmt: skip
