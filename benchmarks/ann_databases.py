"""Embedded vector databases behind the seam of ``ann_engines``: LanceDB, Chroma, Qdrant's engine, zvec, sqlite-vec."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from benchmarks.ann_engines import BUILD_EFFORT, LINKS, Engine
from benchmarks.store import BUCKETS
from commonspace.core.vectors import Vectors

__all__ = ["DATABASES"]

BATCH: Final = 2_000


@final
class Lance:
    """LanceDB with IVF-HNSW-SQ, refined; the knob is ``nprobes``."""

    name, knobs, can_filter = "LanceDB IVF_HNSW_SQ", (4, 20, 50), True

    def build(self, rows: Vectors, folder: Path) -> None:
        """One table, one index."""
        arrow: Any = import_module("pyarrow")
        values = arrow.FixedSizeListArray.from_arrays(arrow.array(rows.reshape(-1)), rows.shape[1])
        numbers = np.arange(len(rows))
        table = arrow.table({"id": numbers, "bucket": numbers % BUCKETS, "vector": values})
        self._table: Any = import_module("lancedb").connect(folder / "lance").create_table("rows", table)
        self._table.create_index(metric="dot", index_type="IVF_HNSW_SQ", m=LINKS, ef_construction=BUILD_EFFORT)
        self._table.create_scalar_index("bucket")

    def ask(self, query: Vectors, k: int, knob: int, below: int | None) -> list[int]:
        """One search."""
        wanted = self._table.search(query).limit(k).nprobes(knob).ef(20 * knob).refine_factor(4).select(["id"])
        if below is not None:
            wanted = wanted.where(f"bucket < {below}", prefilter=True)
        return [int(row) for row in wanted.to_arrow()["id"].to_pylist()]


@final
class Chroma:
    """Chroma, whose graph's ``ef`` is set when it is made."""

    name, knobs, can_filter = "Chroma", (512,), True

    def build(self, rows: Vectors, folder: Path) -> None:
        """One collection."""
        client = import_module("chromadb").PersistentClient(str(folder / "chroma"))
        graph = {"space": "ip", "max_neighbors": LINKS, "ef_construction": BUILD_EFFORT, "ef_search": self.knobs[0]}
        self._collection: Any = client.create_collection("rows", configuration={"hnsw": graph})
        for at in range(0, len(rows), BATCH):
            part = range(at, min(at + BATCH, len(rows)))
            self._collection.add(
                ids=[str(row) for row in part],
                embeddings=rows[at : at + BATCH],
                metadatas=[{"bucket": row % BUCKETS} for row in part],
            )

    def ask(self, query: Vectors, k: int, knob: int, below: int | None) -> list[int]:
        """One search."""
        del knob
        where = None if below is None else {"bucket": {"$lt": below}}
        found = self._collection.query(query_embeddings=query[np.newaxis], n_results=k, where=where, include=[])
        return [int(row) for row in found["ids"][0]]


@final
class Qdrant:
    """Qdrant's engine within the process."""

    name, knobs, can_filter = "Qdrant edge", (64, 128, 256, 512), True

    def build(self, rows: Vectors, folder: Path) -> None:
        """One shard, optimised."""
        edge: Any = import_module("qdrant_edge")
        self._edge = edge
        (folder / "qdrant").mkdir()
        graph = edge.HnswIndexConfig(m=LINKS, ef_construct=BUILD_EFFORT, full_scan_threshold=1_000)
        shape = edge.EdgeVectorParams(size=rows.shape[1], distance=edge.Distance.Dot, hnsw_config=graph)
        self._shard = edge.EdgeShard.create(str(folder / "qdrant"), edge.EdgeConfig(vectors={"v": shape}))
        update = edge.UpdateOperation
        self._shard.update(update.create_field_index("bucket", edge.PayloadSchemaType.Integer))
        for at in range(0, len(rows), BATCH):
            part = enumerate(rows[at : at + BATCH].tolist(), start=at)
            points = [edge.Point(row, {"v": vector}, {"bucket": row % BUCKETS}) for row, vector in part]
            self._shard.update(update.upsert_points(points))
        self._shard.optimize()

    def ask(self, query: Vectors, k: int, knob: int, below: int | None) -> list[int]:
        """One search."""
        edge, only = self._edge, None
        if below is not None:
            only = edge.Filter(must=[edge.FieldCondition(key="bucket", range=edge.RangeFloat(lt=float(below)))])
        request = edge.QueryRequest(
            limit=k,
            query=edge.Query.Nearest(query.tolist(), using="v"),
            filter=only,
            params=edge.SearchParams(hnsw_ef=knob),
        )
        return [int(point.id) for point in self._shard.query(request)]


@final
class Zvec:
    """zvec with its graph."""

    name, knobs, can_filter = "zvec HNSW", (64, 128, 256, 512), True

    def build(self, rows: Vectors, folder: Path) -> None:
        """One collection, optimised."""
        zvec: Any = import_module("zvec")
        self._zvec = zvec
        zvec.init(log_level=zvec.LogLevel.ERROR, query_threads=1)
        graph = zvec.HnswIndexParam(metric_type=zvec.MetricType.IP, m=LINKS, ef_construction=BUILD_EFFORT)
        schema = zvec.CollectionSchema(
            name="rows",
            fields=[
                zvec.FieldSchema(
                    "bucket", zvec.DataType.INT64, index_param=zvec.InvertIndexParam(enable_range_optimization=True)
                )
            ],
            vectors=zvec.VectorSchema("v", zvec.DataType.VECTOR_FP32, rows.shape[1], index_param=graph),
        )
        self._collection = zvec.create_and_open(path=str(folder / "zvec"), schema=schema)
        for at in range(0, len(rows), 1_000):
            part = enumerate(rows[at : at + 1_000], start=at)
            made = [
                zvec.Doc(id=str(row), vectors={"v": v.tolist()}, fields={"bucket": row % BUCKETS}) for row, v in part
            ]
            self._collection.insert(made)
        self._collection.optimize(zvec.OptimizeOption(concurrency=1))

    def ask(self, query: Vectors, k: int, knob: int, below: int | None) -> list[int]:
        """One search."""
        asked = self._zvec.Query("v", vector=query.tolist(), param=self._zvec.HnswQueryParam(ef=knob))
        only = None if below is None else f"bucket < {below}"
        return [int(doc.id) for doc in self._collection.query(asked, topk=k, filter=only, output_fields=[])]


@final
class SqliteVec:
    """sqlite-vec, which looks at every row; pysqlite3 where Python's own SQLite loads no extensions."""

    name, knobs, can_filter = "sqlite-vec", (1,), True

    def build(self, rows: Vectors, folder: Path) -> None:
        """One virtual table."""
        sqlite: Any = import_module("sqlite3")
        if not hasattr(sqlite.Connection, "enable_load_extension"):
            sqlite = import_module("pysqlite3")
        self._connection = sqlite.connect(folder / "rows.sqlite3")
        self._connection.enable_load_extension(True)  # noqa: FBT003  (its only parameter)
        import_module("sqlite_vec").load(self._connection)
        self._connection.execute(
            f"CREATE VIRTUAL TABLE rows USING vec0(bucket INTEGER, v FLOAT[{rows.shape[1]}] distance_metric=cosine)"
        )
        values = ((row, row % BUCKETS, vector.tobytes()) for row, vector in enumerate(rows))
        self._connection.executemany("INSERT INTO rows (rowid, bucket, v) VALUES (?, ?, ?)", values)
        self._connection.commit()

    def ask(self, query: Vectors, k: int, knob: int, below: int | None) -> list[int]:
        """One search."""
        del knob
        only = "" if below is None else f" AND bucket < {int(below)}"
        statement = f"SELECT rowid FROM rows WHERE v MATCH ? AND k = ?{only} ORDER BY distance"  # noqa: S608  (ours)
        return [int(row) for (row,) in self._connection.execute(statement, (query.tobytes(), k))]


DATABASES: Final[Mapping[str, Callable[[], Engine]]] = {
    each.name: each for each in (Lance, Chroma, Qdrant, Zvec, SqliteVec)
}
