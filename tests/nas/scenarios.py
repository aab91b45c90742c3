"""Which tests show which scenario on real mounts, and the table of what they found."""

import json
from dataclasses import dataclass

PROTOCOLS = {"nfs4": "NFS 4.2", "nfs3": "NFS 3", "smb": "SMB"}
_PROCESSES = "tests/scenarios/test_processes_"
_SCENES = "tests/nas/scenes/scene_"


@dataclass(frozen=True)
class Scenario:
    title: str
    tests: tuple[str, ...]


SCENARIOS = {
    1: Scenario("one winner", (f"{_PROCESSES}claiming.py::test_s01",)),
    6: Scenario(
        "worker killed",
        (
            f"{_PROCESSES}dying.py::test_s06_worker_killed_on_another",
            f"{_SCENES}faults.py::test_s06",
        ),
    ),
    7: Scenario("zombie", (f"{_PROCESSES}dying.py::test_s07", f"{_SCENES}faults.py::test_s07")),
    8: Scenario("blind observer", (f"{_SCENES}faults.py::test_s08",)),
    9: Scenario("share away", (f"{_SCENES}faults.py::test_s09",)),
    19: Scenario(
        "everything restarts",
        (f"{_PROCESSES}everything.py::test_s19", f"{_SCENES}faults.py::test_s19"),
    ),
    21: Scenario("stolen by handle", (f"{_SCENES}thieves.py::test_s21",)),
    26: Scenario(
        "two controllers", (f"{_PROCESSES}claiming.py::test_s26", f"{_SCENES}thieves.py::test_s26")
    ),
    27: Scenario("hands", (f"{_PROCESSES}everything.py::test_s27_hands",)),
    28: Scenario("a late thief", (f"{_SCENES}thieves.py::test_s28",)),
}
SHORT = {"nfs4": (6, 28), "smb": (6, 28)}
"""What CI runs: five minutes on two slow cores."""


def selection(numbers):
    """pytest's arguments for these scenarios: their files, and the beginnings of the tests' names."""
    tests = [test.split("::") for number in numbers for test in SCENARIOS[number].tests]
    return {
        "files": list(dict.fromkeys(file for file, _ in tests)),
        "tests": ["::".join(t) for t in tests],
    }


def read_results(path):
    """What the machine wrote; nothing if it wrote nothing."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def cell(number, protocol, results):
    """``green``, ``RED`` or ``not run``, with the seconds that all its tests took."""
    begins = SCENARIOS[number].tests
    mine = [r for r in results if r["protocol"] == protocol and r["test"].startswith(begins)]
    seconds = sum(r["seconds"] for r in mine)
    if any(r["outcome"] == "failed" for r in mine):
        return f"RED {seconds:.0f} s"
    passed = {begin for begin in begins for r in mine
              if r["outcome"] == "passed" and r["test"].startswith(begin)}  # fmt: skip
    return f"green {seconds:.0f} s" if len(passed) == len(begins) else "not run"


def table(numbers, protocols, results):
    """Scenario by protocol, in Markdown."""
    lines = [
        "| scenario | " + " | ".join(PROTOCOLS[one] for one in protocols) + " |",
        "|---" * (len(protocols) + 1) + "|",
    ]
    for number in numbers:
        cells = " | ".join(cell(number, one, results) for one in protocols)
        lines.append(f"| {number} {SCENARIOS[number].title} | {cells} |")
    return "\n".join(lines) + "\n"
