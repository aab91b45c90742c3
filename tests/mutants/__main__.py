"""``python -m tests.mutants [NAME ...]``: the table of deliberate errors: what catches each, after how many tries, and what it says."""

import re
import sys
import time

import pytest

from tests.mutants.mutants import MUTANTS
from tests.mutants.rewriting import Mutant


def is_caught(mutant: Mutant) -> bool:
    began = time.process_time()
    with pytest.MonkeyPatch.context() as patch:
        mutant.patch(patch)
        found = mutant.caught_in.find()
    took_s = time.process_time() - began
    said = found.said.splitlines()[0] if found and found.said else ""
    after = found.after if found else "NOT CAUGHT"
    print(
        f"{mutant.breaks:4}{mutant.name:42} {mutant.caught_in!s:66} {after:>14} {took_s:5.1f} s  {said[:90]}",
        flush=True,
    )
    return found is not None and re.search(mutant.shows, found.said) is not None


def main(names: list[str]) -> int:
    """Returns the exit code: 1 if any was not caught as it should be, 2 for a name that is none's."""
    unknown = set(names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        print(f"no mutant '{min(unknown)}'", file=sys.stderr)
        return 2
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    missed = [mutant.name for mutant in chosen if not is_caught(mutant)]
    print(f"{len(chosen)} mutants, {len(chosen) - len(missed)} caught")
    if missed:
        print(f"not caught as they should be: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
