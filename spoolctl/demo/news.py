"""What the processes log, in people's words: follows their event logs and tells each event that matters as one sentence."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from spoolctl.views.plain import counted

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Item:
    """One piece of news."""

    at: datetime
    text: str
    style: str = ""
    """A style of ``rich``."""


def _ended(who: str, facts: Facts) -> str:
    job = _short(facts)
    if facts["verdict"] == "succeeded":
        images = counted(facts["images"], "image")
        return f"{who} finishes {job}: {images} in {facts['seconds']:.1f} s"
    return f"{job} fails on {who} ({facts['code']}); it will be tried again"


def _reaped(_who: str, facts: Facts) -> str:
    return (
        f"{facts['worker']} is found dead ({facts['code']}): "
        f"attempt {facts['attempt']} of {_short(facts)} is lost"
    )


def _rejected(_who: str, facts: Facts) -> str:
    file = str(facts["file"]).rpartition("/")[2]
    return f"{file} is no job ({facts['error']}); it lies in rejected/ with the reason"


_TOLD: dict[str, tuple[Callable[[str, Facts], str], str]] = {
    "controller.started": (lambda _who, _facts: "the controller watches over the spool", "cyan"),
    "worker.started": (lambda who, _facts: f"{who} is ready to work", "cyan"),
    "claimed": (
        lambda who, facts: (
            f"{who} takes {_short(facts)}"
            + (f", attempt {facts['attempt']}" if facts["attempt"] > 1 else "")
        ),
        "",
    ),
    "job.ended": (_ended, ""),
    "reaped": (_reaped, "bold red"),
    "rejected": (_rejected, "yellow"),
    "promoted": (lambda _who, facts: f"{_short(facts)} need not wait any longer", "magenta"),
}


class News:
    """Follows the event logs in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}

    def read(self) -> list[Item]:
        """What was logged since the last call, in the order of its moments."""
        items = []
        for path in sorted(self._folder.glob("*.jsonl")):
            with path.open("rb") as log:
                log.seek(self._read.get(path, 0))
                data = log.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._read[path] = self._read.get(path, 0) + len(whole)
            who = path.stem.removeprefix("worker-")
            items += [item for line in whole.splitlines() if (item := _told(who, line))]
        return sorted(items, key=lambda item: item.at)


def _told(who: str, line: bytes) -> Item | None:
    facts = json.loads(line)
    if facts["event"] not in _TOLD:
        return None
    tell, style = _TOLD[facts["event"]]
    if facts["event"] == "job.ended":
        style = "green" if facts["verdict"] == "succeeded" else "red"
    return Item(datetime.fromisoformat(facts["at"]), tell(who, facts), style)


def _short(facts: Facts) -> str:
    return short(str(facts["job"]))


def short(name: str) -> str:
    """A job's name without its shelf: the demo has only one."""
    return name.rpartition(".")[2]
