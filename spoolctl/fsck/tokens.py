"""I11: of the attempts that hold one slot of a token at most one has no verdict, and each slot will be free again."""

from collections.abc import Iterator

from spoolctl.fsck.finding import Finding, Severity
from spoolctl.fsck.look import Look
from spoolctl.fsck.reading import and_
from spoolctl.spool import Holder, Pruned, is_ignored, is_worker_name, layout


def tokens(look: Look) -> Iterator[Finding]:
    """Everything below ``tokens/``, which is made when the first job that requires a token runs."""
    with look.looking_at(layout.TOKENS):
        for token in sorted(look.reader.names(layout.TOKENS) or ()):
            folder = f"{layout.TOKENS}/{token}"
            slots = sorted(look.reader.names(folder) or ())
            if not is_worker_name(token):
                look.strangers += [] if is_ignored(token) else [folder]
                continue
            for slot in slots:
                if slot.isascii() and slot.isdigit() and not slot.startswith("0"):
                    yield from _slot(look, token, int(slot))
                elif not is_ignored(slot):
                    look.strangers.append(f"{folder}/{slot}")


def _slot(look: Look, token: str, slot: int) -> Iterator[Finding]:
    folder = layout.token_slot(token, slot)
    numbers = []
    for entry in look.reader.names(folder) or ():
        number = layout.holder_number(entry)
        if number is not None:
            numbers.append(number)
        elif not is_ignored(entry):
            look.strangers.append(f"{folder}/{entry}")
    still_open = []
    for number in sorted(
        numbers, reverse=True
    ):  # when a holder is there, those before it have ended
        path = layout.holder(token, slot, number)
        held = look.reader.record(Holder, path)
        if held is None or _has_ended(look, held):
            continue
        still_open.append(f"attempt {held.attempt} of '{held.name}'")
        entries = look.reader.names(layout.attempt(held.name, held.attempt))
        if entries is None and number == max(numbers) and not look.is_blind:
            yield Finding(
                Severity.STUCK, "token-of-nobody", "I11", path,
                f"it names {still_open[-1]}, which is not there, so the slot is never free again", "",
                "a person must: delete that file, if the job's results folder was deleted by hand", held.name,
            )  # fmt: skip
    if len(still_open) > 1:
        yield Finding(
            Severity.DAMAGE, "two-holders", "I11", folder,
            f"{len(still_open)} attempts hold one slot at once", and_(still_open),
            "a person must: keep the folder, and report it as a fault of the program",
        )  # fmt: skip


def _has_ended(look: Look, held: Holder) -> bool:
    if layout.MANIFEST in (look.reader.names(layout.attempt(held.name, held.attempt)) or ()):
        return True
    if layout.PRUNED not in (look.reader.names(layout.results(held.name)) or ()):
        return False
    tombstone = look.reader.record(Pruned, layout.tombstone(held.name), job=held.name)
    return tombstone is not None and tombstone.attempt >= held.attempt
