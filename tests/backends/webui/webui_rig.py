"""What the tests of the ``webui`` backend share: chains, orders and a run against a server."""

from PIL import Image

from spoolctl.spool import ADetailer, Hires, Img2Img, Refiner, Txt2Img, Upscale
from spoolworker.backends.base import Order, Watch
from spoolworker.backends.webui import Webui
from spoolworker.backends.webui.settings import Settings

__all__ = ["ADetailer", "Hires", "Img2Img", "Refiner", "Txt2Img", "Upscale"]


def txt2img(**said):
    fields = {
        "stage": "txt2img", "prompt": "a castle", "model": "sd15", "seed": 7, "steps": 4, "width": 64, "height": 64,
        "sampler": "Euler a", "scheduler": "Karras",
    }  # fmt: skip
    return Txt2Img(**{**fields, **said})


def img2img(**said):
    return Img2Img(**{"stage": "img2img", "prompt": "a castle", "model": "sd15", "seed": 7, **said})


def adetailer(**said):
    return ADetailer(**{"stage": "adetailer", **said})


def upscale(**said):
    return Upscale(**{"stage": "upscale", **said})


def backend(server, **options):
    """A backend that looks at its server as often as it can."""
    return Webui(
        Settings(url=server.url, **{"poll_s": 0.005, "preview_s": 0, **options}),
        draw_seed=lambda: 1000,
    )


def order(tmp_path, *stages, inputs=(), **more):
    scratch = tmp_path / "work"
    scratch.mkdir(exist_ok=True, parents=True)
    return Order(stages, tuple(inputs), scratch, "job", **more)


def run(server, tmp_path, *stages, watch=None, options=None, **more):
    made = backend(server, **(options or {}))
    return made.run(order(tmp_path, *stages, **more), watch or Watch())


def picture_file(path, size=(64, 64)):
    Image.new("RGB", size, (200, 100, 50)).save(path)
    return path
