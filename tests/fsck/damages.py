"""Every kind of damage, each made alone in a spool that is sound otherwise, and what fsck is to say of it."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import yaml

from spoolctl.spool import (
    HOLDER_SCHEMA,
    Claim,
    Code,
    Holder,
    Manifest,
    Output,
    Verdict,
    Word,
    decode,
    encode,
    layout,
    rate,
)
from tests.fsck.fsck_world import JOB, Checked, done_world
from tests.spool.scenes import NAS
from tests.spool.spool_world import World

DAY = "2026-03-27"
DONE = f"done/{DAY}/job-1~1.yaml"
FAILED = f"failed/{DAY}/job-1~1.yaml"
A1, A2 = (layout.attempt("job-1", number) for number in (1, 2))
MANIFEST = layout.manifest("job-1", 1)
PINNED = layout.pinned_record("job-1")
PART = layout.part(layout.CORPUS, "job-1")
HISTORY = layout.part(layout.HISTORY, "job-1", "~1")
COMPILED = layout.LEARNING_RECORDS
OTHER = JOB.replace(b"lighthouse", b"mill")
WITH_IMAGE = JOB.replace(b"...", b"inputs: [{path: inputs/ab/abcd.png}]\n...")
DAY_S = 86_400


@dataclass
class Damage:
    """What is done to a spool, and what fsck makes of it."""

    code: str
    make: Any
    invariant: str
    severity: str = "damage"
    heals: bool = False
    """``--repair`` does it; otherwise the remedy says that a person must."""
    deep: bool = False
    path: str | None = None


def failed_world(code=Code.BAD_JOB, times=1):
    checked = Checked(World())
    world = checked.world
    world.submit("job-1")
    worker = world.worker("w0")
    for _ in range(times):
        world.turn(4000)
        worker.life.beat()
        worker.sweep()
        worker.work(fail=code)
    world.controller().scan()
    checked.controller_lives()
    return checked


def queued_world(*names, data=JOB):
    checked = Checked(World())
    for name in names or ("job-1",):
        checked.world.submit(name, data)
    checked.world.worker("w0")
    checked.controller_lives()
    return checked


def claimed_world():
    checked = queued_world()
    worker = checked.world.worker("w1")
    assert isinstance(worker.claim(), Claim)
    checked.worker = worker
    return checked


def data_of(checked, path):
    return checked.world.share.tree()[path]


def put(path, data, base=done_world):
    def make():
        checked = base()
        checked.world.share.put(path, data)
        return checked

    return make


def gone(*paths, base=done_world):
    def make():
        checked = base()
        for path in paths:
            remove(checked, path)
        return checked

    return make


def remove(checked, path):
    tree = checked.world.share.tree()
    for one in sorted((p for p in tree if p == path or p.startswith(f"{path}/")), reverse=True):
        (checked.world.share.unlink if tree[one] is not None else checked.world.share.rmdir)(one)


def word_alone():
    """A word on a job of which nothing is left."""
    checked = done_world()
    ann = checked.world.person()
    rate(ann, "job-1", 0, Word(rating=4))
    path = layout.word("job-1", 0, 1)
    data = data_of(checked, path).replace(b'"spool_job": "job-1"', b'"spool_job": "job-9"')
    checked.world.share.unlink(path)
    checked.world.share.put(layout.word("job-9", 0, 1), data)
    return checked


def moved(source, target, base=done_world):
    def make():
        checked = base()
        checked.world.share.put(target.rpartition("/")[0], None)
        checked.world.share.rename(source, target)
        return checked

    return make


def copied(source, target, base=done_world, change=lambda data: data):
    def make():
        checked = base()
        checked.world.share.put(target, change(data_of(checked, source)))
        return checked

    return make


def said_otherwise(base=done_world, path=MANIFEST, **changes):
    def make():
        checked = base()
        manifest = decode(Manifest, data_of(checked, path)).model_copy(update=changes)
        checked.world.share.put(path, encode(manifest))
        return checked

    return make


def with_an_old_day(make, days=4):
    """Newer days push the job's out of those that sweeps and audits look at."""

    def older():
        checked = make()
        for day in range(28, 28 + days):
            for state in layout.TERMINAL:
                checked.world.share.put(f"{state}/2026-03-{day}", None)
        return checked

    return older


def attempt_of(verdict, number, base=done_world):
    """A further attempt, with the verdict that is given."""

    def make():
        checked = base()
        manifest = decode(Manifest, data_of(checked, MANIFEST))
        by = manifest.by.replace("/1", f"/{number}")
        final = verdict is not Verdict.LOST
        changes = {"attempt": number, "by": by, "verdict": verdict, "outputs": (), "final": final}
        told = encode(manifest.model_copy(update=changes))
        checked.world.share.put(layout.manifest("job-1", number), told)
        return checked

    return make


def relabelled():
    return moved(DONE, DONE.replace("~1", "~2"))()


def lost_while(claimed=False, days_s=0):
    """The record of a job that should run lies nowhere."""

    def make():
        checked = claimed_world()
        world = checked.world
        if not claimed:
            checked.worker.sweep()
            world.dead.add(checked.worker.actor.host.pid)
            world.worker("w2").sweep()
        else:
            world.dead.add(checked.worker.actor.host.pid)
            # No checker on that machine knows of its process: its last heartbeat is older than a lease.
            world.turn(10_000)
            world.worker("w3")
            checked.controller_lives()
        [path] = world.places("job-1")
        world.share.unlink(path)
        return checked

    return make


def never_ran_and_lost():
    checked = queued_world()
    checked.world.share.put(PINNED, JOB)
    [path] = checked.world.places("job-1")
    checked.world.share.unlink(path)
    return checked


def twice_differently():
    checked = queued_world()
    checked.world.drop("job-1", OTHER, folder="held")
    return checked


def waiting_for(held=None, **needs):
    def make():
        checked = Checked(World())
        for name, need in needs.items():
            data = JOB.replace(b"...", f"after: [{need}]\n...".encode())
            folder = "held" if name == held else "waiting"
            checked.world.drop(name.replace("_", "-"), data, folder=folder)
        checked.world.worker("w0")
        return checked

    return make


def two_holders():
    checked = Checked(World(tokens={"nas": 1}))
    world = checked.world
    for number in (1, 2):
        world.submit(f"job-{number}", NAS)
    world.worker("w0").claim()
    other = world.worker("w1")
    tree = world.share.tree()
    world.share.put(layout.TOKENS, None)
    first = layout.holder("nas", 1, 1)
    held = decode(Holder, tree[first])
    world.share.unlink(first)
    other.claim()
    world.share.rename(first, layout.holder("nas", 1, 2))
    world.share.put(first, encode(held))
    return checked


def holder_of_nobody():
    checked = done_world()
    held = Holder(
        schema_=HOLDER_SCHEMA, token="nas", name="job-9", attempt=1, by="w9-x", worker="w9",
        at=datetime(2026, 3, 27, tzinfo=UTC),
    )  # fmt: skip
    for folder in (layout.TOKENS, f"{layout.TOKENS}/nas", layout.token_slot("nas", 1)):
        checked.world.share.put(folder, None)
    checked.world.share.put(layout.holder("nas", 1, 1), encode(held))
    return checked


def rejected(keep_reason, keep_file):
    def make():
        checked = queued_world()
        checked.world.drop("bad", b"schema: nonsense\n...\n")
        checked.world.worker("w1").claim()
        # The claim takes job-1 too; it is put to its end.
        for entry in checked.world.files("rejected"):
            if not (keep_reason if entry.endswith(layout.REASON_SUFFIX) else keep_file):
                checked.world.share.unlink(f"rejected/{entry}")
        return checked

    return make


def orphan_in_an_old_day():
    checked = failed_world()
    checked.world.share.put(A2, None)
    return with_an_old_day(lambda: checked)()


def not_in_a_swept_folder():
    checked = failed_world(Code.BAD_JOB)
    checked.world.share.put(f"done/{DAY}", None)
    checked.world.share.rename(FAILED, DONE)
    return with_an_old_day(lambda: checked)()


def not_closed():
    return with_an_old_day(gone(f"{A1}/closed", base=failed_world))()


def ahead():
    checked = queued_world()
    clock = type(checked.world.clock)(offset_s=3_600)
    checked.world.worker("w5", machine="host-e", clock=clock)
    return checked


def old(make):
    def older():
        checked = make()
        checked.world.turn(3 * DAY_S)
        checked.world.worker("w9")
        checked.controller_lives()
        return checked

    return older


def ended_session():
    checked = done_world()
    worker = checked.world.worker("w7")
    checked.world.dead.add(worker.actor.host.pid)
    checked.looker = checked.world.actor("person-fsck")  # on the worker's own machine
    return checked


def corpus(change):
    def make():
        checked = done_world()
        checked.world.share.put(COMPILED, change(data_of(checked, COMPILED)))
        return checked

    return make


def part_changed(change):
    """A part, and the compiled file made of it."""

    def make():
        checked = done_world()
        data = change(data_of(checked, PART))
        checked.world.share.put(PART, data)
        checked.world.share.put(COMPILED, data)
        return checked

    return make


def second_job(make):
    """Beside job-1 another one of the same fate, whose part holds job-1's records."""

    def both():
        checked = make()
        checked.world.submit("job-2")
        checked.world.worker("w0").work()
        checked.world.controller().scan()
        checked.world.share.put(layout.part(layout.CORPUS, "job-2"), data_of(checked, PART))
        checked.world.share.put(COMPILED, data_of(checked, PART) * 2)
        return checked

    return both


def no_results():
    """Somebody deleted a results folder, and the record with it: only the parts are left."""
    checked = done_world()
    remove(checked, layout.results("job-1"))
    checked.world.share.unlink(DONE)
    remove(checked, HISTORY)
    checked.world.share.unlink(layout.ENDED_JOBS)
    return checked


def held_back_by_nobody():
    checked = Checked(World())
    checked.world.submit("job-1")
    return checked


def finished_without_a_controller():
    checked = Checked(World())
    checked.world.submit("job-1")
    checked.world.worker("w0").work()
    return checked


def edited_output(data):
    def make():
        checked = done_world()
        [path] = [p for p in checked.world.share.tree() if p.endswith(".png")]
        there = data_of(checked, path)
        checked.world.share.put(path, data(there))
        return checked

    return make


def output_gone():
    checked = done_world()
    [path] = [p for p in checked.world.share.tree() if p.endswith(".png")]
    checked.world.share.unlink(path)
    return checked


def unpinned_unproven():
    checked = done_world()
    checked.world.share.unlink(PINNED)
    checked.world.share.put(DONE, OTHER)
    return checked


def pinned_otherwise():
    """Both copies of the record were changed, so that only the verdict tells what ran."""
    checked = done_world()
    checked.world.share.put(PINNED, OTHER)
    checked.world.share.put(DONE, OTHER)
    return checked


def unasked_run():
    """A worker ran a job again whose verdict was final, and which nobody had dragged back."""
    checked = failed_world()
    checked.world.share.rename(FAILED, "queue/normal/job-1~2.yaml")
    checked.world.worker("w0").work()
    checked.world.controller().scan()
    checked.world.share.unlink(f"{A1}/closed")
    return checked


def other_output():
    checked = done_world()
    manifest = decode(Manifest, data_of(checked, MANIFEST))
    [output] = manifest.outputs
    told = output.model_copy(update={"path": "record.yaml", "bytes": len(JOB)})
    checked.world.share.put(MANIFEST, encode(manifest.model_copy(update={"outputs": (told,)})))
    return checked


def evidence_gone():
    checked = failed_world()
    manifest = decode(Manifest, data_of(checked, MANIFEST))
    output = Output(
        path="a1/0000-1-txt2img.png", bytes=3, sha256="0" * 64, stage="txt2img", image_index=0
    )
    checked.world.share.put(MANIFEST, encode(manifest.model_copy(update={"outputs": (output,)})))
    return checked


def another_format():
    checked = done_world()
    settings = checked.world.settings.model_copy(update={"format": 2})
    checked.looker = replace(checked.looker, settings=settings)
    return checked


def _cut(data):
    return data[: len(data) // 2]


def _as_yaml_without_its_mark(data):
    """As it was written before it was JSON, but for its last line."""
    return yaml.safe_dump(json.loads(data), sort_keys=False).encode()


damage, stuck, note = (partial(Damage, severity=one) for one in ("damage", "stuck", "note"))


def file_for(folder, base=queued_world):
    """A person moved a folder of the format away, and a file of that name came."""

    def make():
        checked = base()
        remove(checked, folder)
        checked.world.share.put(folder, b"a person's")
        return checked

    return make


def shelf_is_a_file(ledger):
    def make():
        checked = queued_world()
        checked.world.share.put(f"{ledger}/parts/singles", b"a person's")
        checked.world.worker("w1").work()
        checked.world.controller().scan()
        return checked

    return make


DAMAGES = {
    # I1: where the record lies
    "a copy in another queue": damage(
        "twice", copied("queue/normal/job-1.yaml", "queue/batch/job-1.yaml", queued_world), "I1"
    ),
    "a copy with another rank in one folder": damage(
        "twice", copied(DONE, f"done/{DAY}/0+job-1.yaml"), "I1", heals=True
    ),
    "a copy at rest and one in a wrong folder": damage(
        "twice", copied(DONE, "failed/job-1.yaml"), "I1", heals=True
    ),
    "two new files of one name": damage("twice-differently", twice_differently, "I1"),
    "accepted, never run, nowhere": damage("nowhere", never_ran_and_lost, "I1", heals=True),
    "lost by its worker and nowhere": damage("nowhere", lost_while(), "I1", heals=True),
    "open, its owner silent, nowhere": damage("nowhere", lost_while(claimed=True), "I1", heals=True),
    "succeeded, not merged, nowhere": damage(
        "nowhere", gone("finished/job-1~1.yaml", base=finished_without_a_controller), "I1", heals=True
    ),
    "merged and nowhere": note("record-gone", gone(DONE), "I1"),
    "failed and nowhere": note("record-gone", gone(FAILED, base=failed_world), "I1"),
    "in a wrong folder of an old day": stuck("wrong-folder", not_in_a_swept_folder, "I1", heals=True),
    "a wrong label": note("label", moved(DONE, f"done/{DAY}/job-1~7.yaml"), "I1"),
    # I2: whole files
    "an empty verdict": damage("unreadable", put(MANIFEST, b""), "I2", path=MANIFEST),
    "half a verdict": damage(
        "unreadable", copied(MANIFEST, MANIFEST, change=_cut), "I2", path=MANIFEST
    ),
    "an empty pinned record": damage("unreadable", put(PINNED, b""), "I2"),
    "an empty tombstone": damage("unreadable", put(layout.tombstone("job-1"), b""), "I2"),
    "half a heartbeat of an attempt": damage("unreadable", put(f"{A1}/heartbeat.json", b"{"), "I2"),
    "half a heartbeat of a worker": damage("unreadable", put("nodes/w8.heartbeat.json", b"{"), "I2"),
    "half a card": damage("unreadable", put("nodes/w8.node.yaml", b"schema: spo"), "I2"),
    "a verdict cut off where it still reads well": damage(
        "unreadable", copied(MANIFEST, MANIFEST, change=_as_yaml_without_its_mark), "I2"
    ),
    "half the settings": damage("unreadable", put("spool.yaml", b"schema: spo"), "I2"),
    "half a request": note("unreadable", put("control/w0.drain.yaml", b"schema: spo"), "I2"),
    "a torn line in a part": damage("torn-line", copied(PART, PART, change=_cut), "I2", path=PART),
    "a torn line in the corpus": damage(
        "torn-line", corpus(lambda d: d + b'{"run_id": "abc'), "I2", heals=True
    ),
    # I3, I4: the chain of attempts
    "a gap in the attempts": damage(
        "gap", attempt_of(Verdict.CANCELLED, 3, failed_world), "I4"
    ),
    "two open attempts": damage("two-open", put(A2, None, claimed_world), "I3"),
    "an attempt after a success": damage("after-commit", attempt_of(Verdict.LOST, 2), "I3"),
    "two successes": damage("commits", attempt_of(Verdict.SUCCEEDED, 2, relabelled), "I3"),
    "an unasked run after the end": damage("after-end", unasked_run, "I3"),
    "a verdict on another attempt": damage("not-its-own", said_otherwise(attempt=2), "I3"),
    "a verdict on another job": damage("not-its-own", said_otherwise(name="job-2"), "I3"),
    "a verdict on another session": damage("not-its-session", said_otherwise(session="w4-x-y"), "I3"),
    "attempts without a pinned record": damage("unpinned", gone(PINNED), "I9", heals=True),
    "attempts without any trace of the record": damage("unpinned", unpinned_unproven, "I9"),
    "a verdict on another attempt's files": damage(
        "not-its-output", other_output, "I4"
    ),
    # I5: what never goes on
    "open in a folder where nobody looks": stuck("orphan", orphan_in_an_old_day, "I5"),
    "put into done/ by hand": stuck(
        "undecided", put("done/job-9.yaml", JOB, queued_world), "I5"
    ),
    "put into a folder of one's own in queue/": stuck(
        "no-queue", put("queue/mine/job-9.yaml", JOB, queued_world), "I5"
    ),
    "put into an old day of cancelled/": stuck(
        "not-cancelled",
        with_an_old_day(put("cancelled/2026-01-01/job-9.yaml", JOB, queued_world)), "I5",
    ),
    "at rest and not closed": stuck("not-closed", not_closed, "I5", heals=True),
    "a need that no job bears": stuck("unknown-need", waiting_for(job_1="no-such-job"), "I5"),
    "a circle of two": stuck("circle", waiting_for("job_b", job_a="job-b", job_b="job-a"), "I5"),
    "a circle of three": stuck(
        "circle", waiting_for("job_c", job_a="job-b", job_b="job-c", job_c="job-a"), "I5"
    ),
    "ready, and nobody lives": note("nobody-alive", held_back_by_nobody, "I5"),
    "finished, and no controller lives": note("no-controller", finished_without_a_controller, "I5"),
    # What people approve
    "an approval that cannot be read": stuck(
        "bad-approval", put(layout.approved("job-1"), b"imgs: [0]\n"), "I8"
    ),
    "an approval of a job that has not succeeded": note(
        "approved-early", put(layout.approved("job-1"), b"", failed_world), "-"
    ),
    # I11
    "two attempts that hold one slot": damage("two-holders", two_holders, "I11"),
    "a holder whose attempt is gone": stuck("token-of-nobody", holder_of_nobody, "I11"),
    "a holder that cannot be read": damage(
        "unreadable", put(layout.holder("nas", 1, 1), b"schema: spo"), "I2"
    ),
    # I6
    "a clock an hour ahead": note("clock", ahead, "I6"),
    # I8
    "a rejected file without its reason": damage(
        "no-reason", rejected(keep_reason=False, keep_file=True), "I8"
    ),
    "a reason without its file": note(
        "reason-alone", rejected(keep_reason=True, keep_file=False), "I8"
    ),
    "a bad file in held/": note("bad-file", put("held/bad.yaml", b"x: [\n...\n", queued_world), "I8"),
    # I9
    "another record pinned than ran": damage("ran-other-bytes", pinned_otherwise, "I9"),
    "an edited record at rest": damage("other-bytes", put(DONE, OTHER), "I9"),
    "a new file under an old name": note(
        "other-bytes", put("queue/normal/job-1.yaml", OTHER), "I9"
    ),
    # I10
    "a part without a commit": damage(
        "part-without-commit", put(PART, b"", failed_world), "I10"
    ),
    "a part without a job": damage("part-without-commit", put(layout.part("corpus", "job-8"), b""), "I10"),
    "all decisions of a merged job deleted": damage("part-without-commit", no_results, "I10"),
    "merged, and no part": damage("not-merged", gone(PART, COMPILED), "I10", heals=True),
    "a part with a record too many": damage(
        "part-not-its-images", part_changed(lambda d: d + b'{"metadata": {}}\n'), "I10"
    ),
    "a person's word that is torn": damage(
        "bad-word", put(layout.word("job-1", 0, 1), b'{"run_id"'), "I2"
    ),
    "a word on a job that the corpus lacks": damage(
        "word-without-record", word_alone, "I10"
    ),
    "one run id in two parts": damage("run-id-twice", second_job(done_world), "I10"),
    "a foreign line in the corpus": damage(
        "not-its-parts", corpus(lambda d: d + b'{"run_id": "x"}\n'), "I10", heals=True
    ),
    "a line twice in the corpus": damage("not-its-parts", corpus(lambda d: d * 2), "I10", heals=True),
    "a part of the history without an end": damage(
        "part-without-end",
        copied(HISTORY, layout.part(layout.HISTORY, "job-1", "~2"), change=lambda _d: b""), "I10",
    ),
    "an end that the history lacks": note(
        "no-history", gone(HISTORY, layout.ENDED_JOBS), "I10", heals=True
    ),
    "figures that somebody edited": note(
        "figures-unreadable", put(layout.FIGURES, b"{no json"), "-"
    ),
    "an output that is gone": damage("output", output_gone, "I10"),
    "a shorter output": damage("output", edited_output(lambda d: d[:4]), "I10"),
    "an edited output": damage("output", edited_output(lambda d: d[::-1]), "I10", deep=True),
    "a failed attempt's output is gone": note("evidence", evidence_gone, "I3"),
    # Around
    "no settings": damage("no-settings", gone("spool.yaml"), "-"),
    "settings of another format": damage("format", another_format, "-"),
    "an empty results folder": note("empty-results", put("results/singles/job-7", None), "-"),
    "a folder is missing": damage("no-folder", gone("held"), "-", heals=True),
    "a file where a folder must be": stuck("in-the-way", file_for("held"), "I5"),
    "a file where a folder with folders must be": stuck("in-the-way", file_for("history"), "I5"),
    "a file where a shelf of the corpus must be": stuck(
        "in-the-way", shelf_is_a_file(layout.CORPUS), "I5"
    ),
    "a file where a shelf of the history must be": stuck(
        "in-the-way", shelf_is_a_file(layout.HISTORY), "I5"
    ),
    "a foreign file in a state folder": note("stranger", put("queue/normal/cat.png", b"x"), "-"),
    "a job file beside a queue's shards": note("stranger", put("queue/normal/more/job-9.yaml", JOB), "-"),
    "a folder of jobs beside a queue's shards": note("stranger", put("queue/normal/more/mine/job-9.yaml", JOB), "-"),
    "a foreign folder in a shard": note("stranger", put("queue/normal/more/from-a~01234567/mine/job-9.yaml", JOB), "-"),
    "a file where a queue's shards must be": note("stranger", put("queue/normal/more", b"x"), "-"),
    "a foreign folder at the root": note("stranger", put("old stuff/cat.png", b"x"), "-"),
    "a record of a newer program": note(
        "newer", put("queue/normal/job-9.yaml", JOB.replace(b"job/1", b"job/2")), "-"
    ),
    "a temporary file of long ago": note(
        "litter", old(put("queue/normal/.ab12.tmp", b"half")), "-", heals=True
    ),
    "a clock folder of long ago": note("litter", old(put("locks/.clock-ab", None)), "-", heals=True),
    "a temporary file in an attempt": note("litter", old(put(f"{A1}/.ab12.tmp", b"x")), "-", heals=True),
    "the empty folder of a dead session": note("old-session", ended_session, "-", heals=True),
    "inputs of nobody": note("idle-inputs", old(put("inputs/ab/abcd.png", b"x")), "-"),
}  # fmt: skip

__all__ = ["DAMAGES", "WITH_IMAGE", "failed_world", "queued_world"]
