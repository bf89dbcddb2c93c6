"""What the commands need of the rest of the house, as seams that tests can fill with fakes."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, Unpack, final

if TYPE_CHECKING:
    from commonspace.apps.collection import Info
    from commonspace.apps.progress import IndexReport, Progress
    from commonspace.apps.rag.context import Context
    from commonspace.core.errors import ItemError
    from commonspace.core.space import Space
    from commonspace.encode.catalog import SpaceCard, Unusable
    from commonspace.encode.embedder import Embedding
    from commonspace.index.bias import ItemBias
    from commonspace.retrieve.hit import Hit
    from commonspace.retrieve.ranking import Options
    from commonspace.serve.settings import Settings

__all__ = ["Collection", "Embedder", "House", "Wiring"]


class Collection(Protocol):
    """A store that can be filled and searched."""

    def index(
        self,
        paths: Sequence[str | Path],
        *,
        progress: "Callable[[Progress], None] | None" = None,
        metadata: Path | None = None,
    ) -> "IndexReport":
        """Bring the store in step with files; what was reported as done is kept. ``metadata`` gives items fields."""
        ...

    def watch(self, folders: Sequence[str | Path]) -> "Iterator[IndexReport]":
        """Bring the store in step with folders, then follow them: a report at once, and one a batch of changes."""
        ...

    def search(self, query: object, **options: "Unpack[Options]") -> "list[Hit]":
        """Find the items nearest to a query, best first; ``Ranking`` says what the options mean."""
        ...

    def context(self, question: str, *, budget_tokens: int = 2000, k: int = 12, weak: bool = False) -> "Context":
        """What to answer a question from, within a token budget."""
        ...

    def remove(self, targets: Sequence[str]) -> int:
        """Forget items by id, uri, file or folder; how many went."""
        ...

    def info(self) -> "Info":
        """What the store holds."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Embedder(Protocol):
    """Items in, vectors out."""

    @property
    def space(self) -> "Space":
        """Where the vectors live."""
        ...

    def try_embed(self, items: Sequence[object], *, dimensions: int | None = None) -> "list[Embedding | ItemError]":
        """One answer an item, in order; a bad item answers with its error."""
        ...


class Wiring(Protocol):
    """Where the commands get working parts from."""

    def open(self, path: Path, settings: "Settings", *, create: bool) -> Collection:
        """Open a store; ``create`` makes it when it is missing."""
        ...

    def load(self, settings: "Settings") -> Embedder:
        """Load the space that the settings name."""
        ...

    def bias(self, path: Path, space: "Space", settings: "Settings") -> "ItemBias | None":
        """What is taken off each score of the store at a path, which holds this space's vectors."""
        ...

    def spaces(self, settings: "Settings") -> "list[SpaceCard]":
        """Every space whose files are here."""
        ...

    def unusable(self, settings: "Settings") -> "list[Unusable]":
        """Every checkpoint that is here and cannot be used."""
        ...


@final
class House:
    """The real parts, imported when they are first needed so that ``--help`` stays quick."""

    def open(self, path: Path, settings: "Settings", *, create: bool) -> Collection:
        """Open a store; ``create`` makes it when it is missing."""
        from commonspace.shell import wire

        return wire.open_collection(path, settings, create=create)

    def load(self, settings: "Settings") -> Embedder:
        """Load the space that the settings name."""
        from commonspace.shell import wire

        return wire.load(settings.model, settings)

    def bias(self, path: Path, space: "Space", settings: "Settings") -> "ItemBias | None":
        """What is taken off each score of the store at a path, which holds this space's vectors."""
        from commonspace.shell import wire

        return wire.bias_of(path, space, settings)

    def spaces(self, settings: "Settings") -> "list[SpaceCard]":
        """Every space whose files are here."""
        from commonspace.encode.catalog import available, checkpoints

        return available(settings.models_folder) + checkpoints(settings.models_folder)[0]

    def unusable(self, settings: "Settings") -> "list[Unusable]":
        """Every checkpoint that is here and cannot be used."""
        from commonspace.encode.catalog import checkpoints

        return checkpoints(settings.models_folder)[1]
