"""Pairs: rows of things known together, each with any number of views (vectors, pixels, tokens) a modality.

A row is one thing. A picture with five captions is one row with one image view and five text views; a sound with a
transcript is a row without an image. Features may be anything a branch takes: tower features (float16 or float32),
pixels (uint8), token ids. Nothing here knows what made them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Self, final

import numpy as np
import orjson
from numpy.typing import NDArray

from commonspace.core.errors import UsageError

__all__ = ["SPLITS", "Pairs", "Views"]

SPLITS = ("train", "valid", "test")
UNSPLIT = ""
FORMAT = 1
INDEX = "pairs.json"
NAME = re.compile(r"[a-z0-9][a-z0-9_+-]*")

Array = NDArray[Any]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Views:
    """One modality's views: row ``i`` has ``features[offsets[i]:offsets[i + 1]]``; none means it is missing there.

    ``features`` is views x anything; ``offsets`` is int64, rows + 1, never falling, from zero to the number of views.
    """

    features: Array
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        steps = np.diff(self.offsets)
        if len(self.offsets) < 1 or self.offsets[0] != 0 or self.offsets[-1] != len(self.features) or (steps < 0).any():
            raise UsageError(
                f"The offsets of {len(self.features)} views must rise from 0 to {len(self.features)}.",
                fix="Build the views with Views.of(list of one array a row) or Views.single(array).",
            )

    @classmethod
    def of(cls, rows: Sequence[Array | None]) -> Self:
        """Views from one array (views x ...) a row; None or an empty array where the modality is missing.

        Raises:
            UsageError: no row has a view, or their shapes or types differ.
        """
        held = [np.asarray(row) for row in rows if row is not None and len(row)]
        if not held:
            raise UsageError("No row has a view of this modality.", fix="Leave the modality out.")
        if len({(row.dtype, row.shape[1:]) for row in held}) > 1:
            raise UsageError("The views differ in shape or type.", fix="Make every view of a modality alike.")
        counts = [0 if row is None else len(row) for row in rows]
        return cls(features=np.concatenate(held), offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))

    @classmethod
    def single(cls, features: Array) -> Self:
        """One view a row, in order: ``features`` is rows x ..."""
        return cls(features=features, offsets=np.arange(len(features) + 1, dtype=np.int64))

    @property
    def num_rows(self) -> int:
        """How many rows, with or without a view."""
        return len(self.offsets) - 1

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many views each row has."""
        return np.asarray(np.diff(self.offsets), dtype=np.int64)

    @property
    def row_of_view(self) -> NDArray[np.int64]:
        """The row that each view belongs to."""
        return np.repeat(np.arange(self.num_rows, dtype=np.int64), self.counts)

    def take(self, rows: NDArray[np.integer]) -> "Views":
        """The views of some rows, in that order; a copy."""
        counts = self.counts[rows]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        starts = np.repeat(self.offsets[:-1][rows] - offsets[:-1], counts)
        places = starts + np.arange(offsets[-1], dtype=np.int64)
        return Views(features=self.features[places], offsets=offsets)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Rows known together: views by modality, and a concept, a split and a key a row.

    Keys are unique. A split is "train", "valid" or "test", or empty while none was assigned. Two rows of one concept
    are never each other's negatives, and a query is answered by any row of its concept.
    """

    views: Mapping[str, Views]
    concepts: tuple[str, ...]
    splits: tuple[str, ...]
    keys: tuple[str, ...]

    def __post_init__(self) -> None:
        sizes = {len(self.concepts), len(self.splits), len(self.keys), *(each.num_rows for each in self.views.values())}
        if len(sizes) != 1 or not self.views:
            raise UsageError(
                f"Concepts, splits, keys and views are of different numbers of rows ({sorted(sizes)}).",
                fix="Give each exactly one entry a row, and at least one modality.",
            )
        if len(set(self.keys)) != len(self.keys):
            raise UsageError("Two rows have the same key.", fix="Make the keys unique: a path or a number will do.")
        if unknown := set(self.splits) - {*SPLITS, UNSPLIT}:
            raise UsageError(f"There is no split '{min(unknown)}'.", fix=f"Use one of {', '.join(SPLITS)}.")
        if bad := [name for name in self.views if not NAME.fullmatch(name)]:
            raise UsageError(f"'{bad[0]}' cannot name a modality.", fix="Use lower case letters, digits, _ + and -.")

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def single(
        cls,
        features: Mapping[str, Array],
        concepts: Sequence[str],
        *,
        splits: Sequence[str] = (),
        keys: Sequence[str] = (),
    ) -> Self:
        """Pairs in which every row has exactly one view of every modality: ``features`` are rows x ... each."""
        return cls(
            views={name: Views.single(array) for name, array in features.items()},
            concepts=tuple(concepts),
            splits=tuple(splits) or (UNSPLIT,) * len(concepts),
            keys=tuple(keys) or tuple(str(place) for place in range(len(concepts))),
        )

    @property
    def modalities(self) -> tuple[str, ...]:
        """Which modalities there are, by name."""
        return tuple(sorted(self.views))

    def dimension(self, modality: str) -> int:
        """How many numbers a view of a modality has in its last axis.

        Raises:
            UsageError: there is no such modality.
        """
        return int(self.of(modality).features.shape[-1])

    def of(self, modality: str) -> Views:
        """A modality's views.

        Raises:
            UsageError: there is no such modality.
        """
        if modality not in self.views:
            raise UsageError(f"The pairs hold no '{modality}'.", fix=f"They hold {', '.join(self.modalities)}.")
        return self.views[modality]

    def has(self, *modalities: str) -> NDArray[np.bool_]:
        """Which rows have at least one view of each of some modalities."""
        present = np.ones(len(self), dtype=np.bool_)
        for modality in modalities:
            present &= self.of(modality).counts > 0
        return present

    def take(self, rows: NDArray[np.integer]) -> "Pairs":
        """Some rows, in that order; copies."""
        return Pairs(
            views={name: views.take(rows) for name, views in self.views.items()},
            concepts=tuple(self.concepts[row] for row in rows),
            splits=tuple(self.splits[row] for row in rows),
            keys=tuple(self.keys[row] for row in rows),
        )

    def where(self, split: str) -> "Pairs":
        """The rows of one split."""
        return self.take(np.array([row for row, name in enumerate(self.splits) if name == split], dtype=np.int64))

    def with_views(self, name: str, views: Views) -> "Pairs":
        """The same rows with one more modality (a teacher's vectors, an earlier model's); it replaces one so called."""
        return replace(self, views={**self.views, name: views})

    def with_splits(self, splits: Sequence[str]) -> "Pairs":
        """The same rows under other splits."""
        return replace(self, splits=tuple(splits))

    @property
    def digest(self) -> str:
        """SHA-256 over every feature, offset, concept, split and key; equal digests mean equal pairs."""
        whole = sha256(orjson.dumps([self.concepts, self.splits, self.keys]))
        for name in self.modalities:
            views = self.views[name]
            whole.update(orjson.dumps([name, str(views.features.dtype), views.features.shape]))
            whole.update(_hash(views.features).encode())
            whole.update(_hash(views.offsets).encode())
        return whole.hexdigest()

    def save(self, folder: Path) -> None:
        """Write a folder of ``.npy`` files and ``pairs.json``, which is written last and names every hash."""
        folder.mkdir(parents=True, exist_ok=True)
        held = {}
        for name, views in self.views.items():
            np.save(folder / f"{name}.npy", views.features)
            np.save(folder / f"{name}.offsets.npy", views.offsets)
            held[name] = {"features": _hash(views.features), "offsets": _hash(views.offsets)}
        document = {
            "format": FORMAT,
            "views": held,
            "concepts": self.concepts,
            "splits": self.splits,
            "keys": self.keys,
        }
        partial = folder / f"{INDEX}.part"
        partial.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        partial.replace(folder / INDEX)

    @classmethod
    def load(cls, folder: Path) -> "Pairs":
        """Open a saved folder; features are memory-mapped and checked against their hashes.

        Raises:
            UsageError: the folder holds no pairs, or a file is missing or changed.
        """
        try:
            document = orjson.loads((folder / INDEX).read_bytes())
            if document["format"] != FORMAT:
                raise UsageError(f"{folder} is of another format.", fix="Save the pairs anew with this version.")
            return cls(
                views={name: _loaded(folder, name, hashes) for name, hashes in document["views"].items()},
                concepts=tuple(document["concepts"]),
                splits=tuple(document["splits"]),
                keys=tuple(document["keys"]),
            )
        except OSError as error:
            raise UsageError(f"{folder} holds no saved pairs: {error}.", fix="Save them with Pairs.save.") from error
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"{folder / INDEX} lacks or mistypes a field: {error}.", fix="Save the pairs anew."
            ) from error


def _loaded(folder: Path, name: str, hashes: Mapping[str, str]) -> Views:
    if not NAME.fullmatch(name):
        raise ValueError(f"'{name}' is no modality")
    features = np.load(folder / f"{name}.npy", mmap_mode="r")
    offsets = np.load(folder / f"{name}.offsets.npy")
    if _hash(features) != hashes["features"] or _hash(offsets) != hashes["offsets"]:
        raise UsageError(f"The features of '{name}' in {folder} have changed.", fix="Save the pairs anew.")
    return Views(features=features, offsets=offsets)


def _hash(array: Array) -> str:
    digest = sha256()
    rows_a_block = max(1, (1 << 24) // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows_a_block):
        digest.update(np.ascontiguousarray(array[start : start + rows_a_block]).tobytes())
    return digest.hexdigest()
