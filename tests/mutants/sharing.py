"""Errors in what limits how many jobs of a kind run at once."""

from spoolctl.spool.publish import replace_own
from tests.mutants.rewriting import Mutant, replaced, rewritten
from tests.mutants.searching import Orders

SHARING = (
    Mutant(
        "a_holder_replaces_another",
        "I11",
        "A token's holder is written and renamed into place: exclusive creation made plain.",
        rewritten(
            "tokens:_publish",
            (
                "try:\n        outcome = publish_once(actor, path, data)",
                "try:\n        replace_own(actor, path, data)\n        outcome = Outcome.WON",
            ),
            replace_own=replace_own,
        ),
        Orders("token_of_the_dead_reap_claim"),
        r"I11: tokens/nas/1/h2.yaml was changed",
    ),
    Mutant(
        "a_token_is_free_without_a_verdict",
        "I11",
        "A holder is followed by the next although its attempt is open.",
        replaced("tokens:_has_ended", lambda _actor, _held: True),
        Orders("token_of_the_dead_reap_claim"),
        r"I11: 2 attempts hold tokens/nas/1",
    ),
    Mutant(
        "a_token_is_only_looked_at",
        "I11",
        "A free slot that was seen before the attempt is taken for one's own.",
        replaced("tokens:take_all", lambda _actor, _job, _name, _number: None),
        Orders("tokens_claim_claim_sweep", preemptions=0),
        r"I11: job-1 ran attempt 1 without 'nas'",
    ),
)
