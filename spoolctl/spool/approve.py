"""Approving: a person says that a committed job's images are good, all of them or some, once and for all.

The approval is a file beside the attempts, ``results/<shelf>/<name>/approved.yaml``. An empty file that somebody makes there with a file
manager counts as well, and approves all images; so does a YAML file that names some (``images: [0, 2]``).

Guarantees: what was published here is never replaced, and a second approval is refused. Does not guarantee that a person changes no
file by hand; who ran by an earlier one took what it said.
"""

from spoolctl.spool import codec, layout
from spoolctl.spool.actor import Actor
from spoolctl.spool.errors import BadRecord, ShareUnusable, StateForbids
from spoolctl.spool.looking import Decisions, decisions
from spoolctl.spool.publish import Outcome, publish_once
from spoolctl.spool.records import APPROVAL_SCHEMA, RECORD_BYTES_MAX, Approval, Manifest


def approval(actor: Actor, decided: Decisions) -> Approval | None:
    """What was approved of a job's images; None if nothing was, or not yet: it is not committed, or the file may still grow.

    A file that does not prove itself whole, an empty one for instance, counts once this process has seen it the same for ``settle_s``:
    a copy over the network begins as an empty file. Not by the file's own time, which another machine may have written.

    Raises:
        OSError: The share did not tell.
        BadRecord: The file is there and is no approval.
    """
    if not decided.approved or decided.highest is None or not decided.highest.is_commit:
        return None
    path = layout.approved(decided.name)
    try:
        data = actor.files.read(path, bytes_max=RECORD_BYTES_MAX)
        if not codec.is_whole(data):
            same_s = actor.steady.unchanged_s(path, data, actor.clock.mono())
            if same_s < actor.settings.settle_s:
                return None
    except FileNotFoundError:
        return None
    return parse_approval(data, path)


def parse_approval(data: bytes, path: str) -> Approval:
    """The approval in these bytes. Raises BadRecord, naming *path*."""
    if not data.strip():
        return Approval(schema_=APPROVAL_SCHEMA)
    try:
        mapping = codec.decode_mapping(data)
        mapping.setdefault("schema", APPROVAL_SCHEMA)
        return codec.from_mapping(Approval, mapping)
    except BadRecord as error:
        raise type(error)(f"cannot read '{path}': {error}", hint=error.hint) from None


def approve(
    actor: Actor, name: str, *, images: tuple[int, ...] = (), note: str | None = None
) -> Approval:
    """Approve a committed job.

    Args:
        actor: Who approves.
        name: The job.
        images: The ``image_index`` of each approved one; none: all.
        note: Why, for people.

    Raises:
        StateForbids: It is not committed, has no such image, or was approved before.
        OSError: Nothing was published.
        ShareUnusable: The share does not say whether it was published.
    """
    decided = decisions(actor, name)
    last = decided.highest
    if last is None or last.verdict is None or not last.is_commit:
        raise StateForbids(
            f"cannot approve '{name}': it has not succeeded",
            hint=f"'spoolctl show {name}' tells how it stands; retention leaves nothing to approve",
        )
    _refuse_unknown(name, images, last.verdict)
    if decided.approved:
        raise _approved_before(actor, decided)
    made = Approval(
        schema_=APPROVAL_SCHEMA,
        images=tuple(sorted(set(images))),
        by=actor.name,
        at=actor.utc_now(),
        note=note or None,
    )
    path = layout.approved(name)
    outcome = publish_once(actor, path, codec.encode(made))
    if outcome is Outcome.LOST:
        raise _approved_before(actor, decided)
    if outcome is Outcome.UNKNOWN:
        raise ShareUnusable(
            f"the share does not say whether '{path}' was published",
            hint=f"'spoolctl show {name}' will tell once the share answers",
        )
    actor.log("approved", job=name, images=list(made.images))
    return made


def _refuse_unknown(name: str, images: tuple[int, ...], verdict: Manifest) -> None:
    there = sorted({one.image_index for one in verdict.outputs if one.final})
    for one in images:
        if one not in there:
            told = f"0 to {there[-1]}" if there == list(range(len(there))) and there else f"{there}"
            raise StateForbids(
                f"cannot approve image {one} of '{name}': it has images {told}",
                hint=f"'spoolctl show {name}' lists them; the first has the number 0",
            )


def _approved_before(actor: Actor, decided: Decisions) -> StateForbids:
    path = layout.approved(decided.name)
    try:
        known = parse_approval(actor.files.read(path, bytes_max=RECORD_BYTES_MAX), path)
    except BadRecord as error:
        return StateForbids(
            f"cannot approve '{decided.name}': {error}",
            hint="somebody put that file there by hand; mend or delete it, then approve again",
        )
    who = f" by {known.by}" if known.by else ""
    what = f"images {', '.join(map(str, known.images))}" if known.images else "all images"
    return StateForbids(
        f"cannot approve '{decided.name}': it was approved before{who}, {what}",
        hint="an approval stands as it is; for other images submit a job that takes them by image_index",
    )
