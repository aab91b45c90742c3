"""Scenes of real processes, cleaned up whatever happens, and each checked by fsck when all of its processes are gone."""

import sys

import pytest
from processes import Scene


def pytest_collection_modifyitems(items):
    if sys.platform == "win32":
        mark = pytest.mark.skip(reason="these scenes freeze and kill with POSIX signals")
        for item in items:
            if "scenarios" in item.path.parts:
                item.add_marker(mark)


@pytest.fixture
def open_scene(tmp_path, monkeypatch):
    """``open_scene(**settings)``: a fresh spool."""
    scenes = []
    monkeypatch.setenv("SPOOL_INDEX", str(tmp_path / "index-of-the-test"))

    def open_one(**settings):
        scene = Scene(tmp_path / f"scene{len(scenes)}", **settings)
        scenes.append(scene)
        return scene

    yield open_one
    for scene in scenes:
        scene.close()
    for scene in scenes:
        scene.is_sound()


@pytest.fixture
def scene(open_scene):
    return open_scene()
