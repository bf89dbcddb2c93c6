"""Networked stores of vectors: the same promises over every kind, each against the real thing where it can be had.

Milvus and PostgreSQL are real servers, LanceDB is real on disk and over a real S3 protocol (moto), Qdrant is its real
engine in this process; ``qdrant-client`` is our calls to a server against the client's own imitation of one.
"""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from commonspace.core.errors import StoreError
from commonspace.core.vectors import Vectors
from commonspace.index.remote.index import RemoteIndex
from commonspace.index.store import Store
from tests.e2e.remote_checks import STAMP, Counting, Twins, agreed, filled, over, recall
from tests.e2e.remote_grounds import GROUNDS, QUIET, Ground, ground_of
from tests.unit.index.making import DIMENSION, SPACE, file_entry, vectors

pytestmark = QUIET


@pytest.fixture(scope="module", params=GROUNDS)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """Every kind of networked store in turn."""
    with ground_of(request.param) as made:
        yield made


@pytest.fixture(scope="module")
def exact(ground: Ground) -> Twins:
    """Twins of which the networked one looks at every row."""
    return filled(ground, exact=True)


@pytest.fixture(scope="module")
def near(ground: Ground) -> Twins:
    """Twins of which the networked one has an approximate index."""
    return filled(ground, exact=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of forty items."""
    with Store.create(tmp_path / "media.cs", SPACE) as store:
        store.put([file_entry(number) for number in range(40)])
    return tmp_path / "media.cs"


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1, 0.01, 0.001])
def test_a_full_look_finds_what_brute_force_finds(exact: Twins, share: float) -> None:
    assert recall(exact, share) == 1.0


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1, 0.01, 0.001])
def test_an_approximate_search_finds_19_of_20_with_exact_scores(near: Twins, share: float) -> None:
    assert recall(near, share) >= 0.95


def test_a_filter_that_allows_nothing_and_one_that_allows_all(exact: Twins) -> None:
    everything = np.ones(len(exact.reference.ids), np.bool_)
    queries = vectors(1, seed=4)

    assert (exact.remote.search(queries, 3, ~everything)[1] == -1).all()
    assert exact.remote.search(queries, 3, everything)[1].tolist() == exact.remote.search(queries, 3, None)[1].tolist()


def test_vectors_come_back_bit_for_bit_in_the_order_asked_for(exact: Twins) -> None:
    wanted = exact.reference.ids[[400, 3, 500]]

    assert exact.remote.vectors(wanted).tobytes() == exact.reference.vectors(wanted).tobytes()
    assert exact.remote.ids.tolist() == exact.reference.ids.tolist()


def test_queries_of_another_dimension_are_a_typed_error(exact: Twins) -> None:
    with pytest.raises(StoreError):
        exact.remote.search(vectors(1, dimension=DIMENSION + 3), 5, None)


def test_a_store_is_searched_as_in_memory_and_reopening_sends_only_what_is_new(ground: Ground, folder: Path) -> None:
    first = Counting(ground.open(DIMENSION, "reopened"))
    with Store.open(folder, writable=False, make_index=over(first)) as reader:
        agreed(reader)
    second = Counting(ground.open(DIMENSION, "reopened"))
    with Store.open(folder) as writer, Store.open(folder, writable=False, make_index=over(second)) as reader:
        agreed(reader)
        sent_on_opening = second.num_sent
        writer.put([file_entry(number) for number in range(40, 43)])
        writer.remove([file_entry(number).item.id for number in range(5)])
        agreed(reader)

    assert first.num_sent == 40
    assert sent_on_opening == 0
    assert second.num_sent == 3


def test_two_readers_share_the_rows(ground: Ground, folder: Path) -> None:
    if not ground.shared:
        pytest.skip("the engine in this process opens a folder once")
    one, other = Counting(ground.open(DIMENSION, "shared")), Counting(ground.open(DIMENSION, "shared"))
    with (
        Store.open(folder) as writer,
        Store.open(folder, writable=False, make_index=over(one)) as reader,
        Store.open(folder, writable=False, make_index=over(other)) as second,
    ):
        for step in range(3):
            writer.put([file_entry(number) for number in range(step, 50, 7)])
            writer.remove([file_entry(step + 20).item.id])
            agreed(reader if step % 2 else second)
            agreed(second if step % 2 else reader)

    assert one.num_sent + other.num_sent <= 40 + 3 * 8


def test_what_fails_half_way_claims_nothing_and_is_made_good(ground: Ground, folder: Path) -> None:
    table = Counting(ground.open(DIMENSION, "halved"), fails_at=10)
    with Store.open(folder, writable=False, make_index=over(table)) as reader:
        with pytest.raises(StoreError, match="line broke"):
            reader.search(vectors(1), k=3)
        assert len(reader.match("bin", k=3)) == 3
        agreed(reader)


def test_rows_that_lag_behind_all_remembered_removals_are_reconciled(ground: Ground, folder: Path) -> None:
    first = ground.open(DIMENSION, "lagging")
    with Store.open(folder, writable=False, make_index=over(first)) as reader:
        agreed(reader)
    with Store.open(folder) as writer:
        writer.remove([file_entry(number).item.id for number in range(10)])
        writer.put([file_entry(number) for number in range(50, 52)])
        writer.snapshot()
    table = Counting(ground.open(DIMENSION, "lagging"))
    with Store.open(folder, writable=False, make_index=over(table)) as reader:
        agreed(reader)

    assert table.num_sent == 2


def test_a_store_with_another_past_has_its_rows_brought_there_again(ground: Ground, folder: Path) -> None:
    backup = folder.with_name("backup.cs")
    shutil.copytree(folder, backup)
    with Store.open(folder) as writer:
        writer.put([file_entry(number) for number in range(60, 70)])
    first = ground.open(DIMENSION, "pasts")
    with Store.open(folder, writable=False, make_index=over(first)) as reader:
        agreed(reader)
    with Store.open(backup) as writer:
        for number in range(80, 84):
            writer.put([file_entry(number)])
    table = Counting(ground.open(DIMENSION, "pasts"))
    with Store.open(backup, writable=False, make_index=over(table)) as reader:
        agreed(reader)

    assert table.num_sent == 44


def test_what_somebody_else_keeps_under_the_name_is_left_alone(ground: Ground) -> None:
    ground.plant("foreign_0123456789abcdef")
    index = RemoteIndex(DIMENSION, ground.open(DIMENSION, "foreign"))
    index.attach("0123456789abcdef")

    assert index.stamp() is None
    with pytest.raises(StoreError, match=r"index\.collection"):
        index.restart(STAMP)


def test_answers_are_of_one_state_while_a_writer_replaces_and_removes(ground: Ground, folder: Path) -> None:
    table = ground.open(DIMENSION, "moving")
    done = threading.Event()
    wrong: list[object] = []

    def look(reader: Store, query: Vectors) -> None:
        while not done.is_set():
            (hits,) = reader.search(query, k=60)
            uris = [hit.item.uri for hit in hits]
            if len(set(uris)) != len(uris) or len(uris) not in {40, 41}:
                wrong.append(uris)

    with Store.open(folder) as writer, Store.open(folder, writable=False, make_index=over(table)) as reader:
        reader.search(vectors(1), k=1)
        threads = [threading.Thread(target=look, args=(reader, vectors(1, seed=seed))) for seed in range(2)]
        for thread in threads:
            thread.start()
        for step in range(12):
            writer.put([file_entry(step % 5, content_hash=str(step)), file_entry(100 + step)])
            writer.remove([file_entry(100 + step).item.id])
        done.set()
        for thread in threads:
            thread.join()
        agreed(reader)

    assert wrong == []


def test_a_killed_server_is_a_typed_error_and_the_store_itself_still_answers(ground: Ground, folder: Path) -> None:
    """The last of each kind, as its server is gone then."""
    if ground.kill is None:
        pytest.skip("there is no server to kill")
    table = ground.open(DIMENSION, "killed", seconds=5.0)
    with Store.open(folder, writable=False, make_index=over(table)) as reader:
        agreed(reader)
        ground.kill()
        with pytest.raises(StoreError, match="cannot be reached") as caught:
            reader.search(vectors(1), k=3)
        assert reader.match("bin", k=1)
    with Store.open(folder, writable=False) as plain:
        assert len(plain.search(vectors(1), k=3)[0]) == 3

    assert "Start the server" in caught.value.fix
