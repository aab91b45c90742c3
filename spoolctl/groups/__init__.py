"""Groups as people see them: what a group's jobs are and how they stand, what became of it, and its page on the share."""

from spoolctl.groups.learning_run import learning_run
from spoolctl.groups.result import result_of
from spoolctl.groups.standing import Member, Standing, standing_of, states_with_ends

__all__ = ["Member", "Standing", "learning_run", "result_of", "standing_of", "states_with_ends"]
