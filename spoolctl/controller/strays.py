"""Strays: job files in folders that people made inside of ``queue/``, ``waiting/`` or ``held/``, where no program looks.

They are left alone: such a folder may be somebody's way to keep jobs for later, and to run them would be to run what nobody asked for. But
whoever dragged a whole folder into a queue waits for them, so they are told of.

Guarantees: changes nothing. Does not look deeper than into these folders themselves.
"""

from spoolctl.spool import Actor, State, is_ignored, layout, parse_file_name

AGAIN_S = 300.0


class Strays:
    """What one controller knows of them."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._found: dict[str, str] = {}
        self._again_at = 0.0

    def look(self) -> dict[str, str]:
        """Each such folder, and what to say of it; looked for anew now and then.

        Raises:
            OSError: The share did not answer; the next look goes on.
        """
        now = self._actor.clock.mono()
        if now >= self._again_at:
            found = {folder: told for folder in self._own_folders() if (told := self._told(folder))}
            for folder in found.keys() - self._found.keys():
                self._actor.log("strays", folder=folder, told=found[folder])
            self._found = found
            self._again_at = now + AGAIN_S
        return self._found

    def _own_folders(self) -> list[str]:
        classes = [place.folder for place in layout.QUEUES]
        within = (str(State.QUEUE), *classes, layout.WAITING.folder, layout.HELD.folder)
        entries = [f"{folder}/{entry}" for folder in within for entry in self._names(folder)]
        divided = [path for folder in classes if (path := f"{folder}/{layout.MORE}") in entries]
        entries += [
            f"{folder}/{entry}"
            for folder in divided
            for entry in self._names(folder)
            if not layout.is_shard(entry)
        ]
        return [path for path in entries if path not in classes]

    def _names(self, folder: str) -> list[str]:
        """What may be a folder: all that is no job file, and not ignored."""
        try:
            entries = self._actor.files.names(folder)
        except NotADirectoryError:  # a person's note of that name
            return []
        return sorted(e for e in entries if not is_ignored(e) and parse_file_name(e) is None)

    def _told(self, folder: str) -> str | None:
        try:
            entries = self._actor.files.names(folder)
        except (NotADirectoryError, FileNotFoundError):
            return None  # a person's note, or gone
        count = sum(parse_file_name(entry) is not None for entry in entries)
        files = "a job file" if count == 1 else f"{count} job files"
        hint = f"drag them into {layout.QUEUES[0].folder}/ or another class to run them"
        return f"{files} that no worker looks at; {hint}" if count else None
