"""What a model's licence is, from the head of its card, and whether it lets people earn money; no lawyer."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Final

from commonspace.encode.hub.places import pulled_record

__all__ = ["LicenceKind", "kind_of", "licence_in", "licence_of_card"]

UNKNOWN: Final = "unknown"
MAX_CARD_CHARS: Final = 100_000
FIELD: Final = re.compile(r"^(license|license_name):\s*['\"]?([^'\"#\n]+?)['\"]?\s*$", re.MULTILINE)
RESTRICTED: Final = re.compile(
    r"(^|[-_ ])nc($|[-_ ])|non-?commercial|research|academic|apple-amlr|\bnvidia\b", re.IGNORECASE
)
FREE: Final = re.compile(
    r"(apache-2\.0|mit|bsd(-.*)?|isc|cc0-1\.0|cc-by-\d\.\d|cc-by-sa-\d\.\d|unlicense|wtfpl|zlib|mpl-2\.0|afl-3\.0)",
    re.IGNORECASE,
)


class LicenceKind(StrEnum):
    """Whether a licence is known to be free, known to restrict use, or neither."""

    FREE = "free"
    RESTRICTED = "restricted"
    UNKNOWN = "unknown"


def kind_of(licence: str) -> LicenceKind:
    """How a licence's name reads; one that is not known is neither free nor restricted."""
    if RESTRICTED.search(licence):
        return LicenceKind.RESTRICTED
    return LicenceKind.FREE if FREE.fullmatch(licence.strip()) else LicenceKind.UNKNOWN


def licence_in(folder: Path) -> str:
    """The licence that a checkpoint's folder tells: as pulled, else from the head of its ``README.md``."""
    told = pulled_record(folder).get("licence")
    if isinstance(told, str) and told:
        return told
    card = folder / "README.md"
    if not card.is_file():
        return UNKNOWN
    try:
        with card.open(encoding="utf-8", errors="replace") as file:
            return licence_of_card(file.read(MAX_CARD_CHARS))
    except OSError:
        return UNKNOWN


def licence_of_card(text: str) -> str:
    """The ``license`` between the first two lines of ``---``; its ``license_name`` where that is `other`."""
    if not text.startswith("---"):
        return UNKNOWN
    head = text[3:].partition("\n---")[0]
    told: dict[str, str] = {name: value.strip() for name, value in FIELD.findall(head)}
    plain = told.get("license", UNKNOWN)
    return told.get("license_name", plain) if plain == "other" else plain
