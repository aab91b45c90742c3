"""Errors in what decides: publishing once, making once, the chain of attempts, names and pinned bytes."""

from spoolctl.spool import Outcome, layout
from spoolctl.spool.names import FileName, parse_file_name
from spoolctl.spool.settle import lies_at
from tests.mutants.rewriting import Mutant, Patch, replaced, rewritten, together
from tests.mutants.searching import Orders
from tests.spool.spool_world import World

RUNS_TWICE = r"I3: job-1 ran attempts"


def _publish_by(how: str) -> Patch:
    return rewritten("publish:_link", ("actor.files.link(temporary, path)", how))


def _results_by_day(monkeypatch) -> None:
    worlds = []
    begin = World.__init__

    def beginning(self, **settings):
        begin(self, **settings)
        worlds[:] = [self]

    def by_day(_name):
        return f"{layout.RESULTS}/{27 + int(worlds[0].clock.elapsed_s // 43_000)}"

    monkeypatch.setattr(World, "__init__", beginning)
    monkeypatch.setattr(layout, "shelf_folder", by_day)


def _another_job_by_rank(text: str) -> FileName | None:
    file = parse_file_name(text)
    if file is None or not file.rank:
        return file
    return FileName(f"{file.rank}-{file.name}", file.shown, file.rank, file.label, file.suffix)


def _begins_by_a_look(actor, decided, location):
    last = decided.highest
    asked = last is None or not last.is_final or lies_at(actor, location)
    return location if decided.may_run and asked else None


DECIDING = (
    Mutant(
        "an_attempt_that_exists_is_won",
        "I3",
        "mkdir's EEXIST is taken for won: exclusive creation made plain.",
        rewritten("publish:make_once", ("return Outcome.LOST", "return Outcome.WON")),
        Orders("claim_and_claim_and_both_run", "nfs"),
        RUNS_TWICE,
    ),
    Mutant(
        "an_attempt_without_a_heartbeat_is_mine",
        "I3",
        "EEXIST of mkdir is taken as one's own request repeated, because no heartbeat is there yet.",
        rewritten(
            "publish:make_once",
            (
                "return Outcome.LOST",
                "return Outcome.LOST if layout.HEARTBEAT in actor.files.names(folder) else Outcome.WON",
            ),
        ),
        Orders("claim_and_claim_and_both_run", "nfs", preemptions=2, schedules=400),
        f"{RUNS_TWICE}|fsck: I3 not-its-session",
    ),
    Mutant(
        "the_claim_is_the_rename",
        "I3",
        "Who moved the record has won, whoever made the attempt's folder; on Windows two are told that they moved it.",
        rewritten(
            "claim:take_ready",
            (
                "if not take(actor, location.name, number):",
                (
                    "shown = move(actor, location, layout.claimed(actor.session), label=number)\n"
                    "    take(actor, location.name, number)\n"
                    "    if shown is None:"
                ),
            ),
        ),
        Orders("claim_and_claim_and_both_run", "windows"),
        RUNS_TWICE,
    ),
    Mutant(
        "publishing_is_a_rename",
        "I3",
        "A verdict is brought by a rename, which replaces the one that is there.",
        _publish_by("actor.files.rename(temporary, path)"),
        Orders("end_and_reap"),
        r"I3: .*manifest.yaml was changed",
    ),
    Mutant(
        "publishing_looks_then_renames",
        "I3",
        "A rename 'without replacing', as Windows has it: first a look, then a rename.",
        _publish_by(
            "names = actor.files.names(layout.parent(path))\n"
            "            if path.rpartition('/')[2] in names:\n"
            "                raise FileExistsError(errno.EEXIST, path)\n"
            "            actor.files.rename(temporary, path)"
        ),
        Orders("end_and_reap"),
        r"I3: .*manifest.yaml was changed",
    ),
    Mutant(
        "publishing_writes_in_place",
        "I2",
        "The final name is created and written to: a reader, or a crash, meets half of it.",
        rewritten(
            "publish:publish_once",
            ("actor.files.write_new(temporary, data)", "actor.files.write_new(path, data)"),
            ("return _link(actor, temporary, path, data)", "return Outcome.WON"),
        ),
        Orders("claim_and_claim"),
        "I2: ",
    ),
    Mutant(
        "temporary_names_are_shared",
        "I3",
        "Two who publish one path use one temporary name: each removes the other's, and links what the other wrote.",
        rewritten(
            "publish:own_temporary",
            (
                'name = f".{actor.entropy.token()}.tmp"',
                'name = "." + path.rpartition("/")[2] + ".tmp"',
            ),
        ),
        Orders("two_publish_one_file", preemptions=2),
        "told Outcome.WON, and it is not so",
    ),
    Mutant(
        "publishing_takes_a_ticket",
        "I5",
        "Without links: who made a folder beside it may publish; if that one dies, nobody ever may.",
        _publish_by(
            "actor.files.mkdir(f'{path}.ticket')\n            actor.files.rename(temporary, path)"
        ),
        Orders("end_and_reap", preemptions=0, faults=1, schedules=300),
        "I5: job-1 rests in claimed",
    ),
    Mutant(
        "an_error_is_not_done",
        "I3",
        "An error of the link is passed on without a look; its reply may only have been lost.",
        rewritten("publish:_link", ("seen = _look(actor, path, data)", "raise")),
        Orders("two_publish_one_file", faults=1, preemptions=0),
        "told 'nothing was published', and it was",
    ),
    Mutant(
        "exists_is_lost_unseen",
        "I3",
        "EEXIST of the link is lost, without reading whose verdict stands there: a repeated request meets its own.",
        replaced("publish:_look", lambda *_: Outcome.LOST),
        Orders("two_publish_one_file", faults=1, preemptions=0),
        "told Outcome.LOST, and it is not so",
    ),
    Mutant(
        "whatever_was_published_is_mine",
        "I3",
        "After EEXIST anything that lies there counts as won.",
        replaced("publish:_look", lambda *_: Outcome.WON),
        Orders("two_publish_one_file"),
        "told Outcome.WON, and it is not so",
    ),
    Mutant(
        "an_open_attempt_is_passed_over",
        "I3",
        "The chain rule ignores that the last attempt has no verdict.",
        rewritten(
            "looking:Decisions.may_run",
            ("if last.is_open or last.is_commit:", "if last.is_commit:"),
        ),
        Orders("claim_and_claim", "nfs"),
        "I3: job-1 has open attempts",
    ),
    Mutant(
        "a_commit_is_passed_over",
        "I3",
        "The chain rule ignores a commit: a committed job whose record lies in a queue runs again.",
        rewritten(
            "looking:Decisions.may_run",
            ("if last.is_open or last.is_commit:", "if last.is_open:"),
            ("return last.closed or not last.is_final", "return True"),
        ),
        Orders("prune_and_drag_back"),
        "I3: ",
    ),
    Mutant(
        "a_retry_without_closed",
        "I3",
        "A record in a queue after a final verdict counts as a retry, whether it had come to rest or not.",
        rewritten(
            "looking:Decisions.may_run",
            ("return last.closed or not last.is_final", "return True"),
        ),
        Orders("failed_for_good_and_still_queued"),
        "nobody asked|fsck: I3 after-end",
    ),
    Mutant(
        "closed_is_believed_without_a_second_look",
        "I3",
        "'closed' alone makes a retry, though the record lies elsewhere by now.",
        rewritten(
            "pin:may_begin",
            ("return move(actor, location, location.place, label=other)", "return location"),
        ),
        Orders("claim_and_run_to_a_failure_for_good"),
        "nobody asked",
    ),
    Mutant(
        "closed_is_believed_after_a_stale_look",
        "I3",
        "A look at the record, not a rename: an SMB client goes on seeing for seconds what is gone.",
        replaced("pin:may_begin", _begins_by_a_look),
        Orders("failed_for_good_while_another_looked", "smb"),
        "nobody asked",
    ),
    Mutant(
        "raised_without_a_verdict",
        "I4",
        "A dead worker's attempt is left open, and the next one made after it.",
        together(
            rewritten(
                "reap:Reaper.publish_lost",
                ("outcome = publish(actor, manifest)", "outcome = Outcome.WON"),
            ),
            rewritten(
                "sweep:Sweeper._reap",
                (
                    "settle(self._actor, location)",
                    'move(self._actor, location, layout.queue("normal"), label=last.number + 1)',
                ),
            ),
            rewritten(
                "looking:Decisions.may_run",
                ("if last.is_open or last.is_commit:", "if last.is_commit:"),
            ),
        ),
        Orders("claim_claim_reap"),
        "I3: job-1 has open attempts",
    ),
    Mutant(
        "the_label_is_the_number",
        "I4",
        "The number in the file's name is believed, not the decisions.",
        rewritten(
            "claim:take_ready",
            ("number = decided.next_number", "number = location.file.label or decided.next_number"),
        ),
        Orders("label_changed_by_hand"),
        r"I4: job-1 has attempts \[1, 7\]",
    ),
    Mutant(
        "the_path_has_the_day_in_it",
        "I4",
        "The results folder is computed from today, not from the name: a job has two of them at midnight.",
        _results_by_day,
        Orders("claim_over_midnight"),
        r"I[35]: ",
    ),
    Mutant(
        "a_rank_makes_another_job",
        "I5",
        "A file renamed so that it sorts first is another job.",
        replaced("names:parse_file_name", _another_job_by_rank),
        Orders("hurried_while_claimed"),
        "I5: .*job-1 is lost",
    ),
    Mutant(
        "records_are_not_pinned",
        "I9",
        "The record is not kept: what ran cannot be told.",
        rewritten(
            "pin:pin",
            (
                "outcome = publish_once(actor, path, data)",
                "return decided",
            ),
        ),
        Orders("claim_and_claim"),
        "I9: job-1 ran other bytes",
    ),
    Mutant(
        "pinned_bytes_are_not_compared",
        "I9",
        "A known name is the known job, whatever its file holds.",
        rewritten("pin:pin", ("    if same:\n", "    if True:\n")),
        Orders("foreign_file_under_a_known_name"),
        "I9: job-1 ran other bytes",
    ),
    Mutant(
        "a_submission_replaces",
        "I5",
        "A record is submitted by a rename: of two under one name the later wins, and the first is lost.",
        rewritten("submit:_link", ("actor.files.link(temporary", "actor.files.rename(temporary")),
        Orders("submit_and_submit"),
        "one name, one job|I9",
    ),
    Mutant(
        "a_growing_file_is_admitted",
        "I9",
        "A file that parses is taken, though it may still grow.",
        replaced("codec:is_whole", lambda _data: True),
        Orders("file_grows_while_claimed"),
        "I[159]: ",
    ),
    Mutant(
        "a_claim_gives_up_when_its_rename_fails",
        "I5",
        "The record was dragged a moment before: the attempt is left open, and a lease lost.",
        together(
            rewritten(
                "claim:show",
                (
                    "        move(actor, ready.location, place, label=claimed.number, is_new=True)\n",
                    "        return move(actor, ready.location, place, label=claimed.number, is_new=True)\n",
                ),
            ),
            rewritten(
                "claim:claim",
                (
                    "        show(actor, claimed, found, life)\n",
                    "        if show(actor, claimed, found, life) is None:\n            return NotClaimed.TAKEN\n",
                ),
            ),
        ),
        Orders("hurried_while_claimed"),
        "a lease was lost over a drag",
    ),
    Mutant(
        "a_need_is_met_while_it_runs",
        "I5",
        "A job runs before the jobs that it needs are committed.",
        rewritten(
            "promote:_need_state",
            (
                "or not (last.is_commit or last.is_final):\n        return Needs.OPEN",
                "or not (last.is_commit or last.is_final):\n        return Needs.MET",
            ),
        ),
        Orders("follower_and_its_need"),
        "it ran before its need",
    ),
)

__all__ = ["DECIDING"]
