"""Making, opening and closing stores, and what is refused."""

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from commonspace.core.errors import CorruptStore, SpaceMismatch, StoreBusy, StoreError, StoreNotFound
from commonspace.index.schema import DATABASE_NAME, FORMAT_VERSION
from commonspace.index.store import Store
from tests.unit.index.making import SPACE, entry, same_entry, vectors


def altered(path: Path, statement: str, *values: str) -> None:
    """Change a closed store's database behind its back."""
    connection = sqlite3.connect(path / DATABASE_NAME)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def closed_store(path: Path, count: int = 3) -> Path:
    with Store.create(path, SPACE) as store:
        store.put([entry(f"file:///{number}", 2) for number in range(count)])
    return path


def test_a_new_store_is_empty_and_knows_its_space(store: Store) -> None:
    assert store.space == SPACE
    assert store.counts() == {}
    assert store.num_segments == 0
    assert list(store.items()) == []
    assert store.search(vectors(2), k=5) == [[], []]
    assert store.match("anything", k=5) == []
    assert store.verify() == []


def test_what_was_put_is_there_after_opening_again(tmp_path: Path) -> None:
    given = entry("file:///a", 3)
    with Store.create(tmp_path / "s", SPACE) as store:
        store.put([given])
        sequence = store.sequence

    with Store.open(tmp_path / "s", space=SPACE) as store:
        assert same_entry(store.entry(given.item.id), given)
        assert store.space == SPACE
        assert store.sequence == sequence


def test_creating_makes_missing_parents_and_takes_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    Store.create(tmp_path / "empty", SPACE).close()
    Store.create(tmp_path / "a" / "b" / "s", SPACE).close()

    assert Store.exists(tmp_path / "empty")
    assert Store.exists(tmp_path / "a" / "b" / "s")


def test_creating_leaves_no_other_file_behind(tmp_path: Path) -> None:
    Store.create(tmp_path / "s", SPACE).close()

    assert [each.name for each in tmp_path.iterdir()] == ["s"]


@pytest.mark.parametrize("make", ["store", "folder", "file"])
def test_creating_over_something_is_refused_and_leaves_it_alone(tmp_path: Path, make: str) -> None:
    path = tmp_path / "s"
    if make == "store":
        closed_store(path)
    elif make == "folder":
        path.mkdir()
        (path / "photo.jpg").write_bytes(b"mine")
    else:
        path.write_bytes(b"mine")
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(StoreError) as caught:
        Store.create(path, SPACE)

    assert str(path) in caught.value.cause
    assert sorted(tmp_path.rglob("*")) == before


def test_opening_what_is_not_there_says_so(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")

    for name in ("nothing", "folder", "file"):
        assert not Store.exists(tmp_path / name)
        with pytest.raises(StoreNotFound, match=name):
            Store.open(tmp_path / name)


def test_another_space_is_refused_and_the_lock_let_go(tmp_path: Path) -> None:
    path = closed_store(tmp_path / "s")

    with pytest.raises(SpaceMismatch):
        Store.open(path, space=replace(SPACE, fingerprint="b" * 64))

    Store.open(path, space=SPACE).close()


def test_a_second_writer_is_refused_and_readers_are_not(tmp_path: Path) -> None:
    with Store.create(tmp_path / "s", SPACE) as writer:
        with pytest.raises(StoreBusy, match=str(os.getpid())):
            Store.open(tmp_path / "s")
        with Store.open(tmp_path / "s", writable=False) as reader:
            writer.put([entry("file:///a")])
            assert reader.num_segments == 1

    Store.open(tmp_path / "s").close()


def test_a_writer_in_another_process_is_noticed(store: Store) -> None:
    program = (
        "import sys\n"
        "from commonspace.core.errors import StoreBusy\n"
        "from commonspace.index.store import Store\n"
        "try:\n    Store.open(sys.argv[1])\n"
        "except StoreBusy as error:\n    print(error.code)\n"
    )

    result = subprocess.run(
        [sys.executable, "-c", program, str(store.path)], capture_output=True, text=True, check=True, env=with_path()
    )

    assert result.stdout.strip() == "store_busy"


def with_path() -> dict[str, str]:
    """This process's environment, with its import path handed on."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_a_reader_may_not_write(tmp_path: Path) -> None:
    path = closed_store(tmp_path / "s")

    with Store.open(path, writable=False) as reader:
        for change in (lambda: reader.put([entry("file:///new")]), lambda: reader.remove(["x"]), reader.snapshot):
            with pytest.raises(StoreError, match="reading only"):
                change()
        assert reader.num_segments == 6


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "s", SPACE)
    store.close()
    store.close()

    for use in (lambda: store.search(vectors(1), k=1), lambda: store.put([entry("file:///a")]), lambda: store.sequence):
        with pytest.raises(StoreError, match="closed"):
            use()


def test_a_newer_format_asks_for_an_upgrade(tmp_path: Path) -> None:
    path = closed_store(tmp_path / "s")
    altered(path, f"PRAGMA user_version = {FORMAT_VERSION + 1}")

    with pytest.raises(StoreError, match=f"format {FORMAT_VERSION + 1}") as caught:
        Store.open(path)

    assert not isinstance(caught.value, CorruptStore)
    assert "pip install --upgrade" in caught.value.fix


@pytest.mark.parametrize("text", ["not json", "[]", "{}", json.dumps({"name": "x", "dimension": "many"}), "null"])
def test_an_unreadable_space_is_corruption(tmp_path: Path, text: str) -> None:
    path = closed_store(tmp_path / "s")
    altered(path, "UPDATE about SET value = ? WHERE key = 'space'", text)

    with pytest.raises(CorruptStore, match="which space"):
        Store.open(path)


def test_a_foreign_database_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    altered(tmp_path / "s", "CREATE TABLE people (name)")

    with pytest.raises(CorruptStore, match="not of a commonspace store"):
        Store.open(tmp_path / "s")


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"not a database at all, just text" * 400])
def test_rubbish_for_a_database_is_corruption_with_a_fix(tmp_path: Path, content: bytes) -> None:
    path = closed_store(tmp_path / "s")
    (path / DATABASE_NAME).write_bytes(content)

    with pytest.raises(CorruptStore) as caught:
        Store.open(path)

    assert caught.value.fix


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_database_is_found_by_opening_using_or_verifying(tmp_path: Path, share: float) -> None:
    path = closed_store(tmp_path / "s", count=200)
    database = path / DATABASE_NAME
    with database.open("r+b") as file:
        file.truncate(int(database.stat().st_size * share))

    def faults() -> list[str]:
        with Store.open(path, writable=False) as store:
            return store.verify()

    try:
        found = faults()
    except CorruptStore as error:
        found = [error.cause]

    assert found


def test_a_leftover_of_a_killed_creation_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".s.abc.new").mkdir()
    (tmp_path / ".s.abc.new" / DATABASE_NAME).write_bytes(b"half")

    Store.create(tmp_path / "s", SPACE).close()

    assert Store.exists(tmp_path / "s")


@pytest.mark.parametrize("name", ["a b%20c?mode=memory#x", "ключ", "quote'\"", "-dash"])
def test_odd_folder_names_are_only_names(tmp_path: Path, name: str) -> None:
    path = closed_store(tmp_path / name)

    with Store.open(path, writable=False) as store:
        assert store.num_segments == 6
    assert (path / DATABASE_NAME).stat().st_size > 0
