"""Who may ask: Host and Origin."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cl.visualisation.server.access import Access, is_loopback, split_host

LOCAL = Access("127.0.0.1", 1025, "lab-pc")
OPEN = Access("0.0.0.0", 1025, "lab-pc")


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:1025", "localhost:1025", "LOCALHOST:1025", "[::1]:1025", "127.8.8.8:1025"),
        *("127.0.0.1:1026", "localhost:9000", "[::1]:65535", "127.0.0.1", "localhost"),
    ],
)
def test_the_machine_itself_is_welcome(host: str) -> None:
    assert LOCAL.refusal([host]) is None
    assert LOCAL.refusal([host], [f"http://{host}"]) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:1025",
        "127.0.0.1.evil.example:1025",
        "localhost.evil.example:1025",
        "192.168.1.7:1025",
        "lab-pc:1025",
        "localhost:",
        "localhost:1025:1025",
        "localhost:+1025",
        "localhost:١٠٢٥",
        "[::1:1025",
        "[evil.example]:1025",
        "[::1%; script-src *]:1025",
        "user@localhost:1025",
        "",
        ":1025",
    ],
)
def test_a_name_that_somebody_else_may_own_is_refused(host: str) -> None:
    assert LOCAL.refusal([host]) is not None


def test_there_is_one_host_and_at_most_one_origin() -> None:
    good = "127.0.0.1:1025"
    assert LOCAL.refusal([]) is not None
    assert LOCAL.refusal([good, good]) is not None
    assert LOCAL.refusal([good], [f"http://{good}", f"http://{good}"]) is not None


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://127.0.0.1:1025",
        "http://127.0.0.1:8888",
        "http://localhost:1025",
        "null",
        "",
    ],
)
def test_another_origin_is_refused(origin: str) -> None:
    assert LOCAL.refusal(["127.0.0.1:1025"], [origin]) is not None


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_may_come_here_but_not_load_from_here(site: str) -> None:
    host = ["127.0.0.1:1025"]
    assert LOCAL.refusal(host, [], site, "no-cors") is not None
    assert LOCAL.refusal(host, [], site, None) is not None
    assert LOCAL.refusal(host, [], site, "navigate") is None
    assert LOCAL.refusal(host, [], "same-origin", "cors") is None
    assert LOCAL.refusal(host, [], "none", "navigate") is None


def test_beyond_loopback_addresses_and_the_own_name_are_welcome() -> None:
    for host in ("192.168.1.7:1025", "[fe80::1]:1025", "lab-pc:1025", "localhost:1025"):
        assert OPEN.refusal([host]) is None
    for host in ("evil.example:1025", "lab-pc.evil.example:1025", "192.168.1.7:80"):
        assert OPEN.refusal([host]) is not None
    assert Access("lab.example", 1025, "lab-pc").refusal(["lab.example:1025"]) is None


def test_a_host_is_split_into_name_and_port() -> None:
    assert split_host("a.b:9") == ("a.b", 9)
    assert split_host("a.b") == ("a.b", 80)
    assert split_host("[::1]") == ("::1", 80)
    assert split_host("[::1]x9") is None


def test_loopback_is_known() -> None:
    assert is_loopback("127.0.0.1") and is_loopback("::1") and is_loopback("localhost")
    assert not is_loopback("0.0.0.0") and not is_loopback("10.0.0.1") and not is_loopback("lab")


@given(st.text(max_size=40), st.text(max_size=40))
@settings(deadline=None, max_examples=150)
def test_nothing_but_the_exact_names_is_let_in(host: str, origin: str) -> None:
    parts = split_host(host)
    allowed = parts is not None and is_loopback(parts[0])
    assert (LOCAL.refusal([host]) is None) == allowed
    assert LOCAL.refusal(["127.0.0.1:1025"], [origin]) is not None


@pytest.mark.parametrize("access", [LOCAL, OPEN])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
def test_a_port_that_leads_here_is_as_good_as_the_own(access: Access, name: str) -> None:
    """A tunnel, an editor, a container: the name says whose the page is, its port says nothing."""
    for port in ("9000", "443", "8080"):
        host = f"{name}:{port}"
        for scheme in ("http", "https"):  # What is in front may speak TLS.
            assert access.refusal([host], [f"{scheme}://{host}"]) is None
        for origin in ("http://evil.example", f"http://evil.example:{port}", f"http://{name}:1", "null"):
            assert access.refusal([host], [origin]) is not None
        assert access.refusal([host], [f"http://{host}"], "cross-site", "cors") is not None
    for host in ("evil.example:9000", "localhost.evil.example:9000"):
        assert access.refusal([host], [f"http://{host}"]) is not None


@pytest.mark.parametrize("url", ["https://Hub.example/user/me/proxy/1025/", "https://hub.example:443"])
def test_the_url_that_is_given_is_welcome_whatever_the_proxy_makes_of_the_host(url: str) -> None:
    access = Access("127.0.0.1", 1025, "lab-pc", url)
    for host in ("hub.example", "hub.example:443", "127.0.0.1:1025"):
        assert access.refusal([host], ["https://hub.example"]) is None
        assert access.refusal([host], ["https://evil.example"]) is not None
        assert access.refusal([host], ["https://hub.example.evil.example"]) is not None
    assert access.refusal(["evil.example"]) is not None
