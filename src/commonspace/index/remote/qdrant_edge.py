"""Rows in Qdrant's engine within this process, kept in a folder that one process at a time may have open.

It is the engine of the server (``qdrant`` in this package), without the server; the folder's format is the server's.
"""

from pathlib import Path
from threading import Lock
from typing import Any, Final, final

import numpy as np

from commonspace.core.vectors import Vectors
from commonspace.index.index import Ids
from commonspace.index.remote.line import Fault, Line, library
from commonspace.index.remote.table import RESERVED_ID, Among, Place, Rows

__all__ = ["QdrantEdgeTable"]

EF_SEARCH: Final = 400
PAGE_IDS: Final = 10_000
VECTOR: Final = "vector"


@final
class QdrantEdgeTable:
    """One shard in one folder; its calls go one after another."""

    def __init__(self, dimension: int, place: Place) -> None:
        self._dimension = dimension
        self._place = place
        self._edge = library("qdrant_edge", "qdrant-edge")
        self._line = Line("Qdrant's engine", place.url, (Exception,), _judge)  # it raises bare Exceptions
        self._lock = Lock()
        self._shard: Any = None
        self._folder = Path(place.url)

    @property
    def exact(self) -> bool:
        """Whether every row is looked at."""
        return self._place.exact

    def attach(self, store: str) -> None:
        """Turn to the rows of one store."""
        self._folder = Path(self._place.url) / self._place.name_for(store)
        if (self._folder / "segments").is_dir():
            self._line.call(self._open)

    def read_stamp(self) -> str | None:
        """The stamp, if the shard is there."""
        if self._shard is None:
            return None
        points = self._do(lambda shard: shard.retrieve([RESERVED_ID], with_payload=True, with_vector=False))
        return str(points[0].payload["stamp"]) if points else None

    def write_stamp(self, text: str) -> None:
        """Keep a stamp, after everything before is on disk."""
        point = self._edge.Point(RESERVED_ID, {VECTOR: [0.0] * self._dimension}, {"id": RESERVED_ID, "stamp": text})
        self._do(lambda shard: shard.flush())
        self._update(self._edge.UpdateOperation.upsert_points([point]))

    def clear(self, stamp: str) -> None:
        """Make the shard anew, then stamp it."""
        import shutil

        if self._shard is not None and self.read_stamp() is None and self.count(RESERVED_ID):
            raise self._line.foreign(str(self._folder))
        self.close()
        if self._folder.exists():
            shutil.rmtree(self._folder)
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        edge = self._edge
        shape = edge.EdgeVectorParams(size=self._dimension, distance=edge.Distance.Dot)
        self._shard = self._line.call(
            lambda: edge.EdgeShard.create(str(self._folder), edge.EdgeConfig(vectors={VECTOR: shape}))
        )
        self._update(edge.UpdateOperation.create_field_index("id", edge.PayloadSchemaType.Integer))
        self.write_stamp(stamp)

    def upsert(self, rows: Rows) -> None:
        """Keep rows."""
        pairs = zip(rows.ids.tolist(), rows.vectors.tolist(), strict=True)
        points = [self._edge.Point(name, {VECTOR: vector}, {"id": name}) for name, vector in pairs]
        self._update(self._edge.UpdateOperation.upsert_points(points))

    def delete(self, ids: Ids) -> None:
        """Let go of rows."""
        if len(ids):
            self._update(self._edge.UpdateOperation.delete_points(ids.tolist()))

    def nearest(self, query: Vectors, k: int, among: Among) -> Rows:
        """The nearest rows; the graph is walked with the filter in hand."""
        edge = self._edge
        request = edge.QueryRequest(
            limit=k,
            query=edge.Query.Nearest(query.tolist(), using=VECTOR),
            with_vector=True,
            filter=self._filter(among),
            params=edge.SearchParams(exact=self._place.exact or among.narrow, hnsw_ef=max(EF_SEARCH, 2 * k)),
        )
        return self._rows(self._do(lambda shard: shard.query(request)))

    def fetch(self, ids: Ids) -> Rows:
        """Rows by id."""
        wanted = ids.tolist()
        return self._rows(self._do(lambda shard: shard.retrieve(wanted, with_payload=False, with_vector=True)))

    def count(self, last: int) -> int:
        """How many rows there are up to ``last``."""
        request = self._edge.CountRequest(exact=True, filter=self._filter(Among(last=last)))
        return int(self._do(lambda shard: shard.count(request)))

    def listed(self, last: int) -> Ids:
        """The ids of all rows up to ``last``."""
        names: list[int] = []
        start: int | None = 0
        while start is not None:
            request = self._edge.ScrollRequest(
                offset=start, limit=PAGE_IDS, filter=self._filter(Among(last=last)), with_payload=False
            )
            points, start = self._do(lambda shard, page=request: shard.scroll(page))
            names += [point.id for point in points]
        return np.array(names, np.int64)

    def settle(self) -> None:
        """Index what is new, where an index is wanted."""
        if not self._place.exact:
            self._do(lambda shard: shard.optimize())

    def close(self) -> None:
        """Close the shard, which frees its folder for another process."""
        with self._lock:
            shard, self._shard = self._shard, None
        if shard is not None:
            shard.close()

    def _open(self) -> None:
        if self._shard is None:
            self._shard = self._edge.EdgeShard.load(str(self._folder))

    def _update(self, operation: Any) -> None:
        self._do(lambda shard: shard.update(operation))

    def _do(self, action: Any) -> Any:
        with self._lock:
            return self._line.call(lambda: action(self._shard))

    def _filter(self, among: Among) -> Any:
        edge = self._edge
        must = [edge.FieldCondition(key="id", range=edge.RangeFloat(lte=among.last))]
        if among.only is not None:
            must.append(edge.HasIdCondition(set(among.only.tolist())))
        never = None if among.never is None else [edge.HasIdCondition(set(among.never.tolist()))]
        return edge.Filter(must=must, must_not=never)

    def _rows(self, points: list[Any]) -> Rows:
        vectors = [point.vector[VECTOR] for point in points]
        return Rows.of([point.id for point in points], vectors, self._dimension)


def _judge(error: BaseException) -> Fault:
    text = str(error)
    if "dimension" in text.lower():
        return Fault.MISSHAPEN
    return Fault.OTHER
