"""Write a job file for each prompt and seed: ``make_jobs.py PROMPTS FOLDER SEED...``."""

import sys
from pathlib import Path

import yaml


def jobs(prompts: list[str], seeds: list[int]) -> dict[str, dict]:
    """The records by file name. Numbers in the names keep the order of the prompts."""
    return {
        f"prompt{number:03d}-seed{seed}.yaml": {
            "schema": "spool.job/1",
            "workload": {
                "kind": "image",
                "stages": [
                    {"stage": "txt2img", "prompt": prompt, "model": "sdxl-base-1.0", "steps": 28,
                     "cfg_scale": 6.5, "seed": seed, "width": 512, "height": 512},
                    {"stage": "adetailer"},
                    {"stage": "upscale", "factor": 2},
                ],
            },
        }
        for number, prompt in enumerate(prompts, start=1)
        for seed in seeds
    }  # fmt: skip


def main() -> None:
    source, folder, *seeds = sys.argv[1:]
    lines = [line.strip() for line in Path(source).read_text(encoding="utf-8").splitlines()]
    prompts = [line for line in lines if line and not line.startswith("#")]
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name, record in jobs(prompts, [int(seed) for seed in seeds]).items():
        # explicit_end writes the last line "...", which proves to readers that the file is whole.
        text = yaml.safe_dump(record, sort_keys=False, allow_unicode=True, explicit_end=True)
        (target / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
