"""Metadata on the way in: tables of fields become items' metadata, typed, without embedding anything again."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commonspace.apps.collection import Collection
from commonspace.apps.describing import Descriptions
from commonspace.core.errors import UsageError
from commonspace.index.store import Store
from commonspace.ingest.pool import WorkerPool
from tests.fakes import FAKE_SPACE, fake_embedder
from tests.unit.index.making import entry, same_entry


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(workers=1) as started:
        yield started


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with three notes, and a store's place beside it."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in ("mug", "vase", "lamp"):
        (folder / f"{name}.txt").write_text(f"a {name} for the house")
    return folder


@pytest.fixture
def collection(tmp_path: Path, pool: WorkerPool) -> Iterator[Collection]:
    path = tmp_path / "shop.cs"
    Store.create(path, FAKE_SPACE).close()
    reader = Store.open(path, writable=False)
    with Collection(reader, partial(Store.open, path), fake_embedder, lambda: nullcontext(pool)) as opened:
        yield opened


def fields(collection: Collection, name: str) -> dict[str, Any]:
    """What is known of an item besides what its text says."""
    (item,) = [item for item in collection.items() if item.name == f"{name}.txt"]
    return {key: value for key, value in item.metadata.items() if key != "characters"}


def named(collection: Collection, where: str) -> set[str]:
    """The names of the items that a filter leaves."""
    return {hit.name for hit in collection.search("a thing", where=where)}


ROWS: list[dict[str, Any]] = [
    {"path": "shop/mug.txt", "price": 12, "zip": "01234", "sale": True, "added": "2024-05-01"},
    {"path": "shop/vase.txt", "price": 49.5, "zip": "99999", "sale": False, "added": None},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Rows in the form that the name asks for."""
    if path.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        rows = [{**row, "price": float(row["price"])} for row in rows]
        parquet.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        cells = [",".join("" if value is None else str(value) for value in row.values()) for row in rows]
        path.write_text("\n".join([",".join(rows[0]), *cells]))
    else:
        path.write_text(json.dumps(rows) if path.suffix == ".json" else "\n".join(map(json.dumps, rows)))
    return path


@pytest.mark.parametrize("name", ["m.csv", "m.jsonl", "m.json", "m.parquet"])
def test_a_table_gives_items_typed_fields_that_filters_find(collection: Collection, shop: Path, name: str) -> None:
    report = collection.index([shop], metadata=write(shop.parent / name, ROWS))

    assert (report.added, report.failures) == (3, ())
    assert fields(collection, "mug") == {"price": 12, "zip": "01234", "sale": True, "added": "2024-05-01"}
    assert fields(collection, "vase") == {"price": 49.5, "zip": "99999", "sale": False}
    assert fields(collection, "lamp") == {}
    assert named(collection, "price < 20 and sale = true") == {"mug.txt"}
    assert named(collection, "not has price or added >= 2024-01-01") == {"mug.txt", "lamp.txt"}


def test_new_metadata_alone_embeds_nothing_again(
    collection: Collection, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.index([shop], metadata={shop / "mug.txt": {"price": 12, "colour": "red"}})
    monkeypatch.setattr(collection.embedder, "encode", lambda _: pytest.fail("embedded again"))

    report = collection.index([shop], metadata={shop / "mug.txt": {"price": 9}})

    assert (report.added, report.updated, report.unchanged) == (0, 1, 2)
    assert fields(collection, "mug") == {"price": 9}
    assert collection.index([shop]).updated == 0
    assert fields(collection, "mug") == {"price": 9}


def test_given_fields_outlast_a_change_of_the_content(collection: Collection, shop: Path) -> None:
    collection.index([shop], metadata={shop / "mug.txt": {"price": 12}})
    (shop / "mug.txt").write_text("another mug altogether")

    assert collection.index([shop]).updated == 1
    assert fields(collection, "mug") == {"price": 12}


def test_items_that_the_run_does_not_come_by_get_their_fields_too(collection: Collection, shop: Path) -> None:
    collection.index([shop])

    report = collection.index([shop / "vase.txt"], metadata={(shop / "mug.txt").as_uri(): {"price": 12}})

    assert report.failures == ()
    assert fields(collection, "mug") == {"price": 12}


def test_what_was_found_in_an_item_stays_with_it(collection: Collection, tmp_path: Path) -> None:
    uri = (tmp_path / "a.pdf").as_uri()
    none = np.empty((0, FAKE_SPACE.dimension), np.float32)
    parent = replace(entry(uri, 0), vectors=none)
    child = replace(entry(uri + "#image-1", 0, parent=parent.item.id), vectors=none)
    with collection.filling() as (store, _):
        store.put([parent, child])
        family = Descriptions.of({uri: {"price": 1}}).family(store, parent.item)
        store.put(family)
        assert same_entry(store.entry(child.item.id), child)
        kept = store.get(parent.item.id)
    assert kept is not None
    assert kept.metadata["price"] == 1


def test_a_row_about_an_unknown_file_is_a_failure_that_says_so(collection: Collection, shop: Path) -> None:
    report = collection.index([shop], metadata={"nowhere.txt": {"price": 1}, shop / "mug.txt": {"price": 2}})

    (failure,) = report.failures
    assert "nowhere.txt" in failure.error.cause
    assert fields(collection, "mug") == {"price": 2}


@pytest.mark.parametrize(
    ("name", "text", "cause"),
    [
        ("m.csv", "colour,price\nred,1", "record 1: it needs a path"),
        ("m.csv", "path,price\na.txt,1\na.txt,2", "record 2: its file was described before"),
        ("m.csv", "path,price\na.txt", "row 2 has 1 cells under 2 columns"),
        ("m.csv", "path,path\na,b", "name of its own"),
        ("m.csv", 'path,price\n"a', "no valid csv"),
        ("m.jsonl", '{"path": "a", "tags": [1]}', "record 1: tags is no text"),
        ("m.jsonl", '{"path": "a", "x": NaN}', "record 1: x is no finite number"),
        ("m.jsonl", "[1]", "record 1: it is no object"),
        ("m.jsonl", '{"path": ', "no valid jsonl"),
        ("m.json", "[" * 100_000, "no valid json"),
        ("m.parquet", "PAR1 no", "cannot be read"),
        ("m.txt", "path", "not read from"),
        ("gone.csv", None, "cannot be read"),
    ],
    ids=lambda value: str(value)[:20].encode("unicode_escape").decode(),
)
def test_a_table_that_makes_no_sense_is_refused_before_anything_is_indexed(
    collection: Collection, shop: Path, name: str, text: str | None, cause: str
) -> None:
    path = shop.parent / name
    if text is not None:
        path.write_text(text)

    with pytest.raises(UsageError, match=cause):
        collection.index([shop], metadata=path)

    assert list(collection.items()) == []


def test_paths_are_relative_to_the_tables_folder_or_absolute_or_uris(shop: Path) -> None:
    table = shop / "m.jsonl"
    said = ["mug.txt", "./../shop/vase.txt", str(shop / "lamp.txt")]
    lines = [json.dumps({"path": path, "n": 1}) for path in said] + [json.dumps({"uri": "https://a/b", "n": 1})]
    table.write_text("\n".join(lines))

    uris = [(shop / f"{name}.txt").as_uri() for name in ("mug", "vase", "lamp")]
    assert list(Descriptions.of(table).rows) == [*uris, "https://a/b"]
