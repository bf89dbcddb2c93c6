"""Read pictures whose file names say what they show from Debian packages: games, icon themes, wallpapers, furniture."""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import final

from recipes.corpus.found import Found
from recipes.corpus.licences import licence_of
from recipes.nano.audio.containers import package_files

__all__ = ["Artwork", "artwork", "furniture"]

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg"})
_FURNITURE_SUFFIX = ".sh3f"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Artwork:
    """The pictures of a package whose paths a pattern finds; its groups ``title`` and ``hint`` are their words.

    ``licence`` stands where the copyright file is prose, or is known to mean something else by its patterns.
    ``curated``: the names were given as words to learn.
    """

    package: str
    pattern: str
    licence: str = ""
    hints: tuple[str, ...] = ()
    curated: bool = False


def artwork(source: Artwork, deb: Path) -> Iterator[Found]:
    """Yield every picture of ``deb`` that ``source`` wants.

    Raises:
        ValueError: nothing says under which licence a picture is.
    """
    wanted = re.compile(source.pattern)
    files = list(_wanted_files(deb, wanted))
    told = "".join(data.decode("utf-8", "replace") for path, data in files if path.endswith("/copyright"))
    for path, data in files:
        match = wanted.search(path)
        if match is None:
            continue
        licence = source.licence or licence_of(told, path)
        if not licence:
            raise ValueError(f"{deb.name} does not say under which licence {path} is; name it in packages.py")
        groups = match.groupdict()
        yield Found(
            package=source.package,
            version=_version(deb),
            path=path,
            licence=licence,
            title=groups.get("title") or PurePosixPath(path).stem,
            hints=(*source.hints, *filter(None, [groups.get("hint")])),
            curated=source.curated,
            data=data,
        )


def furniture(deb: Path) -> Iterator[Found]:
    """Yield the objects of ``sweethome3d-furniture``: drawn icons with names, tags and categories.

    The copyright file names the licence of each library as if it were a folder.
    """
    files = list(package_files(deb, frozenset({_FURNITURE_SUFFIX})))
    told = "".join(data.decode("utf-8", "replace") for path, data in files if path.endswith("/copyright"))
    for path, data in files:
        if path.endswith(_FURNITURE_SUFFIX):
            licence = licence_of(told, f"{PurePosixPath(path).stem}/")
            yield from _catalogue(path, data, licence=licence, version=_version(deb))


def _catalogue(path: str, data: bytes, *, licence: str, version: str) -> Iterator[Found]:
    with zipfile.ZipFile(io.BytesIO(data)) as library:
        told = _properties(library.read("PluginFurnitureCatalog.properties").decode("latin-1"))
        numbers = sorted((key.partition("#")[2] for key in told if key.startswith("icon#")), key=int)
        for number in numbers:
            member = told[f"icon#{number}"].lstrip("/")
            tags = (tag.strip() for tag in told.get(f"tags#{number}", "").split(","))
            yield Found(
                package="sweethome3d-furniture",
                version=version,
                path=f"{path}!{member}",
                licence=licence,
                title=told[f"name#{number}"],
                keywords=tuple(tag for tag in tags if tag and tag != "Blend Swap"),
                hints=(told.get(f"category#{number}", ""),),
                data=library.read(member),
            )


def _wanted_files(deb: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    for path, data in package_files(deb, _SUFFIXES):
        if path.endswith("/copyright") or wanted.search(path):
            yield path, data


def _version(deb: Path) -> str:
    return deb.name.split("_")[1].replace("%3a", ":")


def _properties(text: str) -> Mapping[str, str]:
    """A Java properties file: ``key=value`` lines, characters escaped by their four hex digits."""
    pairs = re.findall(r"^([\w#]+)[ \t]*=[ \t]*(.*?)[ \t]*$", text, flags=re.MULTILINE)
    return {
        key: re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code.group(1), 16)), value) for key, value in pairs
    }
