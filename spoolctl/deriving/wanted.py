"""What may be wanted of an image. Pure; a number that makes no sense is refused where it is given."""

import math
from dataclasses import dataclass
from typing import Final

from spoolctl.spool import UsageError, told

VARIATIONS_MAX: Final = 100
FACTOR_MAX: Final = 8.0
"""What a stage may enlarge by at once."""


@dataclass(frozen=True)
class Variations:
    """The same words and settings with other seeds, one image each.

    Raises:
        UsageError: Not 1 to ``VARIATIONS_MAX``.
    """

    count: int
    turn: int = 0
    """Each turn draws other seeds, so that whoever asks twice gets other images; the same turn always the same."""

    def __post_init__(self) -> None:
        """Refuse what is no number of variations."""
        if not 1 <= self.count <= VARIATIONS_MAX:
            raise UsageError(
                f"{told(str(self.count), 40)} variations cannot be made",
                hint=f"give 1 to {VARIATIONS_MAX}; for more write a plan with 'seeds'",
            )


@dataclass(frozen=True)
class Larger:
    """The same picture, from the same seed and words, sampled anew at a higher resolution.

    Raises:
        UsageError: The factor is not above 1 and up to ``FACTOR_MAX``.
    """

    factor: float

    def __post_init__(self) -> None:
        """Refuse what enlarges nothing, or too much."""
        _refuse_odd(self.factor)


@dataclass(frozen=True)
class UpscaleOnly:
    """The image itself, enlarged; errors as for ``Larger``."""

    factor: float

    def __post_init__(self) -> None:
        """Refuse what enlarges nothing, or too much."""
        _refuse_odd(self.factor)


Wanted = Variations | Larger | UpscaleOnly
WORDS: Final = ("variations", "larger", "upscale")


def wanted_of(how: str, number: object) -> Wanted:
    """What plain values ask for, as a form, a JSON body or a command line has them.

    Args:
        how: ``variations``, ``larger`` or ``upscale``.
        number: How many, or the factor; a number, or a text that is one.

    Raises:
        UsageError: One of them makes no sense.
    """
    if how not in WORDS:
        raise UsageError(
            f"'{told(how, 40)}' is nothing that can be made of an image",
            hint=f"say {', '.join(WORDS[:-1])} or {WORDS[-1]}",
        )
    given = _number(number)
    if how == "variations":
        if not given.is_integer():
            raise UsageError(f"{given:g} variations cannot be made", hint="give a whole number")
        return Variations(int(given))
    return Larger(given) if how == "larger" else UpscaleOnly(given)


def _number(value: object) -> float:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError  # noqa: TRY004, TRY301 - told below, as for a text that is none
        given = float(value)
    except (ValueError, OverflowError):
        given = math.nan
    if not math.isfinite(given):
        raise UsageError(f"'{told(str(value), 40)}' is no number", hint="give one like 4 or 1.5")
    return given


def _refuse_odd(factor: float) -> None:
    if not 1 < factor <= FACTOR_MAX:  # also what is no number
        raise UsageError(
            f"an image cannot be made {told(f'{factor:g}', 40)} times as large",
            hint=f"give a factor above 1 and up to {FACTOR_MAX:g}",
        )
