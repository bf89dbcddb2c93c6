"""Where a service is and with which key it is spoken to: from arguments, else from the environment."""

import os
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, final
from urllib.parse import urlsplit

from commonspace.core.errors import UsageError

__all__ = ["DEFAULT_URL", "KEY_VARIABLE", "URL_VARIABLE", "Reach", "is_loopback"]

DEFAULT_URL: Final = "http://127.0.0.1:7700"
KEY_VARIABLE: Final = "COMMONSPACE_API_KEY"
URL_VARIABLE: Final = "COMMONSPACE_URL"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """An address and a key; the key is never shown."""

    url: str
    key: str | None = field(repr=False)

    @classmethod
    def of(cls, url: str | None, key: str | None) -> "Reach":
        """What was given, else COMMONSPACE_URL and COMMONSPACE_API_KEY, else loopback without a key.

        Raises:
            UsageError: the address is no http(s) address, or the key cannot stand in a header.
        """
        address = (url or os.environ.get(URL_VARIABLE) or DEFAULT_URL).rstrip("/")
        try:
            parts = urlsplit(address)
            good = (
                parts.scheme in {"http", "https"}
                and bool(parts.hostname)
                and parts.username is None
                and parts.port != 0
            )
        except ValueError:
            good = False
        if not good:
            raise UsageError(f"'{address}' is not the address of a service.", fix=f"Write it as {DEFAULT_URL}.")
        found = key or os.environ.get(KEY_VARIABLE) or None
        if found is not None and not (found.isascii() and found.isprintable() and " " not in found):
            raise UsageError("The API key has characters that no key has.", fix=f"Check {KEY_VARIABLE}.")
        return cls(url=address, key=found)

    def headers(self) -> dict[str, str]:
        """The headers that speak for the caller."""
        return {} if self.key is None else {"authorization": f"Bearer {self.key}"}


def is_loopback(url: str) -> bool:
    """Whether an address is this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
