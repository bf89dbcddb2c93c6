"""Text from bytes, and which kind of text it is; both are judged by content alone."""

import csv
import io
import json
import re
from typing import Final

from commonspace.core.errors import ItemError

__all__ = ["decode_text", "delimiter_of", "textual_type"]

MARKS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
PLAYLIST: Final = re.compile(r"#EXTM3U|ffconcat version|\[playlist\]|RTSPtext|SMILtext", re.IGNORECASE)
HTML: Final = re.compile(r"<!doctype html|<(?:html|head|body)[\s>]", re.IGNORECASE)
HTML_TAGS: Final = re.compile(
    r"</?(?:p|div|span|h[1-6]|ul|ol|li|table|tr|td|a|br|title|article)\b[^<>]*>", re.IGNORECASE
)
MARKDOWN: Final[tuple[re.Pattern[str], ...]] = (
    re.compile(r"^#{1,6} \S", re.MULTILINE),
    re.compile(r"^[=-]{3,}\s*$", re.MULTILINE),
    re.compile(r"^(?:```|~~~)", re.MULTILINE),
    re.compile(r"\[[^\]\n]+\]\([^)\n]+\)"),
    re.compile(r"^(?:[*+-]|\d+\.) \S", re.MULTILINE),
    re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__"),
)
MIN_TABLE_LINES: Final = 3
MAX_TABLE_LINES: Final = 50
MAX_HEADER_CHARS: Final = 64


def decode_text(data: bytes, *, complete: bool = True) -> tuple[str, tuple[str, ...]]:
    """Text, and a note where the encoding was guessed; ``complete=False`` allows a character cut at the end.

    UTF-8 first, UTF-16 and UTF-32 by their marks, Windows-1252 as the one guess.

    Raises:
        ItemError: the bytes are not text.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            text = _strict(data, encoding, complete=complete)
            return _checked(text), () if encoding == "utf-8-sig" else (f"read as {encoding.upper()}",)
    text = _strict(data, "utf-8", complete=complete)
    if text is not None:
        return _checked(text), ()
    return _checked(_strict(data, "cp1252", complete=True)), ("not UTF-8; read as Windows-1252",)


def _strict(data: bytes, encoding: str, *, complete: bool) -> str | None:
    """The text, or ``None`` where the bytes break the encoding's rules."""
    for cut in range(1 if complete else 4):
        try:
            return data[: len(data) - cut].decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _checked(text: str | None) -> str:
    """Refuse what no person wrote: undecodable bytes and control characters."""
    if text is not None and not CONTROL.search(text):
        return text
    raise ItemError(
        "not_text",
        "These bytes are neither text nor a media type known here.",
        fix="Convert it to a supported type, or leave it out; text must be UTF-8.",
    )


def textual_type(text: str) -> str:
    """The media type of a text from its beginning.

    Raises:
        ItemError: a playlist, or a drawing in SVG.
    """
    start = text[:4096].lstrip("\ufeff \t\r\n")
    if PLAYLIST.match(start) or re.search(r"<MPD\b", start[:1024]) or re.match(r"<smil\b", start):
        raise ItemError(
            "refused_type",
            "This is a playlist: it names other files and holds no media.",
            fix="Give the media files that it names.",
        )
    if re.search(r"<svg[\s>]", start[:2048]) and start.startswith("<") and not HTML.search(start):
        raise ItemError(
            "refused_type",
            "This is a drawing in SVG, which can run scripts and fetch files, so it is not drawn here.",
            fix="Export it as PNG.",
        )
    if start.startswith("<") and (HTML.search(start) or len(HTML_TAGS.findall(start)) >= MIN_TABLE_LINES):
        return "text/html"
    structured = _structured(start, text)
    if structured is not None:
        return structured
    marks = sum(1 for pattern in MARKDOWN if pattern.search(start))
    return "text/markdown" if marks >= 2 or re.match(r"#{1,6} \S", start) else "text/plain"


def _structured(start: str, text: str) -> str | None:
    """Sensor recordings and tables, as JSON or as delimited lines."""
    if start.startswith("{"):
        if '"rate_hz"' in start and '"channels"' in start:
            return "application/vnd.commonspace.sensor+json"
        return "application/x-ndjson" if _json_lines(text) else None
    delimiter = delimiter_of(text)
    if delimiter is None:
        return None
    first = re.split(r"[\r\n]", start, maxsplit=1)[0]
    if re.match(r'"?(?:t|time|timestamp)\s*[\[(]\s*(?:s|ms|us)\s*[\])]', first, re.IGNORECASE):
        return "text/vnd.commonspace.sensor+csv"
    return "text/tab-separated-values" if delimiter == "\t" else "text/csv"


def _json_lines(text: str) -> bool:
    """Whether the first two whole lines are JSON objects."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) >= 2 and all(_is_object(line) for line in lines[:2])


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def delimiter_of(text: str) -> str | None:
    """The delimiter of a table: at least three lines of equally many cells under short, distinct names."""
    lines = text[:65_536].splitlines(keepends=True)
    whole = "".join(lines[:MAX_TABLE_LINES])
    for delimiter in "\t,;":
        if delimiter in (lines[0] if lines else "") and _is_table(whole, delimiter):
            return delimiter
    return None


def _is_table(text: str, delimiter: str) -> bool:
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True) if row]
    except csv.Error:
        return False
    if len(rows) > MIN_TABLE_LINES:
        rows = rows[:-1]
    header = [cell.strip() for cell in rows[0]] if rows else []
    named = all(0 < len(cell) <= MAX_HEADER_CHARS and not re.fullmatch(r"[-+.\d\s]+", cell) for cell in header)
    distinct = len(set(header)) == len(header) >= 2
    prose = any(cell.endswith((".", "!", "?")) for cell in header)
    return named and distinct and not prose and len(rows) >= MIN_TABLE_LINES and {len(r) for r in rows} == {len(header)}
