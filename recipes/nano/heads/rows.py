"""Rows under way to `Pairs`: what each thing has, under which names, and nothing that it lacks.

A row's ``views`` map a name to an array (views x ...). Names: "text"; "image" and "audio" (standardised features);
"image_base" and "audio_base" (what the tower says without a head, view by view); "image_kept" and "audio_taught" (what
the head should say of a row, where a base or a teacher knows).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from commonspace.align.pairs import Pairs, Views

__all__ = ["Row", "to_pairs"]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One thing: its key, concept and split, and its views by name."""

    key: str
    concept: str
    split: str
    views: Mapping[str, NDArray[Any]]


def to_pairs(rows: Sequence[Row]) -> Pairs:
    """Join rows; every name that any row has becomes a kind of view, kept in half precision."""
    names = sorted({name for row in rows for name in row.views})
    return Pairs(
        views={name: Views.of([_half(row.views.get(name)) for row in rows]) for name in names},
        concepts=tuple(row.concept for row in rows),
        splits=tuple(row.split for row in rows),
        keys=tuple(row.key for row in rows),
    )


def _half(views: NDArray[Any] | None) -> NDArray[np.float16] | None:
    return None if views is None else views.astype(np.float16)
