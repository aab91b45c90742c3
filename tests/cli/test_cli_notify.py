"""``spoolctl notify test`` and ``check``: who was reached, who was not, and no secret in anything that is said."""

import json
import sys
from pathlib import Path

import pytest

from tests.notify import service as serving

apprise_is_loaded, service = serving.apprise_is_loaded, serving.service
SECRETS = ("hunter2-secret", "t0ken-secret")


@pytest.fixture
def written(tmp_path):
    def write(*urls, more=""):
        path = tmp_path / "notify.yaml"
        path.write_text(f"addresses: {json.dumps(urls)}\n{more}")
        path.chmod(0o600)
        return str(path)

    return write


def test_the_test_reaches_an_address_with_a_message_and_a_picture(bench, service, written):
    said = bench("notify", "test", "--config", written(service.url, more="title: attic\n"))

    assert (said.code, said.out, said.err) == (0, "1-json: went\n", "")
    assert service.titles() == ["attic: a test"]
    assert service.pictures()[0].startswith(b"\xff\xd8")


def test_whoever_is_not_reached_is_told_without_a_secret_and_by_the_exit_code(
    bench, service, written
):
    away = "json://person:hunter2-secret@localhost.invalid/t0ken-secret"
    said = bench("notify", "test", "--config", written(service.url, away))

    assert said.code == 14
    assert said.out.startswith("1-json: went\n2-json: A Connection error")
    assert len(service.messages) == 1
    assert not [one for one in SECRETS if one in said.out + said.err]


def test_the_answer_is_one_document(bench, service, written):
    service.refuses = True
    said = bench("notify", "test", "--config", written(service.url), "--json")
    document = json.loads(said.out)
    (one,) = document["addresses"]
    assert (said.code, one["address"], one["went"]) == (14, "1-json", False)
    assert "503" in one["problem"]


def test_check_says_who_is_told_what_and_sends_nothing(bench, service, written):
    path = written(service.url, more="quiet: ['22:30-7:30']\nevents: [done]\n")
    said = bench("notify", "check", "--config", path)
    assert said.code == 0
    assert "22:30-7:30" in said.out
    assert "1-json" in said.out
    assert not [one for one in SECRETS if one in said.out]
    assert service.messages == []


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of Windows are not told so")
def test_a_file_that_others_can_read_is_warned_of(bench, service, written):
    path = written(service.url)
    Path(path).chmod(0o644)
    said = bench("notify", "check", "--config", path)
    assert said.code == 0
    assert "chmod 600" in said.err


def test_without_a_file_it_says_how_to_name_one(bench, monkeypatch):
    monkeypatch.delenv("SPOOL_NOTIFY", raising=False)
    said = bench("notify", "test")
    assert said.code == 2
    assert "SPOOL_NOTIFY" in said.err


def test_an_address_that_is_none_is_told(bench, written, apprise_is_loaded):
    pytest.importorskip("apprise")
    said = bench("notify", "check", "--config", written("nonsense://hunter2-secret"))
    assert said.code == 2
    assert "address '1-nonsense' is none that apprise knows" in said.err
    assert "hunter2-secret" not in said.err


def test_a_controller_that_is_to_tell_people_and_cannot_does_not_start(
    bench, written, apprise_is_loaded
):
    pytest.importorskip("apprise")
    said = bench("controller", "run", "--once", "--notify", written("nonsense://hunter2-secret"))
    assert said.code == 2
    assert "1-nonsense" in said.err
