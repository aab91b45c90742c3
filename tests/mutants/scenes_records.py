"""Scenes of records that rest, are retried, cancelled, dragged, seen before, pruned and merged."""

from spoolctl.controller.scanner import Scanned
from spoolctl.spool import (
    Code,
    Ending,
    State,
    Swept,
    Verdict,
    cancel,
    conclude,
    decisions,
    end,
    find,
    layout,
    prune_job,
    retry,
    settle,
)
from spoolctl.spool.layout import Location, Place
from spoolctl.spool.names import parse_file_name
from spoolctl.spool.verdicts import publish
from tests.explore.gathering import Gathering
from tests.spool.attempt_meetings import claim_and_run, reaper
from tests.spool.fault_loop import NO_ANSWER, rests
from tests.spool.scenes import LATER, OTHER, owned, with_job
from tests.spool.spool_world import JOB, World

DAY_S = 86_400.0
FIRST_DAY = "2026-03-27"


def _at(path: str) -> Location:
    folder, _, entry = path.rpartition("/")
    state, _, part = folder.partition("/")
    return Location(Place(State(state), part), parse_file_name(entry))


def _newer_days(world: World, state: str) -> None:
    """So many that sweeps and audits do not look at the first day any more."""
    for day in range(28, 32):
        world.share.put(f"{state}/2026-03-{day}", None)


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


def retry_by_one_who_looked_before_it_ran():
    """Who asked about a job when nothing of it was decided yet, asks again a moment later; nobody has noted yet that it came to rest."""
    world = with_job()
    ann, worker, sweeper = world.person(), world.worker("w1"), world.worker("w2", machine="host-b")
    decisions(ann, "job-1")
    worker.work(fail=Code.BAD_JOB)
    world.share.unlink(layout.closed("job-1", 1))

    def ended(retried, _swept):
        assert retried is not NO_ANSWER
        rests(world, "job-1", "done")

    return Gathering(
        world, [("retry", lambda: retry(ann, "job-1")), ("sweep", sweeper.sweep)], ended
    )


def settler_who_saw_it_at_rest_before():
    """It was retried meanwhile, failed for good again, and its record lies in a queue still: the claim's rename never took place."""
    world = with_job(fail=[Code.BAD_JOB])
    settler, ann = world.actor("w1"), world.person()
    (rested,) = find(settler, "job-1")
    retry(ann, "job-1")
    worker = world.worker("w2", machine="host-b")
    claimed = worker.claim()
    ending = Ending(Verdict.FAILED, Code.BAD_JOB, "as told")
    publish(worker.actor, conclude(worker.actor, claimed, ending))
    world.share.rename(claimed.place(worker.actor).path, "queue/normal/job-1~2.yaml")
    world.runs.clear()
    other = world.worker("w3", machine="host-c")

    def ended(_settled, _claimed):
        assert not world.runs, "it ran again, and nobody asked"

    return Gathering(
        world,
        [("settle", lambda: settle(settler, rested)), ("claim", lambda: claim_and_run(other))],
        ended,
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
