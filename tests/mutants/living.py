"""Errors in looking: at caches, at listings, at signs of life, at clocks."""

from spoolctl.spool import layout
from spoolctl.spool.looking import Attempt, read_record
from spoolctl.spool.records import Counts, Manifest
from tests.mutants.rewriting import Mutant, replaced, rewritten, together
from tests.mutants.searching import Orders

REAPED = r"I[67]: a live worker was reaped"


def _attempt_opened_and_never_listed(actor, name, number, **_known):
    folder = layout.attempt(name, number)
    try:
        verdict = read_record(actor, Manifest, f"{folder}/{layout.MANIFEST}")
    except FileNotFoundError:
        verdict = None
    return Attempt(
        number,
        verdict,
        _is_there(actor, layout.cancel(name, number)),
        _is_there(actor, layout.closed(name, number)),
    )


def _is_there(actor, path):
    try:
        actor.files.stat(path)
    except FileNotFoundError:
        return False
    return True


def _stat_unasked(files, path):
    return files._do(lambda: files._native.stat(path), path)


LIVING = (
    Mutant(
        "not_found_is_believed",
        "I3",
        "A bare open and stat for a listing, their 'not found' believed: NFS answers from a cache for a minute. Listing, or "
        "asking again, makes the lack of the other good.",
        together(
            replaced("files:ShareFiles._believing", lambda _self, call, _paths: call()),
            replaced("files:ShareFiles.stat", _stat_unasked),
            replaced("looking:attempt", _attempt_opened_and_never_listed),
        ),
        Orders("look_at_what_was_decided", "nfs"),
        "too late",
    ),
    Mutant(
        "share_files_believe_not_found",
        "I7",
        "ShareFiles passes on a folder's 'not found' without asking: a job is taken for one of which nothing is decided.",
        replaced("files:ShareFiles._believing", lambda _self, call, _paths: call()),
        Orders("retry_by_one_who_looked_before_it_ran", "nfs"),
        "I5: job-1 rests in failed",
    ),
    Mutant(
        "stat_does_not_ask",
        "I7",
        "A bare stat: a name that was there is answered from the cache for a minute, and a record noted as seen at rest that is not.",
        rewritten("files:ShareFiles.stat", ("self._ask(path)", "pass")),
        Orders("settler_who_saw_it_at_rest_before", "nfs"),
        "nobody asked",
    ),
    Mutant(
        "nowhere_after_one_look",
        "I7",
        "A record that one listing lacks is removed: the job is cancelled, and nobody asked.",
        rewritten(
            "ownership:Ownership._nowhere",
            ("elif now - self._missed_since >= NOWHERE_FOR_S and", "if"),
        ),
        Orders("claimed_record_is_hurried", "smb"),
        "its record was removed",
    ),
    Mutant(
        "nowhere_in_two_looks_at_one_cache",
        "I7",
        "Two looks right after one another: one client's cache answers both.",
        rewritten(
            "ownership:Ownership._nowhere", ("now - self._missed_since >= NOWHERE_FOR_S", "True")
        ),
        Orders("claimed_record_is_hurried", "smb"),
        "its record was removed",
    ),
    Mutant(
        "an_empty_listing_is_believed",
        "I7",
        "A listing of the owner's folder that lacks even its sentinel says that the record is gone.",
        rewritten("ownership:Ownership._look_for_record", ("SENTINEL in entries and ", "")),
        Orders("owner_whose_folder_is_listed_empty"),
        "its record was removed",
    ),
    Mutant(
        "no_heartbeat_is_believed_from_a_listing",
        "I7",
        "A listing without a heartbeat is believed, though opening it would find one.",
        rewritten("reap:Reaper._sees", ("if seen == _NO_HEARTBEAT:", "if False:")),
        Orders("live_worker_and_a_blind_observer", preemptions=0),
        REAPED,
    ),
    Mutant(
        "a_blind_observer_reaps",
        "I7",
        "No proof of sight: who reads only what it read long ago takes everybody for dead.",
        replaced("life:Life.proves_sight", lambda _self: True),
        Orders("live_worker_and_a_frozen_observer", preemptions=0),
        REAPED,
    ),
    Mutant(
        "no_look_after_the_proof_of_sight",
        "I7",
        "The share was away for both; the worker's beat came while the observer proved its sight.",
        rewritten(
            "reap:Reaper.consider",
            ("if code is Code.NO_HEARTBEAT and self._look(key)[1] != seen:", "if False:"),
        ),
        Orders("live_worker_and_a_share_that_was_away", preemptions=0),
        REAPED,
    ),
    Mutant(
        "an_observer_that_hung_reaps",
        "I7",
        "Time in which the observer itself hung counts as the worker's silence.",
        rewritten("reap:Reaper._reset_if", ("if hung and self._watches:", "if False:")),
        Orders("live_worker_and_an_observer_that_hung", preemptions=0),
        REAPED,
    ),
    Mutant(
        "the_lease_is_by_the_wall_clock",
        "I6",
        "A heartbeat's time is compared with the observer's own clock, which is an hour ahead.",
        rewritten(
            "reap:Reaper.consider",
            (
                "unchanged_s = self._unchanged_s(key, seen)",
                "unchanged_s = (self._actor.utc_now() - beat.written_at).total_seconds() if beat else 0.0",
            ),
        ),
        Orders("live_worker_is_watched", preemptions=0),
        REAPED,
    ),
    Mutant(
        "a_moment_is_by_ones_own_clock",
        "I6",
        "Whether a job's moment has come is asked of the worker's own clock, not of the share's.",
        rewritten("promote:held_back", ("actor.share_now_s()", "actor.clock.utc_s()")),
        Orders("not_due_by_the_share_s_clock", preemptions=0),
        "I6: it ran before its moment",
    ),
    Mutant(
        "the_lease_is_shorter_than_a_restart",
        "I7",
        "A lease of a minute: a server's restart, which holds up renames for 90 s, kills every worker's attempt.",
        rewritten(
            "reap:Reaper._proof",
            ("unchanged_s >= self._actor.settings.lease_s", "unchanged_s >= 60"),
        ),
        Orders("live_worker_whose_server_restarts", preemptions=0),
        REAPED,
    ),
    Mutant(
        "a_free_lock_is_proof_of_death",
        "I7",
        "A heartbeat that is late by three beats and a lock that looks free: but NFS and SMB do not see each other's locks.",
        rewritten(
            "reap:Reaper._proof",
            (
                "unchanged_s >= self._actor.settings.lease_s",
                "unchanged_s >= 3 * self._actor.settings.heartbeat_s and 'job-1.lock' not in self._actor.files.names('locks')",
            ),
        ),
        Orders("live_worker_whose_server_restarts", preemptions=0),
        REAPED,
    ),
    Mutant(
        "a_process_is_sought_on_any_machine",
        "I7",
        "Another machine's boot id is taken for an earlier one of this machine.",
        rewritten(
            "reap:Reaper._proof",
            ("if beat is not None and beat.host_id == host.host_id:", "if beat is not None:"),
        ),
        Orders("live_worker_is_watched", preemptions=0),
        REAPED,
    ),
    Mutant(
        "a_reaper_forgets_the_failures",
        "I5",
        "Who ends a dead worker's attempt counts from nothing: the budget of failures is lost.",
        rewritten(
            "reap:Reaper.publish_lost",
            ("previous=before.verdict if before else None", "previous=None"),
        ),
        Orders("third_worker_dies", preemptions=0),
        "I5: .*counts",
    ),
    Mutant(
        "failures_are_forgotten",
        "I5",
        "Each attempt's end counts from nothing: a job that cannot succeed runs for ever.",
        replaced("policy:counts_before", lambda _previous: Counts()),
        Orders("third_worker_dies", preemptions=0),
        "I5: .*counts",
    ),
)
