"""A checkpoint's feature extractor or image processor: the file that says how its inputs are made, and what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from commonspace.core.errors import ModelError
from commonspace.encode.hub.folder import CheckpointFolder

__all__ = ["Extractor", "extractor_of", "sound_size"]

NAMES: Final = ("preprocessor_config.json", "processor_config.json")
"""Where older and newer versions of the library write it; the newer one keeps it under its part's name."""

MOST: Final = {"rate_hertz": 192_000, "seconds": 120, "bands": 512, "frame_samples": 65_536, "frames": 20_000}
"""More than any model hears; a configuration that says more would have a clip fill the memory."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Extractor:
    """The file, which the fingerprint covers, and the configuration in it."""

    file: Path
    config: Mapping[str, Any]


def extractor_of(folder: CheckpointFolder, part: str = "feature_extractor") -> Extractor:
    """Read it: ``part`` is ``feature_extractor`` or ``image_processor``.

    Raises:
        ModelError: there is none, or it is damaged.
    """
    whole = next((name for name in NAMES if folder.has(name)), NAMES[0])
    config = folder.json(whole)
    inside = config.get(part)
    return Extractor(file=folder.file(whole), config=inside if isinstance(inside, dict) else config)


def sound_size(what: str, told: object) -> int:
    """A number of a feature extractor as a whole one above zero: ``what`` is one of ``MOST``'s.

    Raises:
        ModelError: it is none, or is beyond what any model hears.
    """
    number = int(told) if isinstance(told, int | float) and 0 < told <= MOST[what] else 0
    if number < 1:
        raise ModelError(
            f"The feature extractor's {what} is {told!r}, not a number from 1 to {MOST[what]}.",
            fix="Download the model again.",
        )
    return number
