"""Fetching by URL reaches what the operator allowed on the public internet, and nothing else by any trick."""

import asyncio
import ssl
from typing import Any

import httpcore
import pytest

from commonspace.core.errors import ItemError
from commonspace.ingest.limits import ITEM_CODES
from commonspace.serve.fetch import Fetcher, SystemResolver
from commonspace.serve.groups import Fetch
from commonspace.serve.urls import Target, is_public
from tests.unit.serve.blocked_urls import BLOCKED_ADDRESSES, REFUSED_URLS, UNREADABLE_URLS
from tests.unit.serve.fetch_world import (
    HOSTS,
    OPEN_TO_ADDRESSES,
    POLICY,
    PUBLIC,
    Names,
    RecordingDialler,
    fetch,
    names,
    ok,
    redirect,
    says,
    served,
)


def test_its_codes_are_known() -> None:
    assert {"url_refused", "url_failed"} <= set(ITEM_CODES)


def test_there_are_at_least_150_payloads() -> None:
    assert len(REFUSED_URLS) + len(BLOCKED_ADDRESSES) >= 200


def test_what_could_be_read_in_two_ways_is_not_read_at_all() -> None:
    assert [url for url in UNREADABLE_URLS if Target.read(url) is not None] == []
    assert len(UNREADABLE_URLS) > 120


@pytest.mark.parametrize("policy", [POLICY, OPEN_TO_ADDRESSES], ids=["named hosts", "addresses listed"])
def test_no_payload_causes_a_connection(policy: Fetch) -> None:
    dialler, known = RecordingDialler(), names(allowed=[[PUBLIC]])
    fetcher = Fetcher(policy, resolver=known, dialler=dialler)

    outcomes = {url: fetch(fetcher, url) for url in REFUSED_URLS}

    assert {url: outcome for url, outcome in outcomes.items() if outcome != "url_refused"} == {}
    assert dialler.dialled == []


@pytest.mark.parametrize("address", BLOCKED_ADDRESSES)
def test_a_name_with_any_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)
    dialler = RecordingDialler()

    for answers in ([address], [PUBLIC, address], [address, PUBLIC]):
        fetcher = Fetcher(POLICY, resolver=names(allowed=[answers]), dialler=dialler)
        assert fetch(fetcher, "http://allowed.example/") == "url_refused"

    assert dialler.dialled == []


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::8"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


def test_fetching_is_off_unless_it_is_turned_on() -> None:
    dialler, known = RecordingDialler(), names(allowed=[[PUBLIC]])
    fetcher = Fetcher(Fetch(hosts=HOSTS), resolver=known, dialler=dialler)

    assert fetch(fetcher, "http://allowed.example/") == "url_refused"
    assert (dialler.dialled, known.asked, Fetch().enabled) == ([], [], False)


@pytest.mark.parametrize("hosts", [(), ("*",), ("*.",), ("http://allowed.example",), ("*allowed.example",)])
def test_an_empty_or_senseless_list_allows_nothing(hosts: tuple[str, ...]) -> None:
    fetcher = Fetcher(Fetch(enabled=True, hosts=hosts), resolver=names(allowed=[[PUBLIC]]), dialler=RecordingDialler())

    assert fetch(fetcher, "http://allowed.example/") == "url_refused"


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://allowed.example/a.png?b=1#c", 80),
        ("HTTP://ALLOWED.example:443/", 443),
        ("http://a.wild.example/", 80),
        ("http://ported.example:8080/", 8080),
        ("http://allowed.example?b", 80),
    ],
)
def test_what_is_listed_is_fetched_from_the_checked_address(url: str, port: int) -> None:
    outcome, dialler = served(says(ok(b"media")), url)

    assert (outcome, dialler.dialled) == (b"media", [(PUBLIC, port)])


def test_the_request_names_the_host_of_the_url_and_tells_nothing_else() -> None:
    heads: list[bytes] = []

    async def respond(head: bytes, writer: Any) -> None:
        heads.append(head)
        writer.write(ok(b"x"))

    served(respond, "http://ported.example:8080/a/b.png?c=d")

    assert heads[0].splitlines() == [
        b"GET /a/b.png?c=d HTTP/1.1",
        b"host: ported.example:8080",
        b"accept: */*",
        b"accept-encoding: identity",
        b"",
    ]


def test_what_the_name_server_says_later_changes_nothing() -> None:
    rebinding = names(allowed=[[PUBLIC], ["127.0.0.1"]])

    outcome, dialler = served(says(ok(b"media")), known=rebinding)

    assert (outcome, dialler.dialled, rebinding.asked) == (b"media", [(PUBLIC, 80)], ["allowed.example"])


def test_a_redirect_looks_the_name_up_again_and_checks_again() -> None:
    rebinding = names(allowed=[[PUBLIC], ["127.0.0.1"]])

    outcome, dialler = served(says(redirect("http://allowed.example/again")), known=rebinding)

    assert (outcome, dialler.dialled, len(rebinding.asked)) == ("url_refused", [(PUBLIC, 80)], 2)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_an_allowed_place_is_followed(status: int) -> None:
    async def respond(head: bytes, writer: Any) -> None:
        writer.write(ok(b"media") if b"second" in head else redirect("//second.example/b.png", status))

    outcome, dialler = served(respond)

    assert (outcome, len(dialler.dialled)) == (b"media", 2)


LEADING_ASTRAY = ("http://127.0.0.1/", "http://169.254.169.254/latest", "file:///etc/passwd", "gopher://second.example")


@pytest.mark.parametrize(
    "location", [*LEADING_ASTRAY, "//10.0.0.1/", "http://other.example/", "", "\\\\127.0.0.1", "b.png"]
)
def test_a_redirect_to_another_place_is_refused_without_a_connection(location: str) -> None:
    outcome, dialler = served(says(redirect(location)), policy=POLICY)

    assert (outcome, dialler.dialled) == ("url_refused", [(PUBLIC, 80)])


def test_https_is_never_left_by_a_redirect() -> None:
    secure = Target.read("https://allowed.example/")

    assert secure is not None
    assert secure.follow("http://allowed.example/") is None
    assert secure.follow("/b") == Target.read("https://allowed.example/b")


def test_only_so_many_redirects_are_followed() -> None:
    outcome, dialler = served(says(redirect("/again")))

    assert (outcome, len(dialler.dialled)) == ("url_failed", POLICY.redirects + 1)


def test_the_next_checked_address_is_tried_when_the_first_is_dead() -> None:
    known = names(allowed=[["8.8.8.8", PUBLIC]])

    outcome, dialler = served(says(ok(b"media")), known=known, dead=frozenset({"8.8.8.8"}))

    assert (outcome, dialler.dialled) == (b"media", [("8.8.8.8", 80), (PUBLIC, 80)])


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    outcome, dialler = served(says(ok(b"media")))

    assert (outcome, dialler.dialled) == (b"media", [(PUBLIC, 80)])


def test_tls_is_spoken_with_the_name_of_the_url() -> None:
    greeted: list[str | None] = []

    class Plain(httpcore.AsyncNetworkStream):
        async def start_tls(
            self,
            ssl_context: ssl.SSLContext,
            server_hostname: str | None = None,
            timeout: float | None = None,  # noqa: ASYNC109
        ) -> httpcore.AsyncNetworkStream:
            assert (ssl_context.check_hostname, ssl_context.verify_mode, timeout is None) == (
                True,
                ssl.CERT_REQUIRED,
                False,
            )
            greeted.append(server_hostname)
            raise httpcore.ConnectError

        async def aclose(self) -> None:
            return

    class Dialler:
        async def dial(self, address: str, port: int, timeout_seconds: float | None) -> httpcore.AsyncNetworkStream:
            assert (address, port, timeout_seconds) == (PUBLIC, 443, POLICY.seconds)
            return Plain()

    outcome = fetch(Fetcher(POLICY, resolver=names(allowed=[[PUBLIC]]), dialler=Dialler()), "https://allowed.example/")

    assert (outcome, greeted) == ("url_failed", ["allowed.example"])


def test_errors_do_not_tell_what_is_behind_a_url() -> None:
    async def run(url: str, known: Names) -> ItemError:
        with pytest.raises(ItemError) as caught:
            await Fetcher(POLICY, resolver=known, dialler=RecordingDialler()).fetch(url)
        return caught.value

    urls = {"http://allowed.example/": [["127.0.0.1"]], "http://10.0.0.1/": [[PUBLIC]], "junk": [[PUBLIC]]}
    errors = [asyncio.run(run(url, names(allowed=answer))) for url, answer in urls.items()]
    unreachable = [asyncio.run(run("http://allowed.example/", names(allowed=answer))) for answer in ([[]], [[PUBLIC]])]

    assert len({(error.cause, error.fix) for error in errors}) == 1
    assert len({(error.cause, error.fix) for error in unreachable}) == 1


def test_the_system_resolver_gives_addresses_and_no_address_for_no_name() -> None:
    resolver = SystemResolver()

    assert asyncio.run(resolver.resolve("127.0.0.1", 80)) == ["127.0.0.1"]
    assert asyncio.run(resolver.resolve("a" * 300, 80)) == ()
