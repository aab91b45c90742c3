"""Scenes for errors that no meeting of two or three shows: what the mutants need beside ``tests.explore.scenes``."""

from dataclasses import dataclass, field
from typing import Any

from spoolctl.controller.scanner import Scanned
from spoolctl.spool import (
    Code,
    Ending,
    Outcome,
    Ownership,
    Standing,
    State,
    Swept,
    Verdict,
    cancel,
    codec,
    conclude,
    end,
    find,
    layout,
    prune_job,
    retry,
    settle,
)
from spoolctl.spool.layout import Location, Place
from spoolctl.spool.memory import MemoryFiles
from spoolctl.spool.names import parse_file_name
from spoolctl.spool.verdicts import publish
from tests.explore.gathering import Gathering
from tests.spool.attempt_meetings import claim_and_run, reaper
from tests.spool.fault_loop import NO_ANSWER, rests
from tests.spool.scenes import LATER, OTHER, owned, with_job
from tests.spool.spool_world import JOB, TestClock, World

DAY_S = 86_400.0
FIRST_DAY = "2026-03-27"
MANIFEST_1 = layout.manifest("job-1", 1)


def _at(path: str) -> Location:
    folder, _, entry = path.rpartition("/")
    state, _, part = folder.partition("/")
    return Location(Place(State(state), part), parse_file_name(entry))


def _newer_days(world: World, state: str) -> None:
    """So many that sweeps and audits do not look at the first day any more."""
    for day in range(28, 32):
        world.share.put(f"{state}/2026-03-{day}", None)


# Verdicts


def end_is_told_the_truth():
    """Whatever an owner is told of its verdict is so, whoever else ends the attempt."""
    world, worker, claimed = owned()
    observer = reaper(world)
    manifest = conclude(worker.actor, claimed, worker.deliver(claimed))
    data = codec.encode(manifest)

    def told():
        try:
            outcome = end(worker.actor, claimed, manifest)
        except OSError:
            found = world.share.tree().get(MANIFEST_1)
            assert found != data, "told 'nothing was published', and it was"
            return NO_ANSWER
        found = world.share.tree().get(MANIFEST_1)
        if outcome is not Outcome.UNKNOWN:
            assert (found == data) == (outcome is Outcome.WON), f"told {outcome}, and it is not so"
        return outcome

    return Gathering(world, [("end", told), ("reap", observer.sweep)])


def look_at_what_was_decided():
    """What was decided before an owner looks, it sees (NFS; on SMB within the caches' seconds)."""
    world, worker, claimed = owned()
    observer = reaper(world)
    ownership = Ownership(worker.actor, claimed, worker.life)

    def look():
        for _ in range(2):
            decided = MANIFEST_1 in world.share.tree()
            standing = ownership.look()
            assert not decided or standing is Standing.SUPERSEDED, f"told {standing}: too late"

    return Gathering(world, [("look", look), ("reap", observer.sweep)])


def superseded_worker_delivers_late():
    """A zombie brings its image after its attempt was given up, while another runs the next one."""
    world, zombie, claimed = owned()
    observer = reaper(world)
    observer.sweep()
    observer.sweep()
    ending = zombie.deliver(claimed)
    image = f"{layout.attempt('job-1', 1)}/0000-1-txt2img.png"

    def ended(_other, _late):
        rests(world, "job-1", "done")
        assert image in world.share.tree(), "I3: what the superseded attempt left is gone"

    def late():
        zombie.deliver(claimed)
        return zombie.end(claimed, ending)

    other = world.worker("w3", machine="host-c")
    return Gathering(world, [("other", lambda: claim_and_run(other)), ("late", late)], ended)


def zombie_of_days_ago():
    """A zombie's own verdict, days old, comes after another attempt was committed; nobody looks at folders of such days."""
    world, zombie, claimed = owned()
    ending = Ending(Verdict.FAILED, Code.BAD_JOB, "as told")
    manifest = conclude(zombie.actor, claimed, ending)
    observer = reaper(world)
    observer.sweep()
    observer.sweep()
    observer.work()
    _newer_days(world, "failed")
    controller = world.controller("controller-1")
    return Gathering(
        world,
        [
            ("zombie", lambda: end(zombie.actor, claimed, manifest)),
            ("merge", lambda: controller._merge_finished(Scanned(Swept()))),
        ],
    )


# Names and days


def claim_over_midnight():
    """Two workers claim one job; the day ends between any two of their requests."""
    world = with_job()
    one, other = world.worker("w1"), world.worker("w2", machine="host-b")
    watch = world.person()
    (location,) = find(one.actor, "job-1")

    def midnight():
        watch.files.names(layout.LOCKS)
        world.turn(DAY_S / 2)

    return Gathering(
        world,
        [
            ("claim 1", lambda: claim_and_run(one, location)),
            ("claim 2", lambda: claim_and_run(other, location)),
            ("midnight", midnight),
        ],
    )


def label_changed_by_hand():
    """A person gives a waiting file another number, in the moment of a claim."""
    world = with_job(fail=[Code.STALLED])
    world.turn(600)
    worker, other, ann = world.worker("w1"), world.worker("w2", machine="host-b"), world.person()
    worker.sweep()
    (location,) = find(ann, "job-1")

    def relabel():
        ann.files.rename(location.path, f"queue/interactive/{location.file.labelled(7)}")

    return Gathering(
        world,
        [
            ("relabel", relabel),
            ("claim 1", lambda: claim_and_run(worker)),
            ("claim 2", lambda: claim_and_run(other)),
        ],
        lambda *_: rests(world, "job-1", "done"),
    )


def hurried_while_claimed():
    """A person drags a job to another class and to its front, while a worker claims it: it runs once, and at once."""
    world = with_job()
    ann, worker = world.person(), world.worker("w1")
    (location,) = find(ann, "job-1")

    def hurry():
        ann.files.rename(location.path, f"queue/interactive/0+{location.file}")

    def ended(_hurried, _ran):
        rests(world, "job-1", "done")
        assert world.verdicts("job-1") == ["succeeded"], "a lease was lost over a drag"

    return Gathering(world, [("hurry", hurry), ("claim", lambda: claim_and_run(worker))], ended)


def file_grows_while_claimed():
    """A file is copied in pieces; its first piece is a job by itself."""
    world = World(settle_s=20.0, reject_after_s=60.0)
    worker, gui = world.worker("w1"), world.person()
    piece, whole = JOB[: JOB.index(b"    seed")], JOB.replace(b"...\n", b"")

    def grow():
        for data in (piece, whole):
            gui.files.names("queue/normal")
            world.share.put("queue/normal/job-1.yaml", data)

    def ended(_grown, _claimed):
        rests(world, "job-1", "done")
        assert world.runs[0].data == whole, "I9: a piece of the file ran"

    return Gathering(world, [("grow", grow), ("claim", lambda: claim_and_run(worker))], ended)


# Rest, retry and cancel


def failed_for_good_and_still_queued():
    """The claim's rename never took place, and the worker died right after its verdict: the record lies in a queue unasked."""
    world, worker, claimed = owned()
    ending = Ending(Verdict.FAILED, Code.BAD_JOB, "as told")
    publish(worker.actor, conclude(worker.actor, claimed, ending))
    world.share.rename(claimed.place(worker.actor).path, "queue/normal/job-1.yaml")
    other, sweeper = world.worker("w3", machine="host-b"), world.worker("w4", machine="host-c")

    def ended(_claimed, _swept):
        assert not world.runs, "it ran again, and nobody asked"
        rests(world, "job-1", "failed")

    return Gathering(
        world, [("claim", lambda: claim_and_run(other)), ("sweep", sweeper.sweep)], ended
    )


def retry_of_a_job_just_moved():
    """Its mover died before anybody noted that the record had come to rest."""
    world = with_job(fail=[Code.BAD_JOB])
    world.share.unlink(layout.closed("job-1", 1))
    ann, worker = world.person(), world.worker("w1")

    def ended(retried, _swept):
        assert retried is not NO_ANSWER
        rests(world, "job-1", "done")

    return Gathering(
        world, [("retry", lambda: retry(ann, "job-1")), ("sweep", worker.sweep)], ended
    )


def cancelled_retried_and_claimed():
    """A job that was stopped while it ran, and that a person wants after all."""
    world, worker, claimed = owned()
    ann = world.person()
    cancel(ann, "job-1")
    worker.run(claimed)
    retry(ann, "job-1")
    other, sweeper = world.worker("w3", machine="host-b"), world.worker("w4", machine="host-c")
    return Gathering(
        world,
        [("claim", lambda: claim_and_run(other)), ("sweep", sweeper.sweep)],
        lambda *_: rests(world, "job-1", "done"),
    )


def settled_days_late_then_dragged():
    """A record comes to rest among days that nobody looks at, and a person drags it back: that is a retry."""
    world, worker, claimed = owned()
    ending = Ending(Verdict.FAILED, Code.BAD_JOB, "as told")
    publish(worker.actor, conclude(worker.actor, claimed, ending))
    place = claimed.place(worker.actor)
    _newer_days(world, "failed")
    world.turn(5 * DAY_S)
    sweeper, ann = world.actor("w3"), world.person()

    def settle_and_drag():
        rested = settle(sweeper, place)
        ann.files.rename(rested.path, "queue/normal/job-1.yaml")

    return Gathering(world, [("settle", settle_and_drag)], lambda *_: rests(world, "job-1", "done"))


def thief_takes_it_to_failed():
    """Who opened the record before the verdict moves it after, to where the verdict before would have it; and dies."""
    world, worker, claimed = owned()
    place, thief = claimed.place(worker.actor), world.actor("w2", machine="host-b")
    world.share.put(f"failed/{FIRST_DAY}", None)

    def steal():
        thief.files.rename(place.path, f"failed/{FIRST_DAY}/{place.file}")

    return Gathering(
        world,
        [("steal", steal), ("end", lambda: worker.end(claimed, worker.deliver(claimed)))],
        lambda *_: rests(world, "job-1", "done"),
    )


def follower_and_its_need():
    """A job in a queue needs one that another worker is about to run."""
    world = World()
    world.submit("job-b")
    world.submit("job-1", JOB.replace(b"...", b"after: [job-b]\n..."))
    one, other = world.worker("w1"), world.worker("w2", machine="host-b")

    def ended(_first, _second):
        rests(world, "job-1", "done")
        assert [run.name for run in world.runs] == ["job-b", "job-1"], "it ran before its need"

    return Gathering(world, [("need", one.work), ("follower", other.work)], ended)


def third_worker_dies():
    """A job failed twice; the worker of its last attempt died, and a sweeper ends that."""
    world = with_job(fail=[Code.STALLED, Code.STALLED])
    world.turn(600)
    worker = world.worker("w1")
    worker.sweep()
    worker.claim()
    observer = reaper(world)
    return Gathering(world, [("reap", observer.sweep)])


# Names that were seen before, and retention


def _copy_dropped(world, data):
    """A person's file of that name; it may lie beside the job's own record until all is over."""
    world.copied.add("job-1")
    world.drop("job-1", data, "queue/interactive")


def foreign_file_under_a_known_name():
    """Another job's file bears the name of one that failed once and is about to run again."""
    world = with_job(fail=[Code.STALLED])
    world.turn(600)
    world.worker("w0").sweep()
    _copy_dropped(world, OTHER)
    worker, other = world.worker("w1"), world.worker("w2", machine="host-b")
    return Gathering(
        world,
        [("claim 1", lambda: claim_and_run(worker)), ("claim 2", lambda: claim_and_run(other))],
    )


def name_seen_before():
    """Another job's file bears the name of one that is done."""
    world = with_job(work=True, scan=True)
    _copy_dropped(world, OTHER)
    sweepers = [world.worker("w1"), world.worker("w2", machine="host-b")]

    def ended(_one, _other):
        kept = [p for p, data in world.share.tree().items() if data == OTHER]
        assert [p.split("/")[0] for p in kept] == ["rejected"], f"I8: the new job's file: {kept}"

    return Gathering(world, [("sweep 1", sweepers[0].sweep), ("sweep 2", sweepers[1].sweep)], ended)


def two_files_of_one_name():
    """Of two files under one name one waits and one is queued, and neither has run; the first is due."""
    world = World()
    world.drop("job-1", LATER, "waiting")
    world.turn(600)
    world.copied.add("job-1")
    world.drop("job-1", JOB)
    sweepers = [world.worker("w1"), world.worker("w2", machine="host-b")]

    def ended(_one, _other):
        assert {JOB, LATER} <= set(world.share.tree().values()), "I8: a file is gone"

    return Gathering(world, [("sweep 1", sweepers[0].sweep), ("sweep 2", sweepers[1].sweep)], ended)


def pruned_and_dragged_back():
    """A person drags a committed job back to a queue while retention removes it, and a worker is there."""
    world = with_job(work=True, scan=True)
    actor, ann, worker = world.actor("controller-1"), world.person(), world.worker("w3")
    (place,) = find(actor, "job-1")

    def drag():
        ann.files.rename(place.path, "queue/normal/job-1.yaml")
        claim_and_run(worker)

    return Gathering(
        world,
        [("prune", lambda: prune_job(actor, place)), ("drag", drag)],
        lambda *_: _ran_once(world),
    )


def _ran_once(world):
    assert len(world.runs) == 1, "I3: a pruned job ran again"


def pruned_while_a_claim_hung():
    """Between its look and its mkdir the job was run, merged and pruned, attempts and all."""
    world = with_job()
    frozen, worker = world.worker("w1", machine="host-b"), world.worker("w2")
    controller = world.controller("controller-1")
    (location,) = find(frozen.actor, "job-1")

    def all_of_it():
        claim_and_run(worker, location)
        controller._merge_finished(Scanned(Swept()))
        for place in find(controller._actor, "job-1", (State.DONE,)):
            prune_job(controller._actor, place)

    return Gathering(
        world, [("claim", lambda: claim_and_run(frozen, location)), ("others", all_of_it)]
    )


def committed_and_dragged_to_done():
    """A person moves a finished job among the done ones before it was merged, and retention comes by."""
    world = with_job(work=True)
    actor, ann = world.actor("controller-1"), world.person()
    (place,) = find(actor, "job-1")

    def drag_and_prune():
        world.share.put(f"done/{FIRST_DAY}", None)
        dragged = _at(f"done/{FIRST_DAY}/{place.file}")
        ann.files.rename(place.path, dragged.path)
        prune_job(actor, dragged)

    def ended(_pruned):
        assert world.corpus("job-1"), "I10: a committed job was pruned and never merged"

    return Gathering(world, [("prune", drag_and_prune)], ended)


# Corpus


def merge_by_two_versions():
    """Two controllers that both believe to be alone; the second one's program writes one fact more of each image."""
    world = with_job(work=True)
    one, other = world.controller("controller-1"), world.controller("controller-2")
    plain = other._corpus_lines
    other._corpus_lines = lambda job, manifest: plain(job, manifest).replace(b"}\n", b',"x":1}\n')

    def work(controller):
        scanned = Scanned(Swept())
        controller._merge_finished(scanned)
        controller._compile(scanned)

    return Gathering(world, [("merge 1", lambda: work(one)), ("merge 2", lambda: work(other))])


def damaged_image_is_mended():
    """A server lost the end of an image that it had acknowledged; a person brings the worker's own copy."""
    world = with_job(work=True)
    image = f"{layout.attempt('job-1', 1)}/0000-1-txt2img.png"
    good = world.share.tree()[image]
    world.share.put(image, good[:2])
    controller, ann = world.controller("controller-1"), world.person()

    def mend():
        ann.files.names(layout.attempt("job-1", 1))
        world.share.put(image, good)

    return Gathering(
        world,
        [("merge", lambda: controller._merge_finished(Scanned(Swept()))), ("mend", mend)],
    )


# Life


@dataclass
class Veiled:
    """A client's files with some answers changed: ``blind`` folders are listed as empty, ``frozen`` answers every look, and ``before`` is
    told of each operation."""

    files: Any
    blind: tuple[str, ...] = ()
    frozen: MemoryFiles | None = None
    before: Any = field(default=lambda _operation, _path: None)

    def __getattr__(self, operation: str) -> Any:
        frozen = self.frozen if operation in ("names", "read", "stat") else None

        def asked(path: str, *args: Any, **kwargs: Any) -> Any:
            self.before(operation, path)
            by = frozen if frozen is not None and not path.startswith(layout.LOCKS) else self.files
            real = getattr(by, operation)
            if operation == "names" and path in self.blind:
                return ()
            return real(path, *args, **kwargs)

        return asked


def _watched():
    """A worker that beats all the time, and an observer that sweeps for more than a lease."""
    world, worker, claimed = owned()
    observer = world.worker("w2", machine="host-b")
    world.turn(10)

    def watch():
        for _ in range(5):
            worker.life.beat_attempt(claimed.name, claimed.number)
            observer.sweep()
            assert world.verdicts("job-1") == [None], "I7: a live worker was reaped"
            world.turn(100)

    return world, observer, watch


def live_worker_is_watched():
    """By one on another machine, whose clock is an hour ahead."""
    world, worker, claimed = owned()
    clock = TestClock(offset_s=3600.0)
    observer = world.worker("w2", machine="host-b", clock=clock)

    def watch():
        for _ in range(5):
            worker.life.beat_attempt(claimed.name, claimed.number)
            observer.sweep()
            assert world.verdicts("job-1") == [None], "I6: a live worker was reaped"
            world.turn(100)
            clock.elapsed_s += 100

    return Gathering(world, [("watch", watch)])


def live_worker_and_a_blind_observer():
    """The observer's listings of the attempt come back empty."""
    world, observer, watch = _watched()
    _veil(observer, blind=(layout.attempt("job-1", 1),))
    return Gathering(world, [("watch", watch)])


def _veil(worker, **lies):
    veiled = Veiled(worker.actor.files, **lies)
    object.__setattr__(worker.actor, "files", veiled)
    return veiled


def live_worker_and_a_frozen_observer():
    """What the observer reads is what it read long ago; what it writes arrives."""
    world, observer, watch = _watched()
    frozen = MemoryFiles()
    for path, data in world.share.tree().items():
        frozen.put(path, data)
    _veil(observer, frozen=frozen)
    return Gathering(world, [("watch", watch)])


def live_worker_and_a_share_that_was_away():
    """Both come back at once: the observer proves its sight, and meanwhile the worker's beat arrives."""
    world, worker, claimed = owned()
    observer = world.worker("w2", machine="host-b")

    def back(operation, path):
        if operation == "write_new" and path.startswith("nodes/"):
            veiled.before = lambda *_: None
            worker.life.beat_attempt(claimed.name, claimed.number)

    veiled = _veil(observer, before=lambda *_: None)

    def watch():
        for _ in range(6):
            observer.sweep()
            world.turn(51)
        veiled.before = back
        observer.sweep()
        assert world.verdicts("job-1") == [None], "I7: a live worker was reaped"

    return Gathering(world, [("watch", watch)])


def live_worker_and_an_observer_that_hung():
    """The share stalls for all: the observer hangs in a listing, the worker in its beat."""
    world, worker, claimed = owned()
    observer = world.worker("w2", machine="host-b")

    def hang(operation, path):
        if (operation, path) == ("names", layout.attempt("job-1", 1)):
            veiled.before = lambda *_: None
            world.turn(310)

    veiled = _veil(observer, before=lambda *_: None)

    def watch():
        for _ in range(2):
            worker.life.beat_attempt(claimed.name, claimed.number)
            observer.sweep()
            world.turn(9)
        veiled.before = hang
        observer.sweep()
        assert world.verdicts("job-1") == [None], "I7: a live worker was reaped"

    return Gathering(world, [("watch", watch)])


def owner_whose_folder_is_listed_empty():
    """The record is where it belongs; the listings of its owner's mount lack it."""
    world, worker, claimed = owned()
    _veil(worker, blind=(layout.claimed(worker.actor.session).folder,))
    ownership = Ownership(worker.actor, claimed, worker.life)

    def look():
        for _ in range(3):
            assert ownership.look() is Standing.MINE, "I7: told that its record was removed"
            world.turn(20)

    return Gathering(world, [("look", look)])


def claimed_record_is_hurried():
    """A person drags a running job's record to the front of a queue that its owner listed a moment ago."""
    world, worker, claimed = owned()
    ann, ownership = world.person(), Ownership(worker.actor, claimed, worker.life)
    place = claimed.place(worker.actor)

    def look():
        worker.heads()
        for _ in range(3):
            assert ownership.look() is Standing.MINE, "I7: told that its record was removed"

    def hurry():
        ann.files.rename(place.path, f"queue/interactive/0+{place.file}")

    return Gathering(world, [("look", look), ("hurry", hurry)])


def restart_under_its_own_name():
    """A worker starts again on its machine."""
    world, worker, _claimed = owned()
    world.dead.add(worker.actor.host.pid)

    def ended(answer):
        assert answer is not NO_ANSWER, "I5: a worker cannot begin a new life"
        rests(world, "job-1", "done")

    return Gathering(world, [("restart", lambda: worker.restart().sweep())], ended)


SCENES = (
    end_is_told_the_truth, look_at_what_was_decided, superseded_worker_delivers_late, zombie_of_days_ago, claim_over_midnight,
    label_changed_by_hand, hurried_while_claimed, file_grows_while_claimed, failed_for_good_and_still_queued,
    retry_of_a_job_just_moved, cancelled_retried_and_claimed, settled_days_late_then_dragged, thief_takes_it_to_failed,
    follower_and_its_need, third_worker_dies, merge_by_two_versions, damaged_image_is_mended, live_worker_is_watched,
    live_worker_and_a_blind_observer, live_worker_and_a_frozen_observer, live_worker_and_a_share_that_was_away,
    live_worker_and_an_observer_that_hung, owner_whose_folder_is_listed_empty, restart_under_its_own_name,
    claimed_record_is_hurried, foreign_file_under_a_known_name,
    name_seen_before, two_files_of_one_name, pruned_and_dragged_back, pruned_while_a_claim_hung, committed_and_dragged_to_done,
)  # fmt: skip
MORE = {make.__name__: make for make in SCENES}
