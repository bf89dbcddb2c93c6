"""Search is exact, filtered before it ranks, and gives one answer whatever the batch, the index or the history."""

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.index.exact import ExactIndex
from commonspace.index.records import Entry
from commonspace.index.store import Store
from tests.unit.index.making import SPACE, entry, file_entry, found, ranking, vectors


def mixed(count: int = 90) -> list[Entry]:
    """Items of several modalities with one to four segments each."""
    kinds = (Modality.TEXT, Modality.IMAGE, Modality.VIDEO)
    return [entry(f"file:///{number}", 1 + number % 4, modality=kinds[number % 3]) for number in range(count)]


@pytest.mark.parametrize("k", [1, 7, 60, 10_000])
@pytest.mark.parametrize("wanted", [None, {Modality.IMAGE}, {Modality.VIDEO, Modality.TEXT}, {Modality.AUDIO}, set()])
def test_the_answer_is_that_of_brute_force(store: Store, k: int, wanted: set[Modality] | None) -> None:
    entries = mixed()
    store.put(entries)
    queries = vectors(11, seed=1)

    answers = store.search(queries, k=k, modalities=wanted)

    for query, hits in zip(queries, answers, strict=True):
        assert found(hits) == ranking(entries, query, k, wanted)


def test_a_hit_tells_item_segment_and_score(store: Store) -> None:
    given = entry("file:///a", 3)
    store.put([given])

    (hits,) = store.search(given.vectors[1:2], k=1)

    assert hits[0].item == given.item
    assert (hits[0].modality, hits[0].span, hits[0].text) == (
        given.segments[1].modality,
        given.segments[1].span,
        given.segments[1].text,
    )
    assert hits[0].score == pytest.approx(1.0, abs=1e-6)


def test_alone_or_in_any_batch_the_answer_and_its_scores_are_bit_for_bit_the_same(store: Store) -> None:
    store.put(mixed())
    queries = vectors(40, seed=2)

    together = store.search(queries, k=9)

    for size in (1, 3, 17):
        parts = [answer for at in range(0, 40, size) for answer in store.search(queries[at : at + size], k=9)]
        assert parts == together


def test_faiss_and_the_reference_give_bit_for_bit_the_same_answers(tmp_path: Path) -> None:
    with Store.create(tmp_path / "s", SPACE) as store:
        store.put(mixed())
        flat = [store.search(vectors(count, seed=3), k=12) for count in (1, 30)]

    with Store.open(tmp_path / "s", make_index=ExactIndex) as store:
        exact = [store.search(vectors(count, seed=3), k=12) for count in (1, 30)]

    assert flat == exact


def test_the_order_of_insertion_does_not_matter_even_among_equals(tmp_path: Path) -> None:
    twins = [entry(f"file:///{number}", 2, seed=number % 3) for number in range(60)]
    answers = []
    for name, order in (("one", twins), ("other", random.Random(4).sample(twins, len(twins)))):
        with Store.create(tmp_path / name, SPACE) as store:
            for each in order:
                store.put([each])
            hits = store.search(twins[0].vectors, k=13)
            answers.append([[(hit.item.uri, hit.span, hit.score) for hit in some] for some in hits])
            assert [found(some) for some in hits] == [ranking(twins, row, 13) for row in twins[0].vectors]

    assert answers[0] == answers[1]


def test_thousands_of_equal_vectors_are_ranked_by_item_id(store: Store) -> None:
    entries = [file_entry(number, seed=7) for number in range(3_000)]
    store.put(entries)

    (hits,) = store.search(entries[0].vectors, k=25)

    assert [hit.item.id for hit in hits] == sorted(each.item.id for each in entries)[:25]


@pytest.mark.parametrize("k", [1, 5, 29, 30, 100])
def test_best_of_item_counts_items_and_gives_the_best_segment_of_each(store: Store, k: int) -> None:
    long = entry("file:///film", 400, seed=0, modality=Modality.VIDEO)
    near = replace(long, vectors=np.repeat(vectors(1, seed=9), 400, axis=0))
    entries = [near, *(entry(f"file:///{number}", 3) for number in range(29))]
    store.put(entries)
    query = vectors(1, seed=9)

    (hits,) = store.search(query, k=k, best_of_item=True)

    first: dict[str, tuple[str, int]] = {}
    for uri, position in ranking(entries, query[0], 10_000):
        first.setdefault(uri, (uri, position))
    assert found(hits) == list(first.values())[:k]


def test_every_change_shows_in_the_next_search(store: Store) -> None:
    held: dict[str, Entry] = {}
    queries = vectors(5, seed=5)
    draw = random.Random(6)
    for step in range(60):
        uri = f"file:///{draw.randrange(12)}"
        if draw.random() < 0.3:
            store.remove([held.pop(uri).item.id] if uri in held else [])
        else:
            held[uri] = entry(uri, draw.randrange(1, 5), seed=step)
            store.put([held[uri]])
        answers = store.search(queries, k=6)
        assert [found(hits) for hits in answers] == [ranking(list(held.values()), query, 6) for query in queries]


def test_a_reader_sees_what_a_writer_commits(tmp_path: Path) -> None:
    with Store.create(tmp_path / "s", SPACE) as writer, Store.open(tmp_path / "s", writable=False) as reader:
        assert reader.search(vectors(1), k=3) == [[]]
        given = entry("file:///a", 2)
        writer.put([given])
        assert found(reader.search(given.vectors[:1], k=1)[0]) == [("file:///a", 0)]
        writer.put([entry("file:///b")])
        writer.remove([given.item.id])
        writer.snapshot()
        assert found(reader.search(given.vectors[:1], k=9)[0]) == [("file:///b", 0)]


@pytest.mark.parametrize("k", [0, -1, 1.0, True, None, "3"])
def test_a_senseless_k_is_refused(store: Store, k: object) -> None:
    with pytest.raises(UsageError, match="k must be"):
        store.search(vectors(1), k=k)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="k must be"):
        store.match("x", k=k)  # type: ignore[arg-type]


def test_senseless_queries_and_filters_are_refused(store: Store) -> None:
    for queries in (vectors(1)[0], vectors(1).astype(np.float64), vectors(1) * 2, vectors(1) * np.float32("nan")):
        with pytest.raises(UsageError, match="query"):
            store.search(queries, k=1)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="not a Modality"):
        store.search(vectors(1), k=1, modalities=["image"])  # type: ignore[list-item]


def test_no_queries_give_no_answers(store: Store) -> None:
    store.put([entry("file:///a")])

    assert store.search(vectors(0), k=3) == []


def run_together(*actions: Callable[[], None]) -> None:
    """Run all in threads of their own; what one raises is raised here."""
    failures: list[BaseException] = []

    def guarded(action: Callable[[], None]) -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001  # handed on below
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_threads_search_while_another_writes_and_each_answer_is_of_one_moment(store: Store) -> None:
    """The writer moves one vector from uri to uri: whoever looks must find it exactly once."""
    beacon = vectors(1, seed=8)
    store.put([entry("file:///0", 1, seed=8), *(entry(f"file:///other/{number}", 2) for number in range(50))])
    done = threading.Event()

    def write() -> None:
        for step in range(1, 60):
            store.put([entry(f"file:///{step}", 1, seed=8)])
            store.remove([entry(f"file:///{step - 1}").item.id])
            if step % 20 == 0:
                store.snapshot()
        done.set()

    def look() -> None:
        while not done.is_set():
            (hits,) = store.search(beacon, k=4)
            exact = [hit for hit in hits if hit.score > 0.999]
            assert len(exact) in {1, 2}
            assert len(hits) == 4
            assert store.match("passage", k=3)

    run_together(write, look, look, look)
    assert store.verify() == []
