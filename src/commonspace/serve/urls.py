"""One strict reading of a URL for check and fetch alike: whatever two parsers could read differently is refused."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Self, final

__all__ = ["Target", "is_public"]

MAX_CHARS: Final = 2048
USUAL_PORTS: Final = {"http": 80, "https": 443}
SHAPE: Final = re.compile(r"([Hh][Tt][Tt][Pp][Ss]?)://([^/?#]+)([^#]*)(?:#.*)?")
AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([1-9][0-9]{0,4}))?")
ENTRY: Final = re.compile(r"(\*\.)?(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([1-9][0-9]{0,4}))?")
LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
UNICAST: Final = ipaddress.ip_network("2000::/3")
NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(each)
    for each in (
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a request goes, taken apart once. ``path`` has the query too; ``host`` is lower case, without brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def read(cls, url: str) -> Self | None:
        """Take a URL apart; None where it is not one that everybody reads the same way.

        That leaves ``http`` and ``https``, printable ASCII without a backslash, no user information, and hosts that
        are DNS names or addresses in their canonical form.
        """
        if len(url) > MAX_CHARS or not all("!" <= char <= "~" for char in url) or "\\" in url:
            return None
        shape = SHAPE.fullmatch(url)
        authority = shape and AUTHORITY.fullmatch(shape[2].lower())
        if shape is None or not authority:
            return None
        scheme, host, port = shape[1].lower(), _host(authority[1]), int(authority[2] or USUAL_PORTS[shape[1].lower()])
        if host is None or port > 65_535:
            return None
        path = shape[3] if shape[3].startswith("/") else f"/{shape[3]}"
        return cls(scheme=scheme, host=host, port=port, path=path)

    def follow(self, location: str) -> Self | None:
        """Where a redirect leads, read anew from its first character; never from https to http."""
        if location.startswith("//"):
            url = f"{self.scheme}:{location}"
        elif location.startswith("/"):
            url = f"{self.scheme}://{self.authority()}{location}"
        else:
            url = location
        target = self.read(url)
        return None if target and (self.scheme, target.scheme) == ("https", "http") else target

    def authority(self) -> str:
        """Host and port as they stand in a URL and in the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == USUAL_PORTS[self.scheme] else f"{host}:{self.port}"

    def listed(self, hosts: tuple[str, ...]) -> bool:
        """Whether an allow-list covers it: ``example.org``, ``*.example.org`` (not itself), either with ``:port``.

        An entry without a port means 80 and 443.
        """
        return any(self._covered(entry.lower()) for entry in hosts)

    def _covered(self, entry: str) -> bool:
        found = ENTRY.fullmatch(entry)
        if found is None:
            return False
        wild, name, port = found.groups()
        if self.port not in ({int(port)} if port else USUAL_PORTS.values()):
            return False
        return self.host.endswith(f".{name}") if wild else self.host == name.strip("[]")


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet, and holds no other address inside."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and (parsed not in UNICAST or parsed.scope_id):
        return False
    strange = parsed.is_multicast or parsed.is_reserved or parsed.is_unspecified or not parsed.is_global
    return not strange and not any(parsed in network for network in NOT_PUBLIC if network.version == parsed.version)


def _host(text: str) -> str | None:
    """A DNS name or a canonical address; a name that ends in a number would be an address to somebody."""
    if text.startswith("["):
        return _canonical(text[1:-1], 6)
    labels = text.split(".")
    if NUMERIC.fullmatch(labels[-1]):
        return _canonical(text, 4)
    return text if len(text) <= 253 and all(map(LABEL.fullmatch, labels)) else None


def _canonical(text: str, version: int) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return text if address.version == version and str(address) == text else None
