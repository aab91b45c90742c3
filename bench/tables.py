"""How a benchmark tells what it found: a table for people, and the same as JSON."""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path


def options(description: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="where to measure: a share, for instance")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--quick", action="store_true", help="a few jobs: does it run at all?")
    return parser


@contextmanager
def workplace(folder: Path | None) -> Iterator[Path]:
    """A new folder to measure in, removed at the end."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="bench-", ignore_cleanup_errors=True) as at:
        yield Path(at).absolute()


def show(columns: list[str], rows: list[list[object]]) -> None:
    """Print rows as a table in Markdown, which terminals and documents show alike."""
    cells = [columns, *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(columns))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print("\n".join(lines))


def tell(path: Path | None, benchmark: str, where: Path, figures: dict[str, object]) -> None:
    """Write the figures as JSON, with what is needed to compare them: only with others of the same run."""
    if path is None:
        return
    document = {
        "benchmark": benchmark,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "folder": str(where),
        **figures,
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
