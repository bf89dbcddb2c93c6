"""What a search starts from: texts, files that hold what was said, items of the store; each with a weight."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.shell.kinds import MODALITIES, kinds_of, media_type_of

if TYPE_CHECKING:
    from commonspace.retrieve.query import Query

__all__ = ["Given", "Weighed", "any_query", "file_query", "item_query", "text_query", "whole_query"]

HOLDS: Final[Mapping[str, str]] = {"image": "a picture", "audio": "sound", "video": "video", "document": "text"}
WEIGHED: Final = re.compile(r"(?P<value>.+)\^(?P<weight>\d+(\.\d+)?|\.\d+)", re.DOTALL)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One part of a query: a text as it is, the path of a file, or (``item``) one of the store by id or uri."""

    value: str | Path
    modality: Modality | None = None
    weight: float = 1.0
    item: bool = False

    @property
    def title(self) -> str:
        """The part as a person would name it."""
        return self.value if isinstance(self.value, str) else self.value.name

    def to_dict(self) -> dict[str, Any]:
        """The part as it stands in JSON answers: its text, its file's uri or its item, and its weight if not one."""
        told: dict[str, Any] = {} if self.modality is None else {"modality": self.modality.value}
        if isinstance(self.value, Path):
            told["uri"] = self.value.absolute().as_uri()
        else:
            told["item" if self.item else "text"] = self.value
        return told if self.weight == 1.0 else {**told, "weight": self.weight}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """All parts of one query."""

    parts: tuple[Given, ...]

    @property
    def only(self) -> Given | None:
        """The part, if there is one text or one file and no more."""
        (first, *others) = self.parts
        return None if others or first.item or first.weight != 1.0 else first

    @property
    def kind(self) -> str:
        """What the query is, in a word."""
        only = self.only
        return "composed" if only is None or only.modality is None else only.modality.value

    @property
    def title(self) -> str:
        """The query as a person would name it, its parts with their signs."""
        if self.only is not None:
            return self.only.title
        signed = [("- " if part.weight < 0 else "+ ") + _weighed_title(part) for part in self.parts]
        return " ".join(signed).removeprefix("+ ")

    @property
    def content(self) -> "str | Path | Query":
        """The query as the library takes it."""
        from commonspace.retrieve.query import Part, Query

        if self.only is not None:
            return self.only.value
        return Query(
            parts=[
                Part(item=str(part.value), weight=part.weight)
                if part.item
                else Part(content=part.value, weight=part.weight)
                for part in self.parts
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """The query as it stands in JSON answers: the one part, or all of them."""
        return {"parts": [part.to_dict() for part in self.parts]} if self.only is None else self.only.to_dict()


def text_query(text: str) -> Given:
    """A text; ``-`` reads it from standard input, and ``^0.5`` at its end is its weight.

    Raises:
        UsageError: there is no text in it.
    """
    said, weight = (sys.stdin.read(), 1.0) if text == "-" else _weighed(text)
    if not said.strip():
        raise UsageError("The query is empty.", fix="Say what to look for: commonspace search 'dog barking in rain'")
    return Given(modality=Modality.TEXT, value=said.strip(), weight=weight)


def file_query(kind: str, named: str) -> Given:
    """A file, checked to hold what its option says; ``^0.5`` behind its name is its weight.

    Raises:
        UsageError: the file is not there, or its content is of another kind.
        ItemError: its content is of no kind that can be searched with.
    """
    name, weight = (named, 1.0) if Path(named).exists() else _weighed(named)
    path = Path(name)
    found = kinds_of(media_type_of(path))
    if kind not in found:
        raise UsageError(
            f"--{kind} {path} holds {HOLDS[found[0]]}.",
            fix=f"Use --{found[0]} {path}, or name another file.",
        )
    return Given(modality=MODALITIES[kind], value=path, weight=weight)


def item_query(named: str) -> Given:
    """An item of the store by id, uri or file; ``^0.5`` at its end is its weight."""
    value, weight = _weighed(named)
    return Given(value=value, weight=weight, item=True)


def any_query(named: str) -> Given:
    """A file if there is one of this name, else a text; ``^0.5`` at its end is its weight.

    Raises:
        UsageError: there is no text in it, or the file cannot be read.
        ItemError: the file is of no kind that can be searched with.
    """
    name = named if Path(named).is_file() else _weighed(named)[0]
    if not Path(name).is_file():
        return text_query(named)
    return file_query(kinds_of(media_type_of(Path(name)))[0], named)


def whole_query(given: Sequence[Given], unwanted: Sequence[Given]) -> Weighed:
    """All parts together; those that are not wanted count against an item.

    Raises:
        UsageError: nothing is looked for.
    """
    if not given:
        raise UsageError(
            "There is nothing to search for.",
            fix="Give a text, a file with --image, --audio, --video or --document, or an item with --item.",
        )
    return Weighed(parts=(*given, *(replace(part, weight=-part.weight) for part in unwanted)))


def _weighed(named: str) -> tuple[str, float]:
    match = WEIGHED.fullmatch(named)
    return (named, 1.0) if match is None else (match["value"], float(match["weight"]))


def _weighed_title(part: Given) -> str:
    weight = abs(part.weight)
    return part.title if weight == 1.0 else f"{weight:g} x {part.title}"
