"""A real controller tells people over real HTTP: of a group that has ended, once, with its contact sheet; of a worker that died."""

import io
import json

import pytest
from PIL import Image
from processes import job_text

from spoolctl.spool import layout
from tests.notify.service import served

pytest.importorskip("apprise", reason="apprise is not installed (pip install 'spoolctl[notify]')")


def test_a_group_that_ends_is_told_once_with_its_sheet_over_restarts_of_the_controller(
    scene, tmp_path
):
    with served() as service:
        said = tmp_path / "notify.yaml"
        said.write_text(f"addresses: ['{service.url}']\ntitle: attic\nevents: [done, sick]\n")
        said.chmod(0o600)
        first = scene.controller("--notify", str(said))
        scene.wait_for((scene.root / layout.NOTIFIED).exists, "the controller to begin")
        job = tmp_path / "job.yaml"
        job.write_bytes(job_text(count=2))
        scene.ctl("submit", str(job), str(job), str(job), "--group", "night")
        worker = scene.worker("attic")

        scene.wait_for(lambda: service.messages, "the message", 60.0)

        assert service.titles() == ["attic: night: done, 3 of 3 succeeded"]
        assert service.messages[0]["message"].startswith("6 images, ")
        with Image.open(io.BytesIO(service.pictures()[0])) as sheet:
            assert sheet.format == "JPEG"
            assert sheet.width > 240

        told = lambda: json.loads((scene.root / layout.NOTIFIED).read_bytes())  # noqa: E731
        scene.wait_for(lambda: not told()["letters"], "the delivery to be noted")
        first.kill()
        second = scene.controller("--notify", str(said))
        scene.ctl("submit", str(job), str(job), "--group", "morning")
        scene.wait_for(lambda: len(service.messages) > 1, "the next group's message", 60.0)

        assert service.titles()[1:] == ["attic: morning: done, 2 of 2 succeeded"]
        assert second.stop() == 0
        assert worker.stop() == 0
        assert [one for one in second.events() if "hunter2-secret" in json.dumps(one)] == []
        assert len(first.events("notify.told")) == len(second.events("notify.told")) == 1


def test_a_worker_that_is_killed_is_told_and_again_when_it_is_back(scene, tmp_path):
    with served() as service:
        said = tmp_path / "notify.yaml"
        said.write_text(f"addresses: ['{service.url}']\nevents: [sick]\ntitle: ''\n")
        scene.controller("--notify", str(said))
        worker = scene.worker("attic")
        scene.wait_for(
            lambda: (
                (scene.root / layout.NOTIFIED).exists()
                and "attic" in json.loads((scene.root / layout.NOTIFIED).read_bytes())["workers"]
            ),
            "the controller to see the worker",
        )
        worker.kill()
        scene.wait_for(lambda: service.messages, "the message", 90.0)
        assert service.titles() == ["worker attic is silent"]

        scene.worker("attic")
        scene.wait_for(lambda: len(service.messages) > 1, "the good news", 90.0)
        assert service.titles()[1:] == ["worker attic is well again"]
