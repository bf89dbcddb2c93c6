"""What the commands need of the rest of the house, as seams that tests can fill with fakes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, final

if TYPE_CHECKING:
    from commonspace.apps.collection import Info
    from commonspace.apps.progress import IndexReport, Progress
    from commonspace.core.errors import ItemError
    from commonspace.core.modality import Modality
    from commonspace.core.space import Space
    from commonspace.encode.catalog import SpaceCard
    from commonspace.encode.embedder import Embedding
    from commonspace.retrieve.hit import Hit
    from commonspace.serve.settings import Settings

__all__ = ["Collection", "Embedder", "House", "Wiring"]


class Collection(Protocol):
    """A store that can be filled and searched."""

    def index(
        self, paths: Sequence[str | Path], *, progress: "Callable[[Progress], None] | None" = None
    ) -> "IndexReport":
        """Bring the store in step with files; what was reported as done is kept."""
        ...

    def search(
        self,
        query: object,
        *,
        k: int = 10,
        modality: "str | Modality | None" = None,
        min_probability: float | None = None,
    ) -> "list[Hit]":
        """Find the items nearest to a query, best first, at least so likely to be relevant."""
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

    def spaces(self, settings: "Settings") -> "list[SpaceCard]":
        """Every space whose files are here."""
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

    def spaces(self, settings: "Settings") -> "list[SpaceCard]":
        """Every space whose files are here."""
        from commonspace.encode.catalog import available

        return available(settings.models_folder)
