"""A store of 6,000 segments in few items, large enough to be searched approximately, and what it answers."""

from pathlib import Path

from commonspace.index.exact import ExactIndex
from commonspace.index.kinds import Choice, Kind
from commonspace.index.records import Entry
from commonspace.index.store import Store
from tests.unit.index.making import SPACE, entry, found, vectors

__all__ = ["NUM_ITEMS", "QUERIES", "SCAN", "SEGMENTS_EACH", "answers", "big_entries", "fill"]

QUERIES = vectors(6, seed=1)
SCAN = Choice(kind=Kind.SCAN)
NUM_ITEMS, SEGMENTS_EACH = 12, 500


def big_entries(first: int = 0, count: int = NUM_ITEMS) -> list[Entry]:
    """Films of many segments each."""
    return [entry(f"file:///film/{number}", SEGMENTS_EACH) for number in range(first, first + count)]


def answers(path: Path, *, exactly: bool = False) -> list[list[tuple[str, int]]]:
    """What the queries find, with the store's own index or with the exact one."""
    with Store.open(path, writable=False, make_index=ExactIndex if exactly else None) as store:
        return [found(hits) for hits in store.search(QUERIES, k=8)]


def fill(path: Path) -> Path:
    """A closed store with a snapshot, told to scan."""
    with Store.create(path, SPACE) as store:
        store.put(big_entries())
        store.choose_index(SCAN)
        store.snapshot()
    return path
