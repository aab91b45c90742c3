"""A schedule as text: ``0*12 1*3 0.lost_reply 0*4 late0 end``: twelve requests of actor 0, three of actor 1, one whose reply is lost ..."""

import re
from dataclasses import dataclass

from tests.hostile.fates import Fate

LATE = -2
"""``Choice(LATE - i)``: what was left under way as the i-th takes effect now."""


@dataclass(frozen=True)
class Choice:
    """Who goes on, and what becomes of the request at which it stands."""

    who: int
    fate: Fate = Fate.DONE


END = Choice(-1)
"""Nobody acts any more, and what is still under way takes effect only after the share has healed."""
_WORD = re.compile(r"(\d+)(?:\*(\d+)|\.([a-z_]+))?|late(\d+)|end")


def encode(choices: list[Choice]) -> str:
    """The schedule in words."""
    words: list[str] = []
    plain = 0
    for here, after in zip(choices, [*choices[1:], None], strict=True):
        if here == END:
            words.append("end")
        elif here.who <= LATE:
            words.append(f"late{LATE - here.who}")
        elif here.fate is not Fate.DONE:
            words.append(f"{here.who}.{here.fate.name.lower()}")
        else:
            plain += 1
            if after != here:
                words.append(f"{here.who}*{plain}")
                plain = 0
    return " ".join(words)


def decode(text: str) -> list[Choice]:
    """The schedule that ``encode`` wrote. Raises ValueError for a word that is none."""
    found: list[Choice] = []
    for word in text.split():
        match = _WORD.fullmatch(word)
        if match is None:
            raise ValueError(f"no word of a schedule: '{word}'")
        who, times, fate, late = match.groups()
        if word == "end":
            found.append(END)
        elif late is not None:
            found.append(Choice(LATE - int(late)))
        elif fate is not None:
            found.append(Choice(int(who), Fate[fate.upper()]))
        else:
            found += [Choice(int(who))] * int(times or 1)
    return found
