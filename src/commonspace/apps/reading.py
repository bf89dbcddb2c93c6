"""What is written in a picture or on a scanned page becomes text segments of that item, each with its boxes."""

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from commonspace.core.errors import ItemError
from commonspace.core.item import Pixels, Sheet, Span
from commonspace.encode.prepare import Prepared, PreparedPiece, Preparer
from commonspace.encode.reading import Reader, Written, written
from commonspace.ingest.source import ItemFailure

__all__ = ["SHEET_PIXELS", "says_read", "with_reading"]

NOTE = "words: "
SHEET_PIXELS = 2_500_000
"""An A4 page of 157 dots an inch: print of eight points stands in letters of 17 pixels, which is enough."""


def says_read(notes: Sequence[str]) -> bool:
    """Whether an item's notes say that words were looked for in its pixels."""
    return any(note.startswith(NOTE) for note in notes)


def with_reading(prepared: Prepared, reader: Reader, preparer: Preparer) -> Prepared:
    """An item with the passages that are written in it, the pictures found inside it too, and a note.

    A sheet that cannot be read is a failure beside the item, which keeps its other pieces.
    """
    found: list[tuple[Written, int | None]] = []
    failures: list[ItemFailure] = []
    for sheet in prepared.sheets:
        try:
            lines = reader.read(_pixels(sheet))
        except ItemError as error:
            failures.append(ItemFailure(uri=prepared.uri, name=prepared.name, error=error))
        else:
            found += [(each, sheet.page) for each in written(lines, preparer.plan.passage_chars)]
    read = tuple(_piece(each, page, prepared, preparer) for each, page in found)
    notes = prepared.notes
    if prepared.sheets or prepared.media_type == "application/pdf":
        notes = (*notes, NOTE + _told([each for each, _ in found], len(prepared.sheets)))
    return replace(
        prepared,
        sheets=(),
        pieces=prepared.pieces + read,
        notes=notes,
        children=tuple(with_reading(child, reader, preparer) for child in prepared.children),
        failures=(*prepared.failures, *failures),
    )


def _piece(passage: Written, page: int | None, prepared: Prepared, preparer: Preparer) -> PreparedPiece:
    if page is None:  # a picture found in a document knows its page
        page = next((piece.span.page for piece in prepared.pieces if piece.span is not None), None)
    span = Span(page=page, regions=passage.regions, confidence=passage.confidence)
    return preparer.passage(passage.text, span)


def _pixels(sheet: Sheet) -> Pixels:
    from PIL import Image

    with Image.open(io.BytesIO(sheet.data), formats=("JPEG",)) as image:
        return np.asarray(image.convert("RGB"))


def _told(found: Sequence[Written], num_sheets: int) -> str:
    if not num_sheets:
        return "no page without text"
    if not found:
        return "none found"
    passages = f"{len(found)} {'passage' if len(found) == 1 else 'passages'}"
    weight = sum(len(each.text) for each in found)
    sure = sum(each.confidence * len(each.text) for each in found) / weight
    return f"read, {passages} (confidence {sure:.2f})"
