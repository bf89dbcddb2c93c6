"""A document becomes passages that know their page or heading, and the pictures inside it."""

from dataclasses import replace

from blake3 import blake3

from commonspace.core.errors import ItemError
from commonspace.core.item import Decoded, Metadata, Piece, Span
from commonspace.core.modality import Modality
from commonspace.ingest.headings import Section, markdown_sections
from commonspace.ingest.hypertext import html_sections
from commonspace.ingest.payload import Payload
from commonspace.ingest.plan import Plan
from commonspace.ingest.segments import passages
from commonspace.ingest.textual import decode_text

__all__ = ["decode_document"]


def decode_document(payload: Payload, media_type: str, plan: Plan) -> Decoded:
    """A PDF, HTML or Markdown document as passages of text.

    Raises:
        ItemError: corrupt, encrypted, too large, or without any word or picture.
    """
    if media_type == "application/pdf":
        from commonspace.ingest.pdf import read_pdf

        data = payload.read(plan.limits.document_bytes, "documents")
        contents = read_pdf(data, plan)
        return Decoded(
            modality=Modality.TEXT,
            media_type=media_type,
            content_hash=blake3(data).hexdigest(),
            num_bytes=len(data),
            cost=sum(len(str(piece.content)) for piece in contents.pieces),
            pieces=contents.pieces,
            embedded=contents.pictures,
            sheets=contents.sheets,
            notes=contents.notes,
            metadata=contents.metadata,
        )
    data = payload.read(plan.limits.text_bytes, "texts")
    return _decode_marked(data, media_type, plan)


def _decode_marked(data: bytes, media_type: str, plan: Plan) -> Decoded:
    """HTML or Markdown; spans count characters of the readable text, which for Markdown is the file's own."""
    text, notes = decode_text(data)
    title = ""
    if media_type == "text/html":
        title, text, sections = html_sections(text)
    else:
        sections = markdown_sections(text)
    pieces = tuple(piece for section in sections for piece in _section_pieces(text, section, plan))
    if not pieces and title:
        pieces = (Piece(modality=Modality.TEXT, content=title, span=Span(heading=title)),)
    if not pieces:
        raise ItemError("empty", "The document holds no readable words.", fix="Leave it out, or fill it.")
    metadata: Metadata = {"characters": len(text), **({"title": title} if title else {})}
    return Decoded(
        modality=Modality.TEXT,
        media_type=media_type,
        content_hash=blake3(data).hexdigest(),
        num_bytes=len(data),
        cost=len(text),
        pieces=pieces,
        notes=notes,
        metadata=metadata,
    )


def _section_pieces(text: str, section: Section, plan: Plan) -> tuple[Piece, ...]:
    """Passages of one section, with their places in the whole text."""
    body = text[section.start : section.end]
    span = Span(heading=section.heading)
    return tuple(
        Piece(
            modality=Modality.TEXT,
            content=body[start:end],
            span=replace(span, start_char=section.start + start, end_char=section.start + end),
        )
        for start, end in passages(body, plan.passage_chars)
    )
