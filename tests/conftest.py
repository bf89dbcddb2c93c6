"""What every test may rely on: no network, none of the user's settings, no colour, the same names everywhere."""

import ipaddress
import os
import sys
from pathlib import Path
from typing import Any

import pytest

KEPT_VARIABLES = {
    "COMMONSPACE_CRASH_CYCLES",
    "COMMONSPACE_CRASH_SEED",
    "COMMONSPACE_MALFORMED",
    "COMMONSPACE_PARITY",
    "COMMONSPACE_SCHEMA_EXAMPLES",
}
"""How hard some tests try, and where their figures go, is asked for on purpose (`make soak`, `make schema`)."""


class NetworkRefusedError(Exception):
    """A test tried to reach beyond this machine."""


def pytest_configure(config: pytest.Config) -> None:
    """Calm the environment before any test module is imported; child processes inherit it."""
    del config
    for name in [name for name in os.environ if name.startswith("COMMONSPACE_")]:
        if name not in KEPT_VARIABLES:
            del os.environ[name]
    os.environ["NO_COLOR"] = "1"
    os.environ["COMMONSPACE_EXPORT_MODELS"] = "false"  # it takes time, and would go into the user's cache
    sys.addaudithook(_refuse_network)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """A test is called the same in every process and on every machine: sets in order, files without their folder."""
    del config, argname
    match val:
        case set() | frozenset():
            return "+".join(sorted(map(str, val)))
        case Path():
            return val.name
    return None


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"} and not is_local(arguments[1]):
        raise NetworkRefusedError(f"{event} to {arguments[1]}: tests stay on this machine")


def is_local(address: object) -> bool:
    """Whether a socket address is a file of this machine or its loopback."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
