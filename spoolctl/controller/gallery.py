"""Groups' pictures on the share: a thumbnail of every image, and of each ended group a page and contact sheets.

Guarantees: at most ``SPENT_S`` of a pass go into them, so that merging and sweeping do not wait; what is there is not made again; whatever
a killed controller left half done the next pass goes on with. What cannot be shown is told once and left out. Nothing else depends on it.

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
    BadRecord,
    GroupResult,
    decode,
    ensure_folder,
    group_folder,
    layout,
    replace_own,
)

SPENT_S = 2.0
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
        self._bare: set[str] = set()
        """The ``run_id`` of images that cannot be shown."""

    def add(self, index: Index, group: str, said: str) -> None:
        """There may be something to do for *group*: unless it was all done when as much was known of it (*said*)."""
        if index.was_told(group, _SHOWN) != said:
            self._due[group] = said

    def work(self, index: Index) -> int:
        """Make what is due, for ``SPENT_S`` at most; how many thumbnails.

        Raises:
            OSError: The share did not answer; the next call goes on.
            sqlite3.Error: The index cannot be read.
        """
        until = self._actor.clock.mono() + SPENT_S
        made = 0
        while self._due and self._actor.clock.mono() < until:
            group, said = next(iter(self._due.items()))
            found = images(index.connection, Wanted(group=group, order="plan"))
            more, whole = self._make_thumbs(group, found, until)
            made += more
            if not whole:
                break
            self._make_page(group, found)
            del self._due[group]
            index.note_told(group, _SHOWN, said)
        return made

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
            if self._actor.clock.mono() >= until:
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
        except (NoPicture, FileNotFoundError) as error:  # the second: retention took it
            self._bare.add(one.run_id)
            self._actor.log("thumb.not_made", job=one.job, image=one.image_index, error=str(error))
            return None

    def _make_page(self, group: str, found: list[Image]) -> None:
        """The page and the sheets, if the group has ended."""
        folder = f"{layout.GROUPS}/{group_folder(group)}"
        result = self._result(group)
        if result is None:
            return
        make_sides(self._actor, group)
        order = {job.name: number for number, job in enumerate(result.jobs)}
        shown = sorted(
            found, key=lambda one: (order.get(one.job, len(order)), one.job, one.image_index)
        )
        names = []
        differing = [
            one for one in differing_of(shown) if one not in ("prompt", "negative prompt", "worker")
        ]
        for number in range(min(SHEETS_MAX, -(-len(shown) // PER_SHEET))):
            part = shown[number * PER_SHEET : (number + 1) * PER_SHEET]
            cells = [
                Cell(self._read_thumb(folder, one), told_of(one, differing) or one.job)
                for one in part
            ]
            names.append(layout.contact_sheet(number + 1))
            replace_own(
                self._actor, f"{folder}/{names[-1]}", sheet(result.group, cells), lasting=False
            )
        page = page_of(result, shown, names)
        replace_own(self._actor, f"{folder}/{layout.GROUP_PAGE}", page.encode(), lasting=False)
        self._actor.log("group.shown", group=group, images=len(shown), sheets=len(names))

    def _read_thumb(self, folder: str, one: Image) -> bytes | None:
        path = f"{folder}/{FOLDER}/{thumb_name(one.job, one.image_index)}"
        try:
            return self._actor.files.read(path, bytes_max=_THUMB_BYTES_MAX)
        except FileNotFoundError:
            return None

    def _result(self, group: str) -> GroupResult | None:
        path = layout.group_result(group_folder(group))
        try:
            return decode(
                GroupResult, self._actor.files.read(path, bytes_max=GroupResult.bytes_max)
            )
        except FileNotFoundError:  # not ended yet
            return None
        except BadRecord as error:
            self._actor.log("group.unreadable", path=path, error=str(error))
            return None
