"""Who gets in: this machine by its own names, others by the token, and no page of another site."""

import pytest
from serving import Client, serving

from spoolctl.review.gate import Gate, is_local

COOKIE = "spool_review_1"
TOKEN = "a-token-of-this-test-0123"


async def _inner(scope, receive, send):
    """Whatever got through the gate."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
    await send({"type": "http.response.body", "body": b"inside"})


@pytest.fixture(scope="module")
def ports():
    with (
        serving(Gate(_inner, None, COOKIE)) as local,
        serving(Gate(_inner, TOKEN, COOKIE)) as network,
    ):
        yield {None: local, TOKEN: network}


@pytest.fixture
def local(ports):
    """Somebody at this machine."""
    return Client(ports[None])


@pytest.fixture
def network(ports):
    """Somebody on the network, at a page that asks for the token."""
    asks = Client(ports[TOKEN])
    asks.headers["host"] = "192.168.1.4:8711"
    return asks


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.8.9.1", "::1", "[::1]", "LOCALHOST"]
)
def test_names_of_this_machine_are_known(host):
    assert is_local(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "0.0.0.0",
        "192.168.1.4",
        "::",
        "nas.local",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
    ],
)
def test_other_names_are_not(host):
    assert not is_local(host)


def test_a_foreign_name_that_was_pointed_here_gets_nothing(local):
    asked = local.get("/api/status", headers={"host": "evil.example:8711"})
    assert asked.status_code == 421
    assert asked.json()["error"]["message"] == "this page does not answer to 'evil.example'"
    assert local.get("/", headers={"host": "127.0.0.1:8711"}).text == "inside"


def test_on_the_network_only_the_token_opens(network):
    asks = network
    assert asks.get("/").status_code == 401
    assert asks.get("/").text.splitlines()[1] == "hint: open that link once in each browser"
    assert asks.get("/thumb/a/0").status_code == 401
    for wrong in ("", "a", TOKEN[:-1], f"{TOKEN}x", "ü" * 2_000):
        assert asks.get("/", params={"token": wrong}).status_code == 401
        bearer = {"authorization": b"Bearer " + wrong.encode()}
        assert asks.get("/api/status", headers=bearer).status_code == 401
    assert asks.get("/api/status", headers={"authorization": f"Bearer {TOKEN}"}).text == "inside"


def test_the_link_is_kept_as_a_cookie_out_of_reach_of_scripts_and_other_sites(network):
    asks = network
    opened = asks.get("/", params={"token": TOKEN})
    assert (opened.status_code, opened.headers["location"]) == (303, "./")
    cookie = opened.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    name, value = cookie.partition(";")[0].split("=")
    assert (name, value) == (COOKIE, TOKEN)
    asks.cookies.clear()
    assert asks.get("/", headers={"cookie": f"x=1; {COOKIE}={TOKEN}"}).text == "inside"
    for other in (f"{COOKIE}=other", f"{COOKIE}=", "no cookie"):
        assert asks.get("/", headers={"cookie": other}).status_code == 401


@pytest.mark.parametrize("beside", ['foo={"a":1}', "x=a b c", "k=é", "p@th=1", "=", ";;"])
def test_a_cookie_of_another_program_on_this_host_locks_nobody_out(network, beside):
    """Python's own parser stops at the first pair that it does not like, and gives none of them."""
    cookie = f"{beside}; {COOKIE}={TOKEN}".encode()
    assert network.get("/", headers={"cookie": cookie}).text == "inside"
    assert network.get("/", headers={"cookie": f"{COOKIE}_2={TOKEN}"}).status_code == 401


@pytest.mark.parametrize("host", ["[", "[::1", "a b", "", "]"])
def test_a_host_that_is_none_is_refused_and_breaks_nothing(local, network, host):
    assert local.get("/", headers={"host": host}).status_code in (400, 421)  # the first by Uvicorn
    assert network.get("/", headers={"host": host}).status_code in (400, 401)


@pytest.mark.parametrize("path", ["/api/group", "/thumb/a/0", "/page/main.js", "/api/live"])
def test_another_sites_page_cannot_make_the_server_work(local, path):
    for site in ("cross-site", "same-site"):
        for mode in ("no-cors", "navigate"):
            headers = {"host": "localhost", "sec-fetch-site": site, "sec-fetch-mode": mode}
            assert local.get(path, headers=headers).status_code == 403
    opening = {"host": "localhost", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert local.get("/", headers=opening).text == "inside"


def test_without_a_token_to_ask_for_none_in_a_link_counts(local):
    assert local.get("/", params={"token": "x"}).text == "inside"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json"}, 200),
        (
            {"content-type": "application/json; charset=utf-8", "origin": "http://localhost:8711"},
            200,
        ),
        ({"content-type": "application/json", "sec-fetch-site": "same-origin"}, 200),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({}, 415),
        ({"content-type": "application/json", "origin": "http://evil.example"}, 403),
        ({"content-type": "application/json", "origin": "http://localhost:9999"}, 403),
        ({"content-type": "application/json", "origin": "null"}, 403),
        ({"content-type": "application/json", "origin": "http://["}, 403),
        ({"content-type": "application/json", "sec-fetch-site": "cross-site"}, 403),
        ({"content-type": "application/json", "sec-fetch-site": "same-site"}, 403),
    ],
)
def test_another_sites_page_changes_nothing(local, headers, status):
    headers = {"host": "localhost:8711", **headers}
    asked = local.post("/api/cancel", data=b"{}", headers=headers)
    assert asked.status_code == status
    if status != 200:
        assert set(asked.json()["error"]) == {"message", "hint"}


@pytest.mark.parametrize(("token", "status"), [(None, 200), (TOKEN, 401)])
def test_every_answer_says_that_nothing_is_loaded_from_elsewhere(ports, token, status):
    asked = Client(ports[token]).get("/")
    assert asked.status_code == status
    assert "default-src 'self'" in asked.headers["content-security-policy"]
    assert asked.headers["x-content-type-options"] == "nosniff"
    assert asked.headers["cross-origin-resource-policy"] == "same-origin"
