"""What the demo tells at its end, as a document and as text: what happened, what held, where to look."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spoolctl.cli.rendering import Page
from spoolctl.demo import batch
from spoolctl.demo.invariants import Given, Invariant, check
from spoolctl.demo.news import short
from spoolctl.demo.play import Course
from spoolctl.demo.sheet import Tile, draw_sheet
from spoolctl.spool import (
    Actor,
    BadRecord,
    Manifest,
    Verdict,
    attempt,
    attempt_numbers,
    layout,
)
from spoolctl.spool.overview import rejections
from spoolctl.views.plain import counted

SHEET = "contact-sheet.png"


@dataclass(frozen=True)
class Story:
    """A demo that is over."""

    home: Path
    course: Course
    invariants: list[Invariant]
    verdicts: dict[str, list[Manifest]]
    """Of each job, in the order of its attempts."""
    document: dict[str, Any]

    @property
    def went_well(self) -> bool:
        """True if all happened that should, and every invariant held."""
        return not self.course.missing and all(one.held for one in self.invariants)


def tell(actor: Actor, home: Path, course: Course) -> Story:
    """Check the tree, draw the contact sheet and put together what there is to tell."""
    given = Given({one.name: one.data for one in course.asks}, {batch.BROKEN_FILE: batch.BROKEN})
    invariants = check(home / "spool", given)
    verdicts = {one.name: _verdicts(actor, one.name) for one in course.asks}
    tiles = _tiles(home / "spool", verdicts)
    killed = ", one of which was killed on the way" if course.killed_while else ""
    draw_sheet(
        tiles,
        home / SHEET,
        title="spool demo",
        subtitle=f"{counted(len(tiles), 'image')} of {counted(len(course.asks), 'job')}, "
        f"made by two workers in {course.seconds:.0f} s{killed}",
    )
    story = Story(home, course, invariants, verdicts, {})
    story.document.update(_document(actor, story, images=len(tiles)))
    return story


def _verdicts(actor: Actor, name: str) -> list[Manifest]:
    found = []
    for number in attempt_numbers(actor, name):
        try:
            verdict = attempt(actor, name, number).verdict
        except (BadRecord, FileNotFoundError):
            continue  # told by the invariants, which name the file
        if verdict is not None:
            found.append(verdict)
    return found


def _tiles(root: Path, verdicts: dict[str, list[Manifest]]) -> list[Tile]:
    return [
        Tile(
            path=root / layout.results(name) / out.path,
            job=name,
            worker=manifest.worker or "?",
            seed=out.seed_actual,
            attempt=manifest.attempt,
        )
        for name, manifests in verdicts.items()
        for manifest in manifests
        if manifest.succeeded
        for out in sorted(manifest.outputs, key=lambda out: out.image_index)
        if out.final
    ]


def _document(actor: Actor, story: Story, *, images: int) -> dict[str, Any]:
    course = story.course
    rejected, reasons = rejections(actor, 10)
    ends = {name: [one.verdict for one in found] for name, found in story.verdicts.items()}
    return {
        "went_well": story.went_well,
        "seconds": course.seconds,
        "folder": str(story.home),
        "spool": str(story.home / "spool"),
        "contact_sheet": str(story.home / SHEET),
        "images": images,
        "lost": [name for name, found in ends.items() if Verdict.LOST in found],
        "killed_while_running": course.killed_while,
        "failed_then_succeeded": [
            name
            for name, found in ends.items()
            if Verdict.FAILED in found and found[-1] is Verdict.SUCCEEDED
        ],
        "rejected": [
            {"file": one.file, "error": one.error, "hint": one.hint, "line": one.line}
            for one in reasons[:rejected]
        ],
        "not_happened": course.missing,
        "jobs": [
            {
                "job": ask.name,
                "class": ask.job_class,
                "stages": ask.chain.split(" > "),
                "images": ask.images,
                "attempts": [_attempt(one) for one in story.verdicts[ask.name]],
            }
            for ask in course.asks
        ],
        "invariants": [
            {
                "id": one.id,
                "says": one.says,
                "checked": one.checked,
                "held": one.held,
                "problems": one.problems,
            }
            for one in story.invariants
        ],
    }


def _attempt(manifest: Manifest) -> dict[str, Any]:
    return {
        "attempt": manifest.attempt,
        "worker": manifest.worker,
        "verdict": str(manifest.verdict),
        "code": str(manifest.code) if manifest.code else None,
        "message": manifest.message,
        "seconds": manifest.duration_s,
    }


def write(page: Page, story: Story) -> None:
    """The story as text."""
    rows = [
        _row(story, ask.name, ask.job_class, ask.chain, ask.images) for ask in story.course.asks
    ]
    columns = ("JOB", "CLASS", "STAGES", "IMAGES", "ATTEMPTS")
    page.table(columns, rows, folds=("ATTEMPTS",))
    for reason in story.document["rejected"]:
        line = f" line {reason['line']}:" if reason["line"] else ""
        page.line(f"rejected: {reason['file']},{line} {reason['error']}; {reason['hint']}")
    page.line()
    for one in story.invariants:
        told = f"{one.says} ({one.checked})" if one.checked else one.says
        page.line(
            f"{'holds ' if one.held else 'BROKEN'}  {one.id:<4}{told}",
            style="green" if one.held else "bold red",
        )
        for problem in one.problems:
            page.line(f"              {problem}", style="red")
    for what in story.course.missing:
        page.line(f"did not happen  {what}", style="bold red")
    page.line()
    _where(page, story)


def _row(story: Story, name: str, job_class: str, chain: str, images: int) -> tuple[str, ...]:
    told = []
    for one in story.verdicts[name]:
        why = f" ({one.code})" if one.code else ""
        told.append(f"{one.verdict}{why} on {one.worker}")
    return short(name), job_class, chain, str(images), ", then ".join(told) or "none ended"


def _where(page: Page, story: Story) -> None:
    spool = story.document["spool"]
    example = story.course.killed_while or batch.FRAGILE
    page.pairs(
        [
            ("took", f"{story.course.seconds:.0f} s"),
            ("images", story.document["contact_sheet"]),
            ("spool", spool),
            ("look", f"spoolctl --spool {spool} status"),
            ("", f"spoolctl --spool {spool} show {example}"),
            ("again", "spoolctl demo" if story.went_well else f"logs are in {story.home / 'logs'}"),
        ]
    )
