"""Rows in Milvus 2.3 or later: a collection a store, with a FLAT index or HNSW; the stamp is a property of it.

A look at every row and a graph are two collections, as Milvus has one index a collection.
"""

import math
from threading import Lock
from typing import Any, Final, final

import numpy as np

from commonspace.core.vectors import Vectors
from commonspace.index.index import Ids
from commonspace.index.remote.line import Fault, Line, library, without_password
from commonspace.index.remote.table import Among, Place, Rows

__all__ = ["MilvusTable"]

PAGE_IDS: Final = 16_384
EF_SEARCH: Final = 400
NARROW_EF_SEARCH: Final = 2_000
STAMP: Final = "commonspace.stamp"


@final
class MilvusTable:
    """One collection of one server, over one channel that all threads share."""

    def __init__(self, dimension: int, place: Place) -> None:
        self._dimension = dimension
        self._place = place
        self._milvus = library("pymilvus", "milvus")
        kinds = (self._milvus.MilvusException, library("grpc", "milvus").RpcError)
        # pymilvus tries again by itself until the time is over.
        self._line = Line("Milvus", without_password(place.url), kinds, _judge, place.secret, tries=1)
        self._seconds = math.ceil(place.timeout_seconds)  # of any other type pymilvus takes it for no limit on retries
        self._lock = Lock()
        self._client: Any = None
        self._name = ""

    @property
    def exact(self) -> bool:
        """Whether every row is looked at."""
        return self._place.exact

    def attach(self, store: str) -> None:
        """Turn to the rows of one store, and have them loaded for searching."""
        self._name = self._place.name_for(store) + ("" if self._place.exact else "_near")
        if self._do("has_collection"):
            self._do("load_collection")

    def read_stamp(self) -> str | None:
        """The stamp, if the collection is there."""
        if not self._do("has_collection"):
            return None
        kept = self._do("describe_collection").get("properties", {}).get(STAMP)
        return None if kept is None else str(kept)

    def write_stamp(self, text: str) -> None:
        """Keep a stamp."""
        self._do("alter_collection_properties", properties={STAMP: text})

    def clear(self, stamp: str) -> None:
        """Make the collection anew; it is born with its stamp."""
        if self._do("has_collection"):
            if self.read_stamp() is None:
                raise self._line.foreign(self._name)
            self._do("drop_collection")
        kinds = self._milvus.DataType
        schema = self._milvus.MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", kinds.INT64, is_primary=True)
        schema.add_field("vector", kinds.FLOAT_VECTOR, dim=self._dimension)
        index = self._milvus.MilvusClient.prepare_index_params()
        kind, knobs = ("FLAT", {}) if self._place.exact else ("HNSW", {"M": 16, "efConstruction": 200})
        index.add_index("vector", index_type=kind, metric_type="IP", params=knobs)
        self._do("create_collection", schema=schema, index_params=index, properties={STAMP: stamp})

    def upsert(self, rows: Rows) -> None:
        """Keep rows."""
        pairs = zip(rows.ids.tolist(), rows.vectors, strict=True)
        self._do("upsert", data=[{"id": name, "vector": vector} for name, vector in pairs])

    def delete(self, ids: Ids) -> None:
        """Let go of rows."""
        if len(ids):
            self._do("delete", ids=ids.tolist())

    def nearest(self, query: Vectors, k: int, among: Among) -> Rows:
        """The nearest rows; the filter is a bit set that the search looks at row by row."""
        conditions = [f"id <= {among.last}"]
        for ids, word in ((among.only, "in"), (among.never, "not in")):
            if ids is not None:
                conditions.append(f"id {word} {ids.tolist()}")
        effort = {} if self._place.exact else {"ef": max(NARROW_EF_SEARCH if among.narrow else EF_SEARCH, 2 * k)}
        (hits,) = self._do(
            "search",
            data=[query.tolist()],
            limit=k,
            filter=" and ".join(conditions),
            output_fields=["vector"],
            search_params={"metric_type": "IP", "params": effort},
            consistency_level="Session",
        )
        return Rows.of([hit["id"] for hit in hits], [hit["entity"]["vector"] for hit in hits], self._dimension)

    def fetch(self, ids: Ids) -> Rows:
        """Rows by id."""
        found = self._query(f"id in {ids.tolist()}", ["vector"]) if len(ids) else []
        return Rows.of([row["id"] for row in found], [row["vector"] for row in found], self._dimension)

    def count(self, last: int) -> int:
        """How many rows there are up to ``last``."""
        (row,) = self._query(f"id <= {last}", ["count(*)"], level="Strong")
        return int(row["count(*)"])

    def listed(self, last: int) -> Ids:
        """The ids of all rows up to ``last``, by spans that no answer is too small for."""
        names: list[int] = []
        for start in range(0, last + 1, PAGE_IDS):
            span = f"id >= {start} and id < {min(last + 1, start + PAGE_IDS)}"
            names += [row["id"] for row in self._query(span, ["id"], level="Strong")]
        return np.array(names, np.int64)

    def settle(self) -> None:
        """Wait until searches see everything that was written before."""
        self._query("id == 0", ["id"], level="Strong")

    def close(self) -> None:
        """Close the channel."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _query(self, condition: str, fields: list[str], level: str = "Session") -> list[dict[str, Any]]:
        return list(self._do("query", filter=condition, output_fields=fields, consistency_level=level))

    def _do(self, method: str, **values: Any) -> Any:
        """Call a method of the client for this collection."""
        seconds = self._seconds

        def action() -> Any:
            return getattr(self._connected(), method)(collection_name=self._name, timeout=seconds, **values)

        return self._line.call(action)

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._milvus.MilvusClient(
                    uri=self._place.url, token=self._place.secret or "", timeout=self._seconds
                )
            return self._client


def _judge(error: BaseException) -> Fault:
    text = str(error).lower()
    if "auth" in text or "permission" in text or "unauthenticated" in text:
        return Fault.DENIED
    if "dim" in text and "vector" in text:
        return Fault.MISSHAPEN
    words = ("fail connecting", "unavailable", "retry", "deadline", "timeout", "closed channel", "refused")
    return Fault.UNREACHABLE if any(word in text for word in words) else Fault.OTHER
