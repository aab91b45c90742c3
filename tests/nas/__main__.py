"""Real mounts: the spool's scenes on NFS and SMB, in a virtual machine with one server and several clients.

python -m tests.nas build                              the disk image (once, as root, about two minutes)
python -m tests.nas run [--only 6,7] [--proto nfs4,smb]   the scenarios; a table of what is green
python -m tests.nas short                              what the tests run
python -m tests.nas soak --jobs 5000 [--proto nfs4]    one long night with faults
python -m tests.nas measure [--proto nfs4]             times and round trips, by the clients' own counters
python -m tests.nas shell                              a root shell in the machine (Ctrl-A X ends it)
"""

import argparse
import signal
import sys
from pathlib import Path

from tests.nas.image import Unavailable, ensure_image
from tests.nas.machine import Failed, Machine
from tests.nas.runs import measure, run, soak
from tests.nas.scenarios import PROTOCOLS, SCENARIOS, SHORT


def main():
    """Carry out one verb; exit code 1 if a test failed, 2 if no machine could be had."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = []
    try:
        if options.verb == "build":
            print(ensure_image())
        elif options.verb == "shell":
            _shell()
        elif options.verb == "soak":
            for protocol in options.proto:
                limit_s = int(options.hours * 3600)
                results += soak(protocol, options.jobs, limit_s, options.out / protocol)
        elif options.verb == "measure":
            for protocol in options.proto:
                results += measure(protocol, options.out / protocol)
        elif options.verb == "short":
            results = run(SHORT, options.out, keep=options.keep)
        else:
            chosen = dict.fromkeys(options.proto, options.only)
            results = run(chosen, options.out, keep=options.keep)
    except (Unavailable, Failed) as error:
        print(error, file=sys.stderr)
        return 2
    return int(any(one["outcome"] == "failed" for one in results))


def _shell():
    """A root shell on the machine's console; its clients' process ids lie in /tmp/clients."""
    with Machine(ensure_image(), shell=True) as machine:
        machine.start({})
        machine.wait(24 * 3600)


def _options():
    parser = argparse.ArgumentParser(
        prog="python -m tests.nas", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build")
    verbs.add_parser("shell")
    for verb in ("run", "short", "soak", "measure"):
        one = verbs.add_parser(verb)
        one.add_argument("--out", type=Path, default=Path("build/nas"), help="for the results")
        if verb != "short":
            every = list(PROTOCOLS) if verb == "run" else ["nfs4"]
            one.add_argument("--proto", type=_protocols, default=every, help=",".join(PROTOCOLS))
        if verb == "run":
            every = list(SCENARIOS)
            one.add_argument("--only", type=_numbers, default=every, help="scenarios: 6,7")
        if verb == "soak":
            one.add_argument("--jobs", type=int, default=5000)
            one.add_argument("--hours", type=float, default=8.0, help="new jobs for so long")
        elif verb != "measure":
            one.add_argument("--keep", action="store_true", help="spools of passed tests, too")
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
