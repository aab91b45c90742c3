"""A spool on a real folder, what a worker and a controller left in it, and the page's server asked in this process."""

import io
import socket
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import requests
import uvicorn
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from cli_bench import Bench

from spoolctl.controller.scanner import Scanner
from spoolctl.review.app import make_app
from spoolctl.spool import (
    SETTINGS_SCHEMA,
    Ending,
    Facts,
    Life,
    Output,
    Settings,
    Verdict,
    conclude,
    create_spool,
    end,
    layout,
)

JOB = """\
schema: spool.job/1
group: night
workload:
  kind: image
  stages:
    - {{stage: txt2img, prompt: {prompt}, model: sdxl, steps: 20, count: {count}, seed: 7}}
"""
UPSCALE = """\
schema: spool.job/1
group: night
after: [{{job: {job}, when: approved}}]
inputs: [{{job: {job}}}]
workload:
  kind: image
  stages:
    - {{stage: upscale, factor: 2}}
"""


class Client(requests.Session):
    """Asks one server, and follows no redirect."""

    def __init__(self, port):
        super().__init__()
        self.port = port
        self.origin = f"http://localhost:{port}"
        self.trust_env = False

    def request(self, method, url, **more):
        more |= {"allow_redirects": False, "timeout": 30}
        return super().request(method, f"{self.origin}{url}", **more)


@contextmanager
def serving(app):
    """Serve *app* at a free port of this machine, as ``spoolctl review`` does; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, ws="none", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def png(*, colour=(40, 90, 200), size=(64, 48)):
    made = io.BytesIO()
    Image.new("RGB", size, colour).save(made, "PNG")
    return made.getvalue()


class Served(Bench):
    """A spool and its page."""

    def __init__(self, root, files, capsys, now):
        create_spool(root, Settings(schema_=SETTINGS_SCHEMA, spool_id="spool-test", created_at=now))
        super().__init__(root, files, capsys)

    def app(self):
        return make_app(self.root, "person-ada", None).app

    def make(self, name, *, count=1, prompt="a lighthouse"):
        """Submit, commit and merge a job of *count* images, the colour of each another."""
        self.submit(name, JOB.format(prompt=prompt, count=count))
        actor, claimed, _ = self.claim(name)
        outputs = tuple(self.leave(actor, claimed, number) for number in range(count))
        ending = Ending(Verdict.SUCCEEDED, outputs=outputs, duration_s=2.0)
        end(actor, claimed, conclude(actor, claimed, ending))
        self.scan()

    def leave(self, actor, claimed, number):
        path = f"a{claimed.number}/{number:04d}-1-txt2img.png"
        whole = f"{layout.results(claimed.name)}/{path}"
        actor.files.write_new(whole, png(colour=(40 * number, 90, 200)))
        digest = actor.files.digest(whole)
        return Output(
            path=path, bytes=digest.bytes, sha256=digest.sha256, stage="txt2img",
            image_index=number, width=64, height=48, seed_actual=7 + number,
        )  # fmt: skip

    def scan(self):
        actor = self.actor("controller-c")
        Scanner(actor, Life(actor, "controller", Facts())).scan()

    def folder(self, name):
        return self.place(name).folder
