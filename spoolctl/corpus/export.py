"""The corpus as a file for other programs: CSV, or Parquet where pyarrow is installed.

Guarantees: the file is written beside its name and put in its place whole, or not at all. Text that is not UTF-8 is written with escapes.
"""

import csv
import importlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from spoolctl.corpus.flat import COLUMNS, Row
from spoolctl.spool import ShareUnusable, UsageError


def to_csv(rows: Iterable[Row], path: Path) -> int:
    """Write CSV: a line of names, then one for each image; nothing known is an empty field.

    Returns:
        How many images.

    Raises:
        ShareUnusable: The file cannot be written.
    """

    def write(new: Path) -> int:
        count = 0
        with new.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for row in rows:
                writer.writerow(row)
                count += 1
        return count

    return _put(path, write)


def to_parquet(rows: Iterable[Row], path: Path) -> int:
    """Write Parquet, each column of its own type; returns and errors as for ``to_csv``.

    Raises:
        UsageError: pyarrow is not installed.
    """
    try:
        arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UsageError(
            "cannot write Parquet: pyarrow is not installed here",
            hint="pip install 'spoolctl[parquet]', or use --csv",
        ) from None
    types = {str: arrow.string(), int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_()}
    schema = arrow.schema([(name, types[kind]) for name, kind in COLUMNS.items()])

    def write(new: Path) -> int:
        table = arrow.Table.from_pylist([_storable(row) for row in rows], schema=schema)
        parquet.write_table(table, new)
        return int(table.num_rows)

    return _put(path, write)


def _storable(row: Row) -> Row:
    """Without lone surrogates, which Parquet's text cannot hold."""
    return {
        key: value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
        for key, value in row.items()
    }


def _put(path: Path, write: Callable[[Path], int]) -> int:
    new = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        count = write(new)
        new.replace(path)
    except OSError as error:
        raise ShareUnusable(
            f"cannot write '{path}': {error}", hint="name a file in a folder that is there"
        ) from error
    finally:
        new.unlink(missing_ok=True)
    return count
