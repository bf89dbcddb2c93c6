"""A space, and the whole product, as mteb evaluates models: its encoder protocol and its search protocol."""

from __future__ import annotations

from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np

from commonspace.core.errors import MissingExtra, UsageError
from commonspace.core.item import Audio
from commonspace.core.modality import Modality
from commonspace.core.vectors import unit
from commonspace.serve.settings import Settings
from commonspace.shell import wire

try:
    from mteb.models import ModelMeta
    from mteb.types import PromptType
except ImportError as error:
    raise MissingExtra("mteb is not installed.", fix="pip install mteb") from error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from commonspace.apps.collection import Collection
    from commonspace.core.vectors import Vectors
    from commonspace.encode.embedder import Embedder
    from commonspace.encode.prepare import Prepared
    from commonspace.retrieve.hit import Hit

__all__ = ["CommonspaceEncoder", "CommonspaceSearch"]

SENSES: Final = {"text": Modality.TEXT, "image": Modality.IMAGE, "audio": Modality.AUDIO}
ADDED_AT_ONCE: Final = 256


@final
class CommonspaceEncoder:
    """A space behind ``EncoderProtocol``: mteb encodes with it and compares by itself."""

    def __init__(
        self, model_name: str = "nano", revision: str | None = None, *, device: str | None = None, **_: Any
    ) -> None:
        del device
        self._embedder = wire.load(model_name)
        self.mteb_model_meta = _meta(self._embedder, revision)

    def encode(self, inputs: Iterable[Any], *, prompt_type: Any = None, **_: Any) -> Vectors:
        """Encode batches of texts, pictures and sounds: one unit row an input; several parts of one input are averaged.

        Raises:
            ItemError: an input cannot be embedded.
            UnsupportedModality: the space has no tower for it.
        """
        asked = prompt_type == PromptType.query
        rows = [_vector(self._embedder, parts, asked=asked) for parts in _rows(inputs)]
        return np.stack(rows) if rows else np.zeros((0, self._embedder.space.dimension), dtype=np.float32)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosines of every row of the first with every row of the second."""
        return _tensor(_unit_rows(embeddings1) @ _unit_rows(embeddings2).T)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosines of row with row."""
        return _tensor((_unit_rows(embeddings1) * _unit_rows(embeddings2)).sum(axis=1))


@final
class CommonspaceSearch:
    """The product behind ``SearchProtocol``: a store is filled, and searched as a person would.

    Words, calibration and hubness correction count as they do for users. A hit's score is one over its rank.
    """

    def __init__(
        self, model_name: str = "nano", revision: str | None = None, *, device: str | None = None, **_: Any
    ) -> None:
        del device
        self._settings = Settings.load({"model": model_name})
        self._embedder = wire.load(model_name, self._settings)
        self.mteb_model_meta = _meta(self._embedder, revision)
        self._folder: TemporaryDirectory[str] | None = None
        self._collection: Collection | None = None
        self._ids: dict[str, str] = {}

    def index(self, corpus: Any, *, task_metadata: Any = None, **_: Any) -> None:
        """Fill a new store with a corpus; an earlier one is dropped.

        Raises:
            ItemError: a document cannot be embedded.
        """
        del task_metadata
        self.close()
        self._folder = TemporaryDirectory(prefix="commonspace-mteb-", ignore_cleanup_errors=True)
        path = f"{self._folder.name}/corpus.cs"
        self._collection = wire.open_collection(path, self._settings, create=True, embedder=lambda: self._embedder)
        self._ids = {f"upload:{place}": str(each) for place, each in enumerate(corpus["id"])}
        for start in range(0, len(corpus), ADDED_AT_ONCE):
            places = range(start, min(len(corpus), start + ADDED_AT_ONCE))
            self._collection.add([self._prepared(f"upload:{place}", corpus[place]) for place in places])

    def search(self, queries: Any, *, top_k: int, top_ranked: Any = None, **_: Any) -> dict[str, dict[str, float]]:
        """The best documents of each query, by id; among ``top_ranked`` alone where that is given.

        Raises:
            UsageError: nothing was indexed.
        """
        if self._collection is None:
            raise UsageError("Nothing was indexed.", fix="Call index() first; mteb.evaluate does.")
        found = {}
        for query in queries:
            name, parts = str(query["id"]), list(_parts(query))
            allowed = None if top_ranked is None else {str(each) for each in top_ranked.get(name, ())}
            k = max(1, min(len(self._ids), top_k if allowed is None else len(self._ids)))
            ranked = [self._ids[uri] for hit in self._hits(self._collection, parts, k) for uri in _uris(hit)]
            kept = [each for each in ranked if allowed is None or each in allowed][:top_k]
            found[name] = {each: 1.0 / (rank + 1) for rank, each in enumerate(kept)}
        return found

    def close(self) -> None:
        """Close the store and remove it."""
        if self._collection is not None:
            self._collection.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._collection = self._folder = None

    def _hits(self, collection: Collection, parts: list[object], k: int) -> list[Hit]:
        if len(parts) == 1:
            return collection.search(parts[0], k=k)
        first = self._embedder.query(parts[0])
        return collection.find(replace(first, vector=_vector(self._embedder, parts, asked=True)), k=k)

    def _prepared(self, uri: str, document: Any) -> Prepared:
        """A document with all its parts as pieces of one item."""
        first, *others = [self._embedder.preparer.value(part) for part in _parts(document)]
        pieces = [piece for each in (first, *others) for piece in each.pieces]
        return replace(first, uri=uri, name=str(document["id"]), pieces=tuple(pieces))


def _uris(hit: Hit) -> Iterator[str]:
    """The documents that a hit stands for: equal contents are folded into one."""
    yield hit.uri
    yield from (each.uri for each in hit.folded)


def _rows(inputs: Iterable[Any]) -> Iterator[list[object]]:
    """One list of parts an input, from mteb's batches of columns."""
    for batch in inputs:
        columns = [name for name in SENSES if name in batch]
        for place in range(len(batch[columns[0]])):
            yield list(_parts({name: batch[name][place] for name in columns}))


def _parts(row: Any) -> Iterator[object]:
    """What a row holds, as items: a text (its title first), a picture, a sound."""
    if row.get("text") or row.get("body"):
        text = str(row.get("text") or row["body"])
        title = str(row.get("title") or "")
        yield text if not title or text.startswith(title) else f"{title} {text}"
    if row.get("image") is not None:
        yield row["image"].convert("RGB")
    if row.get("audio") is not None:
        yield _sound(row["audio"])


def _sound(given: Any) -> Audio:
    """Samples and a rate, or something of torchcodec's that decodes to them."""
    if hasattr(given, "get_all_samples"):
        samples = given.get_all_samples()
        return Audio(samples.data.numpy().T, int(samples.sample_rate))
    array: NDArray[np.float32] = np.asarray(given["array"], dtype=np.float32)
    return Audio(array, int(given["sampling_rate"]))


def _vector(embedder: Embedder, parts: list[object], *, asked: bool) -> NDArray[np.float32]:
    if not parts:
        raise UsageError("An input has neither text, nor picture, nor sound.", fix="Choose a task of these.")
    rows = np.stack([embedder.query(part).vector for part in parts]) if asked else embedder.embed(parts)
    mean: NDArray[np.float32] = unit(rows.mean(axis=0, keepdims=True))[0]
    return mean


def _unit_rows(given: Any) -> Vectors:
    return unit(np.atleast_2d(np.asarray(given, dtype=np.float32)))


def _tensor(rows: NDArray[np.floating]) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(rows))


def _meta(embedder: Embedder, revision: str | None) -> Any:
    space = embedder.space
    name = space.name if "/" in space.name else f"commonspace/{space.name}"
    told = {"name": name, "revision": revision or space.fingerprint[:12], "embed_dim": space.dimension}
    senses = [each.value for each in space.towers if each.value in SENSES]
    return ModelMeta.create_empty(overwrites={**told, "modalities": senses})
