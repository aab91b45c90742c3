"""Jobs and workers of scenes in which the backend is a server, and what their heartbeats tell."""

import json
import socket
import sys
from datetime import datetime
from pathlib import Path

from processes import REPOSITORY, job_text
from standing_in import BACKENDS, KINDS, STEPS

from spoolctl.spool import Heartbeat, decode, layout, nodes

STANDING_IN = Path(__file__).with_name("standing_in.py")
TROUBLED_WORKER = Path(__file__).with_name("troubled_worker.py")


def work(kind, *, count=1, **keys):
    """A job's record, of a chain that this kind of server can run."""
    stage = {
        "stage": "txt2img", "prompt": "a lighthouse", "model": kind.model, "seed": 7, "steps": STEPS,
        "width": 64, "height": 64, "count": count,
    }  # fmt: skip
    return job_text(workload={"kind": "image", "stages": [stage]}, **keys)


def worker(scene, server, name, *flags, share=None, **variables):
    """A worker before *server*; *share* is the file that says what its share is like (``troubled_worker``)."""
    chosen = [f"--backend-option={one}" for one in (f"url={server.url}", *server.worker_options)]
    return start_worker(
        scene, name, f"--backend={BACKENDS[type(server) is KINDS['comfyui']]}", *chosen, *flags,
        share=share, **variables,
    )  # fmt: skip


def start_worker(scene, name, *flags, share=None, **variables):
    program = ["-m", "spoolworker.cli"]
    if share is not None:
        program = [str(TROUBLED_WORKER), str(share)]
    arguments = [
        *program, "run", "--quiet", "--spool", str(scene.root), "--name", name,
        "--scratch", str(scene.folder / "scratch" / name), *flags,
    ]  # fmt: skip
    return scene._start(
        name,
        arguments,
        variables={f"SPOOLWORKER_{k.upper()}": str(v) for k, v in variables.items()},
    )


def wait_until_held(scene, server):
    scene.wait_for(lambda: server.is_held, "the server to be in the midst of its work")


def beat(scene, name, number=1):
    return decode(Heartbeat, (scene.attempt(name, number) / layout.HEARTBEAT).read_bytes())


def node_beat(scene, name):
    """A worker's own heartbeat; None before its first."""
    return nodes(scene.actor()).get(name, (None, None))[1]


def doing(scene, name):
    """What a worker says that it does."""
    told = node_beat(scene, name)
    return told and told.state


def progress(scene, name):
    return beat(scene, name).progress or 0.0


def told_at(event):
    return datetime.fromisoformat(event["at"])


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def own_server(scene, backend, port, hold_file):
    """A configuration file by which a worker starts its server itself (``standing_in`` as a program)."""
    program = [sys.executable, str(STANDING_IN), backend, str(port), str(hold_file)]
    config = scene.folder / "worker.toml"
    folder = json.dumps(str(REPOSITORY))
    config.write_text(f"[server]\nstart = {json.dumps(program)}\nfolder = {folder}\n")
    return config
