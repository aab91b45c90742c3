"""What a program's exit code means: the part of the contract that tells one failure from another.

Those below 100 are the usual ones of ``sysexits.h``.
"""

from types import MappingProxyType

from spoolctl.spool import Code

EXIT_CODES = MappingProxyType(
    {
        64: Code.BAD_JOB,
        65: Code.BAD_JOB,
        66: Code.INPUT_MISSING,
        69: Code.BACKEND_UNREACHABLE,
        70: Code.INTERNAL,
        73: Code.SCRATCH_FULL,
        75: Code.BACKEND_UNREACHABLE,
        77: Code.BACKEND_UNAUTHORISED,
        78: Code.BACKEND_REJECTED,
        100: Code.MODEL_MISSING,
        101: Code.MODEL_SWITCHED_WRONGLY,
        102: Code.OUT_OF_MEMORY,
        103: Code.OUT_OF_HOST_MEMORY,
        104: Code.OUTPUT_INCOMPLETE,
        105: Code.OUTPUT_CORRUPT,
        106: Code.STALLED,
    }
)


def code_of(exit_code: int) -> Code:
    """The code for a program that ended with anything but 0; a signal (negative) or another number is ``internal``."""
    return EXIT_CODES.get(exit_code, Code.INTERNAL)
