"""Errors in looking: at caches, at listings, at signs of life, at clocks."""

from spoolctl.spool import layout
from spoolctl.spool.looking import Attempt, read_record
from spoolctl.spool.records import Counts, Manifest
from tests.mutants.rewriting import Mutant, Search, replaced, rewritten, together

REAPED = r"I[67]: a live worker was reaped"


def _attempt_opened_before_it_is_listed(actor, name, number):
    folder = layout.attempt(name, number)
    try:
        verdict = read_record(actor, Manifest, f"{folder}/{layout.MANIFEST}")
    except FileNotFoundError:
        verdict = None
    entries = actor.files.names(folder)
    return Attempt(number, verdict, layout.CANCEL in entries, layout.CLOSED in entries)


LIVING = (
    Mutant(
        "not_found_is_believed",
        "A bare open's 'not found' is believed without listing or asking: NFS answers it from a cache for a minute (hole 14).",
        together(
            replaced("files:ShareFiles._believing", lambda _self, call, _paths: call()),
            replaced("looking:attempt", _attempt_opened_before_it_is_listed),
        ),
        Search("look_at_what_was_decided", "nfs"),
        "too late",
    ),
    Mutant(
        "share_files_believe_not_found",
        "ShareFiles passes on 'not found' without asking.",
        replaced("files:ShareFiles._believing", lambda _self, call, _paths: call()),
        Search("claim_and_claim", "nfs"),
        "I",
    ),
    Mutant(
        "stat_does_not_ask",
        "A bare stat: a name that was there is answered from the cache for a minute.",
        rewritten("files:ShareFiles.stat", ("self._ask(path)", "pass")),
        Search("claim_and_run_to_a_failure_for_good", "nfs"),
        "nobody asked",
    ),
    Mutant(
        "nowhere_after_one_look",
        "A record that one listing lacks is removed: the job is cancelled, and nobody asked.",
        rewritten(
            "ownership:Ownership._nowhere",
            ("elif now - self._missed_since >= NOWHERE_FOR_S and", "if"),
        ),
        Search("claim_and_hold"),
        "I5: job-1 rests in cancelled",
    ),
    Mutant(
        "nowhere_in_two_looks_at_one_cache",
        "Two looks right after one another: one client's cache answers both.",
        rewritten(
            "ownership:Ownership._nowhere", ("now - self._missed_since >= NOWHERE_FOR_S", "True")
        ),
        Search("claimed_record_is_hurried", "smb"),
        "its record was removed",
    ),
    Mutant(
        "an_empty_listing_is_believed",
        "A listing of the owner's folder that lacks even its sentinel says that the record is gone.",
        rewritten("ownership:Ownership._look_for_record", ("SENTINEL in entries and ", "")),
        Search("owner_whose_folder_is_listed_empty"),
        "its record was removed",
    ),
    Mutant(
        "no_heartbeat_is_believed_from_a_listing",
        "A listing without a heartbeat is believed, though opening it would find one.",
        rewritten("reap:Reaper._sees", ("if seen == _NO_HEARTBEAT:", "if False:")),
        Search("live_worker_and_a_blind_observer", preemptions=0),
        REAPED,
    ),
    Mutant(
        "a_blind_observer_reaps",
        "No proof of sight: who reads only what it read long ago takes everybody for dead.",
        replaced("life:Life.proves_sight", lambda _self: True),
        Search("live_worker_and_a_frozen_observer", preemptions=0),
        REAPED,
    ),
    Mutant(
        "no_look_after_the_proof_of_sight",
        "The share was away for both; the worker's beat came while the observer proved its sight.",
        rewritten(
            "reap:Reaper.consider",
            ("if code is Code.NO_HEARTBEAT and self._look(key)[1] != seen:", "if False:"),
        ),
        Search("live_worker_and_a_share_that_was_away", preemptions=0),
        REAPED,
    ),
    Mutant(
        "an_observer_that_hung_reaps",
        "Time in which the observer itself hung counts as the worker's silence.",
        rewritten("reap:Reaper._reset_if", ("if hung and self._watches:", "if False:")),
        Search("live_worker_and_an_observer_that_hung", preemptions=0),
        REAPED,
    ),
    Mutant(
        "the_lease_is_by_the_wall_clock",
        "A heartbeat's time is compared with the observer's own clock, which is an hour ahead (I6).",
        rewritten(
            "reap:Reaper.consider",
            (
                "unchanged_s = self._unchanged_s(key, seen)",
                "unchanged_s = (self._actor.utc_now() - beat.written_at).total_seconds() if beat else 0.0",
            ),
        ),
        Search("live_worker_is_watched", preemptions=0),
        REAPED,
    ),
    Mutant(
        "a_process_is_sought_on_any_machine",
        "Another machine's boot id is taken for an earlier one of this machine.",
        rewritten(
            "reap:Reaper._proof",
            ("if beat is not None and beat.host_id == host.host_id:", "if beat is not None:"),
        ),
        Search("live_worker_is_watched", preemptions=0),
        REAPED,
    ),
    Mutant(
        "a_reaper_forgets_the_failures",
        "Who ends a dead worker's attempt counts from nothing: the budget of failures is lost.",
        rewritten(
            "reap:Reaper.publish_lost",
            ("previous=before.verdict if before else None", "previous=None"),
        ),
        Search("third_worker_dies", preemptions=0),
        "I5: .*counts",
    ),
    Mutant(
        "failures_are_forgotten",
        "Each attempt's end counts from nothing: a job that cannot succeed runs for ever.",
        replaced("policy:counts_before", lambda _previous: Counts()),
        Search("third_worker_dies", preemptions=0),
        "I5: .*counts",
    ),
)
