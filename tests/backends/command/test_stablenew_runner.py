"""The recipe that runs StableNew's own pipeline, against a package that behaves as StableNew's source does, and a WebUI over real HTTP."""

import contextlib
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from command_rig import BY_HAND_S, Command, order, workload

from spoolctl.spool import Code, parse_job
from spoolworker.backends.base import BackendError, Interrupted, Watch
from spoolworker.commands import AllowedCommand
from spoolworker.config import load
from tests.backends.background import Background

HERE = Path(__file__).parent
RECIPE = HERE.parents[2] / "examples" / "stablenew-runner"


class Webui:
    """Tells the loaded checkpoint, and is busy until it was interrupted."""

    def __init__(self):
        self.checkpoint = "juggernaut.safetensors [0123456789]"
        self.interrupted = threading.Event()

    @contextlib.contextmanager
    def serving(self):
        standin = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                jobs = 0 if standin.interrupted.is_set() else 1
                known = {
                    "/sdapi/v1/options": {"sd_model_checkpoint": standin.checkpoint},
                    "/sdapi/v1/progress?skip_current_image=true": {"state": {"job_count": jobs}},
                }
                self.answer(known[self.path])

            def do_POST(self):
                assert self.path == "/sdapi/v1/interrupt"
                standin.interrupted.set()
                self.answer({})

            def answer(self, told):
                data = json.dumps(told).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def webui():
    with Webui().serving() as standin:
        yield standin


def snapshot(**fake):
    return {
        "schema_version": "1.0",
        "normalized_job": {
            "job_id": "a b/c",
            "base_model": "models\\Juggernaut.safetensors",
            "config": {"fake": fake},
        },
    }


def run(tmp_path, webui, *inputs, watch=None, **arguments):
    made = AllowedCommand(
        run=(sys.executable, str(RECIPE / "run_stablenew.py")),
        environment={
            "STABLENEW": str(HERE / "fake_stablenew"),
            "STABLENEW_WEBUI_BASE_URL": webui.url,
        },
    )
    work = workload(command="stablenew", arguments=arguments, count=2)
    backend = Command({"stablenew": made})
    return backend.run(order(tmp_path, work, *inputs), watch or Watch())


def failure(call):
    with pytest.raises(BackendError) as caught:
        call()
    return caught.value


def test_a_snapshot_becomes_the_images_of_each_stage_with_their_own_seeds(tmp_path, webui):
    told = []
    watch = Watch(on_progress=lambda fraction, stage: told.append((round(fraction, 2), stage)))
    product = run(tmp_path, webui, snapshot=snapshot(), watch=watch)

    assert [(one.path.name, one.final, one.seed_actual) for one in product.made] == [
        ("0000-1-txt2img.png", False, 500), ("0001-1-txt2img.png", False, 501),
        ("0000-2-adetailer.png", False, 500), ("0001-2-adetailer.png", False, 501),
        ("0000-3-upscale.png", True, 500), ("0001-3-upscale.png", True, 501),
    ]  # fmt: skip
    assert told == [(0.17, "txt2img"), (0.5, "adetailer"), (0.83, "upscale")]
    assert product.used.model == "juggernaut"
    assert "StableNew says much" in product.log_tail


def test_a_stage_that_changes_nothing_hands_on_the_same_files(tmp_path, webui):
    fake = snapshot(stages=["txt2img", "upscale"], changes_nothing=["upscale"])
    product = run(tmp_path, webui, snapshot=fake)

    assert [(one.path.name, one.final) for one in product.made] == [
        ("0000-1-upscale.png", True), ("0001-1-upscale.png", True),
    ]  # fmt: skip


def test_a_checkpoint_that_silently_was_not_switched_is_found(tmp_path, webui):
    webui.checkpoint = "sd15.safetensors"
    error = failure(lambda: run(tmp_path, webui, snapshot=snapshot()))

    assert error.code is Code.MODEL_SWITCHED_WRONGLY
    assert "'sd15.safetensors' instead of" in str(error)


@pytest.mark.parametrize(
    ("fake", "code"),
    [
        ({"error": "HTTP 500: CUDA out of memory"}, Code.OUT_OF_MEMORY),
        ({"error": "WebUI unavailable at txt2img"}, Code.BACKEND_UNREACHABLE),
        ({"raises": "[Errno 111] Connection refused"}, Code.BACKEND_UNREACHABLE),
        ({"error": None}, Code.INTERNAL),
    ],
)
def test_each_failure_of_the_pipeline_has_its_code(tmp_path, webui, fake, code):
    error = failure(lambda: run(tmp_path, webui, snapshot=snapshot(**fake)))

    assert error.code is code


@pytest.mark.parametrize("arguments", [{}, {"snapshot": {"normalized_job": 3}}])
def test_a_job_without_a_snapshot_is_a_bad_one(tmp_path, webui, arguments):
    assert failure(lambda: run(tmp_path, webui, **arguments)).code is Code.BAD_JOB


def test_a_chain_that_begins_later_works_on_the_jobs_inputs(tmp_path, webui):
    image = tmp_path / "input-0000.png"
    image.write_bytes(b"never read by the fake")
    fake = snapshot(stages=["upscale"])
    product = run(tmp_path, webui, image, snapshot=fake, start_stage="upscale")

    assert [one.path.name for one in product.made] == ["0000-1-upscale.png"]


@pytest.mark.skipif(
    sys.platform == "win32", reason="needs SIGTERM; there it is a CTRL_BREAK of a console"
)
def test_a_cancelled_run_interrupts_webui_which_would_go_on_without_it(tmp_path, webui):
    begun = threading.Event()
    watch = Watch(on_progress=lambda _fraction, stage: stage == "adetailer" and begun.set())
    going = Background(
        lambda: run(tmp_path, webui, snapshot=snapshot(hangs="adetailer"), watch=watch)
    )
    assert begun.wait(BY_HAND_S)
    watch.interrupted.set()

    assert isinstance(going.join().error, Interrupted)
    assert webui.interrupted.is_set()


def test_the_recipes_configuration_is_understood(tmp_path):
    config = load({}, file=RECIPE / "worker.toml", environment={}, log_folder=tmp_path).config

    assert list(config.commands) == ["stablenew"]
    assert config.commands["stablenew"].variables["STABLENEW"] == str(
        config.commands["stablenew"].folder
    )


def test_a_snapshot_is_made_a_job_that_the_spool_takes(tmp_path):
    file = tmp_path / "snapshot.json"
    file.write_text(json.dumps(snapshot()))
    made = subprocess.run(
        [sys.executable, RECIPE / "make_job.py", file, "2"], capture_output=True, check=True
    )
    job = parse_job(made.stdout)

    assert (job.job_id, job.workload.stage, job.workload.count) == ("a b/c", "command_stablenew", 2)
    assert job.workload.arguments["snapshot"] == snapshot()
