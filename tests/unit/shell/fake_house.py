"""A house without models or stores: the commands' seams, filled with values that a test chose."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack, final

import numpy as np

from commonspace.apps.collection import Info
from commonspace.apps.progress import IndexReport, Progress
from commonspace.core.errors import CommonspaceError, ItemError
from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.catalog import SpaceCard, Unusable
from commonspace.encode.embedder import Embedding
from commonspace.ingest.source import ItemFailure
from commonspace.retrieve.hit import Hit, Segment
from commonspace.retrieve.ranking import Options
from commonspace.serve.settings import Settings
from tests.fakes import FAKE_SPACE

__all__ = ["FakeCollection", "FakeHouse", "failure", "hit", "report"]


def hit(name: str = "rain.ogg", **changed: Any) -> Hit:
    """A hit that a test may change in part."""
    fields: dict[str, Any] = {
        "rank": 1,
        "id": "0123456789abcdef",
        "uri": f"file:///media/{name}",
        "name": name,
        "modality": Modality.AUDIO,
        "media_type": "audio/ogg",
        "score": 0.4321987,
        "segment": None,
        "metadata": {"seconds": 4.0},
    }
    return Hit(**{**fields, **changed})


def passage(text: str, **span: Any) -> Segment:
    """A segment of a text."""
    return Segment(modality=Modality.TEXT, span=Span(**span), text=text)


def failure(name: str = "broken.png") -> ItemFailure:
    """A file that could not be used."""
    error = ItemError("corrupt", "Its PNG data ends early.", fix="Copy it again.")
    return ItemFailure(uri=f"file:///media/{name}", name=name, error=error)


def report(**changed: Any) -> IndexReport:
    """A report that a test may change in part."""
    counts = {"added": 0, "updated": 0, "moved": 0, "unchanged": 0, "removed": 0}
    return IndexReport(**{**counts, "failures": (), "seconds": 1.5, **changed})


@final
@dataclass
class FakeCollection:
    """Answers what it was told to, and remembers what it was asked."""

    path: Path = Path("media.cs")
    hits: Sequence[Hit] = ()
    outcome: IndexReport | BaseException = field(default_factory=report)
    held: dict[str, int] = field(default_factory=dict)
    items: dict[Modality, int] = field(default_factory=lambda: {Modality.IMAGE: 2, Modality.TEXT: 1})
    asked: list[Any] = field(default_factory=list)
    options: list[Options] = field(default_factory=list)
    closed: bool = False
    described: Path | None = None

    def index(
        self,
        paths: Sequence[str | Path],
        *,
        progress: Callable[[Progress], None] | None = None,
        metadata: Path | None = None,
    ) -> IndexReport:
        self.asked.append(list(paths))
        self.described = metadata
        if progress is not None:
            progress(Progress(done=3, total=8, failed=0, unchanged=0, current="three.png", seconds=1.0))
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        self.items = {**self.items, Modality.IMAGE: self.items[Modality.IMAGE] + self.outcome.added}
        return self.outcome

    def search(self, query: object, **options: Unpack[Options]) -> list[Hit]:
        self.asked.append((query, options.get("k"), options.get("modality")))
        self.options.append(options)
        return [hit for hit in self.hits if (hit.probability or 0.0) >= (options.get("min_probability") or 0.0)]

    def watch(self, folders: Sequence[str | Path]) -> Iterator[IndexReport]:
        """One report, then Ctrl-C."""
        self.asked.append(list(folders))
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        yield self.outcome
        raise KeyboardInterrupt

    def remove(self, targets: Sequence[str]) -> int:
        return sum(self.held.pop(target, 0) for target in targets)

    def info(self) -> Info:
        return Info(path=self.path, space=FAKE_SPACE, items=self.items, num_segments=3, num_bytes=1_234_567, sequence=4)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closed = True


@final
@dataclass
class FakeEmbedder:
    """One known vector an item; a text that says "bad" is a bad item."""

    space: Space = FAKE_SPACE

    def try_embed(self, items: Sequence[object], *, dimensions: int | None = None) -> list[Embedding | ItemError]:
        if dimensions is not None:
            self.space.require_dimension(dimensions)
        return [self._one(place, item, dimensions) for place, item in enumerate(items)]

    def _one(self, place: int, item: object, dimensions: int | None) -> Embedding | ItemError:
        if item == "bad":
            return ItemError("empty", "There is no word in it.", fix="Say something.")
        vector = np.zeros(dimensions or self.space.dimension, dtype=np.float32)
        vector[place] = 1.0
        return Embedding(vector=vector, modality=Modality.IMAGE if isinstance(item, Path) else Modality.TEXT, notes=())


@final
@dataclass
class FakeHouse:
    """Hands out the fakes, or the error that a test asked for."""

    collection: FakeCollection = field(default_factory=FakeCollection)
    error: CommonspaceError | None = None
    opened: list[tuple[Path, bool]] = field(default_factory=list)
    settings: list[Settings] = field(default_factory=list)

    def open(self, path: Path, settings: Settings, *, create: bool) -> FakeCollection:
        if self.error is not None:
            raise self.error
        self.opened.append((path, create))
        self.settings.append(settings)
        self.collection.path = path
        return self.collection

    def load(self, settings: Settings) -> FakeEmbedder:
        self.settings.append(settings)
        return FakeEmbedder()

    def bias(self, path: Path, space: Space, settings: Settings) -> None:
        del space
        self.opened.append((path, False))
        self.settings.append(settings)

    def spaces(self, settings: Settings) -> list[SpaceCard]:
        self.settings.append(settings)
        card = SpaceCard(
            space=FAKE_SPACE,
            version="1",
            licence="Apache-2.0",
            description="A space for tests.",
            folder=Path("/models/fake"),
            num_bytes=55_000_000,
        )
        return [card]

    def unusable(self, settings: Settings) -> list[Unusable]:
        self.settings.append(settings)
        return []
