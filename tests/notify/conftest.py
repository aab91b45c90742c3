from tests.notify.service import apprise_is_loaded, service  # noqa: F401 - fixtures
