"""Tower vectors kept by content: what was embedded once by a space is never embedded by it again.

A cache is two files a space: keys, one a line, and vectors, one float32 row a key, both only ever added to. After a
kill in between, what one file holds more than the other is dropped.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.space import Space

__all__ = ["FeatureCache"]

KEY_CHARACTERS = 64
FLOAT_BYTES = 4


@final
class FeatureCache:
    """Vectors of one space by key (64 characters each); one process writes at a time."""

    def __init__(self, folder: Path, space: Space) -> None:
        home = folder / f"{space.name}-{space.fingerprint[:16]}"
        home.mkdir(parents=True, exist_ok=True)
        self._keys, self._vectors = home / "keys.txt", home / "vectors.f32"
        self._dimension = space.dimension
        self._held: dict[str, NDArray[np.float32]] = {}
        self._read()

    def get(self, key: str) -> NDArray[np.float32] | None:
        """The vector of a key, or None."""
        return self._held.get(key)

    def put(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep vectors under keys that are not there yet."""
        new = {key: vector for key, vector in vectors.items() if key not in self._held}
        if not new:
            return
        with self._vectors.open("ab") as file:
            file.write(np.stack(list(new.values())).astype("<f4").tobytes())
        with self._keys.open("a", encoding="ascii") as file:
            file.write("".join(f"{key}\n" for key in new))
        self._held |= new

    def _read(self) -> None:
        keys = self._keys.read_bytes() if self._keys.exists() else b""
        vectors = self._vectors.read_bytes() if self._vectors.exists() else b""
        row = self._dimension * FLOAT_BYTES
        num = min(len(keys) // (KEY_CHARACTERS + 1), len(vectors) // row)
        for path, length, size in ((self._keys, len(keys), KEY_CHARACTERS + 1), (self._vectors, len(vectors), row)):
            if length > num * size:
                with path.open("r+b") as file:
                    file.truncate(num * size)
        names = keys[: num * (KEY_CHARACTERS + 1)].decode("ascii").splitlines()
        rows = np.frombuffer(vectors[: num * row], dtype="<f4").reshape(num, self._dimension)
        self._held = dict(zip(names, rows.astype(np.float32), strict=True))
