"""The documented limits are the real ones, and every code has a meaning."""

import re
from dataclasses import fields
from pathlib import Path

from commonspace.ingest.limits import ITEM_CODES, Limits

PAGE = Path(__file__).parents[3] / "docs" / "ingest.md"


def test_the_page_states_every_limit_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d,.]+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    stated = {name: float(value.replace(",", "")) for name, value in rows}
    assert stated == {field.name: float(getattr(Limits(), field.name)) for field in fields(Limits)}


def test_codes_are_sorted_words_with_a_meaning() -> None:
    assert list(ITEM_CODES) == sorted(ITEM_CODES)
    assert all(re.fullmatch(r"[a-z_]+", code) and len(words) > 10 for code, words in ITEM_CODES.items())
