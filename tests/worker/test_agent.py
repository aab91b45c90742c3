"""One life of a worker, from its first look to its last."""

from spoolctl.spool import Sweeper, create_spool
from spoolworker.agent import Agent
from spoolworker.config import Config
from spoolworker.stopping import Stopping

JOB = """\
schema: spool.job/1
workload:
  kind: image
  stages:
    - {stage: txt2img, prompt: a lighthouse, seed: 7, width: 64, height: 64}
...
"""


def test_a_worker_claims_before_it_sweeps(tmp_path, monkeypatch):
    """Under a storm of kills, workers that swept a queue of ten thousand before their first claim died before it."""
    root = tmp_path / "spool"
    create_spool(root)
    (root / "queue" / "normal" / "first.yaml").write_text(JOB)
    config = Config(
        spool=root, name="attic", drain=True, scratch=tmp_path / "s", log_folder=tmp_path
    )
    events = []
    sweep = Sweeper.sweep
    monkeypatch.setattr(Sweeper, "sweep", lambda self: events.append("swept") or sweep(self))

    worker = Agent(config, Stopping(), lambda event, **_: events.append(event))

    assert worker.run() == 0
    told = [event for event in events if event in ("claimed", "job.ended", "swept")]
    assert told[:3] == ["claimed", "job.ended", "swept"]
