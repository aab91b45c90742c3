"""From the files that a program left to the files of an attempt: named as the spool names them, of a kind that the configuration allows.

Guarantees: only regular files inside the program's own outputs folder are taken. Whether they are whole is for the agent to check.
"""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from spoolctl.spool import Code, layout
from spoolworker.backends.base import BackendError, Made
from spoolworker.backends.command.talk import Said
from spoolworker.commands import Kind

_KINDS: dict[str, Kind] = {".png": "image", ".txt": "text"}


def collect(
    folder: Path, scratch: Path, told: Sequence[Said], *, stage: str, kinds: Sequence[Kind]
) -> tuple[Made, ...]:
    """Move what a program left into *scratch*.

    Args:
        folder: Its outputs folder.
        scratch: Where the attempt's files go, on the same disk.
        told: What it said of its outputs; if nothing, all files in *folder* are final, in the order of their names.
        stage: What outputs without a stage belong to.
        kinds: What it may leave.

    Raises:
        BackendError: ``output_incomplete``, ``output_corrupt``, or ``backend_rejected`` if it told nonsense.
    """
    told = told or [
        Said(output=path.name)
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.startswith(".")
    ]
    numbers: dict[str, int] = {}
    made: list[Made] = []
    for said in told:
        of = said.stage or stage
        number = numbers.setdefault(of, len(numbers) + 1)
        index = said.index
        if index is None:
            index = sum(one.stage == of for one in made)
        if any((one.stage, one.image_index) == (of, index) for one in made):
            message = f"the program told twice of output {index} of stage '{of}'"
            raise BackendError(Code.BACKEND_REJECTED, message)
        source = _inside(folder, said.output or "")
        kind = _kind(source, kinds)
        target = scratch / layout.output_name(index, number, of, text=kind == "text")
        width, height = _size(source) if kind == "image" else (0, 0)
        source.replace(target)
        made.append(Made(target, of, index, said.final, width, height, seed_actual=said.seed))
    return tuple(made)


def _inside(folder: Path, name: str) -> Path:
    """The file of that name in *folder*; never one outside of it, whatever links lead there."""
    path = folder
    try:
        path = (folder / name).resolve()
        outside = not path.is_relative_to(folder.resolve())
        there = not outside and path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        outside = there = False
    if outside:
        message = f"the program told of an output outside of its folder: '{name[:200]}'"
        raise BackendError(Code.BACKEND_REJECTED, message)
    if not there:
        message = f"the program told of an output that is not there: '{name[:200]}'"
        raise BackendError(Code.OUTPUT_INCOMPLETE, message)
    return path


def _kind(path: Path, kinds: Sequence[Kind]) -> Kind:
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        message = f"the program left '{path.name}', which is neither a .png nor a .txt"
        raise BackendError(Code.OUTPUT_CORRUPT, message)
    if kind not in kinds:
        message = f"the program left '{path.name}', but its configuration allows only {' and '.join(kinds)}"
        raise BackendError(Code.OUTPUT_CORRUPT, message)
    return kind


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return image.size
    except Exception as error:
        # Pillow's readers raise whatever a damaged file leads them to. An OSError with a number is the disk's own.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        message = f"'{path.name}' cannot be read as a PNG image: {error}"
        raise BackendError(Code.OUTPUT_CORRUPT, message) from error
