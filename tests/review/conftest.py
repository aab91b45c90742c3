"""One Chromium for all tests of a process, pages that must end without an error of their scripts, and spools for them to show."""

import shutil
import sys
from pathlib import Path

import pytest
from chromium import Chromium, found

sys.path.insert(0, str(Path(__file__).parents[1] / "scenarios"))

from nights import Night


@pytest.fixture(scope="session")
def _chromium(tmp_path_factory):
    if found() is None:
        pytest.skip("there is no Chromium on this machine")
    with Chromium(tmp_path_factory.mktemp("chromium") / "own") as browser:
        yield browser


@pytest.fixture
def browser(_chromium):
    """The browser; a test after which a page's scripts had thrown, or its policy had refused anything, fails."""
    with _chromium.closing_pages():
        yield _chromium


@pytest.fixture
def page(browser):
    """A page in a browser of its own."""
    return browser.page()


@pytest.fixture(scope="session")
def _swept(_chromium, tmp_path_factory):
    """A spool in which a sweep was drawn and merged, and of which each test gets a copy."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("night") / "swept"
        patch.setenv("SPOOL_INDEX", str(folder / "index"))
        night = Night(folder)
        try:
            night.sweep()
        finally:
            night.close()
    return night.root


@pytest.fixture
def _night(tmp_path, monkeypatch):
    monkeypatch.setenv("SPOOL_INDEX", str(tmp_path / "night" / "index"))
    night = Night(tmp_path / "night")
    yield night
    night.close()


@pytest.fixture
def night(_night, _swept):
    """A night whose sweep of twelve images was drawn and merged; sound when the test is over."""
    shutil.rmtree(_night.root)
    shutil.copytree(_swept, _night.root)
    yield _night
    _night.close()
    _night.is_sound()


@pytest.fixture
def thousand(_night):
    """A spool with a thousand images."""
    _night.thousand()
    return _night
