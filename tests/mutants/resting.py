"""Errors in what moves and rests: settling, retrying, cancelling, superseded workers, the corpus, retention."""

import dataclasses
from typing import Any

from spoolctl.spool import decisions, layout
from spoolctl.spool.publish import ensure_folder, replace_own
from spoolctl.spool.records import Pruned
from tests.mutants.rewriting import Mutant, Search, replaced, rewritten, together


def _append(actor, ledger, name, suffix, lines):
    path = layout.part(ledger, name, suffix)
    folder, _, entry = path.rpartition("/")
    try:
        there = entry in actor.files.names(folder)
    except FileNotFoundError:
        actor.files.mkdir(folder)
        there = False
    before = actor.files.read(path, bytes_max=1 << 20) if there else b""
    temporary = f"{folder}/.{actor.entropy.token()}.tmp"
    actor.files.write_new(temporary, before + lines)
    actor.files.rename(temporary, path)


def _replace_part(actor, ledger, name, suffix, lines):
    path = layout.part(ledger, name, suffix)
    ensure_folder(actor, layout.parent(path))
    replace_own(actor, path, lines)


def _without_tombstone(monkeypatch) -> None:
    """Retention takes the job apart at once, as if the tombstone were there."""
    unfenced = []

    def as_if_fenced(actor, name):
        decided = decisions(actor, name)
        if not unfenced:
            return decided
        verdict = unfenced.pop()
        tombstone = Pruned(
            schema_="spool.pruned/1",
            name=name,
            verdict=verdict.verdict,
            attempt=verdict.attempt,
            day=verdict.day,
        )
        return dataclasses.replace(decided, pruned=tombstone)

    monkeypatch.setattr(
        "spoolctl.spool.prune._fence", lambda _actor, verdict: unfenced.append(verdict)
    )
    monkeypatch.setattr("spoolctl.spool.prune.decisions", as_if_fenced)


def _named(name: str) -> Any:
    """A pass that does nothing, under the name of the one in whose place it is."""

    def nothing(_self: Any, _done: Any) -> None:
        pass

    nothing.__name__ = name
    return nothing


SETTLE_BY_BELIEF = rewritten(
    "finish:end",
    (
        "    settle_later(actor, claim.place(actor))\n",
        (
            "    from spoolctl.spool.looking import find\n"
            "    from spoolctl.spool.layout import Place, State\n"
            "    from spoolctl.spool.settle import move\n"
            "    failed = Place(State.FAILED, manifest.day)\n"
            "    for one in find(actor, claim.name):\n"
            "        move(actor, one, failed if manifest.final and not manifest.succeeded else layout.FINISHED, label=claim.number)\n"
        ),
    ),
)

RESTING = (
    Mutant(
        "no_second_look",
        "Settling ends with its first move: nobody notes that the record came to rest.",
        rewritten(
            "settle:settle",
            ("            location = moved\n            continue\n", "            return moved\n"),
        ),
        Search("settled_days_late_then_dragged", preemptions=0),
        "I5: job-1 rests in failed",
    ),
    Mutant(
        "settling_by_what_one_wrote",
        "A superseded worker moves the record to where its own verdict would have had it.",
        SETTLE_BY_BELIEF,
        Search("zombie_of_days_ago"),
        "I10: job-1 is not merged whole",
    ),
    Mutant(
        "foreign_bytes_are_settled",
        "A new file under a known name is moved as the old job's record (hole 5).",
        replaced("settle:_set_aside_if_foreign", lambda *_: False),
        Search("name_seen_before"),
        "I8: ",
    ),
    Mutant(
        "nobody_looks_where_records_rest",
        "Sweeps and audits pass over failed/: what a late rename brought there is never merged (hole 6).",
        together(
            replaced("sweep:Sweeper._resting", _named("_resting")),
            replaced("controller.scanner:Scanner._audit", _named("_audit")),
        ),
        Search("thief_takes_it_to_failed", "windows"),
        "I5: job-1 rests in failed|I10: job-1 is not merged whole",
    ),
    Mutant(
        "a_retry_does_not_note_the_rest",
        "A retry moves the record without settling it first: no 'closed', so it is put back.",
        rewritten("retry:retry", ("rested = settle(actor, location)", "rested = location")),
        Search("retry_of_a_job_just_moved"),
        "I5: job-1 rests in failed",
    ),
    Mutant(
        "a_retry_looks_once",
        "A record that moves between two listings is told to lie nowhere.",
        rewritten("looking:find_twice", (" or find(actor, name, states)", "")),
        Search("retry_and_retry"),
        "raises: NoSuchJob",
    ),
    Mutant(
        "cancel_only_moves",
        "A queued job is cancelled by moving its record, without a verdict (hole 7).",
        rewritten(
            "cancel:cancel_pending",
            (
                "    decided = pin(actor, location, data)\n",
                '    return move(actor, location, Place(State.CANCELLED, ""), label=None) is not None\n    decided = None\n',
            ),
        ),
        Search("cancel_and_claim", "windows"),
        "told cancelled, and it ran|I5|I3",
    ),
    Mutant(
        "a_request_to_cancel_outlives_its_attempt",
        "The request lies beside the attempts: it stops the one that a person asked for later (hole 18).",
        together(
            replaced(
                "layout:cancel", lambda name, _number: f"{layout.results(name)}/{layout.CANCEL}"
            ),
            rewritten(
                "looking:attempt",
                (
                    "layout.CANCEL in entries",
                    "layout.CANCEL in actor.files.names(layout.results(name))",
                ),
            ),
        ),
        Search("cancelled_retried_and_claimed"),
        "I5: job-1 rests in cancelled",
    ),
    Mutant(
        "adopting_passes_over_the_chain",
        "An adoption does not ask whether another attempt is open.",
        rewritten("adopt:_refuse", ("if last.is_open:", "if False:")),
        Search("claim_and_adopt"),
        "I3: ",
    ),
    Mutant(
        "promoting_passes_over_the_verdict",
        "A record in waiting/ is promoted whatever the decisions say.",
        rewritten("sweep:Sweeper._look_at_waiting", ("if not decided.may_run:", "if False:")),
        Search("drag_promote_claim"),
        "I",
    ),
    Mutant(
        "a_move_replaces_another_job",
        "A move into a queue replaces a file of other bytes that lies there.",
        replaced("settle:_blocked", lambda *_: False),
        Search("two_files_of_one_name"),
        "I8: ",
    ),
    Mutant(
        "the_superseded_worker_tidies_up",
        "Who lost removes its attempt's folder, verdict and all.",
        rewritten(
            "finish:end",
            (
                "        path = layout.superseded(claim.name, claim.number)\n",
                (
                    "        folder = layout.attempt(claim.name, claim.number)\n"
                    "        for entry in actor.files.names(folder):\n"
                    "            actor.files.unlink(f'{folder}/{entry}')\n"
                    "        path = layout.superseded(claim.name, claim.number)\n"
                ),
            ),
        ),
        Search("superseded_worker_delivers_late"),
        "I3: ",
    ),
    Mutant(
        "the_superseded_worker_removes_its_images",
        "Who lost removes what it made; a person could have adopted it.",
        rewritten(
            "finish:end",
            (
                "        path = layout.superseded(claim.name, claim.number)\n",
                (
                    "        for output in manifest.outputs:\n"
                    "            actor.files.unlink(f'{layout.results(claim.name)}/{output.path}')\n"
                    "        path = layout.superseded(claim.name, claim.number)\n"
                ),
            ),
        ),
        Search("superseded_worker_delivers_late"),
        "I3: what the superseded attempt left is gone",
    ),
    Mutant(
        "a_zombie_writes_into_the_next_attempt",
        "Images go into the newest attempt's folder, not into one's own (I4).",
        rewritten(
            "tests.spool.world_worker:Worker.deliver",
            (
                "layout.attempt(claimed.name, claimed.number)",
                "layout.attempt(claimed.name, max(self.world.manifests(claimed.name)))",
            ),
        ),
        Search("superseded_worker_delivers_late"),
        "I4: ",
    ),
    Mutant(
        "outputs_come_after_the_verdict",
        "The verdict is published before the outputs are on the share, and the worker dies between (hole 15).",
        together(
            rewritten(
                "tests.spool.world_worker:Worker.deliver",
                ("    self.actor.files.write_new(temporary, data)\n", ""),
                (
                    "    self.actor.files.rename(temporary, path)\n",
                    "    self.delayed = [(temporary, data, path)]\n",
                ),
            ),
            rewritten(
                "tests.spool.world_worker:Worker.end",
                (
                    "    return outcome\n",
                    (
                        "    for temporary, data, path in self.__dict__.pop('delayed', ()):\n"
                        "        self.actor.files.write_new(temporary, data)\n"
                        "        self.actor.files.rename(temporary, path)\n"
                        "    return outcome\n"
                    ),
                ),
                ("            return outcome\n", "            break\n"),
            ),
        ),
        Search("end_and_reap", preemptions=0, faults=1, schedules=400),
        "I5: job-1 rests in finished",
    ),
    Mutant(
        "merged_unverified",
        "Outputs are not read back before the merge: a damaged image enters the corpus (hole 15).",
        replaced("merge:verify_outputs", lambda *_: None),
        Search("damaged_image_is_mended"),
        "I10: job-1 is in the corpus with a damaged image",
    ),
    Mutant(
        "the_corpus_is_appended_to",
        "A part is read, extended and put back: by two controllers, twice (hole 4).",
        replaced("merge:publish_part", _append),
        Search("merge_by_two_versions"),
        "I10: job-1 twice in the corpus",
    ),
    Mutant(
        "a_part_is_replaced",
        "A part is brought by a rename: a controller of another version changes what was compiled already.",
        replaced("merge:publish_part", _replace_part),
        Search("merge_by_two_versions"),
        "I10: ",
    ),
    Mutant(
        "retention_without_a_tombstone",
        "A job is removed without its fence: a record that comes back late runs again (hole 8).",
        _without_tombstone,
        Search("pruned_and_dragged_back"),
        "I[39]: ",
    ),
    Mutant(
        "a_tombstone_is_not_looked_for",
        "Who froze before making the attempt does not look whether the job was pruned meanwhile.",
        replaced("attempts:_is_fenced", lambda *_: False),
        Search("pruned_while_a_claim_hung"),
        "I3: ",
    ),
    Mutant(
        "retention_before_the_merge",
        "A committed job is pruned though its part is not in the corpus.",
        replaced("merge:is_merged", lambda *_: True),
        Search("committed_and_dragged_to_done"),
        "I10: ",
    ),
)
