"""Which kind of thing a file holds, from its first bytes: image, audio, video or document."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality

__all__ = ["MODALITIES", "kinds_of", "media_type_of"]

HEAD_BYTES: Final = 8192
MODALITIES: Final[Mapping[str, Modality]] = {
    "image": Modality.IMAGE,
    "audio": Modality.AUDIO,
    "video": Modality.VIDEO,
    "document": Modality.TEXT,
}
EITHER: Final = frozenset({"audio/mp4", "audio/ogg", "video/matroska", "video/mp4", "video/ogg"})
"""Containers whose first bytes do not tell sound from video; decoding finds out."""


def media_type_of(path: Path) -> str:
    """The media type that a file's first bytes claim.

    Raises:
        UsageError: the file is not there or cannot be read.
        ItemError: it is empty or of no known type.
    """
    from commonspace.ingest.sniff import sniff

    if not path.is_file():
        raise UsageError(f"{path} is not a file.", fix="Check the path.")
    try:
        with path.open("rb") as file:
            return sniff(file.read(HEAD_BYTES))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", fix="Check its permissions.") from error


def kinds_of(media_type: str) -> tuple[str, ...]:
    """The kinds that a media type allows, likeliest first."""
    if media_type in EITHER:
        return ("audio", "video") if media_type.startswith("audio/") else ("video", "audio")
    family = media_type.partition("/")[0]
    return (family if family in MODALITIES else "document",)
