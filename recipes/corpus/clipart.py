"""Read the Open Clip Art Library: the pictures as PNG, their titles and keywords from the SVG twins' metadata.

The two packages mirror each other's folders. The metadata is RDF: ``dc:title`` and ``dc:subject`` of ``cc:Work``.
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from recipes.corpus.found import Found
from recipes.nano.audio.containers import package_files

__all__ = ["clipart", "read_metadata"]

_LICENCE = "public domain"
_ROOT = "usr/share/openclipart/"
_DULL_FOLDERS = frozenset({"unsorted", "special", "containers"})
_NO_WORDS = frozenset({"unsorted", "hash", "unknown", "untitled", "drawing", "clip art", "clipart", "externalsource"})
_WORK = re.compile(r"<(\w+:)?Work\b.*?</(\w+:)?Work>", flags=re.DOTALL)
_TITLE = re.compile(r"<dc:title>(.*?)</dc:title>", flags=re.DOTALL)
_SUBJECT = re.compile(r"<dc:subject>(.*?)</dc:subject>", flags=re.DOTALL)
_ITEM = re.compile(r"<rdf:li[^>]*>(.*?)</rdf:li>", flags=re.DOTALL)


def clipart(png_deb: Path, svg_deb: Path) -> Iterator[Found]:
    """Yield every picture of ``png_deb`` with what ``svg_deb`` says of it."""
    words = dict(_all_metadata(svg_deb))
    version = png_deb.name.split("_")[1].replace("%3a", ":")
    for path, data in package_files(png_deb, frozenset({".png"})):
        if not path.endswith(".png"):
            continue
        place = PurePosixPath(path.removeprefix(_ROOT + "png/")).with_suffix("")
        title, keywords = words.get(str(place), ("", ()))
        folders = tuple(part for part in place.parts[:-1] if part not in _DULL_FOLDERS)
        yield Found(
            package="openclipart-png",
            version=version,
            path=path,
            licence=_LICENCE,
            title=title or place.name,
            keywords=keywords,
            hints=folders,
            data=data,
        )


def read_metadata(svg: str) -> tuple[str, tuple[str, ...]]:
    """The title and keywords of a drawing; empty where it has none."""
    work = _WORK.search(svg)
    if work is None:
        return "", ()
    title = _TITLE.search(re.sub(r"<dc:(creator|publisher|rights)>.*?</dc:\1>", "", work.group(), flags=re.DOTALL))
    subject = _SUBJECT.search(work.group())
    found = [_text(item) for item in _ITEM.findall(subject.group(1))] if subject else []
    keywords = [word for word in found if word and not any(dull in word.lower() for dull in _NO_WORDS)]
    name = _text(title.group(1)) if title else ""
    return ("" if name.lower() in _NO_WORDS else name), tuple(keywords)


def _text(raw: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", raw)).split())


def _all_metadata(svg_deb: Path) -> Iterator[tuple[str, tuple[str, tuple[str, ...]]]]:
    for path, data in package_files(svg_deb, frozenset({".svg"})):
        if path.endswith(".svg"):
            place = str(PurePosixPath(path.removeprefix(_ROOT + "svg/")).with_suffix(""))
            yield place, read_metadata(data.decode("utf-8", "replace"))
