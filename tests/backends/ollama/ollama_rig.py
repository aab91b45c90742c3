"""What the tests of the ``ollama`` backend share: jobs, orders and a run against a server."""

from PIL import Image

from spoolctl.spool import TextWorkload
from spoolworker.backends.base import Order, Watch
from spoolworker.backends.ollama import Ollama
from spoolworker.backends.ollama.options import Options

BY_HAND_S = 30


def text(**said):
    return TextWorkload(
        **{"kind": "text", "model": "tiny", "prompt": "a lighthouse", "seed": 7, **said}
    )


def backend(server, *, clock=None, **options):
    more = {"clock": clock} if clock else {}
    return Ollama(
        Options(url=server.url, **options),
        draw_seed=lambda: 1000,
        pause=lambda _seconds: None,
        **more,
    )


def order(tmp_path, workload, *inputs):
    scratch = tmp_path / "work"
    scratch.mkdir(parents=True, exist_ok=True)
    return Order((workload,), inputs, scratch, "job")


def run(server, tmp_path, workload, *inputs, watch=None, **options):
    return backend(server, **options).run(order(tmp_path, workload, *inputs), watch or Watch())


def picture_file(path):
    Image.new("RGB", (8, 8), (200, 100, 50)).save(path)
    return path
