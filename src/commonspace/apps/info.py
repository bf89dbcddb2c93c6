"""What a store holds, counted."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from commonspace.core.modality import Modality
from commonspace.core.space import Space

__all__ = ["Info", "num_bytes_of"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What a store holds."""

    path: Path
    space: Space
    items: dict[Modality, int]
    num_segments: int
    num_bytes: int
    sequence: int

    def to_dict(self) -> dict[str, Any]:
        """The facts as they stand in JSON answers."""
        return {
            "path": str(self.path),
            "space": {
                "name": self.space.name,
                "tier": self.space.tier.value,
                "dimension": self.space.dimension,
                "modalities": [modality.value for modality in self.space.modalities],
                "fingerprint": self.space.fingerprint,
            },
            "items": {modality.value: count for modality, count in self.items.items()},
            "num_items": sum(self.items.values()),
            "num_segments": self.num_segments,
            "num_bytes": self.num_bytes,
            "sequence": self.sequence,
        }


def num_bytes_of(folder: Path) -> int:
    """What a store takes on disk; files that a writer removes meanwhile take nothing."""
    total = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += file.stat().st_size if file.is_file() else 0
    return total
