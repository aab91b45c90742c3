"""Submit a job and follow it as a GUI would: files only, none of our packages.

``drop_job.py PROMPT [SEED]``; the spool is where SPOOL_ROOT says. Prints the paths of the images.
The reading of YAML is PyYAML's; everything else is plain Python. docs/FORMAT.md, section 11, has the rules.
"""

import json
import os
import secrets
import sys
import time
from pathlib import Path

import yaml

LOOK_EVERY_S = 1.0


def drop(spool: Path, prompt: str, seed: int) -> str:
    """Put a job into the interactive queue; gives its name."""
    shelf = f"gui-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
    name = f"{shelf}.0001"  # lower case, digits, dots and dashes: legal everywhere
    text = f"""\
schema: spool.job/1
submitted_by: drop_job.py
workload:
  kind: image
  stages:
    - stage: txt2img
      prompt: {json.dumps(prompt)}
      seed: {seed}
      count: 2
    - stage: upscale
...
"""  # a JSON string is a YAML string, whatever is in it; the "..." says that the file is whole
    queue = spool / "queue" / "interactive"
    temporary = queue / f".{secrets.token_hex(8)}.tmp"  # names with a dot in front are ignored
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(queue / f"{name}.yaml")
    return name


def follow(spool: Path, name: str) -> list[Path]:
    """Wait until the job has ended; gives its images, in their order."""
    results = spool / "results" / name.rpartition(".")[0] / name
    told = ""
    while True:
        manifest = last_verdict(results)
        if manifest and manifest["verdict"] == "succeeded":
            finals = [one for one in manifest["outputs"] if one["final"]]
            return [results / one["path"] for one in finals]
        if manifest and manifest["final"]:
            sys.exit(f"{manifest['verdict']}: {manifest.get('message')}")
        for path in (spool / "rejected").glob("*.reason.yaml"):
            reason = yaml.safe_load(path.read_text(encoding="utf-8"))
            if reason["file"] == f"{name}.yaml":
                sys.exit(f"rejected: {reason['error']}; {reason['hint']}")
        now = "it will be tried again" if manifest else "waits" if not results.exists() else "runs"
        if now != told:
            print(now, file=sys.stderr)
            told = now
        time.sleep(LOOK_EVERY_S)


def last_verdict(results: Path) -> dict | None:
    """The manifest of the last attempt; None while it runs, or before there is one."""
    attempts = [path for path in results.glob("a*") if path.name[1:].isdigit()]
    if not attempts:
        return None
    last = max(attempts, key=lambda path: int(path.name[1:]))
    # Listed before it is opened: a network share may remember for a while that it was not there.
    if "manifest.yaml" not in {path.name for path in last.iterdir()}:
        return None
    return yaml.safe_load((last / "manifest.yaml").read_text(encoding="utf-8"))


if __name__ == "__main__":
    root = Path(os.environ["SPOOL_ROOT"])
    words, *seed = sys.argv[1:]
    job = drop(root, words, int(seed[0]) if seed else -1)
    for image in follow(root, job):
        print(image)
