"""``spoolctl retry``: jobs that ended without success go back into a queue."""

from typing import Annotated, Any

import typer

from spoolctl.cli.each import do_each, show_instead
from spoolctl.cli.opening import (
    ClassOption,
    DryRunOption,
    GroupOption,
    JobsIfAny,
    JsonOption,
    SpoolOption,
    job_class,
    opened,
)
from spoolctl.spool import Actor, Code, UsageError
from spoolctl.spool import retry as retry_job
from spoolctl.spool.overview import failures, resolve


def retry(
    jobs: JobsIfAny = None,
    failed: Annotated[bool, typer.Option("--failed", help="Every failed job.")] = False,
    code: Annotated[
        str | None,
        typer.Option(
            "--code",
            metavar="CODE",
            help="With --failed: only those that failed with this code.",
            autocompletion=lambda: [str(code) for code in Code],
        ),
    ] = None,
    group: GroupOption = None,
    class_: ClassOption = None,
    dry_run: DryRunOption = False,
    spool: SpoolOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put failed or cancelled jobs back into a queue."""
    into = job_class(class_)
    _refuse_odd(jobs, failed=failed, code=code, group=group)
    actor = opened(spool)
    chosen = _failed(actor, code, group) if failed else jobs or []
    if dry_run:
        names = [resolve(actor, job) for job in chosen]
        show_instead(names, "retry", as_json=as_json)
        return

    def deed(job: str) -> tuple[str, dict[str, Any]]:
        location = retry_job(actor, resolve(actor, job), job_class=into)
        folder, attempt = location.place.folder, location.file.label
        return (
            f"{location.name}: now in {folder}/" + (f", for attempt {attempt}" if attempt else ""),
            {"job": location.name, "folder": folder, "attempt": attempt},
        )

    do_each(chosen, deed, as_json=as_json, bulk="retrying" if failed else None)


def _refuse_odd(
    jobs: list[str] | None, *, failed: bool, code: str | None, group: str | None
) -> None:
    if bool(jobs) == failed:
        raise UsageError(
            "retry needs jobs, or --failed, and not both",
            hint="'spoolctl status --failed' lists the jobs that failed",
        )
    if not failed and (code or group):
        raise UsageError(
            "--code and --group choose among failed jobs", hint="add --failed, or name no code"
        )
    if code is not None and code not in list(Code):
        raise UsageError(f"no code '{code}'", hint=f"the codes are {', '.join(Code)}")


def _failed(actor: Actor, code: str | None, group: str | None) -> list[str]:
    """The failed jobs that were meant, in the order of their names."""
    found = []
    for failure in failures(actor):
        verdict = failure.verdict
        if code is not None and (verdict is None or verdict.code != code):
            continue
        if group is not None and (verdict is None or verdict.group != group):
            continue
        found.append(failure.location.name)
    return sorted(found)
