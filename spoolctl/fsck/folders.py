"""Where every record lies: the folders of each state as one look sees them.

Guarantees: a folder that does not answer is noted as unseen, and the others are looked at. Concludes nothing.
"""

from typing import TYPE_CHECKING

from spoolctl.spool import (
    SENTINEL,
    Location,
    Place,
    State,
    is_ignored,
    layout,
    parse_file_name,
)

if TYPE_CHECKING:
    from spoolctl.fsck.look import Look


def look_at_state(look: "Look", state: State) -> None:
    """Note every record of a state, its folders, and what in them is nobody's.

    Raises:
        OSError: The share did not tell what lies in the state's own folder.
    """
    whole = Place(state)
    entries = look.reader.names(state) or frozenset()
    inner = sorted(e for e in entries if parse_file_name(e) is None and not is_ignored(e))
    look.places[state] = [whole]
    _records(look, whole, entries)
    if state not in layout.DIVIDED:
        look.strangers += [f"{state}/{one}" for one in inner]
        return
    for entry in inner:
        place = Place(state, entry)
        with look.looking_at(place.folder):
            inside = look.reader.names(place.folder)
            if inside is None:
                look.strangers.append(place.folder)
                continue
            look.places[state].append(place)
            _records(look, place, inside)
            is_divided = state is State.QUEUE and layout.MORE in inside
            known = {layout.MORE} if is_divided else set()
            _strangers(look, place.folder, inside - known)
            if is_divided:
                _shards(look, place)
            if state is State.CLAIMED:
                look.sessions[entry] = inside
                _sight(look, place, inside)


def _shards(look: "Look", head: Place) -> None:
    folder = f"{head.folder}/{layout.MORE}"
    with look.looking_at(folder):
        entries = look.reader.names(folder)
        if entries is None:
            look.strangers.append(folder)
            return
        shards = [
            Place(head.state, head.part, one) for one in sorted(entries) if layout.is_shard(one)
        ]
        _strangers(look, folder, entries - {one.shard for one in shards})
        # A file right in here, or in a folder of another name, is what no worker looks at.
        look.strangers += sorted(
            f"{folder}/{one}" for one in entries if parse_file_name(one) is not None
        )
        for shard in shards:
            with look.looking_at(shard.folder):
                inside = look.reader.names(shard.folder) or frozenset()
                _records(look, shard, inside)
                _strangers(look, shard.folder, inside)


def _strangers(look: "Look", folder: str, entries: frozenset[str]) -> None:
    strange = (e for e in entries if parse_file_name(e) is None and not is_ignored(e))
    look.strangers += sorted(f"{folder}/{one}" for one in strange)


def _sight(look: "Look", place: Place, inside: frozenset[str]) -> None:
    """A session's folder proves that its listing sees: it holds a file which is always there (``spool.life``)."""
    path = f"{place.folder}/{SENTINEL}"
    if SENTINEL not in inside and look.reader.data(path) is not None:
        look.unseen[place.folder] = f"its listing lacks '{SENTINEL}', which is there"


def _records(look: "Look", place: Place, entries: frozenset[str]) -> None:
    for entry in sorted(entries):
        file = parse_file_name(entry)
        if file is not None:
            look.found.setdefault(file.name, []).append(Location(place, file))
