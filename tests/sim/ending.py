"""What ``spoolctl fsck`` says of a world that has come to rest."""

from collections.abc import Container

from spoolctl.fsck.checking import check
from spoolctl.spool import Actor
from tests.sim.witness import Hurt


def check_by_fsck(actor: Actor, removed: Container[str]) -> None:
    """Require that it finds no damage but that people did, to the jobs in *removed*; every output is read back."""
    report = check(actor, deep=True, pause_s=0.0)
    found = [one for one in report.damage if one.job not in removed]
    if found:
        told = "; ".join(f"{one.code} {one.path}: {one.what} {one.value}" for one in found)
        raise Hurt(f"fsck: {told}")
