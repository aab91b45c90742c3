"""A machine that is somebody's own: paused while a job runs, restarted, resumed."""

import json
import subprocess
import sys

import pytest
from processes import REPOSITORY

from spoolctl.spool import nodes


def spoolworker(scene, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "spoolworker.cli", *arguments],
        cwd=REPOSITORY, env=scene.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("way", ["machine", "share"])
def test_a_paused_worker_hands_back_its_job_stays_paused_over_a_restart_and_works_again(scene, way):
    """Whoever sits down at the desk gets the card at once; the job goes on elsewhere and nothing counts against it."""
    file = scene.folder / "desk.toml"
    file.write_text(
        f"name = 'desk'\n[availability]\npause_file = '{scene.folder / 'desk.pause'}'\n"
    )

    def ask(verb, *flags):
        if way == "share":
            return scene.ctl(verb, "desk", *flags)
        return spoolworker(scene, verb, "--config", str(file), *flags)

    def state():
        beat = nodes(scene.actor()).get("desk", (None, None))[1]
        return beat.state if beat else None

    scene.drop("one")
    desk = scene.worker("desk", "--config", str(file), seconds_per_image=600)
    scene.wait_for(lambda: desk.events("claimed"), "desk to claim")

    ask("pause", "--now", "--for", "2h", "--message", "a game")
    verdict = scene.wait_for(lambda: (scene.manifests("one") or {}).get(1), "the job handed back")
    assert (verdict.verdict.value, verdict.code.value) == ("returned", "handed_back")
    assert "a game" in verdict.message
    scene.wait_for(lambda: state() == "paused", "desk to rest")
    (told,) = json.loads(scene.ctl("status", "--json"))["workers"]
    assert "a game" in told["rests"]
    # Two processes read the share's clock, each to some hundredths of a second: 7200.01 was seen.
    assert told["opens_in_s"] == pytest.approx(7200, abs=120)

    attic = scene.worker("attic", seconds_per_image=0.01)
    scene.wait_for_rest(["one"], states=("finished",))
    assert attic.stop() == 0

    desk.kill()
    scene.drop("two")
    again = scene.worker("desk", "--config", str(file), seconds_per_image=0.01)
    scene.wait_for(lambda: again.events("worker.rests"), "desk to rest again")
    assert again.events("claimed") == []

    ask("resume")
    scene.wait_for_rest(["two"], states=("finished",))
    assert [one.worker for one in scene.manifests("two").values()] == ["desk"]
    assert again.events("worker.rests", "worker.resumed", "claimed")[-1]["event"] == "claimed"
    assert again.stop() == 0
    scene.merge()
    scene.check(["one", "two"])
