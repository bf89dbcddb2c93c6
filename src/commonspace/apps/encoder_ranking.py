"""The encoder by itself: every document's one vector compared with the query exactly, without index or ranking."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from commonspace.apps.collection import Collection
from commonspace.core.errors import UsageError
from commonspace.core.vectors import Vectors
from commonspace.evaluate.dataset import Shelf
from commonspace.evaluate.ranked import Run
from commonspace.index.records import StoredItem
from commonspace.retrieve.asked import Asked

__all__ = ["encoder_ranking"]

ROWS_A_BLOCK: Final = 4096
QUERIES_A_BLOCK: Final = 1024


def encoder_ranking(
    collection: Collection, asked: Mapping[str, Asked], shelf: tuple[Shelf, Mapping[str, str]], depth: int
) -> Run:
    """Find the nearest documents by the cosine of whole vectors; of several parts the nearest counts.

    Cost O(queries x documents), block by block.
    """
    if not asked:
        return {}
    queries = np.stack([each.embedding.vector for each in asked.values()])
    best: dict[str, dict[str, float]] = {query: {} for query in asked}
    order = list(asked)
    for names, rows in _blocks(collection, *shelf):
        for start in range(0, len(order), QUERIES_A_BLOCK):
            scored = queries[start : start + QUERIES_A_BLOCK] @ rows.T
            for query, scores in zip(order[start : start + QUERIES_A_BLOCK], scored, strict=True):
                best[query] = _merged(best[query], names, scores, (query, depth))
    return best


def _merged(mine: dict[str, float], names: Sequence[str], scores: Vectors, asked: tuple[str, int]) -> dict[str, float]:
    """A query's best documents so far, with those of one block."""
    query, depth = asked
    for at in np.flatnonzero(scores >= _least(scores, depth)).tolist():
        if names[at] != query:
            mine[names[at]] = max(mine.get(names[at], -np.inf), float(scores[at]))
    return dict(sorted(mine.items(), key=lambda each: (np.float32(each[1]), each[0]), reverse=True)[:depth])


def _least(scores: Vectors, depth: int) -> float:
    """The score from which on documents of a block are looked at: ties, several parts and the query itself included."""
    wide = 4 * depth + 1
    return float(np.partition(scores, -wide)[-wide]) if len(scores) > wide else -np.inf


def _blocks(collection: Collection, shelf: Shelf, documents: Mapping[str, str]) -> Iterator[tuple[list[str], Vectors]]:
    prefix = f"{shelf.name}:"
    names: list[str] = []
    rows: list[Vectors] = []
    for item in collection.items(after=prefix):
        if not item.uri.startswith(prefix):
            break
        vector = _vector(collection, item) if item.uri in documents else None
        if vector is not None:
            names.append(documents[item.uri])
            rows.append(vector)
        if len(rows) == ROWS_A_BLOCK:
            yield names, np.stack(rows)
            names, rows = [], []
    if rows:
        yield names, np.stack(rows)


def _vector(collection: Collection, item: StoredItem) -> Vectors | None:
    try:
        embedding = collection.embedding(item.id)
    except UsageError:  # nothing in it has a vector
        return None
    return None if embedding is None else embedding.vector
