"""A spool in a temporary folder, real worker and controller processes on it, and a judge of what they leave.

Tests wait on what the tree shows, with a deadline, and never on time alone; what fails shows the ends of all logs. Everything
that was started is killed by ``Scene.close``, whatever state it is in.
"""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import psutil
import yaml
from placing import MOUNT, PACE, PATIENCE, Placing, paced, root_for

from spoolctl.controller.run import Controller
from spoolctl.fsck import check as fsck
from spoolctl.spool import (
    SETTINGS_SCHEMA,
    Manifest,
    Settings,
    create_spool,
    decode,
    layout,
    open_spool,
    parse_file_name,
)

REPOSITORY = Path(__file__).parents[2]
DYING = str(Path(__file__).with_name("dying.py"))
SPOOLCTL = ("-c", "import sys; from spoolctl.cli.app import main; sys.exit(main())")
LIMIT_S = 60.0
"""How long is waited for what comes within a second or two on an idle machine: nothing but a failure takes as long."""
AT_ONCE_S = 30.0
"""How long a job may take that is done in two seconds on an idle machine; what it must not have waited for takes minutes."""
POLL_S = 0.02 * PATIENCE  # a judge who looks all the time leaves a slow machine no time to work
QUICK = {
    "heartbeat_s": 0.3,
    "lease_s": 20.0,  # tests about leases ask for a short one; two busy cores must not look like death
    "sweep_s": 0.3,
    "poll_s": 0.1,
    "settle_s": 0.2,
    "reject_after_s": 0.5,
    "retry": {"backoff_s": 0.1, "avoid_s": 0.5},
}
SHORT_LEASE = {"heartbeat_s": 0.3, "lease_s": 3.0}


def job_text(prompt="a lighthouse", *, count=1, size=64, **keys):
    """A record as a program would write it."""
    stage = {"stage": "txt2img", "prompt": prompt, "count": count, "seed": 7}
    record = {"schema": "spool.job/1", **keys}
    record.setdefault(
        "workload", {"kind": "image", "stages": [{**stage, "width": size, "height": size}]}
    )
    return (yaml.safe_dump(record, sort_keys=False) + "...\n").encode()


class Process:
    """One worker or controller."""

    def __init__(self, name, popen, logs, *, wrapped):
        self.name, self.popen, self.logs = name, popen, logs
        self._wrapped = wrapped
        self.may_end = False

    @property
    def pid(self):
        """Of the program itself, not of the ``unshare`` or ``nsenter`` around it."""
        if not self._wrapped:
            return self.popen.pid
        inner = wait_for(
            lambda: psutil.Process(self.popen.pid).children(), f"{self.name} to be forked"
        )
        return inner[0].pid

    def send(self, *signals):
        for one in signals:
            os.kill(self.pid, one)

    def kill(self):
        self.may_end = True
        self.send(signal.SIGKILL)
        self.popen.wait(timeout=LIMIT_S * PATIENCE)

    def freeze(self):
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        wait_for(
            lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, f"{self.name} frozen"
        )

    def thaw(self):
        self.send(signal.SIGCONT)
        self.popen.send_signal(signal.SIGCONT)  # nsenter stops together with its child

    def stop(self, timeout_s=LIMIT_S):
        """Ask it to stop, as a service manager does, and give its exit code."""
        self.send(signal.SIGTERM)
        return self.popen.wait(timeout=timeout_s * PATIENCE)

    def ended(self, timeout_s=LIMIT_S):
        """Its exit code, once it has ended by itself."""
        self.may_end = True
        return self.popen.wait(timeout=timeout_s * PATIENCE)

    def told(self):
        return (self.logs / "stderr").read_text()

    def events(self, *kinds):
        """What it logged, the oldest first."""
        lines = [
            line
            for path in self.logs.glob("*.jsonl")
            for line in path.read_text().splitlines(keepends=True)
        ]
        found = [json.loads(line) for line in lines if line.endswith("\n")]
        return [one for one in found if not kinds or one["event"] in kinds]


class Scene:
    """One spool and everybody at work on it."""

    def __init__(self, folder, **settings):
        self.folder, self.root = folder, root_for(folder)
        self.processes = []
        self.placing = Placing()
        self.left_by_hand = {}
        self.deleted = set()
        folder.mkdir()  # the spool itself may lie elsewhere
        create_spool(
            self.root,
            Settings(
                schema_=SETTINGS_SCHEMA,
                spool_id="spool-scenario",
                created_at=datetime(2026, 11, 20, tzinfo=UTC),
                **paced({**QUICK, **settings}),
            ),
        )

    # -- everybody

    def worker(
        self, name, *flags, elsewhere=False, dies_at=None, stands_at=None, root=None,
        variables=None, **drills,
    ):  # fmt: skip
        """Start a worker.

        *dies_at* names the operation at which it kills itself, as ``dying.py`` has it; *stands_at* one at which the thread that
        does it stands still until ``go_on``, while its heartbeat goes on.
        """
        if "seconds_per_image" in drills:
            drills["seconds_per_image"] *= PACE
        options = [f"--backend-option={key}={value}" for key, value in drills.items()]
        program, point = ["-m", "spoolworker.cli"], dies_at or stands_at
        if point is not None:
            program = [DYING, point, "spoolworker"]
        if stands_at is not None:
            variables = {**(variables or {}), "SCENE_GOES_ON": str(self._go_on(name))}
        arguments = [
            *program, "run", "--quiet", "--spool", str(root or self.root), "--name", name,
            "--scratch", str(self.folder / "scratch" / name), *options, *flags,
        ]  # fmt: skip
        return self._start(name, arguments, elsewhere=elsewhere, variables=variables)

    def _go_on(self, name):
        return self.folder / f"{name}-goes-on"

    def go_on(self, name):
        """Let a worker go on from where it stands."""
        self._go_on(name).touch()

    def controller(self, *flags, name="controller", dies_at=None):
        """Start a controller; *dies_at* as for a worker."""
        program = SPOOLCTL if dies_at is None else (DYING, dies_at, "spoolctl")
        arguments = [*program, "controller", "run", "--quiet", "--spool", str(self.root)]
        return self._start(name, [*arguments, *flags])

    def _start(self, name, arguments, *, elsewhere=False, variables=None):
        lives = sum(one.name == name for one in self.processes)
        logs = self.folder / "logs" / f"{name}-{lives + 1}"
        logs.mkdir(parents=True)
        prefix = self.placing.prefix(name, elsewhere=elsewhere)
        command = [*prefix, sys.executable, *arguments, "--log-folder", str(logs)]
        with (logs / "stderr").open("wb") as stderr:
            popen = subprocess.Popen(
                command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                env={**self.environment(), **(variables or {})},
            )  # fmt: skip
        process = Process(name, popen, logs, wrapped=bool(prefix))
        self.processes.append(process)
        return process

    def environment(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SPOOL", "XDG_"))}
        own = {"XDG_CONFIG_HOME": "no-configuration", "SPOOL_INDEX": "index"}
        return {**kept, **{name: str(self.folder / folder) for name, folder in own.items()}}

    def begin_ctl(self, *arguments):
        """Start one command line, without waiting for it."""
        command = [sys.executable, *SPOOLCTL, *arguments, "--spool", str(self.root)]
        return subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=self.environment(), text=True,
        )  # fmt: skip

    def ctl(self, *arguments, code=0):
        """Run one command line to its end; gives what it said."""
        popen = self.begin_ctl(*arguments)
        out, err = popen.communicate(timeout=LIMIT_S * PATIENCE)
        assert popen.returncode == code, f"spoolctl {arguments}: {popen.returncode}\n{out}\n{err}"
        return out + err

    def actor(self, name="person-test", **kwargs):
        """The spool opened by this very process."""
        return open_spool(self.root, name=name, **kwargs)

    def merge(self):
        """One scan by a controller in this very process."""
        scanned = Controller(self.root, lambda _event, **_facts: None).once()
        assert scanned is not None
        assert not scanned.problems, scanned.problems
        return scanned

    def close(self):
        for one in self.processes:
            if one.popen.poll() is None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    for child in psutil.Process(one.popen.pid).children(recursive=True):
                        child.kill()
                one.popen.kill()
            one.popen.wait(timeout=LIMIT_S * PATIENCE)

    # -- what lies there

    def drop(self, name, data=None, folder="queue/normal"):
        """Submit a file as a careful program does: written aside, then renamed."""
        suffixed = name.lower().endswith((".yaml", ".yml", ".json"))
        target = self.root / folder / (name if suffixed else f"{name}.yaml")
        aside = target.with_name(f".{name}.tmp")
        aside.write_bytes(job_text() if data is None else data)
        aside.rename(target)
        return target

    def results(self, name):
        return self.root / layout.results(name)

    def attempt(self, name, number):
        return self.root / layout.attempt(name, number)

    def records(self):
        """Every record in a state folder: job to folders."""
        found = {}
        for state in layout.State:
            for at, _, entries in os.walk(self.root / state):
                for entry in entries:
                    file = parse_file_name(entry)
                    if file is not None:
                        inside = Path(at).relative_to(self.root).as_posix()
                        found.setdefault(file.name, []).append(f"{inside}/{entry}")
        return found

    def state(self, name):
        """The state in which a job's record is shown; None while it is between two folders."""
        found = self.records().get(name, [])
        return found[0].split("/")[0] if len(found) == 1 else None

    def states(self):
        return Counter(paths[0].split("/")[0] for paths in self.records().values())

    def manifests(self, name):
        """The verdicts by their attempts' numbers; None for an open attempt."""
        found = {}
        folder = self.results(name)
        for entry in folder.iterdir() if folder.is_dir() else ():
            number = layout.attempt_number(entry.name)
            if number is not None:
                path = entry / layout.MANIFEST
                found[number] = decode(Manifest, path.read_bytes()) if path.exists() else None
        return dict(sorted(found.items()))

    def verdicts(self, name):
        return [(m.verdict.value, m.code and m.code.value) if m else None
                for m in self.manifests(name).values()]  # fmt: skip

    def runs(self, name, number=1):
        """True once the attempt's owner shows itself and its record."""
        beat = self.attempt(name, number) / layout.HEARTBEAT
        return beat.exists() and self.state(name) == "claimed"

    def images(self, name, number):
        return {path.name: digest(path) for path in self.attempt(name, number).glob("*.png")}

    def reasons(self):
        """Why files were rejected, by the name that each had."""
        paths = (self.root / layout.REJECTED).glob("*.reason.yaml")
        found = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths]
        return {one["file"]: one for one in found}

    def corpus(self):
        path = self.root / "corpus" / "learning_records.jsonl"
        return [json.loads(one) for one in path.read_text().splitlines()] if path.exists() else []

    # -- waiting

    def wait_for(self, condition, what, timeout_s=LIMIT_S, *, every_s=POLL_S):
        def holds():
            crashed = [
                one.name
                for one in self.processes
                if not one.may_end and (one.popen.poll() or 0) > 0
            ]
            assert not crashed, f"{crashed} ended while waiting for: {what}\n{self.tell()}"
            return condition()

        return wait_for(holds, what, timeout_s, tell=self.tell, every_s=every_s)

    def wait_for_rest(
        self, names, timeout_s=LIMIT_S, *, states=("done", "failed", "cancelled"), every_s=POLL_S
    ):
        """Wait until each of these jobs lies in one of *states* and has its verdict."""
        wanted = set(names)

        def rests():
            records = self.records()
            places = [records.get(name, []) for name in wanted]
            return all(len(one) == 1 and one[0].split("/")[0] in states for one in places)

        what = f"{len(wanted)} jobs to rest in {'/'.join(states)}"
        self.wait_for(rests, what, timeout_s, every_s=every_s)

    def tell(self):
        lines = [f"states {dict(self.states())}"]
        for name, paths in sorted(self.records().items())[:40]:
            lines.append(f"  {name}: {paths} {self.verdicts(name)}")
        for one in self.processes:
            lines.append(f"--- {one.name} (exit {one.popen.poll()}) {one.told()[-1500:]}")
            lines.extend(json.dumps(event) for event in one.events()[-12:])
        return "\n".join(lines)

    # -- the judge

    def check(self, names, *, deleted=()):
        """The invariants, once everything is over, for exactly these jobs; raises AssertionError.

        Of the *deleted* ones a person removed a record, so nothing is said of them.
        """
        self.deleted.update(deleted)
        records = {name: paths for name, paths in self.records().items() if name not in deleted}
        assert sorted(records) == sorted(names), f"lost or unknown jobs\n{self.tell()}"
        images = 0
        for name in names:
            assert len(records[name]) == 1, f"{name} lies in {records[name]}"
            images += self._check_job(name, self.root / records[name][0])
        lines = self.corpus()
        ids = [one["run_id"] for one in lines]
        assert len(ids) == len(set(ids)), "a record stands in the corpus twice"
        told = sum(one["metadata"]["spool_job"] not in deleted for one in lines)
        assert told == images, f"{images} images were committed, the corpus has {told}"

    def is_sound(self):
        """What ``spoolctl fsck --deep`` says, once nobody is at work any more; raises AssertionError.

        A test that leaves damage behind on purpose names it in ``left_by_hand``: the finding's code, and why.
        """
        # Over a mount the second look comes when no client's cache answers any more.
        pause_s = 0.0 if MOUNT is None else 12.0
        report = fsck(self.actor("person-fsck"), deep=True, pause_s=pause_s)
        found = [one for one in (*report.damage, *report.stuck)
                 if one.code != "nowhere" or one.job not in self.deleted]  # fmt: skip
        told = "\n".join(map(str, found)) or "nothing"
        codes = {one.code for one in found}
        assert codes == set(self.left_by_hand), f"fsck: {told}\n{self.tell()}"

    def _check_job(self, name, record):
        manifests = self.manifests(name)
        assert list(manifests) == list(range(1, len(manifests) + 1)), f"{name}: {list(manifests)}"
        state = record.relative_to(self.root).parts[0]
        commits = [n for n, m in manifests.items() if m and m.succeeded]
        assert None not in manifests.values(), f"{name} has an open attempt"
        assert commits in ([], [len(manifests)]), f"{name}: committed by {commits}"
        assert (state in ("done", "finished")) == bool(commits), f"{name} lies in {record}"
        if not manifests:
            return 0
        assert record.read_bytes() == (self.results(name) / layout.RECORD).read_bytes(), name
        finals = 0
        for manifest in manifests.values():
            assert manifest.record_sha256 in (None, digest(record)), name
            for output in manifest.outputs:
                assert digest(self.results(name) / output.path) == output.sha256, output.path
                finals += output.final and manifest.succeeded
        return finals


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def snapshot(folder):
    """Every file below a folder with its digest, heartbeats and temporary files left out."""
    return {
        path.relative_to(folder).as_posix(): digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != layout.HEARTBEAT and not path.name.startswith(".")
    }


def wait_for(condition, what, timeout_s=LIMIT_S, tell=lambda: "", every_s=POLL_S):
    """Poll until *condition* gives something true, and give that.

    A file that was moved between a listing and its opening is looked for again.
    """
    until = time.monotonic() + timeout_s * PATIENCE
    while True:
        try:
            found = condition()
        except FileNotFoundError:
            found = None
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"waited {timeout_s * PATIENCE:g} s in vain for: {what}\n{tell()}")
        time.sleep(every_s)
