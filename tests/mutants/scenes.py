"""Every scene by its name: the explorer's, and those that only an error needs to show itself."""

import inspect
from collections.abc import Callable
from types import ModuleType

from tests.explore.gathering import Gathering
from tests.explore.scenes import SCENES as EXPLORED
from tests.mutants import scenes_attempts, scenes_life, scenes_records
from tests.spool.interleaving import Meeting

Make = Callable[[], Meeting | Gathering]


def _of(module: ModuleType) -> dict[str, Make]:
    made = vars(module).items()
    here = [(name, one) for name, one in made if getattr(one, "__module__", "") == module.__name__]
    return {name: one for name, one in here if inspect.isfunction(one) and name[0] != "_"}


SCENES: dict[str, Make] = {
    **EXPLORED, **_of(scenes_attempts), **_of(scenes_records), **_of(scenes_life),
}  # fmt: skip
