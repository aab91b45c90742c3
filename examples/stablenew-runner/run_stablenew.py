"""StableNew's own pipeline as a command of the spool: one job snapshot in, its images out, without a window.

It keeps to the contract of docs/BACKENDS.md: the record comes on standard input, images go into $SPOOL_OUTPUTS, lines of JSON tell the
worker how it goes, and the exit code says what went wrong. It needs StableNew's folder in $STABLENEW and the WebUI's address in
$STABLENEW_WEBUI_BASE_URL (http://127.0.0.1:7860 if left out).
"""

import json
import os
import re
import signal
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

BAD_JOB, UNREACHABLE, FAILED, SWITCHED_WRONGLY, OUT_OF_MEMORY = 65, 69, 70, 101, 102
WEBUI = os.environ.get("STABLENEW_WEBUI_BASE_URL", "http://127.0.0.1:7860")
IDLE_WITHIN_S = 8.0
Stages = list[tuple[str, list[str]]]
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def say(**told: object) -> None:
    print(json.dumps(told), flush=True)


def give_up(code: int, message: str) -> NoReturn:
    say(message=message)
    sys.exit(code)


def webui(path: str, *, post: bool = False) -> Any:  # noqa: ANN401 - raw JSON
    with NO_PROXY.open(f"{WEBUI}/sdapi/v1/{path}", data=b"" if post else None, timeout=5) as answer:
        return json.load(answer)


def stop(*_: object) -> None:
    """Told to end. WebUI would go on without us, so it is interrupted, and given a moment to come to rest."""
    until = time.monotonic() + IDLE_WITHIN_S
    try:
        webui("interrupt", post=True)
        while webui("progress?skip_current_image=true")["state"]["job_count"]:
            if time.monotonic() > until:
                break
            time.sleep(0.2)
    except OSError as error:
        say(message=f"WebUI could not be interrupted: {error}")
    os._exit(FAILED)  # StableNew's threads have nothing left to do


def model_name(text: object) -> str:
    """A checkpoint's bare name: without folders, suffix and the hash that WebUI shows behind it."""
    name = re.sub(r" \[[0-9a-f]+\]$", "", str(text).strip())
    return re.sub(r"\.(safetensors|ckpt|pt)$", "", re.split(r"[\\/]", name)[-1]).lower()


def first_seed(stages: Stages) -> int | None:
    """The seed of the chain's first image. StableNew's manifests tell it for every image; WebUI counts on from it."""
    stage, paths = stages[0] if stages else ("", [])
    if stage != "txt2img" or not paths:
        return None
    first = Path(paths[0])
    try:
        told = json.loads((first.parent / "manifests" / f"{first.stem}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    seed = told.get("actual_seed")
    return seed if isinstance(seed, int) else None


def tell(status: Mapping[str, Any]) -> None:
    """StableNew's status, which speaks of one stage, as the whole job's progress."""
    stages = max(int(status.get("total_stages") or 1), 1)
    done = (int(status.get("stage_index") or 0) + float(status.get("progress") or 0)) / stages
    stage = re.sub(r"[^a-z0-9_]", "_", str(status.get("current_stage") or "pipeline").lower())
    say(progress=max(0.0, min(done, 1.0)), stage=stage[:40])


def run(arguments: Mapping[str, Any], outputs: Path) -> Stages:
    """Run the snapshot; the stages that ended, each with its files."""
    from src.controller.ports.default_runtime_ports import (  # noqa: PLC0415
        DefaultImageRuntimePorts,
    )
    from src.utils import StructuredLogger  # noqa: PLC0415
    from src.utils.snapshot_builder_v2 import normalized_job_from_snapshot  # noqa: PLC0415

    njr = normalized_job_from_snapshot(arguments.get("snapshot") or {})
    if njr is None:
        give_up(BAD_JOB, "arguments.snapshot is no StableNew job")
    # A folder that nobody else writes to: StableNew lets jobs of the same pack and model share one.
    njr.path_output_dir = str(outputs)
    inputs = sorted(Path(os.environ["SPOOL_INPUTS"]).iterdir())
    if inputs:
        njr.input_image_paths = [str(path) for path in inputs]
    if arguments.get("start_stage"):
        njr.start_stage = arguments["start_stage"]
    stages: Stages = []
    ports = DefaultImageRuntimePorts()
    runner = ports.create_runner(
        api_client=ports.create_client(base_url=WEBUI),
        structured_logger=StructuredLogger(),
        status_callback=tell,
    )
    result = runner.run_njr(
        njr, checkpoint_callback=lambda stage, paths, _facts=None: stages.append((stage, paths))
    )
    if not result.success:
        fail(str(result.error or "StableNew's pipeline left nothing"))
    said = (njr.config or {}).get("txt2img") or {}
    refuse_other_model({njr.base_model, said.get("model"), said.get("sd_model_checkpoint")})
    return stages


def fail(error: str) -> NoReturn:
    words = error.lower()
    if "out of memory" in words or "outofmemory" in words:
        give_up(OUT_OF_MEMORY, error)
    if "unavailable" in words or "refused" in words:
        give_up(UNREACHABLE, error)
    give_up(FAILED, error)


def refuse_other_model(named: set[str | None]) -> None:
    """StableNew drops a switch of the checkpoint that comes within 6 s of another, and renders on the old one."""
    used = webui("options")["sd_model_checkpoint"]
    say(model=model_name(used))
    wanted = {model_name(one) for one in named if one and one != "unknown"}
    if wanted and model_name(used) not in wanted:
        give_up(SWITCHED_WRONGLY, f"WebUI used '{used}' instead of '{', '.join(sorted(wanted))}'")


def tell_outputs(stages: Stages, outputs: Path) -> None:
    """Each file once: a stage that changed nothing hands on what it was given."""
    seed = first_seed(stages)
    last = {path: number for number, (_, paths) in enumerate(stages) for path in paths}
    for number, (stage, paths) in enumerate(stages):
        for index, path in enumerate(paths):
            if last[path] == number:
                say(
                    output=Path(path).resolve().relative_to(outputs.resolve()).as_posix(),
                    stage=stage,
                    index=index,
                    final=number == len(stages) - 1,
                    seed=None if seed is None else seed + index,
                )


def main() -> None:
    for name in ("SIGTERM", "SIGBREAK"):  # the second is Windows' word
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    arguments = json.load(sys.stdin)["workload"]["arguments"]
    outputs = Path(os.environ["SPOOL_OUTPUTS"])
    sys.path.insert(0, os.environ["STABLENEW"])
    try:
        tell_outputs(run(arguments, outputs), outputs)
    except Exception as error:  # noqa: BLE001 - whatever it is, the worker is told
        fail(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
