"""Tenants, wishes for keys, and when keys are required."""

import pytest

from commonspace.core.errors import UsageError
from commonspace.serve.access import Wish, is_loopback, keys_required
from commonspace.serve.groups import Rates, Server


@pytest.mark.parametrize("tenant", ["", "Acme", "a_b", "-a", "a-", "a/b", "..", "a" * 64, "ä"])
def test_a_tenant_is_lower_case_letters_digits_and_dashes(tenant: str) -> None:
    with pytest.raises(UsageError, match="tenant"):
        Wish(tenant=tenant)


@pytest.mark.parametrize("tenant", ["a", "acme", "a-1", "9", "a" * 63])
def test_plain_tenants_are_fine(tenant: str) -> None:
    assert Wish(tenant=tenant).tenant == tenant


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": frozenset()},
        {"name": "x" * 81},
        {"name": "a\nb"},
        {"seconds": 0.0},
        {"seconds": float("inf")},
        {"rates": Rates(compute_milliseconds=0.0)},
    ],
    ids=str,
)
def test_a_wish_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Wish(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("192.168.1.5", False),
        ("example.org", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_keys_are_required_beyond_loopback(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected
    assert keys_required(Server(host=host)) is not expected
    assert keys_required(Server(host=host, require_keys=True))
