"""The command ``spoolworker``: run a worker, print its configuration, list its backends.

Exit codes are those of ``spoolctl`` (docs/CLI.md), and 70 if the backend did not come to rest after it was interrupted.
"""

import dataclasses
import json
import os
import re
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from spoolctl.scheduling.durations import parse_duration
from spoolctl.spool import ShareUnusable, SpoolError, UsageError, open_spool
from spoolctl.spool.doctor import count, is_bad, lines, summary
from spoolctl.spool.eventlog import default_folder, open_log, tell_on_terminal
from spoolctl.spool.version import VERSION
from spoolworker.agent import Agent
from spoolworker.availability import Pause, PauseFile
from spoolworker.availability.local_time import machine_time, shown
from spoolworker.availability.measuring import unmeasured
from spoolworker.availability.pausing import whoever_types
from spoolworker.backends import BACKENDS, open_backend
from spoolworker.backends.base import BackendError
from spoolworker.backends.options import SECRETS
from spoolworker.config import Config, Loaded, load, parse_options
from spoolworker.doctor import examine_node, refused
from spoolworker.gpus import memory, read_gpus
from spoolworker.models import together
from spoolworker.stopping import Stopping
from spoolworker.trial import tell_folders, try_backend, would_claim

app = typer.Typer(
    help="The worker of one GPU: claims jobs from a spool and runs them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

SpoolOption = Annotated[
    Path | None, typer.Option("--spool", help="The spool's folder (or SPOOL_ROOT).")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="A TOML file with the settings below.")
]
NameOption = Annotated[str | None, typer.Option("--name", help="Unique in the spool: a-z 0-9 -.")]
BackendOption = Annotated[
    str | None, typer.Option("--backend", help=f"What makes the images: {', '.join(BACKENDS)}.")
]
OptionsOption = Annotated[
    list[str] | None,
    typer.Option("--backend-option", help="KEY=VALUE for the backend; may be given several times."),
]
GpuOption = Annotated[
    str | None, typer.Option("--gpu", help="The card: its index, or how its uuid begins.")
]
VramOption = Annotated[
    float | None, typer.Option("--vram-gb", help="The card's memory, if it can't be read.")
]
TagOption = Annotated[list[str] | None, typer.Option("--tag", help="A tag that jobs may require.")]
ScratchOption = Annotated[
    Path | None, typer.Option("--scratch", help="A local folder for work in progress.")
]
LogsOption = Annotated[Path | None, typer.Option("--log-folder", help="Where the event log goes.")]
DrainOption = Annotated[
    bool | None, typer.Option("--drain", help="Leave when the queues hold nothing more to run.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]
OnceOption = Annotated[bool | None, typer.Option("--once", help="Leave after one job.")]


@app.command()
def run(
    spool: SpoolOption = None,
    config: ConfigOption = None,
    name: NameOption = None,
    backend: BackendOption = None,
    backend_option: OptionsOption = None,
    gpu: GpuOption = None,
    vram_gb: VramOption = None,
    tag: TagOption = None,
    scratch: ScratchOption = None,
    log_folder: LogsOption = None,
    drain: DrainOption = None,
    once: OnceOption = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Tell nothing on the terminal.")
    ] = False,
) -> None:
    """Claim and run jobs until told to stop.

    Ctrl-C finishes the job in work and leaves; a second Ctrl-C hands it back at once.
    """
    loaded = _load(
        config, spool=spool, name=name, backend=backend, backend_options=backend_option, gpu=gpu,
        vram_gb=vram_gb, tags=tuple(tag) if tag else None, scratch=scratch, log_folder=log_folder,
        drain=drain, once=once,
    )  # fmt: skip
    stopping = Stopping()
    stopping.listen()
    path = loaded.config.event_log
    try:
        log, close = open_log(path, also=None if quiet else tell_on_terminal)
    except OSError as error:
        raise UsageError(
            f"cannot write the event log '{path}': {error.strerror or error}",
            hint="name another folder with --log-folder",
        ) from None
    try:
        agent = Agent(loaded.config, stopping, log)
        with agent.hang_watch:
            raise typer.Exit(agent.run())
    except OSError as error:
        raise ShareUnusable(f"the spool at '{loaded.config.spool}' failed: {error}") from None
    finally:
        close()


@app.command("config")
def print_config(
    spool: SpoolOption = None,
    config: ConfigOption = None,
    name: NameOption = None,
    backend: BackendOption = None,
    backend_option: OptionsOption = None,
    gpu: GpuOption = None,
    vram_gb: VramOption = None,
    tag: TagOption = None,
    scratch: ScratchOption = None,
    log_folder: LogsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print every setting and where it came from: default, file, environment or flag."""
    loaded = _load(
        config, spool=spool, name=name, backend=backend, backend_options=backend_option, gpu=gpu,
        vram_gb=vram_gb, tags=tuple(tag) if tag else None, scratch=scratch, log_folder=log_folder,
    )  # fmt: skip
    values = json.loads(loaded.config.model_dump_json())
    options = values["backend_options"].items()
    values["backend_options"] = {k: "***" if k in SECRETS else _no_login(v) for k, v in options}
    for one in (values["server"] or {}, *values["commands"].values()):
        one["environment"] = dict.fromkeys(one.get("environment") or {}, "***")
    unknown = unmeasured(loaded.config)
    if as_json:
        told = {k: {"value": v, "from": loaded.origins[k]} for k, v in values.items()}
        told["availability"] |= {"unknown": unknown} if unknown else {}
        typer.echo(json.dumps(told, indent=2))
        return
    for key, value in values.items():
        typer.echo(f"{key:<18} {json.dumps(value):<44} # {loaded.origins[key]}")
    for key, problem in unknown.items():
        typer.echo(f"# availability.{key} cannot be measured here and does not count: {problem}")


@app.command()
def doctor(
    spool: SpoolOption = None,
    config: ConfigOption = None,
    name: NameOption = None,
    backend: BackendOption = None,
    backend_option: OptionsOption = None,
    gpu: GpuOption = None,
    vram_gb: VramOption = None,
    tag: TagOption = None,
    scratch: ScratchOption = None,
    log_folder: LogsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Is this machine ready to work? Card, backend, models, share, scratch, configuration, name. Ends with 1 if anything is bad."""
    try:
        loaded = _load(
            config, spool=spool, name=name, backend=backend, backend_options=backend_option,
            gpu=gpu, vram_gb=vram_gb, tags=tuple(tag) if tag else None, scratch=scratch,
            log_folder=log_folder,
        )  # fmt: skip
    except UsageError as error:
        findings = [refused(error)]
    else:
        findings = examine_node(loaded, tell=lambda line: typer.echo(f"doctor: {line}", err=True))
    if as_json:
        told = [one.model_dump(mode="json", exclude_none=True) for one in findings]
        document = {"bad": is_bad(findings), "counts": count(findings), "findings": told}
        typer.echo(json.dumps(document, indent=2))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        for _severity, line in lines(findings, width):
            typer.echo(line)
        typer.echo(f"\n{summary(findings)}")
    if is_bad(findings):
        raise typer.Exit(1)


@app.command()
def pause(
    config: ConfigOption = None,
    name: NameOption = None,
    gpu: GpuOption = None,
    log_folder: LogsOption = None,
    now: Annotated[
        bool, typer.Option("--now", help="Hand back the job in work; its attempt does not count.")
    ] = False,
    for_: Annotated[
        str | None,
        typer.Option("--for", help="Go on by itself after so long: 45m, 2h, 1h30m."),
    ] = None,
    message: Annotated[str | None, typer.Option("--message", help="Why.")] = None,
) -> None:
    """Pause this machine's worker, also without the share and over its restarts, until 'spoolworker resume'."""
    settings, file = _pause_file(config, name=name, gpu=gpu, log_folder=log_folder)
    now_s = time.time()
    until = None
    if for_ is not None:
        until = datetime.fromtimestamp(now_s + parse_duration(for_), tz=UTC).replace(microsecond=0)
    file.write(Pause(whoever_types(), message, until, now=now))
    first = "hands back" if now else "finishes"
    when = f"until {shown(until, machine_time(now_s))}" if until else "until 'spoolworker resume'"
    typer.echo(f"{settings.name}: paused; it {first} what it runs, then claims nothing {when}")
    if not settings.event_log.exists():
        typer.echo(
            f"note: no worker '{settings.name}' has run here with this configuration "
            f"('{settings.event_log}' is not there); is its name right?",
            err=True,
        )


@app.command()
def resume(
    config: ConfigOption = None,
    name: NameOption = None,
    gpu: GpuOption = None,
    log_folder: LogsOption = None,
) -> None:
    """Take back 'spoolworker pause'; what the share asks for stays."""
    settings, file = _pause_file(config, name=name, gpu=gpu, log_folder=log_folder)
    said = "goes on" if file.remove() else "was not paused on this machine"
    typer.echo(f"{settings.name}: {said}")


def _pause_file(config: Path | None, **flags: Any) -> tuple[Config, PauseFile]:  # noqa: ANN401
    """The file by which a worker is paused here. Which spool it works for does not matter."""
    settings = _load(config, spool=Path(), **flags).config
    return settings, PauseFile(settings.pause_file)


@app.command("gpus")
def print_gpus(as_json: JsonOption = False) -> None:
    """List this machine's cards: memory, temperature, use."""
    reading = read_gpus()
    if as_json:
        told = [dataclasses.asdict(gpu) for gpu in reading.gpus]
        typer.echo(json.dumps({"gpus": told, "problem": reading.problem}, indent=2))
        return
    for gpu in reading.gpus:
        heat = "" if gpu.temperature_c is None else f", {gpu.temperature_c:.0f} °C"
        busy = "" if gpu.utilisation is None else f", {gpu.utilisation:.0%} busy"
        typer.echo(f"{gpu.index}  {gpu.name}  {gpu.uuid}  {memory(gpu)}{heat}{busy}")
    if not reading.gpus:
        typer.echo("no card that a backend could use; 'sketch' needs none")
    if reading.problem:
        typer.echo(f"note: {reading.problem}")


@app.command("check-backend")
def check_backend(
    spool: SpoolOption = None,
    config: ConfigOption = None,
    name: NameOption = None,
    backend: BackendOption = None,
    backend_option: OptionsOption = None,
    gpu: GpuOption = None,
    vram_gb: VramOption = None,
    tag: TagOption = None,
    model: Annotated[str | None, typer.Option("--model", help="The model to try.")] = None,
) -> None:
    """Make one small image with the backend, and tell what it can do and which waiting jobs would run here."""
    loaded = _load(
        config, spool=spool, name=name, backend=backend, backend_options=backend_option, gpu=gpu,
        vram_gb=vram_gb, tags=tuple(tag) if tag else None,
    )  # fmt: skip
    settings = loaded.config
    # A worker may be at work with the same server: it is waited for, not interrupted.
    polite = {"exclusive": "false"} if settings.backend == "webui" else {}
    options = {**settings.backend_options, **polite}
    made = open_backend(settings.backend, options, commands=settings.commands)
    try:
        abilities = try_backend(made, typer.echo, model=model)
    except BackendError as error:
        typer.echo(f"error: {error} ({error.code.value})", err=True)
        if error.log_tail:
            typer.echo(error.log_tail, err=True)
        raise typer.Exit(1) from None
    seen = tell_folders(settings, typer.echo)
    try:
        actor = open_spool(settings.spool, name="check-backend")
        for line in would_claim(actor, settings, made, abilities, read_gpus(), together(seen)):
            typer.echo(line)
    except OSError as error:
        raise ShareUnusable(f"the spool at '{settings.spool}' failed: {error}") from None


@app.command("version")
def print_version() -> None:
    """Print this program's version."""
    typer.echo(VERSION)


def _no_login(value: str) -> str:
    """An address without the user and password that may stand in it."""
    return re.sub(r"//[^/@]*@", "//***@", value)


def _load(config: Path | None, **flags: Any) -> Loaded:  # noqa: ANN401 - one value for each flag
    if flags.get("backend_options") is not None:
        flags["backend_options"] = parse_options(flags["backend_options"])
    return load(flags, file=config, environment=os.environ, log_folder=default_folder())


def main() -> None:
    """Entry point; turns operating errors into two lines and an exit code."""
    try:
        app()
    except SpoolError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
