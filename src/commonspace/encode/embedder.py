"""Items in, unit vectors out: the space as a person uses it from Python."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.errors import ItemError, UnsupportedModality, UsageError
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.advance import in_advance
from commonspace.encode.prepare import Prepared, PreparedPiece, Preparer
from commonspace.encode.saving import save_space
from commonspace.encode.tower import Tower

__all__ = ["Embedder", "Embedding", "pooled"]

BATCH_ITEMS = 64


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedding:
    """One item's vector (d, unit length) and what was done to the item on the way."""

    vector: NDArray[np.float32]
    modality: Modality
    notes: tuple[str, ...]


@final
class Embedder:
    """A space ready to embed, from any thread; the same item gives the same vector in any company."""

    def __init__(
        self, preparer: Preparer, load_tower: Callable[[Modality], Tower], *, folder: Path | None = None
    ) -> None:
        self.preparer = preparer
        self.folder = folder
        self._load_tower = load_tower
        self._towers: dict[Modality, Tower] = {}
        self._lock = Lock()

    @property
    def space(self) -> Space:
        """Where the vectors live."""
        return self.preparer.space

    def __repr__(self) -> str:
        space = self.space
        return f"<Embedder {space.name}: {space.dimension}-d, {', '.join(space.modalities)}>"

    def embed(self, items: Sequence[object], *, dimensions: int | None = None) -> Vectors:
        """Embed items: n x dimension, float32, unit rows, in order.

        A ``str`` is always text, a ``pathlib.Path`` a file; PIL pictures, bytes and ``Audio`` are media.
        An item of several pieces (a video, a long text) gets the normalised mean of their vectors. ``dimensions``
        keeps the first so many numbers, scaled to length one again; only sizes that the space was trained for.

        Raises:
            ItemError: the first item that cannot be embedded; ``try_embed`` goes on instead.
            UnsupportedModality: the space has no tower for an item.
            UsageError: the space was not trained for this size.
        """
        size = self._size(dimensions)
        rows = np.empty((len(items), size), dtype=np.float32)
        start = 0
        for batch in in_advance(self.preparer.value, items, BATCH_ITEMS):
            rows[start : start + len(batch)] = [answer.vector for answer in self._embeddings(batch, size)]
            start += len(batch)
        return rows

    def query(self, item: object) -> Embedding:
        """Embed one item to search with; what it is decides how its scores are read.

        Raises:
            ItemError: it cannot be embedded.
            UnsupportedModality: the space has no tower for it.
        """
        return self._embeddings([self.preparer.for_queries().value(item)], self.space.dimension)[0]

    def try_embed(self, items: Sequence[object], *, dimensions: int | None = None) -> list[Embedding | ItemError]:
        """Embed what can be embedded; the others answer with their error. In order; ``dimensions`` as in ``embed``.

        Raises:
            UsageError: the space was not trained for this size.
        """
        size = self._size(dimensions)
        answers: list[Embedding | ItemError] = []
        for prepared in in_advance(self._attempt, items, BATCH_ITEMS):
            vectors = iter(self._embeddings([item for item in prepared if isinstance(item, Prepared)], size))
            answers += [next(vectors) if isinstance(item, Prepared) else item for item in prepared]
        return answers

    def encode(self, pieces: Sequence[PreparedPiece]) -> Vectors:
        """Run the towers over prepared pieces of any mix: one unit row each, in order.

        Raises:
            ModelError: a tower that is needed for the first time cannot be loaded.
        """
        rows = np.empty((len(pieces), self.space.dimension), dtype=np.float32)
        for modality in self.space.towers:
            places = [place for place, piece in enumerate(pieces) if piece.modality == modality]
            if places:
                with self._lock:
                    rows[places] = self.tower(modality).encode([pieces[place].features for place in places])
        return rows

    def save_pretrained(self, out: str | Path) -> Path:
        """Copy the space's files into a new folder, from which ``commonspace.load`` gives the same vectors.

        Raises:
            UsageError: the folder exists and is not empty, or the space was made in memory and has no files.
        """
        if self.folder is None:
            raise UsageError(f"The space '{self.space.name}' has no files.", fix="Save the encoder that it is around.")
        return save_space(self.folder, Path(out))

    def _size(self, dimensions: int | None) -> int:
        if dimensions is not None:
            self.space.require_dimension(dimensions)
        return dimensions or self.space.dimension

    def tower(self, modality: Modality) -> Tower:
        """One modality's encoder, loaded when first asked for.

        Raises:
            ModelError: its files are missing or do not match the manifest.
        """
        if modality not in self._towers:
            self._towers[modality] = self._load_tower(modality)
        return self._towers[modality]

    def _attempt(self, item: object) -> Prepared | ItemError:
        try:
            return self.preparer.value(item)
        except UnsupportedModality as error:
            return ItemError(error.code, error.cause, fix=error.fix)
        except ItemError as error:
            return error

    def _embeddings(self, batch: Sequence[Prepared], size: int) -> list[Embedding]:
        if not batch:
            return []
        vectors = self.encode([piece for item in batch for piece in item.pieces])
        ends = np.cumsum([len(item.pieces) for item in batch])
        return [
            Embedding(
                vector=_cut(pooled(rows, [piece.modality for piece in item.pieces]), size),
                modality=item.modality,
                notes=item.notes,
            )
            for item, rows in zip(batch, np.split(vectors, ends[:-1]), strict=True)
        ]


def pooled(rows: Vectors, towers: Sequence[Modality]) -> NDArray[np.float32]:
    """One vector for an item of several pieces: each tower counts alike, then each piece within it."""
    if len(rows) == 1:
        only: NDArray[np.float32] = rows[0]
        return only
    modalities = np.array(towers)
    means = [rows[modalities == modality].mean(axis=0) for modality in sorted(set(modalities))]
    mean: NDArray[np.float32] = unit(unit(np.stack(means)).mean(axis=0, keepdims=True))[0]
    return mean


def _cut(vector: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The first ``size`` numbers at length one; the vector itself where nothing is cut."""
    return vector if size == len(vector) else unit(vector[None, :size])[0]
