"""Finds who made a source file and under which licence, from what its package says and nothing else.

Three places are read, the most particular first: the name of a sound inside OpenTTD's catalogue, the ``README`` beside
a file inside a gcompris resource file, and the package's machine-readable ``debian/copyright`` (DEP 5), of which the
last stanza whose pattern matches applies. gcompris 3 replaced pictures that its ``debian/copyright`` still lists
under their old names, which is why the ``README`` shipped beside the new ones comes first.
"""

import fnmatch
import html
import re
import struct
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import final

from samples.make.roots import Source, SourceError, read_source

__all__ = ["Licence", "find_licence"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """A licence's short name, whom to credit, and which document says so."""

    name: str
    author: str
    said_by: str


_PLAIN_COPYRIGHT = {
    "openclipart-png": Licence(name="public domain", author="the Open Clip Art Library", said_by="debian/copyright"),
    "fluid-soundfont-gm": Licence(name="MIT", author="Frank Wen", said_by="debian/copyright"),
    "timgm6mb-soundfont": Licence(name="GPL-2", author="Tim Brechbill", said_by="debian/copyright"),
    "wesnoth-1.16-data": Licence(name="GPL-2+", author="the Battle for Wesnoth project", said_by="debian/copyright"),
}
"""Packages whose debian/copyright is prose; read by a person."""

_UPSTREAM_ROOTS = {
    "0ad-data": ("usr/share/games/0ad/", "binaries/data/"),
    "scratch": ("usr/share/scratch/", ""),
    "sonic-pi-samples": ("usr/share/sonic-pi/samples/", "etc/samples/"),
    "sound-theme-freedesktop": ("usr/share/sounds/freedesktop/", ""),
    "unknown-horizons": ("usr/share/unknown-horizons/", ""),
    "widelands-data": ("usr/share/games/widelands/", ""),
    "mate-backgrounds": ("usr/share/backgrounds/mate/", ""),
    "lomiri-wallpapers-16.04": ("usr/share/backgrounds/", "16.04/"),
    "python3-skimage": ("usr/lib/python3/dist-packages/", ""),
}
"""How a path in the binary package reads in the source package, where the patterns apply."""


def find_licence(roots: Path, source: Source) -> Licence:
    """The licence of one source file. Raises ``SourceError`` where the package does not say."""
    if source.path.endswith(".cat"):
        return _from_catalogue(roots, source)
    if source.path.endswith(".rcc"):
        beside = _from_readme(roots, source)
        if beside is not None:
            return beside
    if source.package in _PLAIN_COPYRIGHT:
        plain = _PLAIN_COPYRIGHT[source.package]
        return replace(plain, author=_openclipart_author(roots, source) or plain.author)
    return _from_dep5(roots, source)


def _openclipart_author(roots: Path, source: Source) -> str:
    """The author that the drawing's SVG, in the sister package, names in its metadata; empty where it names none."""
    if source.package != "openclipart-png":
        return ""
    drawing = roots / "openclipart-svg" / source.path.replace("/png/", "/svg/").replace(".png", ".svg")
    text = drawing.read_text("utf-8", "replace") if drawing.is_file() else ""
    named = re.search(r"<dc:creator.*?<dc:title[^>]*>([^<]+)</dc:title>.*?</dc:creator>", text, flags=re.DOTALL)
    return html.unescape(named.group(1)).strip() if named else ""


def _from_catalogue(roots: Path, source: Source) -> Licence:
    blob = (roots / source.package / source.path).read_bytes()
    offset = struct.unpack_from("<I", blob, 8 * int(source.member))[0] & 0x7FFFFFFF
    name = blob[offset + 1 : offset + 1 + blob[offset]].rstrip(b"\0").decode("utf-8", "replace")
    author, _, licence = name.partition(" License: ")
    short = {"Attribution 3.0": "CC-BY-3.0", "Attribution-ShareAlike 3.0": "CC-BY-SA-3.0", "Zero": "CC0-1.0"}
    for phrase, spdx in short.items():
        if phrase in licence:
            return Licence(name=spdx, author=author.rstrip(". "), said_by="the sound's name in opensfx.cat")
    raise SourceError(f"{source}: its name gives no licence that is known here: {name!r}.")


def _from_readme(roots: Path, source: Source) -> Licence | None:
    """What the README in the file's folder, or in the one above, says of it; None where neither names it."""
    for folder in list(PurePosixPath(source.member).parents)[:2]:
        try:
            readme = read_source(roots, Source(package=source.package, path=source.path, member=f"{folder}/README"))
        except KeyError:
            continue
        found = _in_readme(readme.decode("utf-8", "replace"), str(PurePosixPath(source.member).relative_to(folder)))
        if found is not None:
            return found
    return None


def _in_readme(readme: str, file: str) -> Licence | None:
    for block in re.split(r"\n\s*\n", readme):
        fields = dict(re.findall(r"^(Copyright|License|Source):\s*(.+)$", block, flags=re.MULTILINE))
        listed = block.partition("Files:")[2].split()
        if file in listed and {"Copyright", "License"} <= fields.keys():
            author = fields["Copyright"].strip() + (f", {fields['Source'].strip()}" if "Source" in fields else "")
            return Licence(name=_spdx(fields["License"]), author=author, said_by="README beside the file")
    return None


def _from_dep5(roots: Path, source: Source) -> Licence:
    text = (roots / source.package / "usr/share/doc" / source.package / "copyright").read_text("utf-8", "replace")
    here, there = _UPSTREAM_ROOTS.get(source.package, ("", ""))
    path = (
        source.member.removeprefix("gcompris/")
        if source.path.endswith(".rcc")
        else there + source.path.removeprefix(here)
    )
    found: Licence | None = None
    for block in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^(Files|Copyright|License):((?:.*)(?:\n[ \t].*)*)", block, flags=re.MULTILINE))
        patterns = fields.get("Files", "").split()
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns):
            lines = [
                re.sub(r"^Copyright\s*(\([cC]\))?\s*", "", line.strip()) for line in fields["Copyright"].splitlines()
            ]
            authors = [line for line in lines if line]
            author = "; ".join(authors[:4]) + (" and others" if len(authors) > 4 else "")
            found = Licence(
                name=_spdx(fields["License"].strip().splitlines()[0]), author=author, said_by="debian/copyright"
            )
    if found is None:
        raise SourceError(f"{source}: debian/copyright says nothing of {path!r}.")
    return found


def _spdx(name: str) -> str:
    text = re.sub(r"\s+", " ", name.strip())
    text = re.sub(r"^(CC[- ]BY(?:-SA)?)[ -](\d)", r"\1-\2", text, flags=re.IGNORECASE).replace("CC BY", "CC-BY")
    known = {
        "public domain": "public domain",
        "public-domain": "public domain",
        "cc0": "CC0-1.0",
        "gplv3": "GPL-3",
        "cc0 1.0": "CC0-1.0",
    }
    return known.get(text.lower(), text)
