"""Read drawings with names from npm packages: OpenMoji, and icon sets in Iconify's one-file form.

Of drawings that differ only in skin tone or in man, woman and person one is kept; letters, keycaps, clock faces and
mirrored copies are dropped, and country flags are kept from OpenMoji alone.
"""

import hashlib
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from recipes.corpus.found import Found

__all__ = ["IconSet", "emoji_keywords", "icon_set", "openmoji", "unlike_names"]

OPENMOJI_LICENCE = "CC-BY-SA-4.0"
_SKIN = re.compile(
    r"[- :](light|medium-light|medium|medium-dark|dark)([- ]skin[- ]tone)?$|skin[- ]tone|-tone\d|-\d-tone"
)
_UNWANTED = re.compile(
    r"\bregional-indicator|\bkeycap\b|facing-right|-button$|\bbutton-|oclock|-thirty\b|\bletter\b|\bdigit\b|\binput-|"
    r"hair-component|japanese-|squared-|^[a-z]$|^\d+$|blood-type|(?<!traffic)-arrow$|^arrow|mirror-image|\bunicode\b"
)
_PEOPLE = re.compile(r"\b(man|woman|men|women|person|people|boy|girl|he|she|mr|mrs|male|female)\b")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class IconSet:
    """An Iconify package; ``endings``: style marks to strip from names; ``skipped``: a pattern of names not to take."""

    package: str
    endings: str = ""
    skipped: str = ""


def openmoji(archive: Path) -> Iterator[Found]:
    """Yield the colour drawings of npm's ``openmoji``, named by its annotations and tags."""
    members, version = _unpack(archive, re.compile(r"package/(data/openmoji\.json|color/svg/.*\.svg)$"))
    entries = [entry for entry in json.loads(members["package/data/openmoji.json"]) if not entry["skintone"]]
    wanted = [e for e in entries if e["group"] != "extras-unicode" and e["subgroups"] != "brand"]
    by_name = {entry["annotation"]: entry for entry in wanted}
    for name in unlike_names(by_name):
        entry = by_name[name]
        path = f"package/color/svg/{entry['hexcode']}.svg"
        if path in members:
            yield Found(
                package="openmoji",
                version=version,
                path=path,
                licence=OPENMOJI_LICENCE,
                title=name.removeprefix("flag: ") + " flag" if name.startswith("flag: ") else name,
                keywords=_entry_tags(entry),
                hints=tuple(entry["group"].split("-") + entry["subgroups"].split("-")),
                curated=True,
                data=members[path],
            )


def emoji_keywords(archive: Path) -> Mapping[str, tuple[str, ...]]:
    """OpenMoji's tags by hyphenated annotation, for other sets of the same emoji."""
    members, _ = _unpack(archive, re.compile(r"package/data/openmoji\.json$"))
    entries = json.loads(members["package/data/openmoji.json"])
    return {_slug(entry["annotation"]): _entry_tags(entry) for entry in entries if not entry["skintone"]}


def icon_set(icons: IconSet, archive: Path, keywords: Mapping[str, tuple[str, ...]]) -> Iterator[Found]:
    """Yield one drawing for each name of an Iconify set."""
    members, version = _unpack(archive, re.compile(r"package/(icons|info)\.json$"))
    table = json.loads(members["package/icons.json"])
    licence = json.loads(members["package/info.json"])["license"]["spdx"]
    bare: dict[str, str] = {}
    for name in table["icons"]:
        if not (icons.skipped and re.search(icons.skipped, name)) and not name.startswith("flag-"):
            bare.setdefault(re.sub(icons.endings, "", name) if icons.endings else name, name)
    for slug in unlike_names(bare):
        name = bare[slug]
        yield Found(
            package=icons.package,
            version=version,
            path=f"package/icons.json!{name}",
            licence=licence,
            title=slug,
            keywords=keywords.get(slug, ()),
            curated=slug in keywords,
            data=_svg(table, table["icons"][name]),
        )


def unlike_names(names: Iterable[str]) -> tuple[str, ...]:
    """Drop skin tones, letters, buttons and mirrored copies; of man, woman and person keep the one a hash chooses."""
    groups: dict[str, list[str]] = {}
    for name in names:
        slug = _slug(name)
        if not _SKIN.search(slug) and not _UNWANTED.search(slug):
            rest = _PEOPLE.sub("someone", slug)
            groups.setdefault(slug if rest == "someone" else rest, []).append(name)
    chosen = (min(alike, key=lambda name: hashlib.sha256(_slug(name).encode()).digest()) for alike in groups.values())
    return tuple(chosen)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", re.sub("['\u2019]", "", name.lower())).strip("-")


def _entry_tags(entry: Mapping[str, Any]) -> tuple[str, ...]:
    tags = f"{entry['tags']},{entry['openmoji_tags']}".split(",")
    return tuple(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))


def _svg(table: Mapping[str, Any], icon: Mapping[str, Any]) -> bytes:
    left, top = icon.get("left", 0), icon.get("top", 0)
    width, height = (icon.get(side, table.get(side, 16)) for side in ("width", "height"))
    head = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {head} viewBox="{left} {top} {width} {height}">{icon["body"]}</svg>'.encode()


def _unpack(archive: Path, wanted: re.Pattern[str]) -> tuple[dict[str, bytes], str]:
    """The wanted members of an npm package by name, and the package's version."""
    found: dict[str, bytes] = {}
    version = ""
    with tarfile.open(archive) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isfile() else None
            if stream is not None and member.name == "package/package.json":
                version = json.loads(stream.read())["version"]
            elif stream is not None and wanted.match(member.name):
                found[member.name] = stream.read()
    return found, version
