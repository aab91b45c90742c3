"""docs/EVENTS.md lists the events that the code logs, all of them and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOGGED = re.compile(
    r"""\b_?log\(\s*f?"([a-z_]+(?:\.[a-z_{}]+)?|\{[a-z]+\}\.[a-z]+|verdict\.)"[ ,)]"""
)
SPELT_OUT = {
    "{action}.asked": {"drain.asked", "pause.asked"},
    "{verb}.asked": {"hold.asked", "release.asked", "move.asked"},
    "{what}.waits": {"deliver.waits", "conclude.waits", "publish.waits"},
    "verdict.": {"verdict.won", "verdict.lost", "verdict.unknown"},
}


def logged():
    found = set()
    for path in [*ROOT.glob("spoolctl/**/*.py"), *ROOT.glob("spoolworker/**/*.py")]:
        for event in LOGGED.findall(path.read_text(encoding="utf-8")):
            found |= SPELT_OUT.get(event, {event})
    return found


def test_every_event_is_listed_and_every_listed_event_is_logged():
    text = (ROOT / "docs/EVENTS.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    listed = {event for row in rows for event in re.findall(r"`([a-z_.]+)`", row)}
    assert listed == logged()
