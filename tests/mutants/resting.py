"""Errors in what moves and rests: settling, retrying, cancelling, superseded workers, the corpus, retention."""

import dataclasses
from typing import Any

from spoolctl.controller.ledger import COMPILED, Compiled
from spoolctl.spool import decisions, layout
from spoolctl.spool.publish import ensure_folder, replace_own
from spoolctl.spool.records import Pruned
from tests.mutants.rewriting import Mutant, replaced, rewritten, together
from tests.mutants.searching import Orders


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


def _compile_in_place(actor, ledger, *, touched, read):
    """What is lacking is found first, and then written behind whatever is there by then, as by ``open(..., "a")``."""
    target = COMPILED[ledger]
    before = _read_or_nothing(actor, target)
    folder = f"{ledger}/parts"
    shelves = [f"{folder}/{shelf}" for shelf in actor.files.names(folder)]
    parts = [f"{shelf}/{entry}" for shelf in shelves for entry in actor.files.names(shelf)]
    datas = [actor.files.read(part, bytes_max=1 << 20) for part in parts if "/." not in part]
    lacking = b"".join(data for data in datas if data not in before)
    if lacking:
        replace_own(actor, target, _read_or_nothing(actor, target) + lacking)
    return Compiled(lines=0, added=0, rebuilt=False)


def _read_or_nothing(actor, path):
    folder, _, entry = path.rpartition("/")
    there = entry in actor.files.names(folder)
    return actor.files.read(path, bytes_max=1 << 20) if there else b""


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
        "spoolctl.spool.prune._fence", lambda _actor, verdict, **_: unfenced.append(verdict)
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
        "    settle_later(actor, claim.place(actor), known=stands)\n",
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
        "a_move_is_a_copy",
        "I1",
        "A record is moved by a second name and the removal of the first, not by a rename: it lies in two folders for a while.",
        rewritten(
            "settle:move",
            (
                "actor.files.rename(location.path, target.path, apart=is_new)",
                "actor.files.link(location.path, target.path); actor.files.unlink(location.path)",
            ),
        ),
        Orders("claim_and_claim"),
        "I1: job-1 lies in",
    ),
    Mutant(
        "no_second_look",
        "I5",
        "Settling ends with its first move: nobody notes that the record came to rest.",
        rewritten(
            "settle:settle",
            ("            location = moved\n            continue\n", "            return moved\n"),
        ),
        Orders("settled_days_late_then_dragged", preemptions=0),
        "I5: job-1 rests in failed|fsck: I5 not-closed",
    ),
    Mutant(
        "settling_by_what_one_wrote",
        "I10",
        "A superseded worker moves the record to where its own verdict would have had it.",
        SETTLE_BY_BELIEF,
        Orders("zombie_of_days_ago"),
        "I10: job-1 is not merged whole",
    ),
    Mutant(
        "foreign_bytes_are_settled",
        "I8",
        "A new file under a known name is moved as the old job's record.",
        together(
            replaced("settle:_set_aside_if_foreign", lambda *_: False),
            replaced("merge:set_aside_unless", lambda *_, **__: False),
            replaced("settle:_blocked", lambda *_: False),
        ),
        Orders("name_seen_before"),
        "I[18]: |fsck: I9 other-bytes",
    ),
    Mutant(
        "a_bad_file_is_removed",
        "I8",
        "A file that cannot become a job is removed, not put aside with its reason.",
        rewritten(
            "reject:reject",
            ("actor.files.rename(location.path, target)", "actor.files.unlink(location.path)"),
        ),
        Orders("reject_and_reject"),
        r"\['bad-.*reason.yaml'\]",
    ),
    Mutant(
        "nobody_looks_where_records_rest",
        "I5",
        "Sweeps and audits pass over failed/: what a late rename brought there is never merged.",
        together(
            replaced("sweep:Sweeper._resting", _named("_resting")),
            replaced("controller.scanner:Scanner._audit", _named("_audit")),
        ),
        Orders("thief_takes_it_to_failed", "windows"),
        "I5: job-1 rests in failed|I10: job-1 is not merged whole",
    ),
    Mutant(
        "a_retry_does_not_note_the_rest",
        "I5",
        "A retry moves the record without settling it first: no 'closed', so it is put back.",
        rewritten("retry:retry", ("rested = settle(actor, location)", "rested = location")),
        Orders("retry_of_a_job_just_moved"),
        "I5: job-1 rests in failed",
    ),
    Mutant(
        "a_retry_looks_once",
        "I7",
        "A record that moves between two listings is told to lie nowhere.",
        rewritten("looking:find_twice", (" or find(actor, name, states)", "")),
        Orders("retry_and_retry"),
        "is told where the record lies",
    ),
    Mutant(
        "cancel_only_moves",
        "I3",
        "A queued job is cancelled by moving its record, without a verdict.",
        rewritten(
            "cancel:cancel_pending",
            (
                "    decided = pin(actor, location, data)\n",
                '    return move(actor, location, Place(State.CANCELLED, ""), label=None) is not None\n    decided = None\n',
            ),
        ),
        Orders("cancel_and_claim", "windows"),
        "told cancelled, and it ran|I5|I3",
    ),
    Mutant(
        "a_request_to_cancel_outlives_its_attempt",
        "I5",
        "The request lies beside the attempts: it stops the one that a person asked for later.",
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
        Orders("cancelled_retried_and_claimed"),
        "I5: job-1 rests in cancelled",
    ),
    Mutant(
        "adopting_passes_over_the_chain",
        "I4",
        "An adoption does not ask whether another attempt is open.",
        rewritten("adopt:_refuse", ("if last.is_open:", "if False:")),
        Orders("claim_and_adopt"),
        "I3: ",
    ),
    Mutant(
        "a_move_replaces_another_job",
        "I8",
        "A move into a queue replaces a file of other bytes that lies there.",
        replaced("settle:_blocked", lambda *_: False),
        Orders("two_files_of_one_name"),
        "I8: ",
    ),
    Mutant(
        "the_superseded_worker_tidies_up",
        "I3",
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
        Orders("superseded_worker_delivers_late"),
        "I3: ",
    ),
    Mutant(
        "the_superseded_worker_removes_its_images",
        "I3",
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
        Orders("superseded_worker_delivers_late"),
        "I3: what the superseded attempt left is gone",
    ),
    Mutant(
        "merged_unverified",
        "I10",
        "Outputs are not read back before the merge: a damaged image enters the corpus.",
        replaced("merge:verify_outputs", lambda *_: None),
        Orders("damaged_image_is_mended"),
        "I10: job-1 is in the corpus with a damaged image",
    ),
    Mutant(
        "the_corpus_is_appended_to",
        "I10",
        "A part is read, extended and put back: by two controllers, twice.",
        replaced("merge:publish_part", _append),
        Orders("merge_by_two_versions"),
        "I10: job-1 twice in the corpus",
    ),
    Mutant(
        "the_compiled_corpus_is_appended_to",
        "I10",
        "What the compiled file lacks is written behind its end, in place: by two controllers, twice.",
        replaced("controller.ledger:compile_ledger", _compile_in_place),
        Orders("merge_by_two_versions"),
        "I10: the compiled corpus is not its parts|fsck: I10 not-its-parts",
    ),
    Mutant(
        "a_part_is_replaced",
        "I10",
        "A part is brought by a rename: a controller of another version changes what was compiled already.",
        replaced("merge:publish_part", _replace_part),
        Orders("merge_by_two_versions"),
        "I10: ",
    ),
    Mutant(
        "retention_without_a_tombstone",
        "I3",
        "A job is removed without its fence: a record that comes back late runs again.",
        _without_tombstone,
        Orders("pruned_and_dragged_back"),
        "I[39]: ",
    ),
    Mutant(
        "a_tombstone_is_not_looked_for",
        "I3",
        "Who froze before making the attempt does not look whether the job was pruned meanwhile.",
        replaced("attempts:_is_fenced", lambda *_: False),
        Orders("pruned_while_a_claim_hung"),
        "I3: ",
    ),
    Mutant(
        "retention_before_the_merge",
        "I10",
        "A committed job is pruned though its part is not in the corpus.",
        replaced("merge:is_merged", lambda *_: True),
        Orders("committed_and_dragged_to_done"),
        "I10: ",
    ),
)
