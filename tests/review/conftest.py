"""One Chromium for all tests of a process, and for each test pages that must end without an error of their scripts."""

import sys
from pathlib import Path

import pytest
from chromium import Chromium, found

sys.path.insert(0, str(Path(__file__).parents[1] / "scenarios"))


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
