"""Picking with a file manager: an image that lies in a group's ``approved/`` or ``rejected/`` is picked or rejected.

Images are known by their bytes, whatever they are called there; a thumbnail by its name. What is picked is also approved, so that jobs
which wait for that go on with these images: once nothing more was dropped for ``QUIET_S``, since an approval is final.

Guarantees: a drop counts once; a later word on that image stands although the file still lies there, and who rejects within the minute
what was picked is not approved. An image that was *moved* there from ``results/`` is put back, for what was decided names it there (also
one that retention has taken meanwhile). One file's trouble keeps no other from counting, nor does a folder that may not be opened. Does not
guarantee that a drop counts at once: folders are looked at every ``LOOK_S``, those of the ``GROUPS_MAX`` groups that ended last, and
``AT_ONCE`` files a look. Where this machine's index is new, drops on images that somebody has picked or rejected do not count, for nobody
knows which came first; a pick that was withdrawn without another word is picked again then.
"""

import tempfile
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from spoolctl.groups.thumbs import image_of_thumb
from spoolctl.index import GroupSums, Image, Index, Wanted, group_sums, images
from spoolctl.spool import (
    PICKED,
    REJECTED,
    Actor,
    ShareUnusable,
    SpoolError,
    StateForbids,
    Word,
    approve,
    digest_of,
    ensure_folder,
    group_folder,
    is_ignored,
    layout,
    rate,
    words,
)

LOOK_S = 30.0
QUIET_S = 60.0
RECENT_DAYS = 14
GROUPS_MAX = 20
AT_ONCE = 50
SIDES = {"approved": PICKED, "rejected": REJECTED}
"""The folders, and what it says of an image to lie in them."""
_LOOKED, _APPROVE, _UNKNOWN = "looked", "approve ", "unknown "
_BYTES_MAX = 512 << 20
_LITTER = frozenset({"thumbs.db", "desktop.ini", ".ds_store"})


@dataclass(frozen=True)
class _Drop:
    """One file that lies there."""

    group: str
    side: str
    path: str
    stamp: str
    """Its length and time: another file of that name is another drop."""

    @property
    def key(self) -> str:
        return f"drop {self.path.rpartition('/')[2]} {self.side} {self.stamp}"


class Drops:
    """One controller's look at what people dropped. *actor* acts."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._look_at = 0.0
        self._seen: dict[str, str] = {}
        """What the last look found at each path: a copy over the network grows."""
        self._shut: set[str] = set()
        """Folders that this machine may not look into; told once."""
        self._quiet: dict[tuple[str, str], tuple[str, float]] = {}
        """Of jobs whose images are to be approved: which ones, and since when no more were added."""

    def look(self, index: Index) -> int:
        """Take what was dropped; how many words were said.

        Raises:
            OSError: The share did not answer; the next look goes on.
            sqlite3.Error: The index cannot be used.
        """
        now = self._actor.clock.mono()
        if now < self._look_at:
            return 0
        self._look_at = now + LOOK_S
        said = 0
        seen: dict[str, str] = {}
        left = AT_ONCE
        for sums in self._recent(index):
            drops, all_seen = self._lying(sums.group)
            known = f"{_UNKNOWN}{sums.images}"  # asked again once the group has more
            for drop in drops:
                seen[drop.path] = drop.stamp
                told = index.was_told(drop.group, drop.key)
                is_new = told is None or (told.startswith(_UNKNOWN) and told != known)
                if is_new and left and self._seen.get(drop.path) == drop.stamp:
                    left -= 1
                    said += self._take(index, drop, known)
            if all_seen and all(index.was_told(x.group, x.key) is not None for x in drops):
                index.note_told(sums.group, _LOOKED, "")
            self._approve(index, sums.group)
        self._seen = seen
        return said

    def _recent(self, index: Index) -> list[GroupSums]:
        after = f"{self._actor.utc_now() - timedelta(days=RECENT_DAYS):%Y-%m-%d}"
        found = [one for one in group_sums(index.connection) if (one.last_day or "") >= after]
        return found[:GROUPS_MAX]

    def _lying(self, group: str) -> tuple[list[_Drop], bool]:
        """What lies in a group's folders, and whether all of them could be looked into."""
        found: list[_Drop] = []
        all_seen = True
        for side in SIDES:
            folder = f"{layout.GROUPS}/{group_folder(group)}/{side}"
            try:
                found += self._in_folder(group, side, folder)
            except PermissionError as error:
                all_seen = False
                if folder not in self._shut:
                    self._shut.add(folder)
                    self._actor.log("drop.not_looked", path=folder, error=str(error))
            else:
                self._shut.discard(folder)
        return found, all_seen

    def _in_folder(self, group: str, side: str, folder: str) -> list[_Drop]:
        try:
            entries = self._actor.files.names(folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = []
        for entry in sorted(entries):
            if is_ignored(entry) or entry.lower() in _LITTER:
                continue
            try:
                stat = self._actor.files.stat(f"{folder}/{entry}")
            except FileNotFoundError:
                continue  # a person took it out again
            if not stat.is_folder and stat.bytes <= _BYTES_MAX:
                stamp = f"{stat.bytes} {stat.mtime_s:.3f}"
                found.append(_Drop(group, side, f"{folder}/{entry}", stamp))
        return found

    def _take(self, index: Index, drop: _Drop, unknown: str) -> bool:
        """Say what a drop says; True if it was said now. *unknown* is noted of what is no image of the group."""
        noted, said = "known", False
        try:
            found, is_itself = self._image(index, drop)
            if found is None:
                self._actor.log("drop.unknown", path=drop.path)
                noted = unknown
            else:
                said = self._say(index, found, drop)
                if is_itself and found.path:
                    self._put_back(drop, found.path)
        except FileNotFoundError:
            return False  # taken out meanwhile
        except (OSError, ShareUnusable) as error:  # asked again at the next look
            self._actor.log("drop.not_said", path=drop.path, error=str(error))
            return False
        except SpoolError as error:  # it stays so: told once
            self._actor.log("drop.not_said", path=drop.path, error=str(error))
        index.note_told(drop.group, drop.key, "said" if said else noted)
        return said

    def _image(self, index: Index, drop: _Drop) -> tuple[Image | None, bool]:
        """The image that a file is, and whether that is the image itself and not its thumbnail."""
        with tempfile.TemporaryDirectory(prefix="spool-drop-") as scratch:
            local = Path(scratch) / "file"
            self._actor.files.fetch(drop.path, local)
            sha256 = digest_of(local).sha256
        by_bytes = images(index.connection, Wanted(group=drop.group, sha256=sha256, limit=1))
        if by_bytes:
            return by_bytes[0], True
        job, number = image_of_thumb(drop.path.rpartition("/")[2]) or ("", 0)
        named = images(index.connection, Wanted(group=drop.group, job=job)) if job else []
        return next((one for one in named if one.image_index == number), None), False

    def _say(self, index: Index, image: Image, drop: _Drop) -> bool:
        choice = SIDES[drop.side]
        last = words(self._actor, image.job).get(image.image_index)
        word = last.word if last else Word()
        is_first_look = index.was_told(drop.group, _LOOKED) is None
        if is_first_look and word.choice not in (None, choice):
            return False
        if choice == PICKED:
            # Before the word: whoever is killed between the two finds the word said, and nothing left to do.
            due = set(index.told_of(drop.group, _APPROVE).get(image.job, "").split(",")) - {""}
            told = ",".join(sorted(due | {str(image.image_index)}, key=int))
            index.note_told(drop.group, f"{_APPROVE}{image.job}", told)
        else:
            self._withdraw(index, drop.group, image)
        if word.choice == choice:
            return False
        rate(self._actor, image.job, image.image_index, replace(word, choice=choice))
        return True

    def _withdraw(self, index: Index, group: str, image: Image) -> None:
        """Take an image out of those to be approved."""
        key = f"{_APPROVE}{image.job}"
        due = set(index.told_of(group, _APPROVE).get(image.job, "").split(",")) - {
            "",
            str(image.image_index),
        }
        if due:
            index.note_told(group, key, ",".join(sorted(due, key=int)))
        else:
            index.forget_told(group, key)

    def _approve(self, index: Index, group: str) -> None:
        now = self._actor.clock.mono()
        for job, told in index.told_of(group, _APPROVE).items():
            known, since = self._quiet.setdefault((group, job), (told, now))
            if known != told:
                self._quiet[group, job] = (told, now)
            elif now - since >= QUIET_S:
                try:
                    self._approve_one(job, tuple(map(int, told.split(","))))
                except (OSError, ShareUnusable) as error:  # asked again at the next look
                    self._actor.log("drop.not_approved", job=job, error=str(error))
                    continue
                index.forget_told(group, f"{_APPROVE}{job}")
                del self._quiet[group, job]

    def _approve_one(self, job: str, chosen: tuple[int, ...]) -> None:
        """Approve what is still picked of these images: within the minute somebody may have thought again."""
        last = words(self._actor, job)
        picked = tuple(one for one in chosen if one in last and last[one].word.choice == PICKED)
        try:
            if picked:
                approve(self._actor, job, images=picked, note="picked by hand")
        except StateForbids as error:  # approved before, which stands
            self._actor.log("drop.not_approved", job=job, error=str(error))

    def _put_back(self, drop: _Drop, path: str) -> None:
        try:
            self._actor.files.link(drop.path, path)
            self._actor.log("drop.put_back", path=path)
        except FileExistsError:
            pass  # it was copied, as usual
        except OSError as error:
            self._actor.log("drop.not_put_back", path=path, error=str(error))


def make_sides(actor: Actor, group: str) -> None:
    """Make the folders in which images can be dropped, empty."""
    for side in SIDES:
        ensure_folder(actor, f"{layout.GROUPS}/{group_folder(group)}/{side}")
