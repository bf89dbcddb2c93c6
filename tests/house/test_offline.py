"""The suite stays on this machine: whoever reaches out is stopped before a packet leaves."""

import os
import socket
import sys

import pytest

from tests.conftest import is_local

REMOTE = ("192.0.2.1", 80)
"""An address that is reserved for examples."""


@pytest.mark.parametrize("event", ["socket.connect", "socket.sendto"])
def test_reaching_out_is_refused(event: str) -> None:
    with pytest.raises(Exception, match="tests stay on this machine"):
        sys.audit(event, None, REMOTE)


def test_this_machine_may_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (("127.0.0.1", 80), True),
        (("::1", 80, 0, 0), True),
        (("localhost", 80), True),
        ("/run/some.socket", True),
        (REMOTE, False),
        (("10.0.0.1", 80), False),
        (("2001:db8::1", 80, 0, 0), False),
        (("example.org", 80), False),
    ],
)
def test_what_counts_as_this_machine(address: object, *, expected: bool) -> None:
    assert is_local(address) is expected


def test_none_of_the_users_settings_are_seen() -> None:
    seen = {name for name in os.environ if name.startswith("COMMONSPACE_") and "CRASH" not in name}
    assert seen == {"COMMONSPACE_EXPORT_MODELS"}, "what the tests set themselves"
