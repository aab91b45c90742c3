import warnings

import pytest

from tests.notify.service import served


@pytest.fixture(scope="session", autouse=True)
def apprise_is_loaded():
    """Its services warn of what they import themselves (imghdr), which is theirs to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            import apprise
        except ImportError:
            return
        apprise.Apprise.instantiate("json://localhost")


@pytest.fixture
def service():
    pytest.importorskip(
        "apprise", reason="apprise is not installed (pip install 'spoolctl[notify]')"
    )
    with served() as one:
        yield one
