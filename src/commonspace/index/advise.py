"""Which index suits a store of some size, from formulas fitted to measured ones: pure arithmetic, nothing is opened.

The coefficients are of one core of a server of 2024 with AVX-512, vectors of 384 and 512 numbers and 20,000 to 500,000
of them; they are good to a factor of two. Times on another machine differ alike for all kinds.
"""

from dataclasses import dataclass
from math import log2, sqrt
from typing import Final, final

from commonspace.core.errors import UsageError
from commonspace.index.kinds import FLAT_ROWS, SCAN_ROWS, Kind
from commonspace.index.refined import MAX_DEAD_SHARE, MAX_GROWTH

__all__ = ["Advice", "Estimate", "Wish", "advise", "estimate"]

SLOWEST_MILLISECONDS: Final = 250.0
SURE_RECALL: Final = 0.99
LINK_BYTES: Final = 144
SECONDS_A_DAY: Final = 86_400.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be held and how it is to be searched; ``updates_a_day`` counts vectors that come or go."""

    num_vectors: int
    dimension: int
    updates_a_day: float = 0.0
    memory_bytes: float = 8e9
    recall: float = 0.95

    def __post_init__(self) -> None:
        for name, least in (("num_vectors", 0), ("dimension", 1), ("updates_a_day", 0), ("memory_bytes", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} must be at least {least}, not {getattr(self, name)}.", fix="Correct it.")
        if not 0.0 < self.recall <= 1.0:
            raise UsageError(f"recall must lie above 0 and up to 1, not {self.recall}.", fix="Try 0.95.")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a kind needs and gives: memory that must be there, memory-mapped bytes beside it, times on one core.

    ``cross_recall`` is what the kind's own settings find for queries of another modality.
    """

    kind: Kind
    memory_bytes: float
    mapped_bytes: float
    build_seconds: float
    milliseconds: float
    cross_recall: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A kind with its reasons; ``networked`` names the store to use instead where one machine does not suffice."""

    wish: Wish
    best: Estimate
    why: tuple[str, ...]
    rebuild: str
    rebuilds_a_day: float
    networked: str | None
    estimates: tuple[Estimate, ...]


def advise(wish: Wish) -> Advice:
    """The kind for a wish: exact where that is quick enough, a scan up to about a million, inverted lists beyond."""
    estimates = tuple(estimate(kind, wish.num_vectors, wish.dimension) for kind in Kind if kind is not Kind.EXACT)
    by_kind = {each.kind: each for each in estimates}
    chosen, why = _choice(wish, by_kind)
    best = by_kind[chosen]
    networked = _networked(wish, best)
    per_rebuild = max(1.0, wish.num_vectors * min(MAX_DEAD_SHARE, MAX_GROWTH - 1.0))
    rebuilds = 0.0 if chosen is Kind.FLAT else wish.updates_a_day / per_rebuild
    return Advice(
        wish=wish,
        best=best,
        why=why,
        rebuild=_rebuild_words(chosen),
        rebuilds_a_day=rebuilds,
        networked=networked,
        estimates=estimates,
    )


def estimate(kind: Kind, num_vectors: int, dimension: int) -> Estimate:
    """One kind's figures at a size."""
    cells = float(num_vectors) * dimension
    rows = 4.0 * cells
    doublings = log2(max(num_vectors, 2))
    lists = 1.4e-7 * cells + 3.6e-10 * cells * sqrt(num_vectors)
    overhead = 0.15
    per_vector, build, milliseconds, recall = {
        Kind.EXACT: (0.0, 0.0, 4.7e-7 * cells, 1.0),
        Kind.FLAT: (0.0, 0.0, 4.7e-7 * cells, 1.0),
        Kind.SCAN: (0.65 * dimension, 1.8e-8 * cells, overhead + 2.4e-8 * cells, 0.997),
        Kind.IVF_FLAT: (4.0 * dimension + 8, lists, overhead + 5e-8 * cells, 0.99),
        Kind.IVF_SQ8: (1.0 * dimension + 8, lists, overhead + 2.2e-8 * cells, 0.985),
        Kind.IVF_PQ: (dimension / 8 + 8, 1.3 * lists, overhead + 4e-9 * cells, 0.97),
        Kind.IVF_RABITQ: (dimension / 8 + 16, 1.1 * lists, overhead + 8e-9 * cells, 0.985),
        Kind.HNSW: (4.0 * dimension + LINK_BYTES, 1e-7 * cells * doublings, overhead + 0.14 * doublings, 0.98),
        Kind.HNSW_SQ8: (1.0 * dimension + LINK_BYTES, 1e-7 * cells * doublings, overhead + 0.12 * doublings, 0.98),
        Kind.BINARY: (dimension / 8, 1.5e-6 * dimension * num_vectors / 384, 1.0 + 1e-8 * cells, 0.98),
    }[kind]
    exact = kind in {Kind.EXACT, Kind.FLAT}
    return Estimate(
        kind=kind,
        memory_bytes=rows if exact else per_vector * num_vectors,
        mapped_bytes=0.0 if exact else rows,
        build_seconds=build,
        milliseconds=milliseconds,
        cross_recall=recall,
    )


def _choice(wish: Wish, by_kind: dict[Kind, Estimate]) -> tuple[Kind, tuple[str, ...]]:
    count = f"{wish.num_vectors:,} vectors"
    if wish.recall >= 1.0:
        return Kind.FLAT, ("A recall of 1 leaves only looking at every vector.",)
    if wish.num_vectors <= FLAT_ROWS:
        return Kind.FLAT, (f"For {count} looking at every one is quick, and nothing is missed.",)
    scan, lists = by_kind[Kind.SCAN], by_kind[Kind.IVF_RABITQ]
    if wish.num_vectors <= SCAN_ROWS and scan.memory_bytes <= wish.memory_bytes:
        first = (
            f"For {count} a scan of 4-bit codes takes {scan.milliseconds:.1f} ms, and finds what a graph misses when "
            "the query is of another modality."
        )
        return Kind.SCAN, (first, "It is built in seconds; vectors come and go without training anything anew.")
    turnover = wish.updates_a_day * lists.build_seconds / max(wish.num_vectors * MAX_DEAD_SHARE, 1.0)
    if turnover > SECONDS_A_DAY / 10 and scan.memory_bytes <= wish.memory_bytes:
        return Kind.SCAN, ("Vectors change so often that lists would be built anew for much of the day.",)
    looked = (
        f"For {count} a scan would take {scan.milliseconds:.0f} ms; inverted lists look at 1-bit codes of a tenth of "
        f"them in {lists.milliseconds:.0f} ms, and score the best 200 exactly."
    )
    if lists.memory_bytes <= wish.memory_bytes:
        return Kind.IVF_RABITQ, (looked,)
    return Kind.IVF_RABITQ, (looked, "Even these codes do not fit into the memory there is.")


def _networked(wish: Wish, best: Estimate) -> str | None:
    """Where to go when one machine does not do: too little memory, or too slow."""
    if best.memory_bytes <= wish.memory_bytes and best.milliseconds <= SLOWEST_MILLISECONDS:
        return None
    if not wish.updates_a_day:
        return "lance"
    return "milvus"


def _rebuild_words(kind: Kind) -> str:
    gone = f"{MAX_DEAD_SHARE:.0%} of its vectors are removed ones"
    if kind is Kind.FLAT:
        return "Never: there is nothing to rebuild."
    if kind in {Kind.SCAN, Kind.HNSW}:
        return f"By itself, once {gone}."
    return f"By itself, once {gone} or it holds {MAX_GROWTH:g} times as many as when it was built."
