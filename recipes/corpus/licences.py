"""Which licence a package's copyright file gives to one of its files (machine-readable ``debian/copyright``, DEP 5).

The last stanza whose pattern fits wins. Its patterns are of the source tree; a file's place in the package often
differs at the front, so that a pattern fits if it fits the path from any folder on.
"""

import fnmatch
import re
from collections.abc import Iterator
from functools import cache

__all__ = ["licence_of"]

_STANZA = re.compile(r"\n[ \t]*\n")
_FIELD = re.compile(r"^(Files|License):((?:.*)(?:\n[ \t]+\S.*)*)", flags=re.MULTILINE)


def licence_of(copyright_file: str, path: str) -> str:
    """The short name of the licence, or an empty text where the file is prose or says nothing of ``path``."""
    parts = path.replace("!", "/").split("/")
    places = ["/".join(parts[start:]) for start in range(len(parts))]
    found = ""
    for patterns, licence in _stanzas(copyright_file):
        if any(fnmatch.fnmatchcase(place, pattern) for pattern in patterns for place in places):
            found = licence
    return found


@cache
def _stanzas(copyright_file: str) -> tuple[tuple[tuple[str, ...], str], ...]:
    return tuple(_read(copyright_file))


def _read(copyright_file: str) -> Iterator[tuple[tuple[str, ...], str]]:
    for block in _STANZA.split(copyright_file):
        fields = {name: value.strip() for name, value in _FIELD.findall(block)}
        if "Files" in fields and fields.get("License"):
            yield tuple(fields["Files"].replace(",", " ").split()), fields["License"].splitlines()[0].strip()
