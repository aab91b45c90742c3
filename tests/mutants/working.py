"""Errors of the worker's program, which the simulated world runs whole: its sessions, its deliveries, its last step."""

from spoolctl.spool import attempt_numbers, store_own
from spoolworker.execution import Execution
from tests.mutants.rewriting import Mutant, replaced, rewritten, together
from tests.mutants.searching import Orders, Seeds

_publish = Execution._publish


def _publish_then_bring(self, ending):
    manifest = _publish(self, ending)
    if manifest is not None and manifest.succeeded:
        for path, made in self._actor.__dict__.pop("_to_bring", ()):
            self._insisting.until_it_works(
                "bring", lambda p=path, m=made: store_own(self._actor, m, p), self._is_over
            )
    return manifest


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
        "liveness.*rests in queue",
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
        "The verdict is published before the outputs are on the share; between the two the worker dies, or gives up.",
        together(
            rewritten(
                "spoolworker.delivery:_deliver_one",
                (
                    "store_own(actor, made.path, path)",
                    'actor.__dict__.setdefault("_to_bring", []).append((path, made.path))',
                ),
                ("found = actor.files.digest(path)", "found = made_here"),
            ),
            replaced("spoolworker.execution:Execution._publish", _publish_then_bring),
        ),
        Seeds(first=45),
        "liveness.*rests in finished",
    ),
)
