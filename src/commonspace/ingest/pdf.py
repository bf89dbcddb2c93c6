"""PDFium on a short leash: page text with its place, and the pictures that a page draws."""

import ctypes
import io
from dataclasses import dataclass
from typing import Any, Final, final

from blake3 import blake3

from commonspace.core.errors import ItemError
from commonspace.core.item import Embedded, Metadata, Piece, Sheet, Span
from commonspace.core.modality import Modality
from commonspace.ingest.heartbeat import beat
from commonspace.ingest.mixed_columns import columns_mixed
from commonspace.ingest.places import clean_text, regions_of
from commonspace.ingest.plan import Plan
from commonspace.ingest.segments import passages
from commonspace.ingest.sheets import Sheets

__all__ = ["PdfContents", "read_pdf"]

FORM_DEPTH: Final = 4
PICTURE_SIDE: Final = 1024
"""Pictures are kept for embedding and thumbnails, so this shorter side is enough."""
JPEG_QUALITY: Final = 90
MOST_BOXES: Final = 2_000
"""Runs of words looked at on one page to see whether its columns are mixed up."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PdfContents:
    """Everything wanted from one PDF."""

    pieces: tuple[Piece, ...]
    pictures: tuple[Embedded, ...]
    sheets: tuple[Sheet, ...]
    notes: tuple[str, ...]
    metadata: Metadata


def read_pdf(data: bytes, plan: Plan) -> PdfContents:
    """The passages and pictures of a PDF.

    Raises:
        ItemError: encrypted, corrupt, or with neither words nor pictures.
    """
    import pypdfium2 as pdfium

    try:
        with pdfium.PdfDocument(data) as document:
            return _read(document, plan)
    except pdfium.PdfiumError as error:
        raise _failure(getattr(error, "err_code", None)) from None
    except (ValueError, RuntimeError, IndexError, KeyError, OverflowError, ctypes.ArgumentError):
        raise _failure(None) from None


def _failure(err_code: int | None) -> ItemError:
    from pypdfium2 import raw

    if err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
        return ItemError(
            "encrypted", "The PDF is locked with a password.", fix="Save a copy without a password and give that."
        )
    return ItemError(
        "corrupt", "It begins like a PDF but does not decode.", fix="Copy it again, or print it to a new PDF."
    )


def _read(document: Any, plan: Plan) -> PdfContents:
    num_pages = len(document)
    pages = min(num_pages, plan.limits.document_pages)
    album, sheets = _Album(plan), Sheets(plan)
    pieces: list[Piece] = []
    damaged, wordless, mixed = 0, 0, 0
    for index in range(pages):
        try:
            page = _page(document, index, album, plan, sheets)
        except RuntimeError:
            damaged += 1
            continue
        mixed += page.mixed
        pieces.extend(page.pieces)
        wordless += page.has_pictures and not page.pieces
        beat()
    notes = [*album.notes(), *_told(0 if plan.sheet_pixels else wordless, mixed)]
    if sheets.num_left_out:
        notes.append(f"{sheets.num_left_out} pages without text too large or too many to be read")
    if num_pages > pages:
        notes.append(f"first {pages} of {num_pages} pages only")
    if damaged:
        notes.append(f"{damaged} damaged pages left out")
    if damaged and damaged == pages:
        raise _failure(None)
    if not pieces and not album.pictures and not sheets.kept:
        raise ItemError(
            "empty",
            f"The PDF has {num_pages} pages but neither text nor pictures of a useful size.",
            fix="If it is a scan, have it read (the setting ocr); else leave it out.",
        )
    metadata: Metadata = {"pages": num_pages, **_title(document)}
    return PdfContents(
        pieces=tuple(pieces),
        pictures=tuple(album.pictures),
        sheets=tuple(sheets.kept),
        notes=tuple(notes),
        metadata=metadata,
    )


def _told(wordless: int, mixed: int) -> list[str]:
    """Notes on pages whose words are not there, or not in order."""
    notes = []
    if wordless:
        notes.append(f"{wordless} of the pages are pictures without text (scans?); words in them are not read")
    if mixed:
        notes.append(f"{mixed} of the pages have columns drawn line by line; their lines may be mixed up")
    return notes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """One page's passages, whether it shows pictures, and whether its columns are mixed up in the text."""

    pieces: tuple[Piece, ...]
    has_pictures: bool
    mixed: bool


def _page(document: Any, index: int, album: "_Album", plan: Plan, sheets: Sheets) -> _Page:
    """One page's passages; its pictures go to the album, and the page itself to the sheets if it draws no text."""
    page = document[index]
    try:
        textpage = page.get_textpage()
        try:
            pieces = _passages(page, textpage, plan, index + 1)
            boxes = [textpage.get_rect(number) for number in range(min(textpage.count_rects(), MOST_BOXES))]
        finally:
            textpage.close()
        has_pictures = album.collect(page, index + 1)
        mixed = columns_mixed(boxes, page.get_width())
        if plan.sheet_pixels and not pieces and next(page.get_objects(max_depth=1), None) is not None:
            sheets.draw(page, index + 1)
    finally:
        page.close()
    return _Page(pieces=pieces, has_pictures=has_pictures, mixed=mixed)


def _passages(page: Any, textpage: Any, plan: Plan, number: int) -> tuple[Piece, ...]:
    """The passages of one page, each with where its words are drawn; none if there are no words."""
    text, origins = clean_text(textpage.get_text_range())
    if not text.strip():
        return ()
    return tuple(
        Piece(
            modality=Modality.TEXT,
            content=text[start:end],
            span=Span(
                page=number,
                start_char=start,
                end_char=end,
                regions=regions_of(page, textpage, origins[start], origins[end - 1]),
            ),
        )
        for start, end in passages(text, plan.passage_chars)
    )


def _title(document: Any) -> Metadata:
    title = " ".join(str(document.get_metadata_value("Title")).split())
    return {"title": title} if title else {}


@final
class _Album:
    """The pictures of one document: each once, none too small or too large, not too many."""

    def __init__(self, plan: Plan) -> None:
        self.pictures: list[Embedded] = []
        self._limits = plan.limits
        self._seen: set[str] = set()
        self._left_out = 0
        self._broken = 0

    def collect(self, page: Any, number: int) -> bool:
        """Keep the pictures that a page draws; whether there is any, kept or not."""
        from pypdfium2 import raw

        has_any = False
        for drawn in page.get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,), max_depth=FORM_DEPTH):
            try:
                self._keep(drawn, number)
            except (RuntimeError, ValueError, OSError, KeyError, NotImplementedError):
                self._broken += 1
            has_any = True
            beat()
        return has_any

    def notes(self) -> tuple[str, ...]:
        """What was left out."""
        notes = []
        if self._left_out:
            notes.append(f"{self._left_out} pictures beyond the limit of {self._limits.document_pictures} left out")
        if self._broken:
            notes.append(f"{self._broken} pictures that do not decode left out")
        return tuple(notes)

    def _keep(self, drawn: Any, number: int) -> None:
        width, height = drawn.get_px_size()
        shorter, longer = min(width, height), max(width, height)
        limits = self._limits
        if shorter < limits.picture_shortest_side or longer > limits.image_ratio * shorter:
            return
        if width * height > limits.image_pixels:
            self._broken += 1
            return
        if len(self.pictures) >= limits.document_pictures:
            self._left_out += 1
            return
        data = _encoded(drawn.get_bitmap(render=False).to_pil())
        digest = blake3(data).hexdigest()
        if digest not in self._seen:
            self._seen.add(digest)
            name = f"picture-{len(self.pictures) + 1}"
            self.pictures.append(Embedded(name=name, data=data, span=Span(page=number)))


def _encoded(image: Any) -> bytes:
    """A picture as JPEG, encoded anew so that nothing of the original file is carried along."""
    shorter = min(image.size)
    if shorter > PICTURE_SIDE:
        size = (round(image.width * PICTURE_SIDE / shorter), round(image.height * PICTURE_SIDE / shorter))
        image = image.resize(size, reducing_gap=2.0)
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
