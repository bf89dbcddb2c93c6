"""A table becomes typed rows under named columns, checked against its own header."""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from blake3 import blake3

from commonspace.core.errors import ItemError
from commonspace.core.item import Decoded, Metadata, Table
from commonspace.core.modality import Modality
from commonspace.ingest.payload import Payload
from commonspace.ingest.plan import Plan
from commonspace.ingest.table_rows import row_pieces
from commonspace.ingest.textual import decode_text, delimiter_of

__all__ = ["COLUMN_TYPES", "Cell", "decode_table", "decode_table_file", "parse_json"]

Cell = str | int | float | bool | None

COLUMN_TYPES: Final = ("text", "number", "boolean", "time")
NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?")
MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:\d{2})?)?")
TRUTHS: Final[dict[str, bool]] = {"true": True, "false": False, "yes": True, "no": False}
MISSING: Final = frozenset({"", "na", "n/a", "nan", "null", "none"})
JSON_DEPTH: Final = 32
MAX_DIGITS: Final = 300


def decode_table_file(payload: Payload, media_type: str, plan: Plan) -> Decoded:
    """A CSV, TSV, JSON-lines or Parquet file as one checked table.

    Raises:
        ItemError: too many cells, rows of different lengths, repeated or empty column names.
    """
    data = payload.read(plan.limits.document_bytes, "tables")
    notes: tuple[str, ...] = ()
    if media_type == "application/vnd.apache.parquet":
        from commonspace.ingest.parquet import read_parquet

        names, rows = read_parquet(data, plan)
    else:
        text, notes = decode_text(data)
        names, rows = _read_json_lines(text, plan) if media_type.endswith("ndjson") else _read_delimited(text, plan)
    return _decoded(_typed(names, rows), media_type, data, notes, plan)


def decode_table(table: Table, plan: Plan) -> Decoded:
    """A table that a program hands over, checked.

    Raises:
        ItemError: as for a file, or a column type that is not one of ``COLUMN_TYPES``.
    """
    unknown = sorted(set(table.types) - set(COLUMN_TYPES))
    if unknown or len(table.types) != len(table.columns):
        raise _bad(
            f"The column types are {', '.join(table.types)}.", f"Give one of {', '.join(COLUMN_TYPES)} a column."
        )
    _check_names(table.columns)
    for number, row in enumerate(table.rows, 1):
        _check_row(row, len(table.columns), number, plan)
        _check_types(row, table, number)
    if not table.rows:
        raise ItemError("empty", "The table has no rows.", fix="Give at least one row.")
    data = repr((table.columns, table.types, table.rows)).encode("utf-8", "replace")
    return _decoded(table, "application/x-table", data, (), plan)


def parse_json(text: str) -> Any:
    """One JSON value of bounded depth.

    Raises:
        ItemError: it is not JSON, or nested too deeply.
    """
    depth = 0
    for mark in re.findall(r'"(?:[^"\\]|\\.)*"|[\[{\]}]', text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(mark, 0)
        if depth > JSON_DEPTH:
            raise _bad(f"The JSON is nested deeper than {JSON_DEPTH} levels.", "Flatten it.")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _bad("A part of it is not valid JSON.", "Check it with a JSON validator.") from None


def _decoded(table: Table, media_type: str, data: bytes, notes: tuple[str, ...], plan: Plan) -> Decoded:
    most = plan.limits.table_rows
    cut = (f"only the first {most} of {len(table.rows)} rows",) if len(table.rows) > most else ()
    metadata: Metadata = {
        "rows": len(table.rows),
        "columns": ", ".join(f"{name} ({kind})" for name, kind in zip(table.columns, table.types, strict=True)),
    }
    return Decoded(
        modality=Modality.TABLE,
        media_type=media_type,
        content_hash=blake3(data).hexdigest(),
        num_bytes=len(data),
        cost=len(table.rows) * len(table.columns),
        pieces=row_pieces(table, most),
        notes=notes + cut,
        metadata=metadata,
        table=table,
    )


def _read_delimited(text: str, plan: Plan) -> tuple[list[str], list[list[Cell]]]:
    delimiter = delimiter_of(text) or ","
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        names = [name.strip() for name in next(lines)]
        _check_names(names)
        rows: list[list[Cell]] = []
        for row in lines:
            if row:
                _check_row(row, len(names), len(rows) + 1, plan)
                rows.append([None if cell.strip().lower() in MISSING else cell.strip() for cell in row])
    except (csv.Error, StopIteration):
        raise _bad("A row breaks the rules of quoting.", "Export the table again as CSV.") from None
    return names, rows


def _read_json_lines(text: str, plan: Plan) -> tuple[list[str], list[list[Cell]]]:
    records = [parse_json(line) for line in text.splitlines() if line.strip()]
    names: dict[str, None] = {}
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict) or any(isinstance(value, dict | list) for value in record.values()):
            raise _bad(f"Line {number} is not an object of plain values.", "Write one flat JSON object a line.")
        names.update(dict.fromkeys(record))
        if len(names) * number > plan.limits.table_cells:
            raise _too_many(plan)
    _check_names(list(names))
    return list(names), [[record.get(name) for name in names] for record in records]


def _check_names(names: Sequence[str]) -> None:
    if not names or not all(name.strip() for name in names):
        raise _bad("A column has no name.", "Give every column a name in the first row.")
    repeated = sorted({name for name in names if list(names).count(name) > 1}) if len(names) < 10_000 else []
    if repeated:
        raise _bad(f"The column name '{repeated[0][:60]}' appears twice.", "Give every column a name of its own.")


def _check_row(row: Sequence[object], width: int, number: int, plan: Plan) -> None:
    if len(row) != width:
        raise _bad(f"Row {number} has {len(row)} cells under {width} columns.", "Make every row as long as the header.")
    if number * width > plan.limits.table_cells:
        raise _too_many(plan)


def _check_types(row: Sequence[Cell], table: Table, number: int) -> None:
    for cell, kind, name in zip(row, table.types, table.columns, strict=True):
        if cell is not None and not _fits(cell, kind):
            raise _bad(
                f"Row {number}, column '{name[:60]}' holds no {kind}.", "Correct the value or the column's type."
            )


def _fits(cell: Cell, kind: str) -> bool:
    if kind == "number":
        return isinstance(cell, int | float) and not isinstance(cell, bool) and math.isfinite(cell)
    if kind == "boolean":
        return isinstance(cell, bool)
    return isinstance(cell, str) and (kind == "text" or _is_moment(cell))


def _typed(names: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Table:
    """Each column's type is the narrowest that all its cells share."""
    if not rows:
        raise ItemError("empty", "The table has a header but no rows.", fix="Leave it out, or add rows.")
    columns = list(zip(*rows, strict=True))
    types = tuple(_type_of(column) for column in columns)
    converted = [[_convert(cell, kind) for cell in column] for column, kind in zip(columns, types, strict=True)]
    return Table(columns=tuple(names), types=types, rows=tuple(zip(*converted, strict=True)))


def _type_of(column: Iterable[Cell]) -> str:
    cells = [cell for cell in column if cell is not None]
    if cells and all(_is_number(cell) for cell in cells):
        return "number"
    if cells and all(isinstance(cell, bool) or str(cell).lower() in TRUTHS for cell in cells):
        return "boolean"
    if cells and all(isinstance(cell, str) and _is_moment(cell) for cell in cells):
        return "time"
    return "text"


def _is_number(cell: Cell) -> bool:
    if isinstance(cell, bool):
        return False
    if isinstance(cell, int | float):
        return math.isfinite(cell)
    return cell is not None and len(cell) <= MAX_DIGITS and NUMBER.fullmatch(cell) is not None


def _is_moment(cell: str) -> bool:
    if MOMENT.fullmatch(cell) is None:
        return False
    try:
        datetime.fromisoformat(cell)
    except ValueError:
        return False
    return True


def _convert(cell: Cell, kind: str) -> Cell:
    if cell is None:
        return None
    if kind == "number":
        return float(cell)
    if kind == "boolean":
        return cell if isinstance(cell, bool) else TRUTHS[str(cell).lower()]
    return str(cell)


def _bad(cause: str, fix: str) -> ItemError:
    return ItemError("bad_schema", cause, fix=fix)


def _too_many(plan: Plan) -> ItemError:
    cause = f"The table has more than {plan.limits.table_cells} cells."
    return ItemError("too_large", cause, fix="Split it into smaller tables, or raise the limit.")
