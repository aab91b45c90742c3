"""How a backend's options are read from text, and what an error tells of them."""

from typing import ClassVar

import pytest
from pydantic import SecretStr

from spoolctl.spool import UsageError
from spoolworker.backends.options import SECRETS, BackendOptions


class Radio(BackendOptions):
    backend: ClassVar[str] = "radio"
    volume: int = 5
    url: int = 1
    login: int = 1
    password: int = 1
    token: int = 1
    kept: SecretStr | None = None


def refusal(options):
    with pytest.raises(UsageError) as caught:
        Radio.from_text(options)
    return caught.value


def test_a_value_that_cannot_be_read_is_told_with_its_option():
    error = refusal({"volume": "loud"})
    assert str(error).startswith(
        "cannot read option 'volume=loud' of backend 'radio': input should"
    )
    assert "--backend-option" in error.hint


@pytest.mark.parametrize("name", [*sorted(SECRETS), "url"])
def test_a_secret_and_an_address_that_cannot_be_read_are_not_repeated(name):
    assert "s3cret" not in f"{refusal({name: 's3cret'})}"
    assert name in str(refusal({name: "s3cret"}))


def test_an_unknown_option_is_refused_with_the_nearest_or_with_all():
    assert refusal({"volumes": "5"}).hint == "did you mean 'volume'?"
    assert refusal({"xyz": "5"}).hint == "it has: volume, url, login, password, token, kept"


def test_a_text_becomes_what_the_option_is():
    assert Radio.from_text({"volume": "7"}).volume == 7
