"""Real mounts: the spool's scenes on NFS and SMB, in a virtual machine with one server and several clients.

python -m tests.nas build                              the disk image (once, as root, about a minute)
python -m tests.nas run [--only 6,7] [--proto nfs4,smb]   the scenarios; a table of what is green
python -m tests.nas short                              what CI runs
python -m tests.nas soak --jobs 5000 [--proto nfs4]    one long night with faults
python -m tests.nas shell                              a root shell in the machine (Ctrl-A X ends it)
"""

import argparse
import shutil
import signal
import sys
import time
from pathlib import Path

from tests.nas.image import Unavailable, ensure_image
from tests.nas.machine import Failed, Machine
from tests.nas.scenarios import PROTOCOLS, SCENARIOS, SHORT, read_results, selection, table

PACE, PATIENCE = 4, 15  # emulated processors are 7 times slower, and busy machines slower still
TEST_LIMIT_S = 900
PROTOCOL_LIMIT_S = 3_600


def run(chosen, out, *, limit_s=PROTOCOL_LIMIT_S, say=print):
    """Run scenarios by protocol in one machine, and write ``table.md``, ``results.jsonl`` and what failed to *out*.

    Args:
        chosen: Scenario numbers by protocol.
        out: A folder; its former results are replaced.
        limit_s: For each protocol.

    Returns:
        The results, one of each test.
    """
    runs = [
        {"protocol": one, "limit_s": limit_s, **selection(numbers)}
        for one, numbers in chosen.items()
    ]
    results = carry_out(runs, out, test_limit_s=TEST_LIMIT_S, environment={}, say=say)
    numbers = sorted({number for one in chosen.values() for number in one})
    shown = table(numbers, list(chosen), results)
    (out / "table.md").write_text(shown)
    say(shown)
    return results


def carry_out(runs, out, *, test_limit_s, environment, say):
    """Have one machine do these runs; the results, one of each test.

    Raises:
        Failed: The machine did not boot, or did not end in time.
        Unavailable: No machine can be had here.
    """
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with Machine(ensure_image(say)) as machine:
        orders = {
            "runs": runs,
            "pace": PACE,
            "patience": PATIENCE,
            "test_limit_s": test_limit_s,
            "environment": environment,
        }
        machine.start(orders)
        say(machine.wait_for_boot())
        told = []

        def tell():
            results = read_results(machine.box / "results.jsonl")
            for one in results[len(told) :]:
                told.append(one)
                say(f"{time.monotonic() - began:5.0f} s  {one['protocol']}  {one['outcome']:7} "
                    f"{one['seconds']:5.0f} s  {one['test'].rpartition('::')[2]}")  # fmt: skip

        try:
            if not machine.wait(sum(one["limit_s"] for one in runs) + 60, tell):
                raise Failed(f"the machine did not end in time:\n{machine.last_words()}")
            if not (machine.box / "carried-out").exists():
                raise Failed(f"the machine {machine.end()} before its time:\n{machine.last_words()}")
        finally:
            for name in ("log", "results.jsonl", "failed"):
                _bring(machine.box / name, out / name)
            _bring(machine.console, out / "console.log")
        if len(told) == 0:
            raise Failed(f"the machine ran no test:\n{machine.last_words()}")
    return told


def _bring(source, target):
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        shutil.copy(source, target)


def soak(protocol, jobs, hours, out):
    """One night of *jobs* jobs with faults; the results."""
    limit_s = int(hours * 3600)
    orders = {
        "files": ["tests/nas/scenes/scene_soak.py"],
        "tests": ["tests/nas/scenes/scene_soak.py::test_soak"],
    }
    runs = [{"protocol": protocol, "limit_s": limit_s + 300, **orders}]
    environment = {"SOAK_JOBS": str(jobs), "SOAK_LIMIT_S": str(limit_s)}
    return carry_out(runs, out, test_limit_s=limit_s, environment=environment, say=print)


def shell():
    """A root shell on the machine's console; its clients' process ids lie in /tmp/clients."""
    with Machine(ensure_image(), shell=True) as machine:
        machine.start({})
        machine.wait(24 * 3600)


def main():
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if options.verb == "build":
            sys.stdout.write(f"{ensure_image()}\n")
            return 0
        if options.verb == "shell":
            shell()
            return 0
        if options.verb == "soak":
            results = soak(options.proto[0], options.jobs, options.hours, options.out)
        elif options.verb == "short":
            results = run(SHORT, options.out)
        else:
            results = run(dict.fromkeys(options.proto, options.only), options.out)
    except (Unavailable, Failed) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return int(any(one["outcome"] == "failed" for one in results))


def _options():
    parser = argparse.ArgumentParser(
        prog="python -m tests.nas", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build")
    verbs.add_parser("shell")
    for verb in ("run", "short", "soak"):
        one = verbs.add_parser(verb)
        one.add_argument(
            "--out", type=Path, default=Path("build/nas"), help="folder for the results"
        )
        if verb != "short":
            one.add_argument(
                "--proto", type=_protocols, default=list(PROTOCOLS), help=",".join(PROTOCOLS)
            )
        if verb == "run":
            one.add_argument(
                "--only", type=_numbers, default=list(SCENARIOS), help="scenario numbers: 6,7"
            )
        if verb == "soak":
            one.add_argument("--jobs", type=int, default=5000)
            one.add_argument("--hours", type=float, default=8.0, help="give up after so long")
    return parser.parse_args()


def _protocols(text):
    chosen = text.split(",")
    if not set(chosen) <= set(PROTOCOLS):
        raise argparse.ArgumentTypeError(f"only {', '.join(PROTOCOLS)}")
    return chosen


def _numbers(text):
    chosen = [int(one) for one in text.split(",")]
    if not set(chosen) <= set(SCENARIOS):
        raise argparse.ArgumentTypeError(f"only {', '.join(map(str, SCENARIOS))}")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
