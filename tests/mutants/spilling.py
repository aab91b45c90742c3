"""Errors in how a queue's head spills into shards."""

from tests.mutants.rewriting import Mutant, rewritten
from tests.mutants.searching import Orders

SPILLING = (
    Mutant(
        "a_shard_is_shared",
        "I5",
        "All who spill fill one shard: what another spilled there under the same name is replaced without a word.",
        rewritten(
            "shards:new_shard",
            ("actor.entropy.token()", '"0" * 8'),
            (
                "if make_once(actor, shard.folder) is not Outcome.WON:",
                "if ensure_folder(actor, shard.folder):",
            ),
        ),
        Orders("spill_spill_drop", preemptions=1, schedules=400),
        "I5: ",
    ),
    Mutant(
        "a_spill_is_a_copy",
        "I1",
        "A record is brought into a shard by a second name and the removal of the first: it lies in two places for a while.",
        rewritten(
            "spilling:Spiller._fill",
            (
                'self._actor.files.rename(f"{queue.folder}/{file}", f"{shard.folder}/{file}")',
                (
                    'self._actor.files.link(f"{queue.folder}/{file}", f"{shard.folder}/{file}"); '
                    'self._actor.files.unlink(f"{queue.folder}/{file}")'
                ),
            ),
        ),
        Orders("spill_and_claim"),
        "I1: job-1 lies in",
    ),
)
