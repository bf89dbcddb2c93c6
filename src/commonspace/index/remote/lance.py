"""Rows in LanceDB: a table a store in a folder or in an object store (``s3://bucket/prefix``), which all readers share.

There is no server: every reader opens the files, and a commit of one is seen by the next search of all. The stamp is
a row of its own. A large filter is slow here: its ids are read as SQL, some 30 microseconds each.
"""

from datetime import timedelta
from typing import Any, Final, final

import numpy as np

from commonspace.core.vectors import Vectors
from commonspace.index.index import Ids
from commonspace.index.remote.line import Fault, Line, library, without_password
from commonspace.index.remote.table import RESERVED_ID, Among, Place, Rows

__all__ = ["LanceTable"]

FEWEST_GRAPH_ROWS: Final = 2_000
EF_SEARCH: Final = 400
REFINED: Final = 4
VERSIONS_BEFORE_TIDYING: Final = 64
KEPT_VERSIONS: Final = timedelta(hours=1)


@final
class LanceTable:
    """One table of one database of files."""

    def __init__(self, dimension: int, place: Place) -> None:
        self._dimension = dimension
        self._place = place
        self._arrow: Any = None
        self._line = Line("LanceDB", without_password(place.url), (RuntimeError, OSError, ValueError), _judge)
        self._database: Any = None
        self._table: Any = None
        self._name = ""
        self._settled_at = 0

    @property
    def exact(self) -> bool:
        """Whether every row is looked at."""
        return self._place.exact

    def attach(self, store: str) -> None:
        """Turn to the rows of one store."""
        self._name = self._place.name_for(store)
        self._line.call(self._open)

    def read_stamp(self) -> str | None:
        """The stamp, if the table is there."""
        if self._table is None:
            self._line.call(self._open)
        if self._table is None:
            return None
        rows = self._line.call(lambda: self._where(f"id = {RESERVED_ID}", ["stamp"]))
        stamps = rows["stamp"].to_pylist()
        return str(stamps[0]) if stamps and stamps[0] is not None else None

    def write_stamp(self, text: str) -> None:
        """Keep a stamp."""
        self._merge(self._batch(self._stamp_row(), text))

    def clear(self, stamp: str) -> None:
        """Make the table anew; its first commit holds the stamp."""
        if self._table is not None and self.read_stamp() is None:
            raise self._line.foreign(self._name)
        first = self._batch(self._stamp_row(), stamp)
        self._table = self._line.call(lambda: self._database.create_table(self._name, first, mode="overwrite"))

    def upsert(self, rows: Rows) -> None:
        """Keep rows, in one commit."""
        self._merge(self._batch(rows, None))

    def delete(self, ids: Ids) -> None:
        """Let go of rows, in one commit."""
        if len(ids):
            self._line.call(lambda: self._table.delete(f"id IN ({_listing(ids)})"))

    def nearest(self, query: Vectors, k: int, among: Among) -> Rows:
        """The nearest rows; LanceDB filters before it searches."""
        conditions = [f"id <= {among.last}"]
        for ids, word in ((among.only, "IN"), (among.never, "NOT IN")):
            if ids is not None:
                conditions.append(f"id {word} ({_listing(ids)})")

        def action() -> Any:
            search = self._table.search(query, vector_column_name="vector").distance_type("dot")
            search = search.where(" AND ".join(conditions), prefilter=True).limit(k)
            if self._place.exact or among.narrow:
                search = search.bypass_vector_index()
            else:
                search = search.ef(max(EF_SEARCH, 2 * k)).refine_factor(REFINED)
            return search.select(["id", "vector", "_distance"]).to_arrow()

        return self._rows(self._line.call(action))

    def fetch(self, ids: Ids) -> Rows:
        """Rows by id."""
        if not len(ids):
            return Rows.of([], [], self._dimension)
        return self._rows(self._line.call(lambda: self._where(f"id IN ({_listing(ids)})", ["id", "vector"])))

    def count(self, last: int) -> int:
        """How many rows there are up to ``last``."""
        return int(self._line.call(lambda: self._table.count_rows(f"id <= {last}")))

    def listed(self, last: int) -> Ids:
        """The ids of all rows up to ``last``."""
        rows = self._line.call(lambda: self._where(f"id <= {last}", ["id"]))
        return np.asarray(rows["id"].to_numpy(), np.int64)

    def settle(self) -> None:
        """Index what is new now and then, and put small files together; searches see the rest without."""
        self._line.call(self._tidy)

    def close(self) -> None:
        """Let go of the files."""
        self._table = self._database = None

    def _open(self) -> None:
        if self._database is None:  # not before it is needed: LanceDB has threads that a fork would lose
            self._arrow = library("pyarrow", "lance")
            self._database = library("lancedb", "lance").connect(
                self._place.url, read_consistency_interval=timedelta(0)
            )
        self._table = self._database.open_table(self._name) if self._name in self._names() else None

    def _names(self) -> list[str]:
        return list(self._database.table_names(limit=100_000))

    def _tidy(self) -> None:
        table = self._table
        due = table.version >= self._settled_at + VERSIONS_BEFORE_TIDYING
        if not self._place.exact and not table.list_indices() and table.count_rows() >= FEWEST_GRAPH_ROWS:
            kind = library("lancedb.index", "lance").HnswSq
            table.create_index("vector", config=kind(distance_type="dot", num_partitions=1))
            due = True
        if due:
            table.optimize(cleanup_older_than=KEPT_VERSIONS)
            self._settled_at = int(table.version)

    def _where(self, condition: str, fields: list[str]) -> Any:
        return self._table.search().where(condition).select(fields).to_arrow()

    def _merge(self, batch: Any) -> None:
        self._line.call(
            lambda: (
                self._table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(batch)
            )
        )

    def _batch(self, rows: Rows, stamp: str | None) -> Any:
        arrow = self._arrow
        kind = arrow.list_(arrow.float32(), self._dimension)
        vectors = arrow.FixedSizeListArray.from_arrays(arrow.array(rows.vectors.reshape(-1)), self._dimension)
        columns = [arrow.array(rows.ids), vectors, arrow.array([stamp] * len(rows.ids), arrow.string())]
        fields = [("id", arrow.int64()), ("vector", kind), ("stamp", arrow.string())]
        return arrow.table(columns, schema=arrow.schema(fields))

    def _stamp_row(self) -> Rows:
        return Rows(ids=np.array([RESERVED_ID]), vectors=np.zeros((1, self._dimension), np.float32))

    def _rows(self, found: Any) -> Rows:
        flat = found["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        ids = np.asarray(found["id"].to_numpy(), np.int64)
        return Rows(ids=ids, vectors=np.asarray(flat, np.float32).reshape(len(ids), self._dimension))


def _listing(ids: Ids) -> str:
    return ",".join(map(str, ids.tolist()))


def _judge(error: BaseException) -> Fault:
    text = str(error).lower()
    if any(
        word in text for word in ("403", "forbidden", "accessdenied", "access denied", "invalidaccesskey", "credential")
    ):
        return Fault.DENIED
    if "dimension" in text or ("fixed" in text and "size" in text):
        return Fault.MISSHAPEN
    words = ("connect", "timed out", "timeout", "dns", "unreachable", "error sending request")
    return Fault.UNREACHABLE if any(word in text for word in words) else Fault.OTHER
