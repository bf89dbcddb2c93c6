"""What a person says of files besides their content: a table of fields, one row a file, kept as the items' metadata.

The fields given for a file are noted with its item, so that they outlast a change of its content, and the next row
for it takes their place.
"""

import csv
import io
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self, final

from commonspace.core.errors import ItemError, UsageError
from commonspace.core.item import Metadata, Scalar
from commonspace.index.records import Entry, StoredItem
from commonspace.index.store import Store
from commonspace.ingest.limits import Limits
from commonspace.ingest.plan import Plan
from commonspace.ingest.source import ItemFailure, file_uri
from commonspace.ingest.textual import decode_text, delimiter_of

__all__ = ["Described", "Descriptions"]

Rows = Mapping[str, Metadata]
Described = str | Path | Mapping[str | Path, Mapping[str, Scalar | None]]
"""A file of descriptions, or fields by path or uri."""

PLACES: Final = ("path", "uri")
NOTE: Final = "fields given: "
MOST_CELLS: Final = 100_000_000
MOST_FIELD_CHARACTERS: Final = 500
FAULTS_SHOWN: Final = 5
EXAMPLE: Final = "Its first line could be: path,colour,price"

_WHOLE = re.compile(r"-?(0|[1-9]\d{0,299})")
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,299})([.]\d+)?([eE][+-]?\d{1,3})?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptions:
    """Fields by uri, and for messages where they were written."""

    rows: Rows
    place: str = "the metadata"

    @classmethod
    def of(cls, given: Described | None) -> Self:
        """What was given in any form.

        Raises:
            UsageError: the file cannot be read, or rows of it make no sense.
            MissingExtra: it is Parquet, and PyArrow is not installed.
        """
        if given is None:
            return cls(rows={})
        if isinstance(given, Mapping):
            records = [{**fields, "path": str(path)} for path, fields in given.items()]
            return cls(rows=_rows(records, Path.cwd(), "the metadata"))
        path = Path(given).expanduser().absolute()
        return cls(rows=_rows(_records(path), path.parent, path.name), place=path.name)

    def changes(self, item: StoredItem) -> bool:
        """Whether an item's fields are to be others than they are."""
        fields = self.rows.get(item.uri)
        return fields is not None and _with(item, fields) != item

    def applied(self, store: Store, entries: Sequence[Entry]) -> list[Entry]:
        """New entries with the fields given for them, now or before."""
        return [self._applied(store, entry) for entry in entries]

    def family(self, store: Store, item: StoredItem) -> list[Entry]:
        """A stored item with its new fields, and all that was found in it: to be put again together."""
        entry = store.entry(item.id)
        if entry is None:
            return []
        return [replace(entry, item=_with(item, self.rows[item.uri])), *_below(store, item.id)]

    def strangers(self, store: Store, seen: Iterable[str]) -> list[ItemFailure]:
        """A failure for each row whose file is neither among those seen nor in the store."""
        known = set(seen)
        return [
            ItemFailure(uri=uri, name=uri.rsplit("/", 1)[-1], error=self._unknown(uri))
            for uri in self.rows
            if uri not in known and store.find(uri) is None
        ]

    def _applied(self, store: Store, entry: Entry) -> Entry:
        fields = self.rows.get(entry.item.uri)
        if fields is None:
            before = store.find(entry.item.uri)
            fields = {} if before is None else _given(before)
        return replace(entry, item=_with(entry.item, fields)) if fields else entry

    def _unknown(self, uri: str) -> ItemError:
        return ItemError(
            "vanished",
            f"A row of {self.place} is about a file that was not indexed ({uri}).",
            fix="Correct the path (relative to the table's folder), or index the file too.",
        )


def _given(item: StoredItem) -> Metadata:
    """The fields that were given for an item, as its notes tell."""
    told = next((note for note in item.notes if note.startswith(NOTE)), None)
    names = [] if told is None else json.loads(told.removeprefix(NOTE))
    return {name: item.metadata[name] for name in names if name in item.metadata}


def _with(item: StoredItem, fields: Metadata) -> StoredItem:
    """An item whose given fields are these, before what its file says itself."""
    earlier = _given(item)
    own = {name: value for name, value in item.metadata.items() if name not in earlier}
    notes = tuple(note for note in item.notes if not note.startswith(NOTE))
    told = (NOTE + json.dumps(sorted(fields)),) if fields else ()
    return replace(item, metadata={**own, **fields}, notes=(*notes, *told))


def _below(store: Store, parent: str) -> list[Entry]:
    """All that was found in an item, parents first."""
    found = []
    for child in store.children(parent):
        entry = store.entry(child.id)
        found += [] if entry is None else [entry, *_below(store, child.id)]
    return found


def _records(path: Path) -> list[Any]:
    """The rows of a file as they are, by its name's ending.

    Raises:
        UsageError: it cannot be read, or is of no such kind.
    """
    kind = path.suffix.lower()
    try:
        data = path.read_bytes()
        if kind == ".parquet":
            from commonspace.ingest.parquet import read_parquet

            names, rows = read_parquet(data, Plan(limits=Limits(table_cells=MOST_CELLS)))
            return [dict(zip(names, row, strict=True)) for row in rows]
        text, _ = decode_text(data)
        if kind in (".jsonl", ".ndjson"):
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        if kind == ".json":
            return list(json.loads(text))
        if kind in (".csv", ".tsv"):
            return _delimited(text)
    except OSError as error:
        raise UsageError(f"The metadata in {path} cannot be read: {error.strerror}.", fix="Check the path.") from error
    except ItemError as error:
        raise UsageError(f"The metadata in {path} cannot be read. {error.cause}", fix=error.fix) from error
    except (ValueError, TypeError, RecursionError, csv.Error) as error:
        raise UsageError(
            f"The metadata in {path} is no valid {kind[1:]}: {error}.", fix=f"Correct it. {EXAMPLE}."
        ) from error
    raise UsageError(
        f"Metadata is not read from '{path.name}'.", fix="Give a .csv, .tsv, .jsonl, .json or .parquet file."
    )


def _delimited(text: str) -> list[dict[str, Scalar | None]]:
    """Rows under a header; a column is of numbers or booleans if all of its cells are, else of texts."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text) or ",", strict=True)
    names = [name.strip() for name in next(lines, [])]
    if not all(names) or len(set(names)) < len(names):
        raise ValueError("every column needs a name of its own")
    rows = [row for row in lines if row]
    for number, row in enumerate(rows, 2):
        if len(row) != len(names):
            raise ValueError(f"row {number} has {len(row)} cells under {len(names)} columns")
    columns = [_typed([row[place].strip() for row in rows]) for place in range(len(names))]
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]


def _typed(cells: Sequence[str]) -> list[Scalar | None]:
    filled = [cell for cell in cells if cell]
    if all(_NUMBER.fullmatch(cell) for cell in filled):
        return [None if not cell else int(cell) if _WHOLE.fullmatch(cell) else float(cell) for cell in cells]
    if all(cell.lower() in ("true", "false") for cell in filled):
        return [None if not cell else cell.lower() == "true" for cell in cells]
    return [cell or None for cell in cells]


def _rows(records: Sequence[Any], folder: Path, place: str) -> dict[str, Metadata]:
    """Fields by uri.

    Raises:
        UsageError: rows that name no file, name one twice, or hold what is no text, number or boolean.
    """
    rows: dict[str, Metadata] = {}
    faults: list[str] = []
    for number, record in enumerate(records, 1):
        fault = _fault(record)
        if fault is None:
            uri = _uri(record, folder)
            fault = "its file was described before" if uri in rows else None
            rows[uri] = {name: value for name, value in record.items() if name not in PLACES and value is not None}
        if fault is not None:
            faults.append(f"record {number}: {fault}")
    if faults:
        more = f"; and {len(faults) - FAULTS_SHOWN} more" if len(faults) > FAULTS_SHOWN else ""
        shown = "; ".join(faults[:FAULTS_SHOWN])
        raise UsageError(
            f"{len(faults)} of {len(records)} records of {place} make no sense: {shown}{more}.",
            fix=f"Correct them; nothing was indexed. {EXAMPLE}.",
        )
    return rows


def _fault(record: Any) -> str | None:
    """What is wrong with one record."""
    if not isinstance(record, dict):
        return "it is no object of fields"
    places = [record[name] for name in PLACES if record.get(name) is not None]
    if len(places) != 1 or not isinstance(places[0], str) or not places[0].strip() or "\0" in places[0]:
        return "it needs a path or a uri"
    for name, value in record.items():
        if not 0 < len(name) <= MOST_FIELD_CHARACTERS:
            return f"a field's name has {len(name)} characters"
        if not (value is None or isinstance(value, str | int | float)):
            return f"{name} is no text, number or boolean"
        if isinstance(value, float) and not math.isfinite(value):
            return f"{name} is no finite number"
    return None


def _uri(record: Mapping[str, Any], folder: Path) -> str:
    """The uri that a record is about; a path is relative to the table's folder."""
    said = str(record.get("uri") or record["path"])
    if "://" in said or (record.get("uri") is not None and _SCHEME.match(said)):
        return said
    return file_uri(Path(os.path.normpath(folder / Path(said).expanduser())))
