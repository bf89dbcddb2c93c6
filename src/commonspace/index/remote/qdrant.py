"""Rows in a Qdrant server: a collection a store, exact by a full look or HNSW; the stamp is a point of its own."""

from collections.abc import Callable
from threading import Lock
from typing import Any, Final, final

import numpy as np

from commonspace.core.vectors import Vectors
from commonspace.index.index import Ids
from commonspace.index.remote.line import Fault, Line, library, without_password
from commonspace.index.remote.table import RESERVED_ID, Among, Place, Rows

__all__ = ["QdrantTable"]

EF_SEARCH: Final = 400
PAGE_IDS: Final = 10_000
UPSERTED_ROWS: Final = 512


@final
class QdrantTable:
    """One collection of one server.

    ``connect`` makes the client where the place's URL alone does not, such as a client of files.
    """

    def __init__(self, dimension: int, place: Place, connect: Callable[[], Any] | None = None) -> None:
        self._dimension = dimension
        self._place = place
        self._qdrant = library("qdrant_client", "qdrant")
        self._models = self._qdrant.models
        answers = library("qdrant_client.http.exceptions", "qdrant")
        web = library("httpx", "qdrant")
        # The client of files raises ValueError where a server answers 4xx.
        kinds = (answers.UnexpectedResponse, answers.ResponseHandlingException, web.HTTPError, ValueError)
        self._line = Line("Qdrant", without_password(place.url), kinds, _judge, place.secret)
        self._connect = connect or self._to_server
        self._lock = Lock()
        self._client: Any = None
        self._name = ""

    @property
    def exact(self) -> bool:
        """Whether every row is looked at."""
        return self._place.exact

    def attach(self, store: str) -> None:
        """Turn to the rows of one store."""
        self._name = self._place.name_for(store)
        self._do("collection_exists")

    def read_stamp(self) -> str | None:
        """The stamp, if the collection is there."""
        if not self._do("collection_exists"):
            return None
        points = self._do("retrieve", ids=[RESERVED_ID], with_payload=True)
        return str(points[0].payload["stamp"]) if points and "stamp" in (points[0].payload or {}) else None

    def write_stamp(self, text: str) -> None:
        """Keep a stamp."""
        payload = {"id": RESERVED_ID, "stamp": text}
        point = self._models.PointStruct(id=RESERVED_ID, vector=[0.0] * self._dimension, payload=payload)
        self._do("upsert", points=[point], wait=True)

    def clear(self, stamp: str) -> None:
        """Make the collection anew, then stamp it; one of the name that is empty counts as ours."""
        models = self._models
        if self._do("collection_exists"):
            if self.read_stamp() is None and self._do("count").count:
                raise self._line.foreign(self._name)
            self._do("delete_collection")
        shape = models.VectorParams(size=self._dimension, distance=models.Distance.DOT)
        self._do("create_collection", vectors_config=shape)
        self._do("create_payload_index", field_name="id", field_schema=models.PayloadSchemaType.INTEGER)
        self.write_stamp(stamp)

    def upsert(self, rows: Rows) -> None:
        """Keep rows."""
        for at in range(0, len(rows.ids), UPSERTED_ROWS):
            ids = rows.ids[at : at + UPSERTED_ROWS].tolist()
            vectors = rows.vectors[at : at + UPSERTED_ROWS].tolist()
            points = self._models.Batch(ids=ids, vectors=vectors, payloads=[{"id": name} for name in ids])
            self._do("upsert", points=points, wait=True)

    def delete(self, ids: Ids) -> None:
        """Let go of rows."""
        if len(ids):
            self._do("delete", points_selector=self._models.PointIdsList(points=ids.tolist()), wait=True)

    def nearest(self, query: Vectors, k: int, among: Among) -> Rows:
        """The nearest rows; the graph is walked with the filter in hand."""
        effort = self._models.SearchParams(exact=self._place.exact or among.narrow, hnsw_ef=max(EF_SEARCH, 2 * k))
        found = self._do(
            "query_points",
            query=query.tolist(),
            limit=k,
            query_filter=self._filter(among),
            search_params=effort,
            with_vectors=True,
            with_payload=False,
        )
        return self._rows(found.points)

    def fetch(self, ids: Ids) -> Rows:
        """Rows by id."""
        if not len(ids):
            return Rows.of([], [], self._dimension)
        return self._rows(self._do("retrieve", ids=ids.tolist(), with_vectors=True, with_payload=False))

    def count(self, last: int) -> int:
        """How many rows there are up to ``last``."""
        return int(self._do("count", count_filter=self._filter(Among(last=last)), exact=True).count)

    def listed(self, last: int) -> Ids:
        """The ids of all rows up to ``last``."""
        names: list[int] = []
        start: int | None = 0
        while start is not None:
            points, start = self._do(
                "scroll",
                scroll_filter=self._filter(Among(last=last)),
                limit=PAGE_IDS,
                offset=start,
                with_payload=False,
                with_vectors=False,
            )
            names += [point.id for point in points]
        return np.array(names, np.int64)

    def settle(self) -> None:
        """Nothing to do: every write was waited for, and the server indexes by itself."""

    def close(self) -> None:
        """Close the client."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _filter(self, among: Among) -> Any:
        models = self._models
        must: list[Any] = [models.FieldCondition(key="id", range=models.Range(lte=among.last))]
        if among.only is not None:
            must.append(models.HasIdCondition(has_id=among.only.tolist()))
        never = [] if among.never is None else [models.HasIdCondition(has_id=among.never.tolist())]
        return models.Filter(must=must, must_not=never)

    def _rows(self, points: list[Any]) -> Rows:
        return Rows.of([point.id for point in points], [point.vector for point in points], self._dimension)

    def _do(self, method: str, **values: Any) -> Any:
        """Call a method of the client for this collection."""
        return self._line.call(lambda: getattr(self._connected(), method)(collection_name=self._name, **values))

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _to_server(self) -> Any:
        return self._qdrant.QdrantClient(
            url=self._place.url,
            api_key=self._place.secret,
            timeout=max(1, round(self._place.timeout_seconds)),
            check_compatibility=False,
        )


def _judge(error: BaseException) -> Fault:
    status = getattr(error, "status_code", None)
    if status in {401, 403}:
        return Fault.DENIED
    if "dimension" in str(error).lower():
        return Fault.MISSHAPEN
    reached = status is not None or isinstance(error, ValueError)
    return Fault.OTHER if reached and status not in {502, 503, 504} else Fault.UNREACHABLE
