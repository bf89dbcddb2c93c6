"""Vectors in files that other programs read: NumPy arrays and Parquet tables, which name their space."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from commonspace.core.errors import ItemError, MissingExtra, UsageError
from commonspace.core.space import Space

if TYPE_CHECKING:
    from commonspace.encode.embedder import Embedding

__all__ = ["require_parquet", "write_npy", "write_parquet"]


def require_parquet() -> None:
    """Check that Parquet can be written, before any work is done.

    Raises:
        MissingExtra: pyarrow is not installed.
    """
    try:
        import_module("pyarrow")
    except ImportError:
        raise MissingExtra("Writing Parquet needs pyarrow.", fix="Run: pip install 'commonspace[parquet]'") from None


def write_npy(path: Path, answers: "Sequence[Embedding | ItemError]", space: Space) -> None:
    """Write n x dimension, float32, one row an item in order; the row of a failed item is all NaN.

    Raises:
        UsageError: the file cannot be written.
    """
    rows = np.full((len(answers), space.dimension), np.nan, dtype=np.float32)
    for row, answer in zip(rows, answers, strict=True):
        if not isinstance(answer, ItemError):
            row[:] = answer.vector
    with _writing(path), path.open("wb") as file:
        np.save(file, rows, allow_pickle=False)


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], space: Space) -> None:
    """Write one row an item: text, uri, modality, vector, error; a failed item has no vector.

    Raises:
        UsageError: the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("text", pa.string()),
            ("uri", pa.string()),
            ("modality", pa.string()),
            ("vector", pa.list_(pa.float32(), space.dimension)),
            ("error", pa.struct([("code", pa.string()), ("cause", pa.string()), ("fix", pa.string())])),
        ],
        metadata={"space": space.name, "dimension": str(space.dimension), "fingerprint": space.fingerprint},
    )
    columns = {name: [row.get(name) for row in rows] for name in schema.names}
    with _writing(path):
        pq.write_table(pa.table(columns, schema=schema), path)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.", fix="Name another file.") from error
