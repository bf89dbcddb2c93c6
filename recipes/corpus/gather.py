"""Gather the pictures of every package, in the order of what they are worth: words with photographs first."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from recipes.corpus.artwork import artwork, furniture
from recipes.corpus.clipart import clipart
from recipes.corpus.emoji import emoji_keywords, icon_set, openmoji
from recipes.corpus.fetch import Sources
from recipes.corpus.found import Found
from recipes.corpus.packages import ARTWORK, CLIPART, FURNITURE, ICON_SETS, OPENMOJI
from recipes.corpus.pictures import Seen, harvest

__all__ = ["gather_pictures"]


def gather_pictures(sources: Sources, out: Path) -> tuple[Seen, ...]:
    """Draw what is not yet drawn, one package after another, and return everything."""
    return tuple(seen for name, source in _readers(sources) for seen in harvest(name, source, out))


def _readers(sources: Sources) -> Iterator[tuple[str, Callable[[], Iterator[Found]]]]:
    yield CLIPART[0], lambda: clipart(sources.deb(CLIPART[0]), sources.deb(CLIPART[1]))
    yield OPENMOJI, lambda: openmoji(sources.npm(OPENMOJI))
    yield FURNITURE, lambda: furniture(sources.deb(FURNITURE))
    for source in ARTWORK:
        yield source.package, partial(_artwork, source.package, sources)
    for icons in ICON_SETS:
        yield icons.package, partial(_icons, icons.package, sources)


def _artwork(package: str, sources: Sources) -> Iterator[Found]:
    (source,) = (one for one in ARTWORK if one.package == package)
    return artwork(source, sources.deb(package))


def _icons(package: str, sources: Sources) -> Iterator[Found]:
    (icons,) = (one for one in ICON_SETS if one.package == package)
    return icon_set(icons, sources.npm(package), emoji_keywords(sources.npm(OPENMOJI)))
