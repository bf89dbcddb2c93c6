"""What networked stores are held to: the same rows in the reference, and the same answers as from memory."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from commonspace.core.errors import StoreError
from commonspace.index.exact import ExactIndex
from commonspace.index.index import Index
from commonspace.index.lasting import Stamp
from commonspace.index.remote.index import RemoteIndex
from commonspace.index.remote.table import RemoteTable, Rows
from commonspace.index.resident import MakeIndex
from commonspace.index.store import Store
from tests.e2e.remote_grounds import Ground
from tests.unit.index.making import DIMENSION, found, vectors

__all__ = ["STAMP", "Counting", "Twins", "agreed", "filled", "over", "recall"]

STAMP = Stamp(origin="o", epoch="e", sequence=1, changing=1)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """The same rows in a networked store and in the reference, which found what it has by looking at all."""

    remote: RemoteIndex
    reference: ExactIndex


def filled(ground: Ground, *, exact: bool) -> Twins:
    """Rows, a seventh of them removed again, and a stamp."""
    remote = RemoteIndex(DIMENSION, ground.open(DIMENSION, "exact" if exact else "near", exact=exact))
    remote.attach("0123456789abcdef")
    remote.restart(STAMP)
    reference = ExactIndex(DIMENSION)
    both: tuple[Index, ...] = (remote, reference)
    ids = np.arange(1, 2 * ground.num_rows, 2)
    for index in both:
        index.add(ids, vectors(ground.num_rows, seed=1))
        index.remove(ids[::7])
    remote.seal(STAMP)
    return Twins(remote=remote, reference=reference)


@final
class Counting:
    """A table that counts the rows it is sent, and may fail once on the way."""

    def __init__(self, table: RemoteTable, fails_at: int | None = None) -> None:
        self._table = table
        self.num_sent = 0
        self.fails_at = fails_at

    def upsert(self, rows: Rows) -> None:
        if self.fails_at is not None and self.num_sent + len(rows.ids) > self.fails_at:
            self.fails_at = None
            self._table.upsert(Rows(ids=rows.ids[:1], vectors=rows.vectors[:1]))
            raise StoreError("The line broke.", fix="Mend it.")
        self.num_sent += len(rows.ids)
        self._table.upsert(rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


def over(table: Any) -> MakeIndex:
    """A maker of the index over a table, for ``Store.open``."""
    return lambda dimension: RemoteIndex(dimension, table)


def agreed(reader: Store, seed: int = 5) -> None:
    """Check that a reader answers as the store's own index in memory does, scores and all."""
    queries = vectors(3, seed=seed)
    with Store.open(reader.path, writable=False) as plain:
        expected = plain.search(queries, k=100)
    answers = reader.search(queries, k=100)
    assert [found(hits) for hits in answers] == [found(hits) for hits in expected]
    assert [[hit.score for hit in hits] for hits in answers] == [[hit.score for hit in hits] for hits in expected]


def recall(twins: Twins, share: float) -> float:
    """How much of the true best ten is found under a filter; scores are checked to be exact."""
    queries = vectors(8, seed=2)
    drawn = np.random.default_rng(3).permutation(len(twins.reference.ids)) < max(1, share * len(twins.reference.ids))
    allowed = None if share == 1.0 else drawn
    scores, ids = twins.remote.search(queries, 10, allowed)
    _, best = twins.reference.search(queries, 10, allowed)
    for query, row_scores, row_ids in zip(queries, scores, ids, strict=True):
        held = row_ids[row_ids >= 0]
        np.testing.assert_allclose(row_scores[: len(held)], twins.reference.vectors(held) @ query, atol=1e-6)
        assert allowed is None or set(held.tolist()) <= set(twins.reference.ids[allowed].tolist())
    assert (ids >= 0).sum() == (best >= 0).sum()
    hits = sum(int(np.isin(true[true >= 0], here).sum()) for true, here in zip(best, ids, strict=True))
    return hits / max(1, int((best >= 0).sum()))
