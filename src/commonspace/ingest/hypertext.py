"""What an HTML page says once its marks are gone; resolves no link, runs no script.

One pass with bounded look-ahead: the standard parser takes quadratic time on unclosed tags and comments.
"""

import html
import re
from typing import Final, final

from commonspace.ingest.headings import Section

__all__ = ["html_sections"]

TAG: Final = re.compile(
    r"""<(?P<close>/?)(?P<name>[a-zA-Z][a-zA-Z0-9-]{0,40}+)(?:\s(?:[^<>"']|"[^"]{0,4000}"|'[^']{0,4000}'){0,4000}+)?/?>"""
)
SPACE: Final = re.compile(r"\s+")
SILENT_TAGS: Final = frozenset({"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "select"})
BLOCK_TAGS: Final = frozenset(
    {"address", "article", "aside", "blockquote", "body", "br", "caption", "dd", "details", "div", "dl", "dt"}
    | {"fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "li", "main", "nav", "ol", "p", "pre"}
    | {"section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"}
)
HEADING_TAGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


def html_sections(markup: str) -> tuple[str, str, tuple[Section, ...]]:
    """The title, the readable text, and its sections; scripts, styles, comments and tags are dropped."""
    reader = _Reader()
    lowered = markup.lower() if len(markup.lower()) == len(markup) else markup
    position = 0
    while (opening := markup.find("<", position)) >= 0:
        reader.text(markup[position:opening])
        position = _after(markup, lowered, opening, reader)
    reader.text(markup[position:])
    return reader.finish()


def _after(markup: str, lowered: str, at: int, reader: "_Reader") -> int:
    """Deal with the construct that opens at ``at``; where reading goes on."""
    if markup.startswith("<!--", at):
        return _past(markup, "-->", at + 4)
    if markup.startswith(("<!", "<?"), at):
        return _past(markup, ">", at)
    tag = TAG.match(markup, at)
    if tag is None:
        reader.text("<")
        return at + 1
    name = tag["name"].lower()
    if name in SILENT_TAGS:
        closed = tag["close"] or tag[0].endswith("/>")
        return tag.end() if closed else _past(markup, ">", _past(lowered, f"</{name}", tag.end()))
    if tag["close"]:
        reader.close(name)
    else:
        reader.open(name)
    return tag.end()


def _past(markup: str, mark: str, at: int) -> int:
    """Just behind the next ``mark``, or the end where it never comes."""
    found = markup.find(mark, at)
    return len(markup) if found < 0 else found + len(mark)


@final
class _Reader:
    """Gathers readable text and where headings begin."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._title: list[str] = []
        self._in_title = False
        self._heading: list[str] | None = None
        self._heading_start = 0
        self._starts: list[tuple[int, str | None]] = [(0, None)]

    def open(self, name: str) -> None:
        """A tag opens."""
        if name == "title":
            self._in_title = not self._title
        elif name in HEADING_TAGS:
            self._break()
            self._heading, self._heading_start = [], self._length
        elif name in BLOCK_TAGS:
            self._break()

    def close(self, name: str) -> None:
        """A tag closes."""
        if name == "title":
            self._in_title = False
        elif name in HEADING_TAGS and self._heading is not None:
            words = " ".join("".join(self._heading).split())
            self._heading = None
            if words:
                self._starts.append((self._heading_start, words))
            self._break()
        elif name in BLOCK_TAGS:
            self._break()

    def text(self, raw: str) -> None:
        """Text between tags, its entities resolved and its white space made single."""
        if not raw:
            return
        words = SPACE.sub(" ", html.unescape(raw)).replace("\x00", "")
        if self._in_title:
            self._title.append(words)
            return
        if self._heading is not None:
            self._heading.append(words)
        if words.startswith(" ") and (not self._parts or self._parts[-1].endswith((" ", "\n"))):
            words = words[1:]
        if words:
            self._parts.append(words)
            self._length += len(words)

    def finish(self) -> tuple[str, str, tuple[Section, ...]]:
        """Title, text and sections."""
        text = "".join(self._parts)
        ends = [start for start, _ in self._starts[1:]] + [len(text)]
        pairs = zip(self._starts, ends, strict=True)
        sections = tuple(Section(heading=name, start=at, end=end) for (at, name), end in pairs if text[at:end].strip())
        return " ".join("".join(self._title).split()), text, sections

    def _break(self) -> None:
        """A paragraph ends here, once."""
        if self._parts and self._parts[-1] != "\n\n":
            self._parts.append("\n\n")
            self._length += 2
