"""Reads a page as a browser would: elements with their attributes, and the text that a person sees."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import final

__all__ = ["Page", "complaints", "read_page"]

KNOWN = frozenset(
    (
        "a",
        "audio",
        "blockquote",
        "body",
        "div",
        "footer",
        "h1",
        "h2",
        "h3",
        "head",
        "header",
        "html",
        "i",
        "img",
        "li",
        "main",
        "meta",
        "nav",
        "ol",
        "p",
        "rect",
        "section",
        "span",
        "style",
        "svg",
        "title",
        "video",
    )
)
LINKS = ("src", "href", "poster")


@final
@dataclass
class Page(HTMLParser):
    """What a page holds. ``elements`` are pairs of a tag and its attributes, in order."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every element of a tag."""
        return [attributes for name, attributes in self.elements if name == tag]


def read_page(markup: str) -> Page:
    """Parse a whole page."""
    page = Page()
    page.feed(markup)
    page.close()
    return page


def complaints(page: Page) -> list[str]:
    """What a careful reader would object to: foreign elements, code, requests, media without words."""
    found = [f"<{tag}>" for tag, _ in page.elements if tag not in KNOWN]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    found += [f"id {name} twice" for name in set(ids) if ids.count(name) > 1]
    for tag, attributes in page.elements:
        found += [f"{tag} {name}" for name in attributes if name.startswith("on")]
        found += [
            f"{tag} {attributes[name][:40]}"
            for name in LINKS
            if name in attributes and not attributes[name].startswith(("data:image/", "data:audio/", "file:///", "#"))
        ]
        target = attributes.get("aria-labelledby")
        if target is not None and target not in ids:
            found.append(f"{tag} labelled by nothing")
    found += ["img without alt" for attributes in page.all("img") if not attributes.get("alt")]
    players = page.all("audio") + page.all("video")
    found += ["player without label" for attributes in players if not attributes.get("aria-label")]
    return found
