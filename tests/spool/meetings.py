"""Every pair of steps that may fall in each other's way."""

from tests.spool.attempt_meetings import (
    cancel_and_claim,
    cancel_and_end,
    cancel_and_run_to_a_failure_for_good,
    claim_and_cancel,
    claim_and_claim,
    claim_and_claim_and_both_run,
    claim_and_run,
    claim_and_run_to_a_failure_for_good,
    end_and_cancel,
    end_and_reap,
    failed_end_and_cancel,
    reap_and_end,
)
from tests.spool.rating_steps import rate_and_rate
from tests.spool.record_meetings import (
    adopt_and_claim,
    claim_and_adopt,
    claim_and_hold,
    claim_by_one_that_dies_and_hold,
    fail_for_need_twice,
    hold_and_claim,
    merge_and_merge,
    promote_and_promote,
    promote_and_promote_and_claim,
    prune_and_drag_back,
    prune_of_a_failed_job_and_retry,
    reject_and_reject,
    retry_and_drag,
    retry_and_retry,
    retry_and_run_to_another_failure,
    settle_and_promote_and_claim,
    settle_and_settle,
    submit_and_submit,
)
from tests.spool.shard_scenes import (
    claim_and_spill,
    claims_out_of_one_shard,
    spill_and_claim,
    spill_and_spill,
)

MEETINGS = [
    claim_and_claim, claim_and_claim_and_both_run,
    claim_and_run_to_a_failure_for_good, cancel_and_run_to_a_failure_for_good,
    claim_and_cancel, cancel_and_claim,
    end_and_reap, reap_and_end, end_and_cancel, cancel_and_end, failed_end_and_cancel,
    settle_and_settle, settle_and_promote_and_claim, merge_and_merge,
    retry_and_retry, retry_and_drag, retry_and_run_to_another_failure,
    adopt_and_claim, claim_and_adopt,
    hold_and_claim, claim_and_hold, claim_by_one_that_dies_and_hold,
    promote_and_promote, promote_and_promote_and_claim, fail_for_need_twice,
    submit_and_submit, reject_and_reject, rate_and_rate,
    prune_and_drag_back, prune_of_a_failed_job_and_retry,
    spill_and_spill, spill_and_claim, claim_and_spill, claims_out_of_one_shard,
]  # fmt: skip

__all__ = ["MEETINGS", "claim_and_run"]
