"""The media type of an item from its first bytes; the name is never asked.

A signature is only a claim: the full decoding that follows must confirm it.
"""

import re
from typing import Final

from commonspace.core.errors import ItemError
from commonspace.ingest.textual import decode_text, textual_type

__all__ = ["sniff"]

SIGNATURES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"fLaC", "audio/flac"),
    (0, b"FORM....AIF", "audio/aiff"),
    (0, b"RIFF....WAVE", "audio/wav"),
    (0, b"RF64....WAVE", "audio/wav"),
    (0, b"RIFF....WEBP", "image/webp"),
    (0, b"RIFF....AVI ", "video/x-msvideo"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\x1aE\xdf\xa3", "video/matroska"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\x00\xaa\x00b\xcel", "video/x-ms-asf"),
    (0, b"PAR1", "application/vnd.apache.parquet"),
)
"""Offset, bytes (a dot in a RIFF or FORM signature stands for any byte) and type."""

REFUSED: Final[tuple[tuple[bytes, str, str], ...]] = (
    (b"PK\x03\x04", "a zip archive or office document", "Unpack it, or save the document as PDF."),
    (b"PK\x05\x06", "an empty zip archive", "Unpack it and give the files inside."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and give the files inside."),
    (b"BZh", "a bzip2 archive", "Unpack it and give the files inside."),
    (b"\xfd7zXZ\x00", "an xz archive", "Unpack it and give the files inside."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-zip archive", "Unpack it and give the files inside."),
    (b"Rar!\x1a\x07", "a rar archive", "Unpack it and give the files inside."),
    (b"(\xb5/\xfd", "a zstandard archive", "Unpack it and give the files inside."),
    (b"SQLite format 3\x00", "a SQLite database", "Export the rows as CSV."),
    (b"\x7fELF", "a program", "Leave it out."),
    (b"MZ", "a Windows program", "Leave it out."),
    (b"8BPS", "a Photoshop document", "Export it as PNG or JPEG."),
    (b"%!PS", "a PostScript document", "Convert it to PDF."),
    (b"\xc5\xd0\xd3\xc6", "an EPS drawing", "Export it as PNG."),
    (b"{\\rtf", "a rich-text document", "Save it as PDF, HTML or plain text."),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office document", "Save it as PDF."),
    (b"\x00\x00\x01\x00", "an icon file", "Export it as PNG."),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 image", "Convert it to JPEG or PNG."),
    (b"\xffO\xffQ", "a JPEG 2000 image", "Convert it to JPEG or PNG."),
    (b"MThd", "a MIDI score", "Render it to WAV or FLAC."),
)

AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
AUDIO_BRANDS: Final = frozenset({b"M4A ", b"M4B ", b"F4A "})
TS_PACKET_BYTES: Final = 188


def sniff(head: bytes) -> str:
    """The media type that the first bytes of an item claim.

    Raises:
        ItemError: a refused type (archives, playlists, SVG, ...), or bytes of no known kind.
    """
    for signature, words, fix in REFUSED:
        if head.startswith(signature) and not _is_text(head, signature):
            raise refused(words, fix)
    for offset, signature, media_type in SIGNATURES:
        if _matches(head[offset : offset + len(signature)], signature) and not _is_text(head, signature):
            return media_type
    binary = _boxed(head) or _ogg(head) or _framed(head)
    if binary is not None:
        return binary
    return textual_type(decode_text(head, complete=False)[0])


def refused(words: str, fix: str) -> ItemError:
    """A type that is known, and refused on purpose."""
    return ItemError("refused_type", f"This is {words}, which is not decoded.", fix=fix)


def _matches(start: bytes, signature: bytes) -> bool:
    if signature[4:8] == b"....":
        return start[:4] == signature[:4] and start[8:] == signature[8:]
    return start == signature


def _is_text(head: bytes, signature: bytes) -> bool:
    """Whether a short, printable signature merely opens a text ("BM", "MZ", "ID3", "BZh")."""
    if len(signature) > 3 or not signature.isascii() or not signature.isalnum():
        return False
    return b"\x00" not in head and re.search(rb"[\x01-\x08\x0e-\x1a\x80-\xff]", head[:256]) is None


def _boxed(head: bytes) -> str | None:
    """MP4 and its family: a box length, then ``ftyp`` and a brand."""
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip") and head[:2] == b"\x00\x00":
        return "video/mp4"
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4], "big"), 256)
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}
    if brands & AVIF_BRANDS:
        return "image/avif"
    if head[8:12] in HEIC_BRANDS:
        raise refused("a HEIC photograph", "Convert it to JPEG (phones: choose 'most compatible').")
    return "audio/mp4" if head[8:12] in AUDIO_BRANDS else "video/mp4"


def _ogg(head: bytes) -> str | None:
    """Ogg: its first page names the codec of the first stream."""
    if not head.startswith(b"OggS"):
        return None
    page = head[:512]
    if b"\x80theora" in page or b"\x01video" in page:
        return "video/ogg"
    return "audio/ogg"


def _framed(head: bytes) -> str | None:
    """Streams without a header: MPEG audio, AAC in ADTS, MPEG transport."""
    if len(head) > TS_PACKET_BYTES and head[0] == 0x47 and head[TS_PACKET_BYTES] == 0x47:
        return "video/mp2t"
    if len(head) >= 4 and head[0] == 0xFF:
        if head[1] & 0xF6 == 0xF0:
            return "audio/aac"
        if head[1] & 0xE0 == 0xE0 and head[1] & 0x06 in {2, 4} and head[2] & 0xF0 not in {0x00, 0xF0}:
            return "audio/mpeg"
    return None
