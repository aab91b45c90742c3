"""One attempt from its claim to its verdict, with a backend that plays a part and a clock that tests turn."""

import errno
import hashlib
import queue
import threading
from datetime import UTC, datetime

import pytest
from execution_rig import BY_HAND, JOB, UNREADABLE_CHAIN, Rig, product, until_interrupted

from spoolctl.spool import (
    NODE_SCHEMA,
    Code,
    Node,
    Verdict,
    cancel,
    introduce,
    layout,
)
from spoolctl.spool.memory import Blind, Fault
from spoolworker.backends.base import BackendError, Interrupted
from spoolworker.execution import BackendHangs
from tests.spool.spool_world import verdict_of

# Success


def test_a_run_that_left_all_images_is_committed_with_their_digests(rig):
    manifest = rig.run(lambda order, watch: product(order, log_tail="server: done"))

    assert rig.verdict == manifest
    assert manifest.succeeded
    tree = rig.world.share.tree()
    for output in manifest.outputs:
        data = tree[f"{layout.results('job-1')}/{output.path}"]
        assert (len(data), hashlib.sha256(data).hexdigest()) == (output.bytes, output.sha256)
    assert [output.image_index for output in manifest.outputs] == [0, 1]
    assert tree[f"{rig.folder}/log.txt"] == b"server: done"
    assert manifest.record_sha256 == hashlib.sha256(JOB).hexdigest()
    assert rig.world.state("job-1") == "finished"


def test_the_backend_gets_an_empty_folder_of_its_own_and_the_jobs_stages(rig):
    seen = []
    (rig.scratch / "job-1-a1").mkdir(parents=True)
    (rig.scratch / "job-1-a1" / "left by a killed process.png").write_bytes(b"x")

    rig.run(lambda order, watch: seen.append(list(order.scratch.iterdir())) or product(order))

    assert seen == [[]]
    assert rig.backend.order.stages[0].prompt == "a lighthouse"
    assert rig.backend.order.title == "job-1"


# Failures


@pytest.mark.parametrize(
    "code",
    [Code.MODEL_MISSING, Code.BACKEND_UNREACHABLE, Code.BACKEND_REJECTED],
)
def test_a_backends_error_is_the_verdict_with_its_code_and_its_log(rig, code):
    def act(order, watch):
        raise BackendError(code, "it said no", log_tail="line 1\nline 2")

    manifest = rig.run(act)

    assert (manifest.verdict, manifest.code, manifest.message) == (
        Verdict.FAILED,
        code,
        "it said no",
    )
    assert manifest.log_tail == "line 1\nline 2"
    assert rig.world.share.tree()[f"{rig.folder}/log.txt"] == b"line 1\nline 2"
    assert manifest.vram_gb_above is None
    assert rig.world.state("job-1") == "waiting"


def test_too_few_images_fail_with_output_incomplete(rig):
    manifest = rig.run(lambda order, watch: product(order, images=1))

    assert manifest.code is Code.OUTPUT_INCOMPLETE
    assert manifest.outputs == ()
    assert not [p for p in rig.world.share.tree() if p.endswith(".png")]


def test_a_damaged_image_fails_with_output_corrupt(rig):
    def act(order, watch):
        left = product(order)
        left.made[1].path.write_bytes(left.made[1].path.read_bytes()[:100])
        return left

    assert rig.run(act).code is Code.OUTPUT_CORRUPT


def test_a_chain_that_begins_with_a_stage_for_inputs_and_has_none_fails_with_input_missing(
    tmp_path,
):
    rig = Rig(tmp_path, JOB.replace(b"txt2img", b"img2img").replace(b", count: 2", b""))

    manifest = rig.run(product)

    assert (manifest.code, manifest.final) == (Code.INPUT_MISSING, True)
    assert rig.backend.order is None


def test_a_job_whose_chain_cannot_be_read_fails_with_bad_job_and_its_hint(tmp_path):
    rig = Rig(tmp_path, UNREADABLE_CHAIN)

    manifest = rig.run(product)

    assert (manifest.code, manifest.final) == (Code.BAD_JOB, True)
    assert "; " in manifest.message
    assert rig.world.state("job-1").startswith("failed/")


def test_an_exception_that_nobody_foresaw_is_internal_and_its_traceback_is_logged(rig):
    """It used to be logged as its repr alone, so that nobody could find the line."""

    def act(order, watch):
        raise KeyError("images")

    manifest = rig.run(act)

    assert manifest.code is Code.INTERNAL
    assert "KeyError('images')" in manifest.message
    assert 'raise KeyError("images")' in rig.world.events("execution.internal")[0]["traceback"]


def test_a_fault_of_the_workers_own_is_internal_too_and_leaves_no_attempt_open(rig, monkeypatch):
    """It used to end the process with the attempt open, so that each worker in turn died of that job."""

    def broken(*_args, **_kwargs):
        raise ZeroDivisionError("in the checks")

    monkeypatch.setattr("spoolworker.concluding.check", broken)

    assert rig.run(product).code is Code.INTERNAL
    assert "in the checks" in rig.world.events("execution.internal")[0]["traceback"]


@pytest.mark.parametrize("ends", ["nothing", "interrupted"])
def test_a_backend_that_stops_without_being_asked_is_internal(rig, ends):
    """It used to be told as 'the share was away for 0 s', which defers the job for ever."""

    def act(order, watch):
        if ends == "interrupted":
            raise Interrupted

    assert rig.run(act).code is Code.INTERNAL


def test_a_message_of_any_length_and_any_characters_becomes_a_verdict(rig):
    def act(order, watch):
        raise BackendError(
            Code.BACKEND_REJECTED, "no\n\x00" + "x" * 100_000, log_tail="\x1b[31m" * 9
        )

    manifest = rig.run(act)

    assert manifest.code is Code.BACKEND_REJECTED
    assert 100 < len(manifest.message) <= 20_000


def test_a_file_name_that_is_not_utf_8_can_be_told_in_every_part_of_a_verdict(rig):
    """One such byte in an error's text ended the process before it had published the verdict, on each worker in turn."""
    name = b"l\xfcge.safetensors".decode("utf-8", "surrogateescape")

    def act(order, watch):
        return product(order, log_tail=f"loaded {name}", warnings=(f"no {name}",))

    manifest = rig.run(act)

    assert manifest.succeeded
    assert manifest.warnings == ("no l\\udcfcge.safetensors",)
    assert manifest.log_tail == "loaded l\\udcfcge.safetensors"


def test_a_file_name_that_is_not_utf_8_can_be_why_an_attempt_failed(rig):
    name = b"l\xfcge.safetensors".decode("utf-8", "surrogateescape")

    def act(order, watch):
        raise BackendError(Code.MODEL_MISSING, f"no {name}", log_tail=name)

    manifest = rig.run(act)

    assert (manifest.code, manifest.message) == (Code.MODEL_MISSING, "no l\\udcfcge.safetensors")


def test_a_full_scratch_disk_is_scratch_full_before_the_backend_begins(tmp_path):
    data = JOB.replace(b"workload:", b"inputs: [{path: inputs/aa/x.png}]\nworkload:")
    rig = Rig(tmp_path, data)
    rig.world.share.put("inputs/aa/x.png", b"x")

    def full(_path, _local):
        raise OSError(errno.ENOSPC, "No space left on device")

    rig.actor.files.fetch = full

    manifest = rig.run(product)

    assert (manifest.code, manifest.final) == (Code.SCRATCH_FULL, False)
    assert manifest.counts.deferrals == 1


def test_a_scratch_disk_that_fills_up_under_the_backend_is_scratch_full(rig):
    """It used to be internal, which counts against the job."""

    def act(order, watch):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert rig.run(act).code is Code.SCRATCH_FULL


def test_inputs_that_the_share_does_not_give_defer_the_job(tmp_path):
    data = JOB.replace(b"workload:", b"inputs: [{path: inputs/aa/x.png}]\nworkload:")
    rig = Rig(tmp_path, data)
    rig.world.share.put("inputs/aa/x.png", b"x")
    rig.actor.files.fail(rig.actor.files.operations, Fault.BEFORE)

    manifest = rig.run(product)

    assert (manifest.code, manifest.counts.deferrals) == (Code.SHARE_AWAY, 1)


# Stopping


def test_a_run_beyond_its_limit_is_interrupted_and_fails_with_timeout(tmp_path):
    rig = Rig(
        tmp_path, JOB.replace(b"workload:", b"limits: {timeout_s: 60, stall_s: 1000}\nworkload:")
    )

    def act(order, watch):
        rig.world.turn(61)
        until_interrupted(watch)

    manifest = rig.run(act)

    assert (manifest.code, manifest.message) == (Code.TIMEOUT, "not done after 60 s")


def test_a_run_that_does_not_get_on_is_stalled_and_says_where(rig):
    def act(order, watch):
        rig.world.turn(500)
        watch.on_progress(0.4, "txt2img")
        rig.world.turn(500)
        watch.on_progress(0.4, "txt2img")
        assert not watch.interrupted.is_set()
        rig.world.turn(101)
        until_interrupted(watch)

    manifest = rig.run(act)

    assert (manifest.code, manifest.message) == (Code.STALLED, "no progress for 600 s, at 40%")


def test_progress_beyond_all_bounds_still_makes_a_heartbeat(rig):
    """A server's 1.02 gave a negative time to go, and the heartbeat that could not be written ended the pulse."""
    seen = []

    def act(order, watch):
        for fraction in (0.5, 1.02, float("nan"), -1.0):
            rig.world.turn(10)
            watch.on_progress(fraction, "")
            seen.append(rig.life.record())
        return product(order)

    assert rig.run(act).succeeded
    assert [beat.progress for beat in seen] == [0.5, 1.0, 0.0, 0.0]
    assert seen[0].eta_s == pytest.approx(10, abs=0.1)
    assert seen[1].eta_s == 0


def test_what_is_left_counts_down_between_two_steps(rig):
    """One that was told once a minute stood still in between, so that neither this worker nor the others ever saw an end come near."""
    tell, told = rig.life.tell, queue.Queue()

    def tells(**facts):
        tell(**facts)
        told.put(rig.life.facts.eta_s)

    def next_unlike(before):
        while (eta_s := told.get(timeout=BY_HAND)) is None or eta_s > before - 1:
            pass
        return eta_s

    def act(order, watch):
        rig.world.turn(20)
        watch.on_progress(0.5, "txt2img")
        rig.life.tell = tells
        rig.world.turn(15)
        assert next_unlike(20) == pytest.approx(5, abs=0.1)
        rig.world.turn(15)
        assert next_unlike(5) == 0
        return product(order)

    assert rig.run(act).succeeded
    assert rig.life.facts.eta_s is None


def test_a_cancel_interrupts_the_backend_and_is_the_verdict(rig):
    def act(order, watch):
        cancel(rig.world.person(), "job-1")
        rig.look()
        until_interrupted(watch)

    manifest = rig.run(act)

    assert (manifest.verdict, manifest.code) == (Verdict.CANCELLED, Code.REQUESTED)
    assert rig.world.state("job-1").startswith("cancelled/")


def test_a_record_that_was_deleted_while_it_ran_is_cancelled(rig):
    rig.world.removed.add("job-1")

    def act(order, watch):
        rig.world.share.view().unlink(rig.world.places("job-1")[0])
        rig.look()
        rig.world.turn(10)
        rig.look()
        until_interrupted(watch)

    manifest = rig.run(act)

    assert (manifest.verdict, manifest.code) == (Verdict.CANCELLED, Code.RECORD_REMOVED)


def test_a_job_that_was_handed_back_counts_for_nothing_and_is_due_at_once(rig):
    def act(order, watch):
        rig.stopping.hand_back.set()
        until_interrupted(watch)

    manifest = rig.run(act)

    assert (manifest.verdict, manifest.code) == (Verdict.RETURNED, Code.HANDED_BACK)
    assert (manifest.counts.failures, manifest.retry_at) == (0, None)


def test_a_worker_that_must_rest_now_hands_its_job_back_and_says_why(rig):
    told = []

    def act(order, watch):
        told.append("closed until 22:00")
        until_interrupted(watch)

    manifest = rig.run(act, give_up=lambda: told[0] if told else None)

    assert (manifest.verdict, manifest.code) == (Verdict.RETURNED, Code.HANDED_BACK)
    assert manifest.message == "closed until 22:00"
    assert (manifest.counts.failures, manifest.retry_at) == (0, None)
    assert not rig.stopping.finish.is_set(), "the worker itself goes on"


def test_what_a_server_says_when_it_is_stopped_is_not_the_jobs_fault(rig):
    """A job that was handed back failed with the error of the request that was broken off, and that counted."""

    def act(order, watch):
        rig.stopping.hand_back.set()
        watch.interrupted.wait(BY_HAND)
        raise BackendError(Code.BACKEND_UNREACHABLE, "connection closed")

    assert rig.run(act).verdict is Verdict.RETURNED
    assert rig.world.events("backend.stopped")


def test_a_superseded_attempt_publishes_nothing(rig):
    def act(order, watch):
        rig.lost_to()
        rig.look()
        until_interrupted(watch)

    assert rig.run(act) is None
    assert rig.verdict.verdict is Verdict.LOST
    assert f"{rig.folder}/superseded.yaml" not in rig.world.share.tree()


def test_a_verdict_that_comes_too_late_is_kept_beside_the_one_that_stands(rig):
    def act(order, watch):
        rig.lost_to()
        return product(order)

    assert rig.run(act) is None
    assert rig.verdict.verdict is Verdict.LOST
    kept = verdict_of(rig.world.share.tree()[f"{rig.folder}/superseded.yaml"])
    assert kept.succeeded
    assert len(kept.outputs) == 2


def test_a_worker_that_was_silent_for_a_lease_fences_itself_and_says_for_how_long(rig):
    """The share often answers again while the backend comes to rest; the verdict then said 'away for 0 s'."""

    def act(order, watch):
        rig.world.turn(301)
        assert watch.interrupted.wait(BY_HAND)
        rig.pulse._beat(rig.pulse._watched)
        raise Interrupted

    manifest = rig.run(act)

    assert (manifest.code, manifest.counts.deferrals) == (Code.SHARE_AWAY, 1)
    assert manifest.message == "the share was away for 301 s, so the work was stopped"


def test_a_file_that_was_edited_while_it_ran_is_not_committed(rig):
    def act(order, watch):
        rig.world.share.put(rig.world.places("job-1")[0], JOB.replace(b"lighthouse", b"mill"))
        return product(order)

    rig.world.removed.add("job-1")
    manifest = rig.run(act)

    assert (manifest.verdict, manifest.code) == (Verdict.FAILED, Code.RECORD_CHANGED)
    assert len(rig.world.files("rejected")) == 2


def test_a_backend_that_ignores_the_interrupt_hangs_and_the_verdict_is_published_all_the_same(rig):
    let_go = threading.Event()
    threads = []

    def act(order, watch):
        threads.append(threading.current_thread())
        rig.stopping.hand_back.set()
        let_go.wait(BY_HAND)

    with pytest.raises(BackendHangs, match="'played' goes on"):
        rig.run(act, interrupt_wait_s=0.01)

    assert rig.verdict.verdict is Verdict.RETURNED
    let_go.set()
    threads[0].join(BY_HAND)


def card(rig, name, vram_gb):
    introduce(
        rig.world.actor(name),
        Node(
            schema_=NODE_SCHEMA, worker=name, session=f"{name}-1", machine=name, protocol=1, version="1",
            backend="sketch", vram_gb=vram_gb, started_at=datetime(2026, 3, 27, tzinfo=UTC),
        ),
    )  # fmt: skip


def runs_out_of_memory(_order, _watch):
    raise BackendError(Code.OUT_OF_MEMORY, "CUDA out of memory")


@pytest.mark.parametrize(
    ("others", "final"), [((), True), ((8.0, 6.0), True), ((8.0, 24.0), False)]
)
def test_a_job_that_ran_out_of_memory_ends_where_no_card_is_larger_and_says_what_it_needs(
    rig, others, final
):
    """It lay in the queue for ever, with no reason shown."""
    card(rig, "w1", 8.0)
    for number, vram_gb in enumerate(others):
        card(rig, f"other-{number}", vram_gb)

    manifest = rig.run(runs_out_of_memory, vram_gb=8.0)

    assert manifest.final is final
    assert manifest.vram_gb_above == 8.0
    assert (manifest.retry_at is None) is final
    told = "; it needs a card of more than 8 GB, and no worker here has one"
    assert manifest.message == "CUDA out of memory" + (told if final else "")


def test_a_verdict_on_a_job_that_stood_still_tells_what_its_backend_had_said(rig):
    def stands_still(_order, watch):
        rig.world.turn(100_000)
        assert watch.interrupted.wait(BY_HAND)
        stopped = Interrupted()
        stopped.log_tail = "step 20 of 30"
        raise stopped

    manifest = rig.run(stands_still)

    assert manifest.code in (Code.STALLED, Code.TIMEOUT)
    assert manifest.log_tail == "step 20 of 30"


@pytest.mark.parametrize("how", list(Blind))
def test_who_does_not_see_the_cards_ends_no_job_for_want_of_a_larger_one(rig, how):
    card(rig, "w1", 8.0)
    card(rig, "other", 24.0)
    rig.actor.files.blind("nodes", how)
    if how is Blind.FAILS:
        rig.at_wait[1] = rig.actor.files.sees

    assert not rig.run(runs_out_of_memory, vram_gb=8.0).final


def test_a_card_that_cannot_be_read_may_be_the_larger_one(rig):
    card(rig, "w1", 8.0)
    rig.world.share.put(layout.node_card("other"), b"- 1\n")

    assert not rig.run(runs_out_of_memory, vram_gb=8.0).final
