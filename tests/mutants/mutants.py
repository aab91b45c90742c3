"""All deliberate errors. Each is caught by the search that it names; without it that search finds nothing."""

from tests.mutants.deciding import DECIDING
from tests.mutants.living import LIVING
from tests.mutants.resting import RESTING
from tests.mutants.rewriting import Mutant
from tests.mutants.sharing import SHARING
from tests.mutants.spilling import SPILLING
from tests.mutants.working import WORKING

MUTANTS: tuple[Mutant, ...] = (*DECIDING, *LIVING, *RESTING, *SHARING, *SPILLING, *WORKING)
