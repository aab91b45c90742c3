"""The file that says whom to tell: what is understood, what is told of a mistake, and that no secret is ever repeated."""

import sys
from datetime import UTC, datetime

import pytest

from spoolctl.notify.config import config_file, others_may_read, read_config
from spoolctl.spool import UsageError

SECRET = "hunter2-secret"


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "notify.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_an_address_is_a_url_or_has_a_name(written):
    config = read_config(
        written(
            "addresses:\n- ntfy://topic\n- {name: mail, url: 'mailto://x:y@z'}\n- {url: 'json://h'}\n"
        )
    )
    assert [one.name for one in config.addresses] == ["1-ntfy", "mail", "3-json"]
    assert config.rules.idle_after_s == 900.0
    assert config.rules.free_bytes == 20e9
    assert config.hours is None


def test_everything_can_be_said(written):
    config = read_config(written(
        "schema: spool.notify/1\naddresses: [ntfy://t]\ntitle: attic\nevents: [done, sick]\nquiet: ['22:30-7:30', 'sat,sun all day']\n"
        "pictures: false\nfailing_from: 5\nidle_after_min: 2.5\nshare_free_gb: 100\nshare_free_percent: 5\n"
    ))  # fmt: skip
    rules = config.rules
    assert rules.events == {"done", "sick"}
    assert (rules.failing_from, rules.idle_after_s, rules.free_bytes, rules.free_fraction) == (
        5,
        150.0,
        100e9,
        0.05,
    )


@pytest.mark.parametrize(
    ("day", "hour", "is_quiet"),
    [(20, 23, True), (20, 22, False), (19, 6, True), (19, 8, False), (21, 12, True)],
)
def test_quiet_hours_are_those_of_the_clock_on_the_wall(written, day, hour, is_quiet):
    """The 20th of November 2026 is a Friday."""
    config = read_config(written("addresses: [ntfy://t]\nquiet: ['22:30-7:30', 'sat all day']\n"))
    assert config.hours.is_open(datetime(2026, 11, day, hour, tzinfo=UTC)) is is_quiet


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "nothing where a mapping"),
        ("addresses: []\n", "'addresses' is no address"),
        ("addresses: 5\n", "'addresses' is no address"),
        ("title: x\n", "'addresses' is no address"),
        (f"addresses:\n- {{nam: mail, url: 'mailto://{SECRET}'}}\n", "line 2: 'addresses.0' is no address"),
        (f"addresses:\n- [ntfy://{SECRET}]\n", "line 2: 'addresses.0' is no address"),
        ("addresses:\n- {name: a, url: ntfy://t}\n- {name: a, url: ntfy://u}\n", "two addresses have the same name"),
        ("addresses: [ntfy://t]\nquit: ['22-7']\n", "unknown key 'quit'"),
        ("addresses: [ntfy://t]\nevents: [done, started]\n", "'events.1'"),
        ("addresses: [ntfy://t]\nquiet: ['22:30']\n", "'quiet' is no hours"),
        ("addresses: [ntfy://t]\nquiet: '22-7'\n", "'quiet'"),
        ("addresses: [ntfy://t]\nidle_after_min: soon\n", "'idle_after_min'"),
        ("schema: spool.job/1\naddresses: [ntfy://t]\n", "key 'schema'"),
        (b"\xff\xfe\xff", "is not UTF-8"),
        (f"addresses:\n- ntfy://{SECRET}:\n", "line 2: 'addresses.0' is no address"),
        (f"addresses:\n- url: ntfy://h.{SECRET}.x\n  ntfy://h.{SECRET}.x: y\n", "'addresses.0' is no address"),
        (f"addresses: {{ntfy: //{SECRET}}}\n", "'addresses' is no address"),
        (f"addresses: {{ntfy.{SECRET}: 1}}\n", "'addresses' is no address"),
        (f"ntfy://{SECRET}: 1\naddresses: [ntfy://t]\n", "line 1: unknown key"),
        (f"ntfy://a.{SECRET}: 1\naddresses: [ntfy://t]\n", "line 1: unknown key"),
        (f"addresses: [ntfy://t]\ntitle: ntfy://{SECRET}{'x' * 60}\n", "'title': String should have at most 60"),
        (f"addresses: [ntfy://t]\nquiet: ['ntfy://{SECRET}']\n", "'quiet' is no hours"),
        (f"addresses: [ntfy://t]\nevents: ['ntfy://{SECRET}']\n", "'events.0': Input should be 'done'"),
        (f"addresses: [ntfy://t]\nfailing_from: ntfy://{SECRET}\n", "'failing_from': Input should be a valid integer"),
        (f"addresses: [ntfy://t]\nfailing_from: 'a, not {SECRET}'\n", "'failing_from': Input should be a valid integer"),
        (f"schema: ntfy://{SECRET}\naddresses: [ntfy://t]\n", "key 'schema' must be"),
        (f"addresses: [!ntfy://{SECRET} a]\n", "tag '...' is not one"),
        (f"addresses: [ntfy://t, *{SECRET}]\n", "alias '...' has no anchor"),
        (f"ntfy://it's{SECRET}: 1\nntfy://it's{SECRET}: 2\n", "line 2: key '...' is given twice"),
        (f"addresses: [!!int 'ntfy://{SECRET}']\n", "'...' is no"),
        ("a: [\n", "notify.yaml"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_the_file_and_without_a_secret(written, text, told):
    with pytest.raises(UsageError) as caught:
        read_config(written(text))
    said = f"{caught.value} {caught.value.hint}"
    assert told in said
    assert "notify.yaml" in said
    assert SECRET not in said
    assert "\n" not in said
    assert caught.value.hint


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError, match="says whom to tell"):
        read_config(tmp_path / "none.yaml")


def test_the_option_goes_before_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("SPOOL_NOTIFY", raising=False)
    assert config_file(None) is None
    monkeypatch.setenv("SPOOL_NOTIFY", str(tmp_path / "a"))
    assert config_file(None) == tmp_path / "a"
    assert config_file(tmp_path / "b") == tmp_path / "b"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of Windows are not told so")
def test_it_is_told_whether_others_may_read_it(written):
    path = written("addresses: [ntfy://t]\n")
    path.chmod(0o644)
    assert others_may_read(path)
    path.chmod(0o600)
    assert not others_may_read(path)


def test_a_key_that_is_none_is_not_said_to_belong_where_jobs_keep_such(written):
    with pytest.raises(UsageError, match="unknown key 'zzz'") as caught:
        read_config(written("addresses: [ntfy://t]\nzzz: 1\n"))
    assert caught.value.hint == "docs/NOTIFY.md lists the keys"
