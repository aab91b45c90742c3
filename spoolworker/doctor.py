"""``spoolworker doctor``: is this machine ready to work? Card, backend, models, share, scratch, configuration, name.

Guarantees: claims nothing and leaves nothing behind; a check that fails is told as a finding, and the others go on.
Does not run a job: that the backend answers does not prove that it makes an image.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from spoolctl.spool import (
    Finding,
    Heartbeat,
    NameWatch,
    SpoolError,
    Vacancy,
    layout,
)
from spoolctl.spool.doctor import (
    ThisMachine,
    bad,
    examine,
    is_network,
    judge_space,
    note,
    ok,
    open_ward,
    warning,
)
from spoolworker.availability import PauseFile, machine_time
from spoolworker.availability.idle import HINT
from spoolworker.availability.local_time import shown
from spoolworker.availability.measuring import unmeasured
from spoolworker.backends import open_backend
from spoolworker.backends.base import BackendError
from spoolworker.config import Config, Loaded
from spoolworker.gpus import Gpu, GpuReading, memory, read_gpus
from spoolworker.models import HashCache, folders_seen

_MODELS_SHOWN = 5


def examine_node(
    loaded: Loaded,
    *,
    tell: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
    read: Callable[[], GpuReading] = read_gpus,
) -> list[Finding]:
    """Look at everything that a worker of this configuration needs.

    Args:
        loaded: The configuration, and where each value came from.
        tell: Called with lines of progress.
        sleep: Waits that many seconds.
        read: Asks the driver for its cards.
    """
    config = loaded.config
    return [
        *configuration(loaded),
        *card(config, read()),
        *backend(config),
        *models(config),
        *availability(config, read),
        *scratch(config.scratch),
        *log_folder(config.log_folder),
        *_share(config, tell, sleep),
    ]


def configuration(loaded: Loaded) -> list[Finding]:
    """Which values were given, and where; unknown keys never get this far (``refused``)."""
    given = {key: origin for key, origin in loaded.origins.items() if origin != "default"}
    told = ", ".join(f"{key} ({origin})" for key, origin in sorted(given.items()))
    return [
        ok(
            "configuration",
            f"given: {told}; all else by default. 'spoolworker config' prints it",
            origins=loaded.origins,
        )
    ]


def refused(error: SpoolError) -> Finding:
    """A configuration that cannot be used: an unknown key, a value that makes no sense, a file that is not there."""
    return bad("configuration", str(error), error.hint or "'spoolworker config' prints every value")


def card(config: Config, reading: GpuReading) -> list[Finding]:
    """The card that this worker is for."""
    about = "card"
    mine = reading.find(config.gpu)
    if mine is not None:
        found = [_card(mine)]
        if reading.problem:
            hint = "'nvidia-smi' tells more; the worker's own card answers"
            found.append(warning(about, f"another card has a problem: {reading.problem}", hint))
        return found
    if reading.gpus:
        numbers = ", ".join(f"{gpu.index} ({gpu.name})" for gpu in reading.gpus)
        return [
            bad(
                about,
                f"there is no card {config.gpu} here; the driver tells {numbers}",
                "choose one of them with --gpu; 'spoolworker gpus' tells more",
            )
        ]
    problem = reading.problem or "the driver tells no card"
    hint = "'nvidia-smi' must list the card: is the driver installed, and was the machine restarted since?"
    if config.backend == "sketch":
        said = f"{problem}; the backend 'sketch' needs no card"
        return [note(about, said, "give --vram-gb if jobs that ask for memory shall run here")]
    if config.vram_gb is not None:
        return [
            warning(about, f"{problem}; {config.vram_gb:g} GB is what the configuration says", hint)
        ]
    return [
        bad(
            about,
            f"{problem}: jobs that ask for memory do not run here",
            f"{hint} Else give --vram-gb",
        )
    ]


def _card(gpu: Gpu) -> Finding:
    facts = {"uuid": gpu.uuid, "vram_total_gb": gpu.vram_total_gb, "vram_free_gb": gpu.vram_free_gb}
    told = {key: round(v, 1) if isinstance(v, float) else v for key, v in facts.items()}
    return ok("card", f"{gpu.index}: {gpu.name}, {memory(gpu)}", **told)


def backend(config: Config) -> list[Finding]:
    """Does the backend answer, and what can it do?"""
    about = "backend"
    try:
        found = open_backend(
            config.backend, config.backend_options, commands=config.commands
        ).probe()
    except SpoolError as error:
        return [bad(about, str(error), error.hint or "see --backend and --backend-option")]
    except BackendError as error:
        hint = "start its server, and see that --backend-option names its address"
        return [
            bad(about, f"'{config.backend}' does not answer: {error}", hint, code=error.code.value)
        ]
    version = f" {found.version}" if found.version else ""
    facts = {"version": found.version, "stages": list(found.stages)}
    if found.models is None:
        return [ok(about, f"{found.backend}{version} answers; it takes any model", **facts)]
    if not found.models:
        hint = "put checkpoints into its folder of models, or name the folder in its settings"
        return [
            warning(
                about,
                f"{found.backend}{version} answers, but has no model: no job that names one runs here",
                hint,
                **facts,
            )
        ]
    names = [model.name for model in found.models]
    more = f" and {len(names) - _MODELS_SHOWN} more" if len(names) > _MODELS_SHOWN else ""
    said = f"{found.backend}{version} answers; models: {', '.join(names[:_MODELS_SHOWN])}{more}"
    return [ok(about, said, models=names, **facts)]


def models(config: Config) -> list[Finding]:
    """The configured folders of models; of each what lies in it, or that it is not there."""
    about = "models"
    problems: list[str] = []
    found: list[Finding] = []
    for one in folders_seen(
        config.models.by_kind(), HashCache(config.model_hashes, problems.append)
    ):
        if not one.folder.is_dir():
            hint = "see [models] in the configuration; if it is on a share: is that mounted?"
            found.append(bad(about, f"{one.kind}: there is no folder '{one.folder}'", hint))
            continue
        facts = {"kind": one.kind, "folder": str(one.folder), "files": len(one.found.files)}
        found.append(ok(about, one.said, **facts))
        problems += one.found.problems
    hint = "whoever runs the worker must be able to read it"
    return found + [warning(about, problem, hint) for problem in problems]


def availability(
    config: Config,
    read: Callable[[], GpuReading] = read_gpus,
    wall_s: Callable[[], float] = time.time,
) -> list[Finding]:
    """When this machine is the spool's, and what of that cannot be measured here."""
    about, now_s = "availability", wall_s()
    now, week = machine_time(now_s), config.availability.week
    said = "always, by its configuration"
    if week is not None:
        opens_s, closes_s = week.opens_in_s(now), week.closes_in_s(now)
        other_s = closes_s if opens_s == 0 else opens_s
        until = "" if other_s is None else f" until {shown(machine_time(now_s + other_s), now)}"
        hours = "; ".join(config.availability.hours)
        said = f"{'open' if opens_s == 0 else 'closed'}{until} ({hours}; it is {now:%a %H:%M} here)"
    found = [ok(about, said)]
    if PauseFile(config.pause_file).read(now_s) is not None:
        hint = "'spoolworker resume' ends that"
        found.append(warning(about, f"paused on this machine by '{config.pause_file}'", hint))
    for key, problem in unmeasured(config, read=read).items():
        hint = HINT if key == "input_idle_s" else "see what is said of the card"
        found.append(warning(about, f"{key} has no effect here: {problem}", hint))
    return found


def scratch(folder: Path) -> list[Finding]:
    """The local folder for work in progress: writable, roomy, and not on the network."""
    about = "scratch"
    there = _nearest(folder)
    problem = _cannot_write(there)
    if problem:
        return [
            bad(
                about, f"cannot write in '{there}': {problem}", "name another folder with --scratch"
            )
        ]
    mount = ThisMachine(there).mount()
    if mount is not None and is_network(mount):
        said = (
            f"'{folder}' is on a network mount ({mount.kind}): every image crosses the network twice more, "
            "and a hanging share stops work"
        )
        return [
            warning(
                about,
                said,
                "name a folder on a disk of this machine with --scratch",
                type=mount.kind,
            )
        ]
    space = shutil.disk_usage(there)
    return judge_space(
        about,
        space.free,
        None,
        where=f"'{folder}'",
        hint="free some space, or name another folder with --scratch",
    )


def log_folder(folder: Path) -> list[Finding]:
    """The folder of the event log."""
    there = _nearest(folder)
    problem = _cannot_write(there)
    if problem:
        return [
            bad(
                "log folder",
                f"cannot write in '{there}': {problem}",
                "name another folder with --log-folder",
            )
        ]
    return [ok("log folder", f"'{folder}' can be written")]


def _nearest(folder: Path) -> Path:
    """The folder itself, or the one in which it would be made."""
    return next(one for one in (folder, *folder.absolute().parents) if one.exists())


def _cannot_write(folder: Path) -> str | None:
    trial = folder / f".spool-doctor-{time.monotonic_ns()}"
    try:
        trial.write_bytes(b"trial")
        trial.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _share(
    config: Config, tell: Callable[[str], None], sleep: Callable[[float], None]
) -> list[Finding]:
    try:
        ward = open_ward(config.spool, name=config.name, tell=tell)
    except SpoolError as error:
        return [bad("spool", str(error), error.hint)]
    if not ward.is_spool:
        return [
            bad("spool", f"there is no spool in '{config.spool}'", "'spoolctl init' makes one"),
            *examine(ward),
        ]
    watch = NameWatch(ward.actor)
    return [*name(watch, config, tell, sleep), *examine(ward)]


def name(
    watch: NameWatch, config: Config, tell: Callable[[str], None], sleep: Callable[[float], None]
) -> list[Finding]:
    """Is the worker's name held by a worker that lives?"""
    about, actor = "name", watch.actor
    try:
        if (found := watch.holder()) is Vacancy.UNKNOWN:
            tell(
                f"watching whether another machine's worker '{config.name}' lives (up to a minute)"
            )
        while found is Vacancy.UNKNOWN:
            sleep(actor.settings.heartbeat_s / 4)
            found = watch.holder()
        locked = _is_locked(config)
    except OSError as error:
        return [
            bad(
                about,
                f"cannot tell whether '{config.name}' is free: {error.strerror or error}",
                "see what is said of the share",
            )
        ]
    hint = "give this worker another name (--name), or stop that one first"
    if isinstance(found, Heartbeat):
        if found.host_id == actor.host.host_id:
            return [
                note(
                    about,
                    f"'{config.name}' is at work on this machine (process {found.pid}); a second "
                    "one would be refused",
                )
            ]
        return [
            bad(about, f"'{config.name}' is held by process {found.pid} on '{found.machine}'", hint)
        ]
    if locked:
        return [
            warning(
                about,
                f"'{config.name}' is locked by a process that is just starting or stopping",
                hint,
            )
        ]
    return [ok(about, f"'{config.name}' is free")]


def _is_locked(config: Config) -> bool:
    """Is the name's lock held? Taken for a moment; a worker that starts just then waits for a second."""
    path = config.spool / layout.lock(f"worker-{config.name}")
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0, mode=0o666):
            return False
    except Timeout:
        return True
    except NotImplementedError as error:
        raise OSError(str(error)) from None
