"""Hits are read once for as long as the store stays as it is, and never longer."""

from dataclasses import replace
from pathlib import Path

import pytest

from commonspace.index import recent_hits
from commonspace.index.store import Store
from tests.unit.index.making import SPACE, entry, found, vectors


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path / "s", SPACE)
    store.put([entry(f"file:///{number}", 2, seed=number, text="heron") for number in range(20)])
    return store


def test_the_same_search_again_gives_the_same_hits(store: Store) -> None:
    first = store.search(vectors(2, seed=1), k=9)
    assert store.search(vectors(2, seed=1), k=9) == first


def test_a_change_of_an_item_is_seen_by_the_next_search(store: Store) -> None:
    (before,) = store.search(vectors(1, seed=1), k=1)
    old = store.entry(before[0].item.id)
    assert old is not None
    store.put([replace(old, item=replace(old.item, name="another name"))])
    (named,) = store.search(vectors(1, seed=1), k=1)
    store.touch({before[0].item.id: 77})
    (touched,) = store.search(vectors(1, seed=1), k=1)

    assert (named[0].item.name, touched[0].item.modified_ns) == ("another name", 77)


def test_more_hits_than_are_kept_are_right_all_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_hits, "MOST_SEGMENTS", 3)
    expected = {seed: found(store.search(vectors(1, seed=seed), k=5)[0]) for seed in range(9)}
    for seed in (0, 8, 4, 4, 1, 0):
        assert found(store.search(vectors(1, seed=seed), k=5)[0]) == expected[seed]
