"""Ledgers as the controller compiles them, made up, in a folder of the test's."""

import json
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

JOB = {
    "name": "night.0001", "job_id": "j-1", "group": "night", "class": "batch", "kind": "image", "priority": 50,
    "submitted_by": "ada", "verdict": "succeeded", "code": None, "attempts": 1, "failures": 0, "crashes": 0,
    "deferrals": 0, "worker": "gpu1", "model": "sdxl", "started_at": "2026-11-20T22:00:00+00:00",
    "ended_at": "2026-11-20T22:01:00+00:00", "duration_s": 60.0, "images": 1, "day": "2026-11-20", "ran": [],
}  # fmt: skip


def run_id(job: str, image: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{job}/{image}"))


def job_line(name: str, **changes: object) -> dict:
    return {**JOB, "name": name, **changes}


def image_line(job: str, image: int = 0, *, prompt: str = "a dragon", **metadata: object) -> dict:
    told = {
        "spool_job": job, "spool_image_index": image, "spool_group": "night", "spool_worker": "gpu1",
        "image_path": f"results/night/{job}/a1/{image:04d}-1-txt2img.png", "seed": 7 + image, "stage": "txt2img",
        "pack_name": "Beasts", **metadata,
    }  # fmt: skip
    told = {key: value for key, value in told.items() if value is not None}
    return {
        "run_id": run_id(job, image), "timestamp": "2026-11-20T22:01:00",
        "base_config": {"prompt": prompt, "negative_prompt": "blurry", "width": 832, "height": 1216},
        "primary_model": "sdxl", "primary_sampler": "Euler a", "primary_scheduler": "Karras", "primary_steps": 20,
        "primary_cfg_scale": 7.0, "metadata": told,
    }  # fmt: skip


def word_line(job: str, image: int = 0, *, number: int = 1, **metadata: object) -> dict:
    found = image_line(job, image, record_kind="review_tab_feedback", spool_word=number, **metadata)
    return {**found, "timestamp": "2026-11-21T08:00:00"}


class Ledgers:
    """The two compiled files of a spool."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.corpus = root / "corpus/learning_records.jsonl"
        self.history = root / "history/history.jsonl"

    def append(self, *, jobs: list = (), images: list = ()) -> None:
        for path, lines in ((self.history, jobs), (self.corpus, images)):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.writelines(
                    one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n"
                    for one in lines
                )


def damage(path: Path, table: str) -> None:
    """Spoil a table of an index that nobody has open: what opens the file finds it in order."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        ((page,),) = connection.execute(query, (table,))
        ((size,),) = connection.execute("PRAGMA page_size")
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)
