"""A picture as a package holds it: its bytes, its licence and the words at hand, before anything is judged."""

from dataclasses import dataclass
from typing import final

__all__ = ["Found"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One drawing or photograph.

    ``data`` is what is hashed: the file's bytes, or the drawing's text where one file holds many. ``path`` says
    where: inside archives after ``!``. ``hints`` are folder names. A ``curated`` title was given by people who name
    pictures, so that even unknown words in it are believed.
    """

    package: str
    version: str
    path: str
    licence: str
    title: str
    keywords: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    curated: bool = False
    data: bytes
