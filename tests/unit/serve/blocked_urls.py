"""URLs that must never cause a connection, as a table: what was tried against others, spelt in every way."""

import ipaddress
from collections.abc import Iterator

__all__ = ["BLOCKED_ADDRESSES", "REFUSED_URLS", "UNREADABLE_URLS"]

INNER = ("127.0.0.1", "169.254.169.254", "10.0.0.1")
BLOCKED_ADDRESSES = (
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254"),  # noqa: S104
    *("127.0.0.1", "127.255.255.254", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255"),
    *("192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255"),
    *("198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255"),
    *("240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
    *("100::1", "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1"),
    *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1", "3fff::1", "5f00::1"),
    *("fc00::1", "fd00:ec2::254", "fdff::1", "fe80::1", "fe80::1%1", "febf::1", "fec0::1", "ff01::1", "ff02::1"),
)
"""Addresses that no name may have, whatever else it has."""


AMBIGUOUS_HOSTS = (
    "allowed.example@127.0.0.1",
    "allowed.example:80@127.0.0.1",
    "127.0.0.1@allowed.example",
    "127.0.0.1\\@allowed.example",
    "allowed.example\\@127.0.0.1",
    "allowed.example\\.127.0.0.1",
    "allowed.example%40127.0.0.1",
    "allowed.example%00.127.0.0.1",
    "allowed.example\x00.127.0.0.1",
    "allowed.example\t.127.0.0.1",
    "allowed.example\r\nHost: 127.0.0.1",
    "allowed.example 127.0.0.1",
    "allowed.example:80:80@127.0.0.1",
    "allowed.example..",
    "allowed..example",
    ".allowed.example",
    "-allowed.example",
    "allowed.example:",
    "allowed.example:0",
    "allowed.example:080",
    "allowed.example:99999",
    "allowed.example:65616",
    "allowed.example:+80",
    "allowed.example:80a",
    "allowed.example:\N{FULLWIDTH DIGIT EIGHT}\N{FULLWIDTH DIGIT ZERO}",
    "\N{CIRCLED LATIN SMALL LETTER A}llowed.example",
    "allow\N{LATIN SMALL LETTER SHARP S}ed.example",
    "allowed\N{FULLWIDTH FULL STOP}example",
    "all\N{SOFT HYPHEN}owed.example",
    "allowed.example\N{LATIN SMALL LETTER DOTLESS I}",
    "[::1",
    "::1",
    "[::1]]",
    "[allowed.example]",
    "[fe80::1%25eth0]",
    "[::1%1]",
    "[v1.allowed]",
    "[0000::1]",
    "a" * 64 + ".allowed.example",
    "allowed.example/" + "a" * 3000,
)
"""What two parsers have read differently."""


def _spellings(dotted: str) -> Iterator[str]:
    """One IPv4 address as C libraries and browsers have read it over the years."""
    number = int(ipaddress.IPv4Address(dotted))
    parts = [int(part) for part in dotted.split(".")]
    yield dotted
    yield str(number)
    yield hex(number)
    yield hex(number).upper().replace("0X", "0x")
    yield oct(number).replace("0o", "0")
    yield ".".join(hex(part) for part in parts)
    yield ".".join(f"0{part:o}" for part in parts)
    yield ".".join(f"{part:03d}" for part in parts)
    yield f"{parts[0]}.{parts[1] << 16 | parts[2] << 8 | parts[3]}"
    yield f"{parts[0]}.{parts[1]}.{parts[2] << 8 | parts[3]}"
    yield f"0x{parts[0]:x}.{parts[1]}.0{parts[2]:o}.{parts[3]}"
    yield f"{dotted}."
    yield f"[::ffff:{dotted}]"
    yield f"[::{dotted}]"
    yield f"[0:0:0:0:0:ffff:{parts[0]:02x}{parts[1]:02x}:{parts[2]:02x}{parts[3]:02x}]"
    yield f"[64:ff9b::{dotted}]"
    yield f"[2002:{parts[0]:02x}{parts[1]:02x}:{parts[2]:02x}{parts[3]:02x}::1]"
    yield dotted.replace(".", "\N{IDEOGRAPHIC FULL STOP}")
    yield dotted.translate({ord(digit): ord(digit) - ord("0") + 0xFF10 for digit in "0123456789"})
    yield dotted.replace(".", "%2e")
    yield dotted.replace("1", "\N{CIRCLED DIGIT ONE}", 1)


def _schemes() -> Iterator[str]:
    for scheme in ("file", "gopher", "ftp", "dict", "ldap", "tftp", "jar", "data", "javascript", "ws", "wss", "phar"):
        yield f"{scheme}://allowed.example/x"
    yield from ("file:///etc/passwd", "allowed.example/x", "//allowed.example/x", "http:/allowed.example/x")
    yield from ("http:allowed.example", "http:///x", "http://", "https:", "", " ", "http+unix://allowed.example/x")
    yield from ("unix:/run/docker.sock", "data:image/png;base64,AAAA", "netdoc:///x", "http\n://allowed.example/")


def _differences() -> Iterator[str]:
    yield from (f"http://{host}" if "/" in host else f"http://{host}/x" for host in AMBIGUOUS_HOSTS)
    yield from ("http://allowed.example/a b", "http://allowed.example/\x7f", "http://allowed.example/\N{SNOWMAN}")


def _places() -> Iterator[str]:
    """Well-formed URLs to places that the operator did not name."""
    yield from (
        f"http://{host}/x" for host in ("localhost", "metadata.google.internal", "example", "allowed.example.evil")
    )
    yield from ("http://evilallowed.example/", "http://other.allowed.example.org/", "http://wild.example/")
    yield from ("http://allowed.example:8080/", "http://allowed.example:22/", "https://allowed.example:8443/")
    yield from ("http://ported.example/", "http://ported.example:81/", "http://xwild.example/")


UNREADABLE_URLS = tuple(
    dict.fromkeys(
        [
            *(
                f"http://{host}/"
                for inner in INNER
                for host in _spellings(inner)
                if host != inner and "[2002" not in host
            ),
            *_schemes(),
            *_differences(),
        ]
    )
)
"""URLs that are not taken apart at all, for not everybody would take them apart the same way."""

REFUSED_URLS = tuple(
    dict.fromkeys(
        [
            *UNREADABLE_URLS,
            *(f"http://{inner}/latest/meta-data" for inner in INNER),
            *(f"http://[{each}]/" for each in BLOCKED_ADDRESSES if ":" in each),
            *_places(),
        ]
    )
)
"""URLs that are refused before a name is looked up or, where they hold an address, before it is dialled."""
