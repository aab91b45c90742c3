"""``python -m tests.mutants``: the table of deliberate errors, what caught each, and what it said."""

import sys

import pytest

from tests.explore.engine import Failed
from tests.mutants.mutants import MUTANTS


def main() -> int:
    missed = 0
    for mutant in MUTANTS:
        with pytest.MonkeyPatch.context() as patch:
            mutant.patch(patch)
            try:
                mutant.caught_in.run()
            except Failed as error:
                said = str(error).splitlines()[0]
            else:
                missed += 1
                said = "NOT CAUGHT"
        print(f"{mutant.name:60} {mutant.caught_in!s:55} {said[:80]}", flush=True)
    print(f"{len(MUTANTS)} mutants, {missed} not caught")
    return 1 if missed else 0


sys.exit(main())
