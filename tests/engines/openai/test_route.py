"""Proxies and certificates by the usual variables: what a server does not need cannot break it, the rest is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from rlaif.engines.openai.attempt import AttemptFault, attempt
from rlaif.engines.openai.connections import Connections
from rlaif.engines.openai.name import Settings
from rlaif.engines.openai.route import Route, is_local, remedy, route_to, trusted
from rlaif.errors import ModelError

PROXY = "http://proxy.corp:3128"
FAR = "http://judge.lab:8000/v1/"


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        (FAR, {}, Route()),
        (FAR, {"HTTP_PROXY": PROXY}, Route(PROXY, "HTTP_PROXY")),
        (FAR, {"http_proxy": PROXY, "HTTP_PROXY": "http://other"}, Route(PROXY, "http_proxy")),
        (FAR, {"http_proxy": "", "HTTP_PROXY": PROXY}, Route()),
        (FAR, {"HTTPS_PROXY": PROXY}, Route()),
        (FAR, {"ALL_PROXY": PROXY}, Route(PROXY, "ALL_PROXY")),
        (FAR, {"HTTP_PROXY": "proxy.corp:3128"}, Route(PROXY, "HTTP_PROXY")),
        (FAR, {"HTTP_PROXY": f" {PROXY} "}, Route(PROXY, "HTTP_PROXY")),
        (FAR, {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, Route()),
        ("https://api.host/v1/", {"HTTPS_PROXY": PROXY}, Route(PROXY, "HTTPS_PROXY")),
        # what is not needed is not read
        ("http://127.0.0.1:1/v1/", {"ALL_PROXY": "socks5://127.0.0.1:9"}, Route()),
        ("http://127.0.0.1:1/v1/", {"HTTP_PROXY": "http://127.0.0.1:9"}, Route()),
        ("http://[::1]:1/v1/", {"HTTP_PROXY": "http://[broken"}, Route()),
        ("http://localhost:1/v1/", {"HTTP_PROXY": "nonsense://x"}, Route()),
        ("http://0.0.0.0:1/v1/", {"HTTP_PROXY": PROXY}, Route()),
    ],
)
def test_the_proxy_of_an_address(url: str, environment: dict[str, str], expected: Route) -> None:
    assert route_to(url, environment) == expected


@pytest.mark.parametrize(
    ("entries", "around"),
    [
        ("*", True),
        ("judge.lab", True),
        (".lab", True),
        ("*.lab", True),
        ("lab", True),
        ("JUDGE.LAB", True),
        ("judge.lab:8000", True),
        ("http://judge.lab", True),
        ("judge.lab/", True),
        ("other, judge.lab", True),
        ("other judge.lab", True),
        ("[::1],127.0.0.1,judge.lab", True),
        ("judge.lab:8001", False),
        ("dge.lab", False),
        ("[::1]", False),
        ("[broken,::1]:x,10.0.0.0/8,%,", False),
        ("", False),
    ],
)
def test_a_host_that_goes_around_the_proxy(entries: str, around: bool) -> None:
    assert (route_to(FAR, {"HTTP_PROXY": PROXY, "NO_PROXY": entries}) == Route()) is around


@pytest.mark.parametrize(
    ("url", "entries"),
    [
        ("http://10.1.2.3:8/v1/", "10.0.0.0/8"),
        ("http://10.1.2.3:8/v1/", "10.1.2.3"),
        ("http://[fd00::7]:8/v1/", "fd00::/8"),
        ("http://[fd00::7]:8/v1/", "[fd00::7]:8"),
        ("http://[fd00::7]:8/v1/", "[fd00::7]"),
    ],
)
def test_networks_and_bracketed_addresses_go_around(url: str, entries: str) -> None:
    assert route_to(url, {"HTTP_PROXY": PROXY, "no_proxy": entries}) == Route()
    assert route_to(url, {"HTTP_PROXY": PROXY, "no_proxy": "192.168.0.0/16"}) == Route(PROXY, "HTTP_PROXY")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("socks5://127.0.0.1:9", "ALL_PROXY: a socks5 proxy needs the package socksio"),
        ("socks4://127.0.0.1:9", "ALL_PROXY: names a proxy of kind socks4://; known: http://"),
        ("http://[broken", "ALL_PROXY: is no address of a proxy"),
        ("http://host:port", "ALL_PROXY: is no address of a proxy"),
        ("http://", "ALL_PROXY: names a proxy of kind"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(
    value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlaif.engines.openai.route.find_spec", lambda _: None)
    with pytest.raises(ModelError, match=said) as refused:
        route_to(FAR, {"ALL_PROXY": value})
    assert "NO_PROXY=judge.lab" in str(refused.value)


def test_the_password_of_a_proxy_is_not_shown() -> None:
    with pytest.raises(ModelError) as refused:
        route_to(FAR, {"ALL_PROXY": "socks4://me:hunter2hunter2@proxy"})
    assert "hunter2" not in str(refused.value)
    far = remedy("ConnectError", FAR, Route("http://me:hunter2hunter2@proxy:1", "HTTP_PROXY"), {})
    assert "hunter2" not in far
    assert "the proxy of HTTP_PROXY" in far


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"SSL_CERT_FILE": "/no/where.pem"}, "SSL_CERT_FILE=/no/where.pem: there is no such file"),
        ({"SSL_CERT_FILE": "{empty}"}, "holds no certificate that can be read"),
        ({"REQUESTS_CA_BUNDLE": "/no/where.pem"}, "REQUESTS_CA_BUNDLE=/no/where.pem"),
        ({"SSL_CERT_DIR": "/no/where:/nor/here"}, "SSL_CERT_DIR=/no/where:/nor/here: names no directory"),
    ],
)
def test_certificates_that_are_not_there_are_named_by_their_variable(
    environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    named = {name: value.format(empty=empty) for name, value in environment.items()}
    with pytest.raises(ModelError, match=said):
        trusted(named)


def test_certificates_that_are_there_are_trusted(tmp_path: Path) -> None:
    import certifi

    assert trusted({}).get_ca_certs()
    assert trusted({"SSL_CERT_FILE": certifi.where()}).get_ca_certs()
    assert trusted({"SSL_CERT_FILE": certifi.where(), "SSL_CERT_DIR": "/no/where"}).get_ca_certs()
    assert trusted({"REQUESTS_CA_BUNDLE": certifi.where()}).get_ca_certs()
    assert not trusted({"SSL_CERT_DIR": f"/no/where:{tmp_path}"}).get_ca_certs()


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate", "set SSL_CERT_FILE to a file"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] Hostname mismatch", "another host's"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired", "out of date"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "write http:// and not https://"),
        ("[SSL] record layer failure (_ssl.c:1010)", "write http:// and not https://"),
        ("[Errno -2] Name or service not known", "nobody knows this host"),
        ("All connection attempts failed", "start the server"),
    ],
)
def test_each_reason_not_to_reach_a_server_has_its_remedy(reason: str, said: str) -> None:
    assert said in remedy(f"ConnectError: {reason}", "https://judge.lab/v1/", Route(), {})


def test_this_machine_is_known_by_name_and_address() -> None:
    assert all(map(is_local, ("localhost", "a.localhost", "127.0.0.1", "127.8.8.8", "::1", "0.0.0.0")))
    assert not any(map(is_local, ("judge.lab", "10.0.0.1", "localhost.lab", "::2")))


def test_a_closed_connection_without_tls_is_asked_about() -> None:
    def closes(_: httpx.Request) -> httpx.Response:
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.")

    async def reason(url: str, *answers: Callable[[httpx.Request], httpx.Response]) -> str:
        given = iter(answers)
        transport = httpx.MockTransport(lambda request: next(given)(request))
        connections = Connections(url, Settings(), None, transport)
        return [await attempt(connections, {"max_tokens": 1}, 5.0) for _ in answers][-1].reason

    assert "does the server want https://?" in asyncio.run(reason("http://h/v1/", closes))
    assert "https://?" not in asyncio.run(reason("https://h/v1/", closes))
    answers = lambda _: httpx.Response(200, json={})  # noqa: E731
    assert "https://?" not in asyncio.run(reason("http://h/v1/", answers, closes))


def test_a_proxy_that_refuses_is_no_answer_of_the_server() -> None:
    def refuses(_: httpx.Request) -> httpx.Response:
        raise httpx.ProxyError("407 Proxy Authentication Required")

    connections = Connections("https://h/v1/", Settings(), None, httpx.MockTransport(refuses))
    found = asyncio.run(attempt(connections, {"max_tokens": 1}, 5.0))
    assert (found.fault, found.reason) == (AttemptFault.DOWN, "ProxyError: 407 Proxy Authentication Required")
