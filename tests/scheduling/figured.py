"""Work, nodes and figures in few words, for tests of estimates."""

from datetime import UTC, datetime

from spoolctl.scheduling.work import Piece, Work
from spoolctl.spool import FIGURES_SCHEMA, NODE_SCHEMA, FigureRow, Figures, ModelHere, Node, Sample

R4090, R3060 = "NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 3060"


def node(gpu=R4090, vram_gb=24.0, *, backend="webui", worker="w1", models=None):
    return Node(
        schema_=NODE_SCHEMA, worker=worker, session=f"{worker}-1", machine="m", protocol=1, version="1",
        backend=backend, gpu=gpu, vram_gb=vram_gb, started_at=datetime(2026, 1, 1, tzinfo=UTC),
        stages=("txt2img", "img2img", "adetailer", "upscale"),
        models=models and tuple(ModelHere(name=name, bytes=size) for name, size in models.items()),
    )  # fmt: skip


def work(model="juggernautxl", *, steps=30, megapixels=1.0, images=1, stage="txt2img", **more):
    return Work("image", model, (), (Piece(stage, images, steps, megapixels),), **more)


def row(*samples, card=R4090, vram_gb=24.0, **key):
    told = {"backend": "webui", "model": "juggernautxl", "stage": "txt2img", "size": 1.0, **key}
    return FigureRow(card=card, vram_gb=vram_gb, samples=samples, **told)


def ran(seconds, *, units=30.0, at_once=1.0, peak_gb=None, at=1):
    return Sample(f"b4a1{at:08x}", "", seconds, units, at_once, peak_gb)


def failed(code="stalled", *, units=30.0, at_once=1.0, peak_gb=None, at=1):
    return Sample(f"b4a1{at:08x}", code, None, units, at_once, peak_gb)


def figures(*rows):
    return Figures(schema_=FIGURES_SCHEMA, rows=rows)
