"""Whatever goes wrong with a ComfyUI, and the code that it gets where it arises."""

import base64

import pytest
from comfyui_pictures import draw
from comfyui_rig import WORKFLOW, WORKLOAD, Rig, t2i
from comfyui_standin import StandIn

from spoolctl.spool import UsageError
from spoolctl.spool.records import ADetailer, Code, ComfyUIWorkload, Img2Img, Upscale
from spoolworker.backends import open_backend
from spoolworker.backends.base import BackendError, Interrupted
from spoolworker.backends.comfyui.prompts import MARK


def failure(rig, *stages, **how):
    with pytest.raises(BackendError) as caught:
        rig.run(*(stages or (t2i(),)), **how)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        (
            "torch.OutOfMemoryError",
            "CUDA out of memory. Tried to allocate 2 GiB",
            Code.OUT_OF_MEMORY,
        ),
        ("torch.cuda.OutOfMemoryError", "Allocation on device", Code.OUT_OF_MEMORY),
        ("RuntimeError", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED", Code.OUT_OF_MEMORY),
        (
            "RuntimeError",
            "[enforce fail at alloc_cpu.cpp:83] can't allocate memory",
            Code.OUT_OF_HOST_MEMORY,
        ),
        ("MemoryError", "", Code.OUT_OF_HOST_MEMORY),
        ("ValueError", "bad sampler", Code.BACKEND_REJECTED),
    ],
)
def test_an_error_of_a_node_gets_its_code_and_leaves_the_servers_words_in_the_log(
    standin, rig, kind, text, code
):
    standin.knobs.error = (kind, text)

    error = failure(rig)

    assert error.code is code
    assert "KSampler" in str(error)
    assert f"{kind}: {text}" in error.log_tail


def test_after_running_out_of_memory_the_models_are_unloaded_and_the_memory_is_told(standin, rig):
    standin.knobs.error = ("torch.OutOfMemoryError", "CUDA out of memory")

    error = failure(rig)

    assert standin.freed == 1
    assert "cpu: 1024 of 8192 MiB free" in error.log_tail


def test_memory_is_freed_on_demand(standin, rig):
    rig.run(t2i())

    assert rig.backend.release()

    assert standin.freed == 1
    assert rig.backend.probe().loaded_model is None


@pytest.mark.parametrize(
    ("card", "held_gb"),
    [
        ({}, 0.0),
        ({"type": "cuda", "torch_vram_total": 5 << 30}, 5.0),
        ({"type": "cuda"}, None),
    ],
)
def test_what_it_holds_on_the_card_is_told_where_it_has_one(standin, rig, card, held_gb):
    standin.knobs.card = card

    assert rig.backend.vram_held_gb() == held_gb


def test_a_checkpoint_that_cannot_be_loaded_is_missing_here(standin, rig):
    standin.knobs.error = ("SafetensorError", "Error while deserializing header: HeaderTooLarge")
    only_a_loader = {
        "1": {"class_type": "VAELoader", "inputs": {"vae_name": "pixel_space"}},
    }
    standin.info["VAELoader"]["output_node"] = True
    workload = ComfyUIWorkload.model_validate(
        {"kind": "comfyui", "workflow": only_a_loader, "outputs": {"1": {}}}
    )

    assert failure(rig, workload).code is Code.MODEL_MISSING


def test_a_server_that_lost_its_card_gets_no_more_work_until_it_was_started_anew(standin, rig):
    """Once CUDA's context is gone every later job fails until the process is a new one; claiming on would eat the queue."""
    standin.knobs.error = ("RuntimeError", "CUDA error: device-side assert triggered")
    assert failure(rig).code is Code.BACKEND_DIED
    standin.knobs.error = None

    with pytest.raises(BackendError, match="started anew"):
        rig.backend.probe()
    assert failure(rig).code is Code.BACKEND_UNREACHABLE

    standin.restart()
    assert rig.backend.probe().version == "0.3.64"
    assert rig.run(t2i()).made


def test_a_dead_prompt_thread_is_told_from_a_slow_one_and_gets_no_more_work(standin, tmp_path):
    """A SystemExit in a node kills the prompt thread: HTTP lives on, and the prompt stays in the queue for ever."""
    standin.knobs.dead_thread = True
    rig = Rig(tmp_path, standin.url, silence_s="0.1", stop_s="0.1")

    error = failure(rig)

    assert error.code is Code.STALLED
    assert "prompt thread" in str(error)
    with pytest.raises(BackendError, match="started anew"):
        rig.backend.probe()
    standin.restart()
    standin.knobs.dead_thread = False
    assert rig.run(t2i()).made


def test_a_prompt_of_which_nothing_is_heard_is_interrupted_and_stalled(standin, tmp_path):
    standin.knobs.silent_socket = True
    standin.knobs.ticks = 10**9
    rig = Rig(tmp_path, standin.url, silence_s="0.1")

    error = failure(rig)

    assert error.code is Code.STALLED
    assert standin.running is None
    assert rig.backend.probe(), "it let go, so it is well"


def test_a_server_that_dies_in_the_midst_has_died(standin, rig):
    standin.knobs.dies_at_tick = 1

    assert failure(rig).code is Code.BACKEND_DIED


def test_where_nothing_listens_the_server_is_unreachable(tmp_path):
    server = StandIn(tmp_path / "server")
    rig = Rig(tmp_path, server.url)
    server.close()

    with pytest.raises(BackendError) as caught:
        rig.backend.probe()
    assert caught.value.code is Code.BACKEND_UNREACHABLE
    assert failure(rig).code is Code.BACKEND_UNREACHABLE


def test_a_server_started_anew_in_the_midst_does_not_know_the_work_and_is_not_waited_for(
    standin, rig
):
    """Queue and history live in memory: an id that the server does not know is not one that still runs."""
    standin.knobs.ticks = 10**9
    tell = standin._tell_progress
    standin._tell_progress = lambda: standin.restart() if standin.tick == 3 else tell()

    error = failure(rig)

    assert error.code is Code.BACKEND_DIED
    assert "started anew" in str(error)


def test_other_software_at_the_address_is_refused(standin, rig):
    standin.knobs.other_software = True

    with pytest.raises(BackendError, match="no ComfyUI") as caught:
        rig.backend.probe()
    assert caught.value.code is Code.BACKEND_REJECTED


def test_a_server_that_answers_500_is_refused(standin, rig):
    standin.knobs.status = 500

    with pytest.raises(BackendError) as caught:
        rig.backend.probe()
    assert caught.value.code is Code.BACKEND_REJECTED


def test_a_wrong_password_is_unauthorised_and_stands_in_no_message(standin, tmp_path):
    standin.knobs.password = "Basic " + base64.b64encode(b"me:right").decode()
    rig = Rig(tmp_path, standin.url, login="me:wrong-secret")

    with pytest.raises(BackendError) as caught:
        rig.backend.probe()

    assert caught.value.code is Code.BACKEND_UNAUTHORISED
    told = f"{caught.value}{caught.value.log_tail}{rig.backend._options!r}{vars(rig.backend)!r}"
    assert "wrong-secret" not in told


def test_a_password_in_the_address_works_and_is_not_shown(standin, tmp_path):
    standin.knobs.password = "Basic " + base64.b64encode(b"me:right-secret").decode()
    rig = Rig(tmp_path, standin.url.replace("//", "//me:right-secret@"))

    assert rig.backend.probe().version == "0.3.64"
    assert "right-secret" not in f"{vars(rig.backend)!r}"


@pytest.mark.parametrize("broken", ["the server", "the watch"])
def test_whatever_goes_wrong_while_it_runs_the_work_does_not_go_on_without_us(standin, rig, broken):
    """An answer of 500 in the midst, or a fault of our own, is no end of the work: it would burn the card for nobody."""
    standin.knobs.ticks = 10**9
    tell = standin._tell_progress

    def strange():
        tell()
        if broken == "the server" and standin.tick == 3:
            standin.knobs.status_once = 500

    standin._tell_progress = strange
    stop_at = "no number" if broken == "the watch" else None  # comparing with it raises TypeError

    with pytest.raises((BackendError, TypeError)):
        rig.run(t2i(), stop_at=stop_at)

    assert standin.running is None
    assert standin.pending == []


def test_the_right_password_opens_http_and_websocket(standin, tmp_path):
    standin.knobs.password = "Basic " + base64.b64encode(b"me:right").decode()
    rig = Rig(tmp_path, standin.url, login="me:right")

    product = rig.run(t2i(steps=20))

    assert "websocket" not in product.log_tail
    assert len(rig.seen.progress) > 2


@pytest.mark.parametrize(
    "stage", [t2i(model="nowhere"), t2i(prompt="a <lora:nowhere:1>"), t2i(vae="nowhere")]
)
def test_a_file_that_is_not_there_is_model_missing(rig, stage):
    assert failure(rig, stage).code is Code.MODEL_MISSING


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        (t2i(sampler="PLMS"), Code.BACKEND_REJECTED),
        (t2i(scheduler="Align Your Steps"), Code.BACKEND_REJECTED),
        (t2i(prompt="a <hypernet:thing:1>"), Code.BACKEND_REJECTED),
        (t2i(width=65), Code.BAD_JOB),
        (t2i(options={"comfyui": {"nowhere.cfg": 1}}), Code.BAD_JOB),
    ],
)
def test_what_cannot_be_had_is_refused_before_anything_is_sent(standin, rig, stage, code):
    assert failure(rig, stage).code is code
    assert standin.submitted() == []


def test_a_stage_whose_nodes_are_not_there_is_neither_offered_nor_run(standin, rig):
    assert "adetailer" not in rig.backend.probe().stages
    given = rig.run(t2i()).made[0].path

    stage = ADetailer(stage="adetailer", model="mini-a")
    assert failure(rig, stage, inputs=[given]).code is Code.MODEL_MISSING
    assert rig.backend.misfits([stage])


def test_a_model_that_came_meanwhile_is_found(standin, rig):
    rig.backend.probe()
    standin.info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0].append(
        "new.safetensors"
    )

    assert rig.run(t2i(model="new")).used.model == "new.safetensors"


def test_a_rewritten_workflow_is_model_switched_wrongly(standin, rig):
    standin.knobs.wrong_model = "mini-b.safetensors"

    error = failure(rig)

    assert error.code is Code.MODEL_SWITCHED_WRONGLY
    assert "mini-b" in str(error)


def test_files_of_an_earlier_run_are_not_taken_for_this_ones(standin, rig):
    """An answer from the cache names the old files, which are whole, and somebody else's."""
    standin.outputs["", "ComfyUI_00001_.png", "output"] = draw(64, 64, "an earlier run's", {})
    standin.knobs.old_files = True

    error = failure(rig)

    assert error.code is Code.OUTPUT_INCOMPLETE
    assert "saved by another run" in str(error)


@pytest.mark.parametrize("knob", ["one_too_few", "file_gone"])
def test_outputs_that_are_not_what_was_promised_are_incomplete(standin, rig, knob):
    setattr(standin.knobs, knob, True)

    assert failure(rig).code is Code.OUTPUT_INCOMPLETE


def test_an_image_whose_end_does_not_come_is_incomplete(standin, rig):
    standin.knobs.truncated = "length"

    assert failure(rig).code is Code.OUTPUT_INCOMPLETE


def test_an_image_of_another_size_is_corrupt(standin, rig):
    standin.knobs.shrinks = 8

    assert failure(rig).code is Code.OUTPUT_CORRUPT


def test_success_that_is_not_told_everywhere_is_none(standin, rig):
    standin.knobs.no_success_message = True

    assert failure(rig).code is Code.BACKEND_REJECTED


def test_an_interrupt_by_somebody_else_is_not_the_jobs_fault(standin, rig):
    tell = standin._tell_progress

    def interrupted():
        tell()
        standin.interrupt = True

    standin._tell_progress = interrupted
    standin.knobs.ticks = 10

    assert failure(rig).code is Code.BACKEND_UNREACHABLE


def test_a_lost_reply_to_a_submit_is_looked_into_and_the_work_found(standin, rig):
    standin.knobs.drops_reply = True

    product = rig.run(t2i())

    assert len(product.made) == 1
    assert len(standin.submitted()) == 1


def test_a_submit_that_was_lost_is_not_repeated(standin, rig):
    """It may still be on its way; a second one would run beside it."""
    standin.knobs.drops_prompt = True

    error = failure(rig)

    assert error.code is Code.BACKEND_DIED
    assert "went away in the midst" in str(error)
    assert len(standin.submitted()) == 1


def test_what_the_server_has_already_done_for_this_attempt_is_not_done_again(standin, rig):
    rig.backend._client.forget = lambda _id: None
    first = rig.run(t2i(), attempt="same")

    second = rig.run(t2i(), attempt="same")

    assert len(standin.submitted()) == 1
    assert first.made[0].path.read_bytes() == second.made[0].path.read_bytes()


def test_a_prompt_of_a_process_that_is_no_more_is_removed_first(standin, rig):
    """A worker that was killed leaves its prompt behind, which would burn the card beside the next job."""
    for number, state in enumerate(("running", "pending")):
        body = {"prompt": WORKFLOW_WITHOUT_INPUTS, "prompt_id": f"orphan-{state}"}
        body["extra_data"] = {MARK: rig_mark(pid=2**22 + number)}
        assert standin.submit(body)[0] == 200
    standin.knobs.ticks = 10**9
    standin.advance()
    work = standin._begin

    def quick(item):
        standin.ticks = 2
        work(item)

    standin._begin = quick

    assert rig.run(t2i()).made
    assert standin.pending == []
    status = standin.history["orphan-running"]["status"]
    assert "execution_interrupted" in [message[0] for message in status["messages"]]
    assert "orphan-pending" not in standin.history


def test_the_work_of_others_is_left_alone_and_waited_for(standin, rig):
    assert standin.submit({"prompt": WORKFLOW_WITHOUT_INPUTS, "prompt_id": "theirs"})[0] == 200

    assert rig.run(t2i()).made
    assert standin.history["theirs"]["status"]["status_str"] == "success"


def test_an_interrupt_that_comes_too_early_is_sent_again(standin, rig):
    standin.knobs.lost_interrupts = 2

    with pytest.raises(Interrupted):
        rig.run(t2i(steps=1000), stop_at=0.002)

    assert standin.running is None


@pytest.mark.parametrize("knob", ["old_interrupt", "cancels_jobs"])
def test_older_and_newer_servers_are_interrupted_in_their_own_way(standin, rig, knob):
    setattr(standin.knobs, knob, True)
    standin.knobs.strict_ids = True

    with pytest.raises(Interrupted):
        rig.run(t2i(steps=1000), stop_at=0.002)

    assert standin.running is None
    interrupts = [body for path, body in standin.requests if path == "/interrupt"]
    assert bool(interrupts) == (knob == "old_interrupt")


def test_the_older_global_interrupt_never_hits_somebody_elses_work(standin, rig):
    """0.3.60 kills whatever runs, whatever id is sent; so it is sent only while ours runs."""
    standin.knobs.old_interrupt = True
    standin.knobs.ticks = 50
    assert standin.submit({"prompt": WORKFLOW_WITHOUT_INPUTS, "prompt_id": "theirs"})[0] == 200
    standin.advance()
    rig.backend._client.remove("00000000-0000-0000-0000-000000000000")

    assert not standin.interrupt
    assert [path for path, _ in standin.requests].count("/interrupt") == 0


def test_work_that_is_over_before_the_submit_is_answered_is_found(standin, rig):
    """Answered from the cache it takes no time; a client that waits for a message would wait for ever."""
    standin.knobs.instant = True

    assert rig.run(t2i(), t2i_changed()).made


@pytest.mark.parametrize("how", ["no_socket", "option"])
def test_without_a_websocket_the_work_is_polled(standin, tmp_path, how):
    standin.knobs.no_socket = how == "no_socket"
    rig = Rig(tmp_path, standin.url, **({"websocket": "false"} if how == "option" else {}))

    product = rig.run(t2i(count=2))

    assert [fraction for fraction, _ in rig.seen.progress] == [0.5, 1.0]
    assert ("websocket" in product.log_tail) == (how == "no_socket")


def test_a_websocket_that_drops_in_the_midst_is_done_without(standin, rig):
    tell = standin._tell_progress

    def drop():
        tell()
        if standin.tick == 3:
            for sock in standin.sockets.values():
                sock.hang_up()

    standin._tell_progress = drop

    product = rig.run(t2i(steps=20))

    assert rig.seen.progress[-1][0] == 1.0
    assert "ConnectionClosed" in product.log_tail


def test_work_that_still_waits_behind_others_is_removed_from_the_queue(standin, rig):
    standin.knobs.ticks = 10**9
    assert standin.submit({"prompt": WORKFLOW_WITHOUT_INPUTS, "prompt_id": "theirs"})[0] == 200
    standin.advance()
    submit = standin.submit

    def stop(body):
        rig.watch.interrupted.set()
        return submit(body)

    standin.submit = stop

    with pytest.raises(Interrupted):
        rig.run(t2i())

    assert standin.pending == []
    assert standin.running[1] == "theirs"
    assert not standin.interrupt


def test_work_found_again_is_not_taken_for_hung_because_its_messages_go_to_another_client(
    standin, tmp_path
):
    standin.knobs.ticks = 40
    known = []
    first = Rig(tmp_path / "first", standin.url)
    first.backend._client.forget = lambda _id: None
    submit = standin.submit
    standin.submit = lambda body: known.append(body) or submit(body)
    first.run(t2i(), attempt="same")
    standin.restart()
    body = {**known[0], "client_id": "another"}
    assert submit(body)[0] == 200

    again = Rig(tmp_path / "again", standin.url, silence_s="0.05").run(t2i(), attempt="same")

    assert again.made
    assert len(known) == 1


def test_previews_are_handed_on_in_both_of_their_forms(standin, rig):
    picture = b"\xff\xd8\xff the picture"
    plain = (1).to_bytes(4, "big") + (1).to_bytes(4, "big") + picture
    meta = b'{"image_type": "image/jpeg"}'
    with_metadata = (4).to_bytes(4, "big") + len(meta).to_bytes(4, "big") + meta + picture
    text = (3).to_bytes(4, "big") + b"some text for a node"
    standin.knobs.previews = (plain, with_metadata, text)

    rig.run(t2i(steps=20))

    assert set(rig.seen.previews) == {picture}
    assert len(rig.seen.previews) >= 2


def test_what_was_fetched_is_removed_from_the_servers_folder_if_this_machine_has_it(
    standin, tmp_path
):
    rig = Rig(tmp_path, standin.url, output_folder=str(standin.folder))

    product = rig.run(t2i(count=2), Upscale(stage="upscale", factor=2.0))

    assert len(product.made) == 4
    assert [path for path in standin.folder.rglob("*") if path.is_file()] == []


def test_a_given_image_is_uploaded_under_its_digest_and_named_as_the_server_says(standin, rig):
    given = rig.run(t2i()).made[0].path
    first = rig.backend._client.upload(given)
    standin.inputs[first] = b"other content of that name"

    rig.run(Img2Img(stage="img2img", model="mini-a", steps=2, seed=1), inputs=[given])

    graph = standin.submitted()[-1]["prompt"]
    assert graph["image"]["inputs"]["image"] == first.replace(".png", " (1).png")


def test_settings_for_another_backend_are_told_and_ones_for_this_one_are_used(standin, rig):
    options = {"tiling": True, "restore_faces": False, "comfyui": {"sampler.cfg": 3.5}}

    product = rig.run(t2i(options=options))

    assert product.warnings == ("txt2img: ComfyUI has no use for the options tiling",)
    assert standin.submitted()[0]["prompt"]["sampler"]["inputs"]["cfg"] == 3.5


def test_an_unknown_option_is_refused_with_the_nearest_known():
    with pytest.raises(UsageError) as caught:
        open_backend("comfyui", {"urll": "http://x"})
    assert "'url'" in caught.value.hint


def test_a_template_of_ones_own_takes_the_place_of_the_shipped_one(standin, tmp_path):
    folder = tmp_path / "templates"
    folder.mkdir()
    from importlib import resources

    shipped = resources.files("spoolworker.backends.comfyui") / "templates" / "txt2img.json"
    text = shipped.read_text(encoding="utf-8")
    (folder / "txt2img.json").write_text(text.replace('"batch_size": 1', '"batch_size": 1.0'))
    rig = Rig(tmp_path, standin.url, templates=str(folder))

    (folder / "vae.json").write_text("{}")
    with pytest.raises(UsageError, match="no workflow template"):
        Rig(tmp_path, standin.url, templates=str(folder))

    assert rig.backend._templates["txt2img"].nodes["latent"]["inputs"]["batch_size"] == 1.0


def test_a_workflow_whose_image_has_another_size_than_promised_is_corrupt(standin, rig):
    outputs = {"8": {"count": 2, "width": 128}, "10": {}}
    workload = ComfyUIWorkload.model_validate({**WORKLOAD, "outputs": outputs})

    error = failure(rig, workload, inputs=[rig.run(t2i()).made[0].path])

    assert error.code is Code.OUTPUT_CORRUPT


def test_a_workflow_with_a_file_that_is_not_there_is_refused_before_it_is_sent(standin, rig):
    away = {**WORKFLOW_WITHOUT_INPUTS, "1": {**WORKFLOW["1"], "inputs": {"ckpt_name": "away.ckpt"}}}
    workload = ComfyUIWorkload.model_validate(
        {"kind": "comfyui", "workflow": away, "outputs": {"8": {"count": 2}}}
    )

    assert failure(rig, workload).code is Code.MODEL_MISSING
    assert standin.submitted() == []
    standin.info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0].append("away.ckpt")
    assert rig.run(workload).made, "and is found once it is there"


@pytest.mark.parametrize("promised", [1, 3])
def test_a_workflow_that_leaves_another_number_than_promised_is_incomplete(rig, promised):
    workload = ComfyUIWorkload.model_validate(
        {
            "kind": "comfyui",
            "workflow": WORKFLOW_WITHOUT_INPUTS,
            "outputs": {"8": {"count": promised}},
        }
    )

    error = failure(rig, workload)

    assert error.code is Code.OUTPUT_INCOMPLETE
    assert f"left 2 images, and {promised} were promised" in str(error)


def test_a_workflow_without_its_input_is_input_missing(rig):
    error = failure(rig, ComfyUIWorkload.model_validate(WORKLOAD))

    assert error.code is Code.INPUT_MISSING


WORKFLOW_WITHOUT_INPUTS = {key: node for key, node in WORKFLOW.items() if key not in ("9", "10")}


def rig_mark(pid):
    import socket

    return {"machine": socket.gethostname(), "pid": pid, "started": 1.0}


def t2i_changed():
    return Img2Img(stage="img2img", denoising_strength=0.5)


def test_a_failure_tells_what_was_asked_and_no_prompt(standin, rig):
    """Images that were missing were told in one line, and no log said what had been asked."""
    standin.knobs.one_too_few = True

    with pytest.raises(BackendError) as caught:
        rig.run(t2i(prompt="a secret"))

    told = caught.value.log_tail
    assert told.startswith("comfyui: txt2img: asked for '1-0': ")
    assert "CheckpointLoaderSimple(ckpt_name mini-a.safetensors)" in told
    assert "KSampler(seed 5, steps 2, " in told
    assert "secret" not in told
