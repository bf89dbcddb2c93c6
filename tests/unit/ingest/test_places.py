"""A PDF's passage knows the boxes of its words on the page as a person sees it: turned, cropped, in columns."""

from functools import reduce

import numpy as np
import pypdfium2
import pytest

from commonspace.core.item import Region, Span
from commonspace.ingest.decode import Plan, decode
from commonspace.ingest.places import MOST_REGIONS, blocks, clean_text
from commonspace.ingest.source import source_of
from tests.malformed.seeds import pdf_of

LINES = "A heron stands) Tj 0 -20 Td (in shallow water"
COLUMNS = (
    "The badger digs) Tj 0 -14 Td (under the wall) Tj 0 -14 Td (until it falls.) Tj "
    "130 60 Td (Owls count the) Tj 0 -14 Td (stars at night"
)


def page_of(attributes: str) -> bytes:
    resources = "/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>/XObject<</I1 6 0 R>>>>"
    return f"<</Type/Page/Parent 2 0 R{attributes}{resources}>>".encode()


def span_of(data: bytes) -> Span:
    (piece,) = decode(source_of(data), Plan()).pieces
    assert piece.span is not None
    return piece.span


def ink_of(data: bytes) -> Region:
    """Where the page is dark when it is drawn."""
    with pypdfium2.PdfDocument(data) as document:
        dark = document[0].render(scale=4, grayscale=True).to_numpy() < 128
    down, across = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    height, width = dark.shape
    return Region.within(across[0] / width, down[0] / height, (across[-1] + 1) / width, (down[-1] + 1) / height)


def overlap(one: Region, other: Region) -> float:
    """Intersection over union."""
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(0.0, across) * max(0.0, down)
    areas = [(box.right - box.left) * (box.bottom - box.top) for box in (one, other)]
    return shared / (sum(areas) - shared)


@pytest.mark.parametrize(
    "attributes",
    [
        "/MediaBox[0 0 300 300]",
        "/MediaBox[0 0 300 400]/Rotate 90",
        "/MediaBox[0 0 300 400]/Rotate 180",
        "/MediaBox[-50 -20 300 400]",
        "/MediaBox[0 0 300 400]/CropBox[10 90 200 300]/Rotate 270",
    ],
    ids=["upright", "on its side", "on its head", "corner elsewhere", "cropped and turned"],
)
def test_a_passages_region_lies_where_its_words_are_drawn(attributes: str) -> None:
    data = pdf_of(LINES, extra={3: page_of(attributes)})

    regions = span_of(data).regions

    assert overlap(reduce(Region.joined, regions), ink_of(data)) > 0.8
    assert len(regions) <= 2  # a page on its head is read from its foot up


def test_words_in_two_columns_have_two_regions() -> None:
    span = span_of(pdf_of(COLUMNS))

    first, second = span.regions
    assert first.right < second.left
    assert overlap(first.joined(second), ink_of(pdf_of(COLUMNS))) > 0.8


def test_each_passage_has_its_own_region() -> None:
    decoded = decode(source_of(pdf_of(LINES)), Plan(passage_chars=16))

    first, second = [piece.span.regions[0] for piece in decoded.pieces if piece.span]
    assert first.bottom < second.top


def test_characters_that_are_left_out_or_doubled_keep_the_others_in_place() -> None:
    assert clean_text("a\x00b\r\nc\ufffed\re") == ("ab\nc-\nd\ne", [0, 2, 3, 5, 6, 6, 7, 8, 9])


def test_words_all_over_the_page_share_the_last_of_a_bounded_number_of_regions() -> None:
    places = np.random.default_rng(0).uniform(0, 0.9, (50, 2))
    lines = [Region.within(x, y, x + 0.02, y + 0.01) for x, y in places]

    found = blocks(lines)

    assert len(found) == MOST_REGIONS
    whole = reduce(Region.joined, found)
    assert all(whole.joined(line) == whole for line in lines)


def test_a_span_is_the_same_after_its_json() -> None:
    whole = Span(page=2, confidence=0.5, regions=(Region.within(0.5, 0.25, 0.1, 2.0),))

    assert whole.to_dict()["regions"] == [{"left": 0.1, "top": 0.25, "right": 0.5, "bottom": 1.0}]
    assert Span.of({**whole.to_dict(), "text": "else"}) == whole
    assert Span.of(Span(page=2).to_dict()) == Span(page=2)
