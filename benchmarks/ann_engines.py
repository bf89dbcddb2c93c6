"""Bare vector indexes behind one small seam: ours without its store, FAISS, hnswlib and usearch.

A knob is whatever an engine turns to look wider. A filter is *bucket below a number*, of 1,000 buckets in turn.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, final

import numpy as np

from benchmarks.store import BUCKETS, space_of, stored
from commonspace.core.vectors import Vectors
from commonspace.index import Store
from commonspace.index.filters import Compare, Filter, Op
from commonspace.index.kinds import Choice, Kind, made

__all__ = ["LIBRARIES", "Engine", "bucket_mask"]

LINKS: Final = 16
BUILD_EFFORT: Final = 128


class Engine(Protocol):
    """One engine at its own settings; rows are numbered from zero."""

    @property
    def name(self) -> str:
        """How tables call it."""
        ...

    @property
    def knobs(self) -> Sequence[int]:
        """What to turn it to, narrowest first."""
        ...

    @property
    def can_filter(self) -> bool:
        """Whether it filters at all."""
        ...

    def build(self, rows: Vectors, folder: Path) -> None:
        """Take the rows; what goes to disk goes into the folder."""
        ...

    def ask(self, query: Vectors, k: int, knob: int, below: int | None) -> list[int]:
        """The numbers of the best rows for one query, among those whose bucket is below a number."""
        ...


def bucket_mask(num_rows: int, below: int) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """The rows that a filter lets pass."""
    return np.arange(num_rows) % BUCKETS < below


@final
class OurStore:
    """``Store.search`` as it is called by everyone: items and texts are read for each hit."""

    name = "commonspace, Store.search"
    knobs = (50, 100, 200)
    can_filter = True

    def __init__(self) -> None:
        self._knob: int | None = None
        self._store: Any = None

    def build(self, rows: Vectors, folder: Path) -> None:
        """Put everything, snapshot, open."""
        self._path = folder / "ours"
        stored(self._path, space_of(rows.shape[1]), rows)
        self._store = Store.open(self._path)

    def ask(self, query: Vectors, k: int, knob: int, below: int | None) -> list[int]:
        """One search; the number of a row is in its file's name."""
        if knob != self._knob:
            self._store.choose_index(Choice(kind=Kind.SCAN, depth=knob))
            self._knob = knob
        where: Filter | None = None if below is None else Compare(field="bucket", op=Op.BELOW, value=below)
        (hits,) = self._store.search(query[np.newaxis], k=k, where=where)
        return [int(hit.item.name.removesuffix(".txt")) for hit in hits]


class _Ours:
    """One of our kinds without a store."""

    kind: ClassVar[Kind]
    can_filter = True

    def build(self, rows: Vectors, folder: Path) -> None:
        """Hold the rows and build by a first search."""
        del folder
        self._rows = rows
        self._indexes: dict[int, Any] = {}
        first = made(Choice(kind=self.kind), rows.shape[1])
        first.add(np.arange(len(rows)), rows)
        self._data = first.dump() if hasattr(first, "dump") else None

    def ask(self, query: Vectors, k: int, knob: int, below: int | None) -> list[int]:
        """One search."""
        if knob not in self._indexes:
            choice = Choice(kind=self.kind, **{self.knob_name: knob})
            index: Any = made(choice, self._rows.shape[1])
            ids = np.arange(len(self._rows))
            if self._data is None:
                index.add(ids, self._rows)
            else:
                index.restore(ids, self._rows, self._data, len(ids))
            self._indexes[knob] = index
        allowed = None if below is None else bucket_mask(len(self._rows), below)
        found = self._indexes[knob].search(query[np.newaxis], k, allowed)[1][0]
        return [int(row) for row in found if row >= 0]

    knob_name: ClassVar[str] = "effort"


@final
class OurScan(_Ours):
    """The scan of 4-bit codes."""

    name, kind, knob_name, knobs = "commonspace scan", Kind.SCAN, "depth", (20, 50, 100, 200)


@final
class OurLists(_Ours):
    """Inverted lists of 8-bit codes."""

    name, kind, knobs = "commonspace ivf-sq8", Kind.IVF_SQ8, (16, 32, 64, 128, 256, 512)


@final
class OurCodes(_Ours):
    """Inverted lists of 1-bit codes."""

    name, kind, knobs = "commonspace ivf-rabitq", Kind.IVF_RABITQ, (16, 32, 64, 128, 256, 512)


@final
class OurSigns(_Ours):
    """Sign codes."""

    name, kind, knob_name, knobs = "commonspace binary", Kind.BINARY, "depth", (200, 1_000, 4_000)


@final
class BareFaissFlat:
    """FAISS's flat index."""

    name, knobs, can_filter = "faiss Flat", (1,), True

    def build(self, rows: Vectors, folder: Path) -> None:
        """Add the rows."""
        del folder
        self._faiss: Any = import_module("faiss")
        self._count = len(rows)
        self._index = self._faiss.IndexFlatIP(rows.shape[1])
        self._index.add(np.ascontiguousarray(rows))

    def ask(self, query: Vectors, k: int, knob: int, below: int | None) -> list[int]:
        """One search."""
        del knob
        parameters = self._faiss.SearchParameters(sel=_selector(self._faiss, self._count, below))
        return [int(row) for row in self._index.search(query[np.newaxis], k, params=parameters)[1][0] if row >= 0]


class _BareFaiss:
    """An index of FAISS's factory, with its own knob."""

    factory: ClassVar[str]
    can_filter = True

    def build(self, rows: Vectors, folder: Path) -> None:
        """Train and add."""
        del folder
        self._faiss: Any = import_module("faiss")
        self._count = len(rows)
        name = self.factory.format(lists=max(1, round(4 * len(rows) ** 0.5)))
        self._index = self._faiss.index_factory(rows.shape[1], name, self._faiss.METRIC_INNER_PRODUCT)
        held = np.ascontiguousarray(rows)
        if "HNSW" in self.factory:
            self._index.hnsw.efConstruction = BUILD_EFFORT
        self._index.train(held)
        self._index.add(held)

    def ask(self, query: Vectors, k: int, knob: int, below: int | None) -> list[int]:
        """One search."""
        selector = _selector(self._faiss, self._count, below)
        if "HNSW" in self.factory:
            parameters = self._faiss.SearchParametersHNSW(efSearch=knob, sel=selector)
        else:
            parameters = self._faiss.SearchParametersIVF(nprobe=knob, sel=selector)
        return [int(row) for row in self._index.search(query[np.newaxis], k, params=parameters)[1][0] if row >= 0]


@final
class BareFaissLists(_BareFaiss):
    """Inverted lists of whole rows."""

    name, factory, knobs = "faiss IVF,Flat", "IVF{lists},Flat", (16, 32, 64, 128, 256)


@final
class BareFaissCodes(_BareFaiss):
    """Inverted lists of 8-bit codes."""

    name, factory, knobs = "faiss IVF,SQ8", "IVF{lists},SQ8", (16, 32, 64, 128, 256, 512)


@final
class BareFaissGraph(_BareFaiss):
    """A graph."""

    name, factory, knobs = "faiss HNSW16", f"HNSW{LINKS},Flat", (64, 128, 256, 512, 1_024)


@final
class BareHnswlib:
    """hnswlib; its filter is a callback into Python."""

    name, knobs, can_filter = "hnswlib", (64, 128, 256, 512, 1_024), True

    def build(self, rows: Vectors, folder: Path) -> None:
        """Link every row."""
        del folder
        self._index: Any = import_module("hnswlib").Index(space="ip", dim=rows.shape[1])
        self._index.init_index(max_elements=len(rows), M=LINKS, ef_construction=BUILD_EFFORT)
        self._index.set_num_threads(1)
        self._index.add_items(rows, np.arange(len(rows)), num_threads=1)

    def ask(self, query: Vectors, k: int, knob: int, below: int | None) -> list[int]:
        """One search; it refuses where the filter leaves it too few."""
        self._index.set_ef(knob)
        allow = None if below is None else (lambda row: row % BUCKETS < below)
        try:
            return [int(row) for row in self._index.knn_query(query, k, num_threads=1, filter=allow)[0][0]]
        except RuntimeError:
            return []


@final
class BareUsearch:
    """usearch, whose Python side has no filter; bf16, which costs nothing and halves memory."""

    name, knobs, can_filter = "usearch bf16", (64, 128, 256, 512, 1_024), False

    def build(self, rows: Vectors, folder: Path) -> None:
        """Link every row."""
        del folder
        index = import_module("usearch.index")
        self._index: Any = index.Index(
            ndim=rows.shape[1], metric="ip", dtype="bf16", connectivity=LINKS, expansion_add=BUILD_EFFORT
        )
        self._index.add(np.arange(len(rows)), np.ascontiguousarray(rows), threads=1)

    def ask(self, query: Vectors, k: int, knob: int, below: int | None) -> list[int]:
        """One search."""
        del below
        self._index.expansion_search = knob
        return [int(row) for row in self._index.search(query, k, threads=1).keys]


def _selector(faiss: Any, count: int, below: int | None) -> Any:
    if below is None:
        return None
    return faiss.IDSelectorBitmap(np.packbits(bucket_mask(count, below), bitorder="little"))


LIBRARIES: Final[Mapping[str, Callable[[], Engine]]] = {
    each.name: each
    for each in (
        OurStore,
        OurScan,
        OurLists,
        OurCodes,
        OurSigns,
        BareFaissFlat,
        BareFaissLists,
        BareFaissCodes,
        BareFaissGraph,
        BareHnswlib,
        BareUsearch,
    )
}
