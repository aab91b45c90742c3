"""What the index of results costs: making it anew, keeping it in step, asking it.

    python -m bench.results

The ledgers are made up: two images a job, prompts of some 200 characters, a third of the images rated. Each ratio is to counting the
lines of the same ledger in the same run, the least that anybody does who reads it.
"""

import json
import random
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from bench import tables
from spoolctl.index import Index, Wanted, count, group_sums, images
from spoolctl.spool import layout

GOAL_MS = 100.0
WORDS = [
    "dragon",
    "castle",
    "night",
    "sea",
    "storm",
    "light",
    "old",
    "stone",
    "river",
    "lantern",
    "forest",
    "gold",
    "ruin",
    "sky",
]
MODELS = ("juggernautXL", "dreamshaperXL", "flux1-dev", "sd15-base")
QUERIES: dict[str, Wanted] = {
    "newest 100": Wanted(limit=100),
    "one group, in the order of its plan": Wanted(group="group-7", order="plan", limit=100),
    "one job": Wanted(job="group-7.0001"),
    "rated 4 or better": Wanted(rating_min=4, limit=100),
    "the best": Wanted(order="best", limit=100),
    "unrated, far down the plan": Wanted(rated=False, order="plan", limit=200, offset=60_000),
    "of a model that is not there": Wanted(model="nowhere", limit=100),
    "picked, of one model": Wanted(model="flux", choice="picked", limit=100),
    "two words that stand in many prompts": Wanted(text="old stone", limit=100),
    "a word that stands nowhere": Wanted(text="nowhere to be found", limit=100),
    "one worker, one hour": Wanted(
        worker="gpu3", since="2026-11-20T03:00:00", until="2026-11-20T04:00:00", limit=100
    ),
}


def write_ledgers(root: Path, total: int) -> int:
    """Ledgers of *total* images; how many lines the corpus has."""
    dice = random.Random(1)
    corpus, history = root / layout.LEARNING_RECORDS, root / layout.ENDED_JOBS
    for path in (corpus, history):
        path.parent.mkdir(parents=True)
    lines = 0
    with corpus.open("w") as images_file, history.open("w") as jobs_file:
        for number in range(total // 2):
            name = f"group-{number // 400}.{number % 400:04d}"
            ended = f"2026-11-{20 - number % 15:02d}T{number % 24:02d}:{number % 60:02d}:00"
            facts = {
                "name": name, "group": None, "verdict": "succeeded", "attempts": 1, "worker": f"gpu{number % 5}",
                "started_at": f"{ended}+00:00", "ended_at": f"{ended}+00:00", "duration_s": 20.0, "images": 2, "day": ended[:10],
            }  # fmt: skip
            jobs_file.write(json.dumps(facts) + "\n")
            for index in range(2):
                record = _record(name, index, ended, dice)
                images_file.write(json.dumps(record) + "\n")
                lines += 1
                if dice.random() < 1 / 3:
                    record["metadata"] |= {
                        "record_kind": "review_tab_feedback", "user_rating": dice.randint(1, 5),
                        "spool_word": 1, "spool_choice": dice.choice(["picked", "rejected", None]),
                    }  # fmt: skip
                    images_file.write(json.dumps(record) + "\n")
                    lines += 1
    return lines


def _record(name: str, index: int, ended: str, dice: random.Random) -> dict:
    prompt = " ".join(dice.choices(WORDS, k=35))
    model = dice.choice(MODELS)
    base = {
        "prompt": prompt,
        "negative_prompt": "blurry",
        "width": 832,
        "height": 1216,
        "model": model,
        "steps": 28,
    }
    return {
        "run_id": str(uuid.UUID(int=dice.getrandbits(128))), "timestamp": ended, "base_config": {**base, "txt2img": base},
        "primary_model": model, "primary_sampler": "Euler a", "primary_scheduler": "Karras", "primary_steps": 28,
        "primary_cfg_scale": 6.5, "stage_plan": ["txt2img"], "outputs": [], "variant_configs": [], "sidecar_priors": {},
        "metadata": {
            "spool_job": name, "spool_image_index": index, "spool_worker": f"gpu{dice.randrange(5)}", "seed": dice.getrandbits(32),
            "image_path": f"results/{name.split('.', maxsplit=1)[0]}/{name}/a1/{index:04d}-1-txt2img.png", "stage": "txt2img",
            "pack_name": f"pack {dice.randrange(12)}",
        },
    }  # fmt: skip


def timed(deed: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds that each round took."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        deed()
        took.append(1e3 * (time.perf_counter() - began))
    return took


def _count_lines(root: Path) -> int:
    found = 0
    for path in (layout.LEARNING_RECORDS, layout.ENDED_JOBS):
        with (root / path).open("rb") as file:
            found += sum(1 for line in file if json.loads(line))
    return found


def _replace_a_word(root: Path) -> None:
    """A person thinks better of a rating: its line goes, and one comes at the end."""
    corpus = root / layout.LEARNING_RECORDS
    lines = corpus.read_bytes().splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if b'"user_rating"' in line)
    record = json.loads(lines.pop(at))
    record["metadata"] |= {"user_rating": 5, "spool_word": 2}
    corpus.write_bytes(b"".join(lines) + json.dumps(record).encode() + b"\n")


def main(arguments: list[str] | None = None) -> int:
    parser = tables.options(__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    given = parser.parse_args(arguments)
    total, rounds = (2_000, 2) if given.quick else (given.images, 20)
    with tables.workplace(given.folder) as root:
        write_ledgers(root, total)
        path = root / "index.sqlite"
        with Index(path) as index:
            floor = statistics.median(timed(lambda: _count_lines(root), 3))
            (rebuild,) = timed(lambda: index.refresh(root), 1)
            step = statistics.median(timed(lambda: index.refresh(root), rounds))
            _replace_a_word(root)
            (replaced,) = timed(lambda: index.refresh(root), 1)
            rows: list[list[object]] = [
                ["parse the ledgers' lines, and nothing else", floor, 1.0, ""],
                [f"make the index of {total} images anew", rebuild, rebuild / floor, ""],
                ["refresh, nothing new", step, step / floor, ""],
                ["refresh, a word replaced by another", replaced, replaced / floor, ""],
            ]
            asked = {}
            for name, wanted in QUERIES.items():
                took = timed(
                    lambda wanted=wanted: (
                        images(index.connection, wanted),
                        count(index.connection, wanted),
                    ),
                    rounds,
                )
                asked[name] = {"p50_ms": statistics.median(took), "worst_ms": max(took)}
                rows.append(
                    [name, statistics.median(took), statistics.median(took) / floor, max(took)]
                )
            took = timed(lambda: group_sums(index.connection), rounds)
            asked["all groups"] = {"p50_ms": statistics.median(took), "worst_ms": max(took)}
            rows.append(
                [
                    "sums of all groups",
                    statistics.median(took),
                    statistics.median(took) / floor,
                    max(took),
                ]
            )
        size = path.stat().st_size / 1e6
        tables.show(["what", "ms", "x", "worst ms"], rows)
        print(f"goal: every question within {GOAL_MS:g} ms; the file has {size:.0f} MB")
        figures = {
            "images": total,
            "parse_ms": floor,
            "rebuild_ms": rebuild,
            "refresh_ms": step,
            "asked": asked,
            "mb": size,
        }
        tables.tell(given.json, "results", root, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
