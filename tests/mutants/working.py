"""Errors of the worker's program, which the simulated world runs whole: its sessions, its deliveries, its last step."""

from spoolctl.spool import Outcome, attempt_numbers, end, store_own
from tests.mutants.rewriting import Mutant, replaced, rewritten, together
from tests.mutants.searching import Orders, Seeds


def _end_then_bring(actor, claim, manifest):
    outcome = end(actor, claim, manifest)
    if outcome is Outcome.WON and manifest.succeeded:
        for path, made in actor.__dict__.get("_to_bring", ()):
            store_own(actor, made, path)
    return outcome


WORKING = (
    Mutant(
        "session_ids_are_used_again",
        "I5",
        "A worker's name is its session: a second life takes the first one's folder for its own, or cannot begin.",
        rewritten(
            "life:new_session",
            (
                'return f"{name}-{moment:%Y%m%dT%H%M%S}-{entropy.token()[:8]}"',
                'return f"{name}-0-0"',
            ),
        ),
        Seeds(3),
        # Whichever comes first by the seed: it cannot begin, or its former life is taken for dead while it works.
        "liveness.*rests in queue|I7: .*machine_restarted, but its owner lives",
    ),
    Mutant(
        "a_zombie_writes_into_the_next_attempt",
        "I4",
        "Images go into the newest attempt's folder, not into one's own.",
        rewritten(
            "spoolworker.delivery:_deliver_one",
            (
                'f"{layout.attempt(claim.name, claim.number)}/{made.path.name}"',
                'f"{layout.attempt(claim.name, max(attempt_numbers(actor, claim.name)))}/{made.path.name}"',
            ),
            attempt_numbers=attempt_numbers,
        ),
        Orders("superseded_worker_delivers_late"),
        "I5: job-1 rests in finished|I4: ",
    ),
    Mutant(
        "outputs_come_after_the_verdict",
        "I2",
        "The verdict is published before the outputs are on the share; between the two the worker dies.",
        together(
            rewritten(
                "spoolworker.delivery:_deliver_one",
                (
                    "store_own(actor, made.path, path)",
                    'actor.__dict__.setdefault("_to_bring", []).append((path, made.path))',
                ),
                ("found = actor.files.digest(path)", "found = made_here"),
            ),
            replaced("finish:end", _end_then_bring),
        ),
        Orders("worker_delivers_and_ends", preemptions=0, faults=1, schedules=300),
        "I5: job-1 rests in finished",
    ),
)
