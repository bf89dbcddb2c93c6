"""Parquet tables, where PyArrow is installed; sizes are checked in the footer before any column is read."""

import datetime as dt
import decimal
import io

from commonspace.core.errors import ItemError
from commonspace.ingest.plan import Plan

__all__ = ["read_parquet"]

Cell = str | int | float | bool | None


def read_parquet(data: bytes, plan: Plan) -> tuple[list[str], list[list[Cell]]]:
    """Column names and rows of a flat Parquet file.

    Raises:
        ItemError: PyArrow is missing, the file is corrupt, nested or has too many cells.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        cause = "Parquet tables need PyArrow, which is not installed."
        raise ItemError("missing_extra", cause, fix='Run: pip install "commonspace[parquet]"') from None
    try:
        with parquet.ParquetFile(io.BytesIO(data), pre_buffer=False) as file:
            cells = file.metadata.num_rows * file.metadata.num_columns
            if cells > plan.limits.table_cells:
                cause = f"The table has {cells} cells; the limit is {plan.limits.table_cells}."
                raise ItemError("too_large", cause, fix="Split it into smaller tables, or raise the limit.")
            if any(pa.types.is_nested(field.type) for field in file.schema_arrow):
                raise ItemError("bad_schema", "A column holds nested values.", fix="Flatten the table first.")
            table = file.read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        cause = "It begins like a Parquet file but does not decode."
        raise ItemError("corrupt", cause, fix="Write the file again.") from None
    columns = [[_cell(value) for value in column.to_pylist()] for column in table.columns]
    return list(table.column_names), [list(row) for row in zip(*columns, strict=True)]


def _cell(value: object) -> Cell:
    """A Python value as one of the four cell types; bytes become text."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
