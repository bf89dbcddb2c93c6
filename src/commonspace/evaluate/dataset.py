"""What every evaluation reads its folder into: shelves of documents, queries, and which answers which.

Nothing here knows a file format, a store or an encoder.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from commonspace.core.modality import Modality
from commonspace.evaluate.ranked import Judgments
from commonspace.ingest.source import ItemFailure

__all__ = ["Dataset", "Document", "Part", "Shelf", "Task"]

CUTOFFS: Final = (1, 10, 100)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document or a query: its text (empty where there is none) and its files.

    ``prompts`` are texts that stand for a class together: they become one vector, their normalised mean, and the
    document has nothing else.
    """

    id: str
    text: str = ""
    files: tuple[Path, ...] = ()
    prompts: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str | Path, ...]:
        """Everything that is embedded by itself: the text if there is one, then the files."""
        return (self.text, *self.files) if self.text else self.files


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Documents that are searched together, under a name that no other shelf of the dataset has."""

    name: str
    documents: tuple[Document, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Queries with the one shelf that they are asked of; every query has a judgment with something to find there."""

    shelf: Shelf
    queries: tuple[Document, ...]
    judgments: Judgments


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One direction: figures are means over the queries of all its parts (several where a protocol has folds).

    ``modalities`` are those that the space must have. ``num_left_out`` queries have nothing relevant on the shelf.
    """

    name: str
    parts: tuple[Part, ...]
    cutoffs: tuple[int, ...] = CUTOFFS
    modalities: tuple[Modality, ...] = ()
    num_left_out: int = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A folder, read: its tasks, what of it could not be used and why, and what else there is to say of it."""

    name: str
    tasks: tuple[Task, ...]
    failures: tuple[ItemFailure, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def parts(self) -> Iterator[Part]:
        """The parts of all tasks."""
        return (part for task in self.tasks for part in task.parts)

    @property
    def shelves(self) -> tuple[Shelf, ...]:
        """Every shelf once, in the order of the tasks."""
        return tuple({part.shelf.name: part.shelf for part in self.parts}.values())
