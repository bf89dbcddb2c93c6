"""Full disks and folders that may not be written: a clear error, nothing half done, and reading goes on."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commonspace.core.errors import CorruptStore, StoreError
from commonspace.index.database import Database
from commonspace.index.exact import ExactIndex
from commonspace.index.store import Store
from tests.unit.index.making import SPACE, entry, found, same_entry, vectors

NOBODY = 65_534

FILL = """
import resource, sys
from commonspace.core.errors import StoreError
from commonspace.index.store import Store
from tests.unit.index.making import SPACE, entry
store = Store.create(sys.argv[1], SPACE)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
for number in range(10_000):
    try:
        store.put([entry(f"file:///{number}", 3), entry(f"file:///{number}/other", 1)])
    except StoreError as error:
        print("refused", type(error).__name__, error.fix.split()[0], flush=True)
        break
    print("put", number, flush=True)
"""


@contextmanager
def nobody() -> Iterator[None]:
    """Without the superuser's right to write anywhere; an ordinary user stays who they are."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user may enter and read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)
        for each in folder.rglob("*"):
            each.chmod(0o755)


def read_only(path: Path) -> None:
    """Take everyone's permission to write to a store."""
    for each in path.rglob("*"):
        each.chmod(0o555 if each.is_dir() else 0o444)
    path.chmod(0o555)


def test_a_full_database_refuses_the_whole_call_and_takes_it_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, more = entry("file:///kept", 2), [entry(f"file:///{number}", 40) for number in range(50)]
    Store.create(tmp_path / "s", SPACE).close()
    monkeypatch.setattr("commonspace.index.database._PRAGMAS", ("foreign_keys = ON", "max_page_count = 40"))

    with Store.open(tmp_path / "s") as store:
        store.put([kept])
        with pytest.raises(StoreError, match="full") as caught:
            store.put([*more, entry("file:///kept", 1, seed=1)])
        assert "space" in caught.value.fix
        assert [item.uri for item in store.items()] == ["file:///kept"]
        assert same_entry(store.entry(kept.item.id), kept)
        assert found(store.search(kept.vectors[:1], k=9)[0])[0] == ("file:///kept", 0)
    monkeypatch.undo()

    with Store.open(tmp_path / "s") as store:
        store.put(more)
        assert store.num_segments == 2 + 50 * 40
        assert store.verify() == []


def test_when_the_files_may_not_grow_what_was_acknowledged_is_there_and_nothing_else(tmp_path: Path) -> None:
    paths = os.pathsep.join(each for each in sys.path if each)

    result = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path / "s")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": paths},
    )

    *put, refused = result.stdout.splitlines()
    assert refused.split() in (["refused", "StoreError", "Check"], ["refused", "StoreError", "Free"])
    assert put == [f"put {number}" for number in range(len(put))]
    assert put
    with Store.open(tmp_path / "s") as store:
        assert store.verify() == []
        wanted = {f"file:///{number}{end}" for number in range(len(put)) for end in ("", "/other")}
        assert {item.uri for item in store.items()} == wanted
        store.put([entry("file:///again")])


def test_a_folder_that_may_not_be_written_can_be_read_and_says_so_when_written(public: Path) -> None:
    given = entry("file:///a", 3)
    with Store.create(public / "s", SPACE) as store:
        store.put([given])
        store.snapshot()
    read_only(public / "s")

    with nobody():
        with pytest.raises(StoreError, match="cannot be opened or written") as caught:
            Store.open(public / "s")
        with Store.open(public / "s", writable=False, make_index=ExactIndex) as reader:
            assert found(reader.search(given.vectors[1:2], k=1)[0]) == [("file:///a", 1)]
            assert len(reader.match("passage", k=9)) == 3
            assert reader.verify() == []

    assert "writable=False" in caught.value.fix
    assert not isinstance(caught.value, CorruptStore)


def test_a_user_who_may_only_read_sees_what_another_is_writing(public: Path) -> None:
    with Store.create(public / "s", SPACE) as writer:
        writer.put([entry("file:///a")])
        with nobody(), Store.open(public / "s", writable=False, make_index=ExactIndex) as reader:
            assert [item.uri for item in reader.items()] == ["file:///a"]
            writer.put([entry("file:///b")])
            assert [item.uri for item in reader.items()] == ["file:///a", "file:///b"]
            assert len(reader.search(vectors(1), k=9)[0]) == 2


def test_a_place_where_no_store_can_be_made_says_so(public: Path) -> None:
    read_only(public)

    with nobody(), pytest.raises(StoreError, match="cannot be opened or written"):
        Store.create(public / "s", SPACE)

    assert list(public.iterdir()) == []


def test_commits_are_synced_and_the_log_is_write_ahead(store: Store) -> None:
    """What makes a change survive a power cut, as far as SQLite and the disk keep their word."""
    store.close()
    database = Database(store.path, writable=True)
    with database.writing() as connection:
        connection.execute("DELETE FROM removals")
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("fullfsync", 1)):
            assert connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)
    database.close()
