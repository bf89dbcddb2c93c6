"""The snapshot is a cache: with it, without it, with a bad one, the answers are the same."""

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from commonspace.core.errors import StoreError
from commonspace.index import resident, snapshot
from commonspace.index.columns import CHUNK_ROWS, segment_chunks
from commonspace.index.exact import ExactIndex
from commonspace.index.records import Entry
from commonspace.index.schema import DATABASE_NAME
from commonspace.index.snapshot import snapshot_path
from commonspace.index.store import Store
from tests.unit.index.making import SPACE, entry, file_entry, found, ranking, vectors

QUERIES = vectors(3, seed=1)


def filled(path: Path, count: int = 40) -> list[Entry]:
    """A closed store with a snapshot of all it holds."""
    entries = [entry(f"file:///{number}", 1 + number % 3) for number in range(count)]
    with Store.create(path, SPACE) as store:
        store.put(entries)
        store.snapshot()
    return entries


def answers(path: Path) -> list[list[tuple[str, int]]]:
    with Store.open(path, writable=False, make_index=ExactIndex) as store:
        return [found(hits) for hits in store.search(QUERIES, k=8)]


def expected(entries: list[Entry]) -> list[list[tuple[str, int]]]:
    return [ranking(entries, query, 8) for query in QUERIES]


def test_opening_reads_the_snapshot_and_only_the_rest_from_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = filled(tmp_path / "s")
    late = [entry(f"file:///late/{number}", 2) for number in range(3)]
    with Store.open(tmp_path / "s") as store:
        store.put(late)
        store.remove([entries.pop(0).item.id])
    read: list[int] = []
    real = segment_chunks

    def counted(*arguments: object) -> object:
        for columns, rows in real(*arguments):  # type: ignore[arg-type]
            read.append(len(columns.ids))
            yield columns, rows

    monkeypatch.setattr(resident, "segment_chunks", counted)

    assert answers(tmp_path / "s") == expected([*entries, *late])
    assert sum(read) == 6


def test_losing_every_index_file_loses_nothing(tmp_path: Path) -> None:
    entries = filled(tmp_path / "s")
    shutil.rmtree(tmp_path / "s" / "index")

    assert answers(tmp_path / "s") == expected(entries)
    with Store.open(tmp_path / "s") as store:
        assert store.verify() == []
        store.snapshot()
    assert snapshot_path(tmp_path / "s").exists()


def test_two_hundred_damaged_snapshots_never_change_an_answer(tmp_path: Path) -> None:
    """Bits flipped, bytes cut off, inserted or zeroed anywhere: the file is ignored and the answer right."""
    entries = filled(tmp_path / "s")
    path, draw = snapshot_path(tmp_path / "s"), random.Random(0)
    whole = path.read_bytes()
    right = expected(entries)
    for number in range(200):
        damaged = bytearray(whole)
        place = draw.randrange(len(damaged)) if number % 2 else draw.randrange(400)
        match number % 4:
            case 0 | 1:
                damaged[place] ^= 1 << draw.randrange(8)
            case 2:
                del damaged[place:]
            case 3:
                damaged[place:place] = draw.randbytes(draw.choice([1, 8, 113]))
        path.write_bytes(damaged)

        assert answers(tmp_path / "s") == right, f"mutant {number}"


def test_the_damage_test_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the digest not compared, a flipped exponent bit in a vector would change an answer."""
    entries = filled(tmp_path / "s")
    path = snapshot_path(tmp_path / "s")
    damaged = bytearray(path.read_bytes())
    for place in range(len(damaged) - 32 - 4 * 24 * 30 + 3, len(damaged) - 32, 4):
        damaged[place] ^= 0x80
    path.write_bytes(damaged)
    assert answers(tmp_path / "s") == expected(entries)

    class Agreeable:
        """A digest that equals anything."""

        AUTO = 0

        def __init__(self, *_: object, **__: object) -> None: ...

        def update(self, _: bytes) -> None: ...

        def digest(self) -> object:
            return self

        def __eq__(self, _: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    monkeypatch.setattr(snapshot, "blake3", Agreeable)

    assert answers(tmp_path / "s") != expected(entries)


def test_an_older_snapshot_put_back_is_ignored(tmp_path: Path) -> None:
    entries = filled(tmp_path / "s")
    old = snapshot_path(tmp_path / "s").read_bytes()
    with Store.open(tmp_path / "s") as store:
        store.remove([entries.pop().item.id])
        store.snapshot()
    snapshot_path(tmp_path / "s").write_bytes(old)

    assert answers(tmp_path / "s") == expected(entries)


def test_another_stores_snapshot_is_ignored(tmp_path: Path) -> None:
    mine = filled(tmp_path / "mine", 40)
    with Store.create(tmp_path / "theirs", SPACE) as store:
        store.put([entry(f"file:///theirs/{number}", 1 + number % 3) for number in range(40)])
        store.snapshot()
    shutil.copy(snapshot_path(tmp_path / "theirs"), snapshot_path(tmp_path / "mine"))

    assert answers(tmp_path / "mine") == expected(mine)


def test_a_database_restored_from_a_backup_does_not_believe_a_newer_snapshot(tmp_path: Path) -> None:
    entries = filled(tmp_path / "s")
    backup = (tmp_path / "s" / DATABASE_NAME).read_bytes()
    with Store.open(tmp_path / "s") as store:
        store.put([entry("file:///later", 5)])
        store.snapshot()
    (tmp_path / "s" / DATABASE_NAME).write_bytes(backup)
    with Store.open(tmp_path / "s") as store:
        for number in range(3):
            entries.append(entry(f"file:///instead/{number}"))
            store.put([entries[-1]])

    assert answers(tmp_path / "s") == expected(entries)


def test_an_open_store_follows_a_database_that_went_back(tmp_path: Path) -> None:
    entries = filled(tmp_path / "s")
    with Store.open(tmp_path / "s", make_index=ExactIndex) as store:
        late = entry("file:///late", 2)
        store.put([late])
        assert [found(hits) for hits in store.search(QUERIES, k=8)] == expected([*entries, late])
        connection = sqlite3.connect(tmp_path / "s" / DATABASE_NAME)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM items WHERE uri = 'file:///late'")
        connection.execute("UPDATE about SET value = value - 1 WHERE key = 'sequence'")
        connection.commit()
        connection.close()

        assert [found(hits) for hits in store.search(QUERIES, k=8)] == expected(entries)


def test_readers_from_before_a_snapshot_catch_up_after_it(tmp_path: Path) -> None:
    """A snapshot forgets which segments were removed before it; who still needs to know loads it afresh."""
    entries = filled(tmp_path / "s")
    with Store.open(tmp_path / "s", writable=False, make_index=ExactIndex) as reader:
        assert [found(hits) for hits in reader.search(QUERIES, k=8)] == expected(entries)
        with Store.open(tmp_path / "s") as writer:
            writer.remove([entries.pop(0).item.id, entries.pop(5).item.id])
            writer.snapshot()
            entries.append(entry("file:///new", 3))
            writer.put(entries[-1:])

        assert [found(hits) for hits in reader.search(QUERIES, k=8)] == expected(entries)


def test_a_snapshot_of_more_than_one_block_comes_back_whole(tmp_path: Path) -> None:
    with Store.create(tmp_path / "s", SPACE) as store:
        store.put([entry("file:///film", CHUNK_ROWS + 5), *(file_entry(number) for number in range(50))])
        store.snapshot()
        assert store.verify() == []
        before = store.search(QUERIES, k=30)

    with Store.open(tmp_path / "s") as store:
        assert store.search(QUERIES, k=30) == before


def test_a_draft_left_by_a_crash_is_overwritten(tmp_path: Path) -> None:
    entries = filled(tmp_path / "s")
    draft = snapshot_path(tmp_path / "s").with_suffix(".draft")
    draft.write_bytes(b"half a snapshot")
    with Store.open(tmp_path / "s") as store:
        store.put([entry("file:///new")])
        store.snapshot()
        assert store.verify() == []

    assert not draft.exists()
    assert answers(tmp_path / "s") == expected([*entries, entry("file:///new")])


def test_a_snapshot_of_an_unchanged_store_is_not_written_again(tmp_path: Path) -> None:
    filled(tmp_path / "s")
    before = snapshot_path(tmp_path / "s").stat().st_mtime_ns

    with Store.open(tmp_path / "s") as store:
        store.snapshot()

    assert snapshot_path(tmp_path / "s").stat().st_mtime_ns == before


def test_closing_writes_one_when_there_is_much_to_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commonspace.index.snapshots.CHANGES_WORTH_A_SNAPSHOT", 10)
    with Store.create(tmp_path / "s", SPACE) as store:
        store.put([entry("file:///a", 9)])
    assert not snapshot_path(tmp_path / "s").exists()

    with Store.open(tmp_path / "s") as store:
        store.put([entry("file:///b", 1)])

    assert snapshot_path(tmp_path / "s").exists()
    with Store.open(tmp_path / "s") as store:
        assert store.verify() == []


def test_a_snapshot_that_cannot_be_written_does_not_keep_a_store_from_closing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("commonspace.index.snapshots.CHANGES_WORTH_A_SNAPSHOT", 1)
    store = Store.create(tmp_path / "s", SPACE)
    store.put([entry("file:///a")])
    (tmp_path / "s" / "index").write_bytes(b"a file where the folder should be")
    with pytest.raises(StoreError):
        store.snapshot()

    store.close()

    assert "No snapshot" in caplog.text
    assert answers(tmp_path / "s") == expected([entry("file:///a")])
