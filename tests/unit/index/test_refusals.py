"""What the store refuses, by name and before anything changes; and what it just accepts."""

from dataclasses import replace

import numpy as np
import pytest

from commonspace.core.errors import SpaceMismatch, UsageError
from commonspace.core.item import Span
from commonspace.index import writing
from commonspace.index.store import Store
from tests.unit.index.making import DIMENSION, entry, same_entry, vectors

GOOD = entry("file:///bad", 2)
SEGMENT = GOOD.segments[0]
NAN_ROWS = vectors(2).copy()
NAN_ROWS[1, 3] = np.nan

BAD_ENTRIES = {
    "empty uri": lambda: entry(""),
    "nul in uri": lambda: entry("file:///a\0b"),
    "surrogate in uri": lambda: entry("file:///\udcff"),
    "foreign id": lambda: replace(GOOD, item=replace(GOOD.item, id="0" * 16)),
    "own parent": lambda: replace(GOOD, item=replace(GOOD.item, parent=GOOD.item.id)),
    "modality as text": lambda: replace(GOOD, item=replace(GOOD.item, modality="text")),  # type: ignore[arg-type]
    "name none": lambda: replace(GOOD, item=replace(GOOD.item, name=None)),  # type: ignore[arg-type]
    "negative size": lambda: replace(GOOD, item=replace(GOOD.item, num_bytes=-1)),
    "huge size": lambda: replace(GOOD, item=replace(GOOD.item, num_bytes=2**63)),
    "time as float": lambda: replace(GOOD, item=replace(GOOD.item, modified_ns=1.5)),  # type: ignore[arg-type]
    "notes as list": lambda: replace(GOOD, item=replace(GOOD.item, notes=["x"])),  # type: ignore[arg-type]
    "metadata none": lambda: entry("file:///a", metadata={"x": None}),
    "metadata nested": lambda: entry("file:///a", metadata={"x": {"y": 1}}),
    "metadata bytes": lambda: entry("file:///a", metadata={"x": b"1"}),
    "metadata numpy": lambda: entry("file:///a", metadata={"x": np.float32(1)}),
    "metadata nan": lambda: entry("file:///a", metadata={"x": float("nan")}),
    "metadata key": lambda: entry("file:///a", metadata={1: "x"}),
    "span as dict": lambda: replace(GOOD, segments=(replace(SEGMENT, span={}), SEGMENT)),  # type: ignore[arg-type]
    "span infinite": lambda: replace(GOOD, segments=(SEGMENT, replace(SEGMENT, span=Span(end_seconds=float("inf"))))),
    "text as bytes": lambda: replace(GOOD, segments=(SEGMENT, replace(SEGMENT, text=b"x"))),  # type: ignore[arg-type]
    "too few vectors": lambda: replace(GOOD, vectors=vectors(1)),
    "too many vectors": lambda: replace(GOOD, vectors=vectors(3)),
    "one-dimensional": lambda: replace(GOOD, vectors=vectors(1)[0]),
    "float64": lambda: replace(GOOD, vectors=vectors(2).astype(np.float64)),
    "list": lambda: replace(GOOD, vectors=vectors(2).tolist()),
    "nan": lambda: replace(GOOD, vectors=NAN_ROWS),
    "infinite": lambda: replace(GOOD, vectors=np.full((2, DIMENSION), np.inf, np.float32)),
    "too long": lambda: replace(GOOD, vectors=vectors(2) * np.float32(1.002)),
    "zero": lambda: replace(GOOD, vectors=np.zeros((2, DIMENSION), np.float32)),
}


@pytest.mark.parametrize("make", BAD_ENTRIES.values(), ids=BAD_ENTRIES.keys())
def test_what_makes_no_sense_is_refused_by_name_and_nothing_is_stored(store: Store, make: object) -> None:
    bad = make()  # type: ignore[operator]

    with pytest.raises(UsageError) as caught:
        store.put([entry("file:///good"), bad, entry("file:///also-good")])

    assert ascii(bad.item.uri).strip("'")[:8] in ascii(caught.value.cause) or "uri" in caught.value.cause
    assert caught.value.fix
    assert store.num_segments == 0
    assert store.sequence == 0


def test_another_dimension_is_another_space(store: Store) -> None:
    wide = replace(GOOD, vectors=vectors(2, dimension=DIMENSION + 1))

    with pytest.raises(SpaceMismatch, match=str(DIMENSION + 1)):
        store.put([wide])
    with pytest.raises(SpaceMismatch):
        store.search(wide.vectors, k=1)


def test_the_same_uri_twice_in_a_call_is_refused(store: Store) -> None:
    with pytest.raises(UsageError, match="twice"):
        store.put([entry("file:///a"), entry("file:///a", seed=2)])


def test_lengths_within_a_thousandth_are_accepted_and_kept_as_they_are(store: Store) -> None:
    near = replace(GOOD, vectors=vectors(2) * np.float32(1.0009))

    store.put([near])

    assert same_entry(store.entry(near.item.id), near)


def test_vectors_need_not_be_contiguous(store: Store) -> None:
    strided = np.asfortranarray(np.repeat(vectors(2), 2, axis=0)[::2])
    given = replace(GOOD, vectors=strided)

    store.put([given])

    assert same_entry(store.entry(given.item.id), given)


def test_a_failing_put_in_the_middle_leaves_the_store_as_it_was(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fourth entry's row cannot be made; the first three, and the removal of what they replace, never happened."""
    old = entry("file:///0", 2)
    store.put([old])
    real = writing.item_row

    def failing(each: object) -> object:
        if getattr(each, "uri", "") == "file:///3":
            raise MemoryError
        return real(each)  # type: ignore[arg-type]

    monkeypatch.setattr(writing, "item_row", failing)
    with pytest.raises(MemoryError):
        store.put([entry(f"file:///{number}", 1, seed=3) for number in range(5)])
    monkeypatch.undo()

    assert [each.uri for each in store.items()] == ["file:///0"]
    assert same_entry(store.entry(old.item.id), old)
    assert store.verify() == []
