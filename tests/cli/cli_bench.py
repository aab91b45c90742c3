"""A spool on a real folder, the command line run in this process, and a worker played by hand."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spoolctl.cli.app import main
from spoolctl.spool import (
    NODE_SCHEMA,
    PROTOCOL_VERSION,
    Actor,
    Admission,
    Admitted,
    Claim,
    Code,
    Ending,
    Facts,
    Life,
    Node,
    Output,
    Place,
    State,
    Verdict,
    begin_session,
    claim,
    conclude,
    end,
    find,
    introduce,
    layout,
    open_spool,
)

NOW = datetime(2026, 11, 20, 22, 0, 0, tzinfo=UTC)
JOB_YAML = """\
schema: spool.job/1
workload:
  kind: image
  stages:
    - {stage: txt2img, prompt: a lighthouse, count: 2, seed: 7}
"""
IMG2IMG_YAML = """\
schema: spool.job/1
workload:
  kind: image
  stages:
    - {stage: img2img, prompt: at night}
"""


@dataclass(frozen=True)
class Ran:
    """What came of one command line."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class Bench:
    """The command line and a worker beside it."""

    def __init__(self, root: Path, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.files, self._capsys = root, files, capsys

    def __call__(self, *arguments: str | Path) -> Ran:
        self._capsys.readouterr()
        code = main([str(one) for one in arguments])
        captured = self._capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    def file(self, name: str, text: str = JOB_YAML) -> Path:
        path = self.files / name
        path.write_bytes(text.encode())
        return path

    def submit(self, name: str, text: str = JOB_YAML, *options: str | Path) -> str:
        ran = self("submit", self.file(f"{name}.yaml", text), "--name", name, "-q", *options)
        assert ran.code == 0, ran.err
        return ran.out.strip()

    def actor(self, name: str = "tower-0") -> Actor:
        return open_spool(self.root, name=name)

    def claim(self, name: str) -> tuple[Actor, Claim, Life]:
        actor = self.actor()
        begin_session(actor)
        (location,) = find(actor, name, (State.QUEUE,))
        admitted = Admission().admit(actor, location)
        assert isinstance(admitted, Admitted)
        life = Life(actor, "worker", Facts())
        claimed = claim(actor, admitted, life, lambda _job, _previous: True)
        assert isinstance(claimed, Claim)
        life.beat()
        return actor, claimed, life

    def fail(
        self,
        name: str,
        code: Code = Code.BAD_JOB,
        message: str = "no such sampler",
        **told: Any,
    ) -> None:
        actor, claimed, _ = self.claim(name)
        log_tail = "loading\nno such sampler\n"
        ending = Ending(Verdict.FAILED, code, message, log_tail=log_tail, **told)
        end(actor, claimed, conclude(actor, claimed, ending))

    def succeed(self, name: str) -> None:
        actor, claimed, _ = self.claim(name)
        output = leave_image(actor, name, claimed.number)
        end(
            actor,
            claimed,
            conclude(actor, claimed, Ending(Verdict.SUCCEEDED, outputs=(output,), duration_s=62.0)),
        )

    def tree(self) -> dict[str, bytes | None]:
        """Every file and folder of the spool."""
        return {
            str(path.relative_to(self.root)): path.read_bytes() if path.is_file() else None
            for path in sorted(self.root.rglob("*"))
        }

    def bytes_of(self, name: str) -> bytes:
        (location,) = find(self.actor(), name)
        return (self.root / location.path).read_bytes()

    def place(self, name: str) -> Place:
        (location,) = find(self.actor(), name)
        return location.place


def leave_image(actor: Actor, name: str, number: int) -> Output:
    path = f"{layout.attempt(name, number)}/0000-1-txt2img.png"
    actor.files.write_new(path, b"an image")
    found = actor.files.digest(path)
    return Output(
        path=f"a{number}/0000-1-txt2img.png",
        bytes=found.bytes,
        sha256=found.sha256,
        stage="txt2img",
        image_index=0,
        width=512,
        height=512,
        seed_actual=7,
    )


def introduce_worker(actor: Actor, **has: Any) -> None:
    """Write a worker's card."""
    card = Node(
        schema_=NODE_SCHEMA,
        worker=actor.name,
        session=actor.session,
        machine="tower",
        protocol=PROTOCOL_VERSION,
        version="0.1.0",
        started_at=NOW,
        **has,
    )
    introduce(actor, card)
