"""Have one virtual machine carry out runs of scenarios, and bring home what it found.

Guarantees: every test's result is told as soon as the machine has written it; logs, results and the spools of failed tests lie in
the folder for results however the machine ended; a machine that ended before its time is a failure, not an empty table.
"""

import shutil
import time

from tests.nas.image import ensure_image
from tests.nas.machine import Failed, Machine
from tests.nas.scenarios import read_results, selection, table

PACE, PATIENCE = 4, 15  # emulated processors are 7 times slower, and busy machines slower still
TEST_LIMIT_S = 900
PROTOCOL_LIMIT_S = 5_400
BROUGHT = ("log", "results.jsonl", "failed", "kept")


def run(chosen, out, *, limit_s=PROTOCOL_LIMIT_S, keep=False, say=print):
    """Run scenarios by protocol in one machine, and write ``table.md``, ``results.jsonl`` and what failed to *out*.

    Args:
        chosen: Scenario numbers by protocol.
        out: A folder; its former results are replaced.
        limit_s: For each protocol.
        keep: Bring home the spools and logs of the tests that passed, too.

    Returns:
        The results, one of each test.
    """
    runs = [
        {"protocol": one, "limit_s": limit_s, **selection(numbers)}
        for one, numbers in chosen.items()
    ]
    environment = {"SCENE_KEEP": "1"} if keep else {}
    results = carry_out(runs, out, environment=environment, say=say)
    numbers = sorted({number for one in chosen.values() for number in one})
    shown = table(numbers, list(chosen), results)
    (out / "table.md").write_text(shown)
    say(shown)
    return results


def measure(protocol, out, *, say=print):
    """Times and round trips on real mounts, at the settings that a spool has by default; the results."""
    test = "tests/nas/scenes/scene_measures.py::test_measures"
    order = {
        "protocol": protocol, "limit_s": PROTOCOL_LIMIT_S, "files": [test.partition("::")[0]], "tests": [test]
    }  # fmt: skip
    results = carry_out(
        [order], out, test_limit_s=PROTOCOL_LIMIT_S, environment={}, say=say, pace=1
    )
    _say_lines(out, "measures:", say)
    return results


def soak(protocol, jobs, limit_s, out, *, say=print):
    """At most *jobs* jobs with faults, new ones for *limit_s*, then the end of all is waited for and looked at; the results."""
    test = "tests/nas/scenes/scene_soak.py::test_soak"
    order = {
        "protocol": protocol, "limit_s": 2 * limit_s + 4_000, "files": [test.partition("::")[0]], "tests": [test]
    }  # fmt: skip
    environment = {"SOAK_JOBS": str(jobs), "SOAK_LIMIT_S": str(limit_s)}
    results = carry_out(
        [order], out, test_limit_s=2 * limit_s + 3_600, environment=environment, say=say
    )
    _say_lines(out, "soak:", say)
    return results


def _say_lines(out, begin, say):
    for line in (out / "log").read_text().splitlines():
        if line.startswith(begin):
            say(line)


def carry_out(runs, out, *, test_limit_s=TEST_LIMIT_S, environment, say, pace=PACE):
    """Have one machine do these runs; the results, one of each test.

    Raises:
        Failed: The machine did not boot, or did not end in time.
        Unavailable: No machine can be had here.
    """
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    told = []
    with Machine(ensure_image(say)) as machine:
        machine.start(
            {
                "runs": runs,
                "pace": pace,
                "patience": PATIENCE,
                "test_limit_s": test_limit_s,
                "environment": environment,
            }
        )
        say(machine.wait_for_boot())

        def tell():
            for one in read_results(machine.box / "results.jsonl")[len(told) :]:
                told.append(one)
                say(f"{time.monotonic() - began:5.0f} s  {one['protocol']}  {one['outcome']:7} "
                    f"{one['seconds']:5.0f} s  {one['test'].rpartition('::')[2]}")  # fmt: skip

        try:
            in_time = machine.wait(sum(one["limit_s"] for one in runs) + 60, tell)
        finally:
            for name in BROUGHT:
                _bring(machine.box / name, out / name)
            _bring(machine.console, out / "console.log")
        if not in_time:
            raise Failed(f"the machine did not end in time:\n{machine.last_words()}")
        if not (machine.box / "carried-out").exists():
            raise Failed(f"the machine {machine.end()} before its time:\n{machine.last_words()}")
        if not told:
            raise Failed(f"the machine ran no test:\n{machine.last_words()}")
    return told


def _bring(source, target):
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    elif source.exists():
        shutil.copy(source, target)
