"""A table's rows as pieces: each with its place, and where its numbers stand among those of their columns."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.item import Piece, Row, Span, Table
from commonspace.core.modality import Modality

__all__ = ["row_pieces"]

LEAST_NUMBERS: Final = 8
"""A column of fewer numbers does not say what is much or little."""


def row_pieces(table: Table, most: int) -> tuple[Piece, ...]:
    """One piece for each of the first ``most`` rows that holds anything.

    A share is that of the column's numbers below, ties counted half.
    """
    shares = [_shares(table, place) for place in range(len(table.columns))]
    return tuple(
        Piece(
            modality=Modality.TABLE,
            content=Row(
                columns=table.columns,
                types=table.types,
                cells=cells,
                shares=tuple(None if np.isnan(column[number]) else float(column[number]) for column in shares),
            ),
            span=Span(heading=f"row {number + 1}"),
        )
        for number, cells in enumerate(table.rows[:most])
        if any(cell is not None for cell in cells)
    )


def _shares(table: Table, place: int) -> NDArray[np.float64]:
    """For each row the share of smaller numbers in its column; not a number where there is none to tell."""
    missing = np.full(len(table.rows), np.nan)
    if table.types[place] != "number":
        return missing
    numbers = np.array([np.nan if row[place] is None else row[place] for row in table.rows], dtype=np.float64)
    held = np.sort(numbers[~np.isnan(numbers)])
    if len(held) < LEAST_NUMBERS or held[0] == held[-1]:
        return missing
    below, upto = np.searchsorted(held, numbers, "left"), np.searchsorted(held, numbers, "right")
    return np.where(np.isnan(numbers), np.nan, (below + upto) / (2 * len(held)))
