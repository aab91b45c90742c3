"""Groups' pictures on the share: a thumbnail of every image, and of each ended group a page and contact sheets.

Guarantees: some ``SPENT_S`` of a pass go into them, or one contact sheet, so that merging and sweeping do not wait; what is there is not
made again; whatever a killed controller left half done the next pass goes on with. What cannot be shown is told once and left out, and one
group's trouble keeps no other waiting. Nothing else depends on it.

What it costs: a listing of each group's thumbnails that got images; one read of each image and one write of each thumbnail, once.
"""

import tempfile
from pathlib import Path

from spoolctl.controller.drops import make_sides
from spoolctl.groups.page import differing_of, page_of, told_of
from spoolctl.groups.sheet import PER_SHEET, SHEETS_MAX, Cell, sheet
from spoolctl.groups.thumbs import FOLDER, NoPicture, thumb_name, thumb_of
from spoolctl.index import Image, Index, Wanted, images
from spoolctl.spool import (
    Actor,
    GroupResult,
    SpoolError,
    ensure_folder,
    group_folder,
    layout,
    replace_own,
)

SPENT_S = 2.0
REST_S = 600.0
_THUMB_BYTES_MAX = 1 << 20
_SHOWN = "shown"
_CAPTION = ("tried", "seed", "CFG scale", "steps", "sampler", "scheduler", "size", "model")
"""What a contact sheet tells of an image, where it differs; what does not fit into its line is cut."""


class Gallery:
    """One controller's pictures. *actor* acts."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._due: dict[str, str] = {}
        """Groups, and what was known of each when it became due."""
        self._rests: dict[str, float] = {}
        """Groups with trouble, and until when they rest."""
        self._sheets: dict[str, int] = {}
        """How many contact sheets were made of the groups that are being shown."""
        self._bare: set[str] = set()
        """The ``run_id`` of images that cannot be shown."""

    def add(self, index: Index, group: str, said: str) -> None:
        """There may be something to do for *group*: unless it was all done when as much was known of it (*said*)."""
        if index.was_told(group, _SHOWN) != said:
            if self._due.get(group) != said:
                self._sheets.pop(group, None)  # those made so far show what it was before
            self._due[group] = said

    def work(self, index: Index) -> int:
        """Make what is due, for about ``SPENT_S``, and at least one picture; how many thumbnails.

        Raises:
            sqlite3.Error: The index cannot be read.
        """
        began = self._actor.clock.mono()
        made, worked = 0, False
        for group, said in list(self._due.items()):
            now = self._actor.clock.mono()
            if worked and now - began >= SPENT_S:
                break
            if self._rests.get(group, now) > now:
                continue
            worked = True
            del self._due[group]
            self._due[group] = said  # the next pass begins with another
            try:
                more, whole = self._work_on(index, group)
            except (OSError, SpoolError, ValueError) as error:
                self._actor.log("group.trouble", group=group, error=str(error))
                self._rests[group] = now + REST_S
                continue
            made += more
            if not whole:
                break
            del self._due[group]
            index.note_told(group, _SHOWN, said)
        return made

    def _work_on(self, index: Index, group: str) -> tuple[int, bool]:
        """Some thumbnails, or a contact sheet, or the page; how many thumbnails, and whether all is done."""
        found = images(index.connection, Wanted(group=group, order="plan"))
        # Counted from here: to load a large group may take as long as all of it may.
        made, whole = self._make_thumbs(group, found, self._actor.clock.mono() + SPENT_S)
        return made, whole and self._make_page(group, found)

    def _make_thumbs(self, group: str, found: list[Image], until: float) -> tuple[int, bool]:
        """Make those that are missing; how many, and whether none is missing any more."""
        folder = f"{layout.GROUPS}/{group_folder(group)}"
        for path in (layout.GROUPS, folder, f"{folder}/{FOLDER}"):
            ensure_folder(self._actor, path)
        there = frozenset(self._actor.files.names(f"{folder}/{FOLDER}"))
        made = 0
        for one in found:
            name = thumb_name(one.job, one.image_index)
            if name in there or one.run_id in self._bare or not one.path:
                continue
            if made and self._actor.clock.mono() >= until:
                return made, False
            thumb = self._thumb(one)
            if thumb is not None:
                replace_own(self._actor, f"{folder}/{FOLDER}/{name}", thumb, lasting=False)
                made += 1
        return made, True

    def _thumb(self, one: Image) -> bytes | None:
        try:
            with tempfile.TemporaryDirectory(prefix="spool-thumb-") as scratch:
                local = Path(scratch) / "image"
                self._actor.files.fetch(one.path or "", local)
                return thumb_of(local)
        except (NoPicture, FileNotFoundError, PermissionError) as error:
            # Not found: retention took it.
            self._bare.add(one.run_id)
            self._actor.log("thumb.not_made", job=one.job, image=one.image_index, error=str(error))
            return None

    def _make_page(self, group: str, found: list[Image]) -> bool:
        """One contact sheet of a group that has ended, or behind the last of them its page; True if nothing is left to be made."""
        folder = f"{layout.GROUPS}/{group_folder(group)}"
        result = self._result(group)
        if result is None:
            return True
        order = {job.name: number for number, job in enumerate(result.jobs)}
        shown = sorted(
            found, key=lambda one: (order.get(one.job, len(order)), one.job, one.image_index)
        )
        total = min(SHEETS_MAX, -(-len(shown) // PER_SHEET))
        number = self._sheets.get(group, 0)
        if number < total:
            self._make_sheet(folder, result.group, number, shown)
            self._sheets[group] = number + 1
            return False
        self._sheets.pop(group, None)
        make_sides(self._actor, group)
        names = [layout.contact_sheet(number) for number in range(1, total + 1)]
        page = page_of(result, shown, names)
        replace_own(self._actor, f"{folder}/{layout.GROUP_PAGE}", page.encode(), lasting=False)
        self._actor.log("group.shown", group=group, images=len(shown), sheets=total)
        return True

    def _make_sheet(self, folder: str, group: str, number: int, shown: list[Image]) -> None:
        differs = differing_of(shown)
        told = [one for one in _CAPTION if one in differs]
        part = shown[number * PER_SHEET : (number + 1) * PER_SHEET]
        cells = [Cell(self._read_thumb(folder, one), told_of(one, told) or one.job) for one in part]
        path = f"{folder}/{layout.contact_sheet(number + 1)}"
        replace_own(self._actor, path, sheet(group, cells), lasting=False)

    def _read_thumb(self, folder: str, one: Image) -> bytes | None:
        path = f"{folder}/{FOLDER}/{thumb_name(one.job, one.image_index)}"
        try:
            return self._actor.files.read(path, bytes_max=_THUMB_BYTES_MAX)
        except FileNotFoundError:
            return None

    def _result(self, group: str) -> GroupResult | None:
        path = layout.group_result(group_folder(group))
        try:
            data = self._actor.files.read(path, bytes_max=GroupResult.bytes_max)
        except FileNotFoundError:  # not ended yet
            return None
        # Ours: the codec's bounds are for what strangers write.
        return GroupResult.model_validate_json(data)
