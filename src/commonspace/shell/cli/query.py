"""What a search starts from: one text, or one file whose content is of the kind that was said."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.shell.kinds import MODALITIES, kinds_of, media_type_of

__all__ = ["Query", "file_query", "one_query", "text_query"]

HOLDS: Final[Mapping[str, str]] = {"image": "a picture", "audio": "sound", "video": "video", "document": "text"}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query: a text as it is, or the path of a file."""

    modality: Modality
    value: str | Path

    @property
    def title(self) -> str:
        """The query as a person would name it."""
        return self.value if isinstance(self.value, str) else self.value.name

    def to_dict(self) -> dict[str, str]:
        """The query as it stands in JSON answers: its text, or its file's uri."""
        if isinstance(self.value, str):
            return {"modality": self.modality.value, "text": self.value}
        return {"modality": self.modality.value, "uri": self.value.absolute().as_uri()}


def text_query(text: str) -> Query:
    """A text query; ``-`` reads it from standard input.

    Raises:
        UsageError: there is no text in it.
    """
    said = sys.stdin.read() if text == "-" else text
    if not said.strip():
        raise UsageError("The query is empty.", fix="Say what to look for: commonspace search 'dog barking in rain'")
    return Query(modality=Modality.TEXT, value=said.strip())


def file_query(kind: str, path: Path) -> Query:
    """A file query, checked to hold what its option says.

    Raises:
        UsageError: the file is not there, or its content is of another kind.
        ItemError: its content is of no kind that can be searched with.
    """
    found = kinds_of(media_type_of(path))
    if kind not in found:
        raise UsageError(
            f"--{kind} {path} holds {HOLDS[found[0]]}.",
            fix=f"Use --{found[0]} {path}, or name another file.",
        )
    return Query(modality=MODALITIES[kind], value=path)


def one_query(given: Sequence[Query]) -> Query:
    """The only query given.

    Raises:
        UsageError: none or several.
    """
    if len(given) == 1:
        return given[0]
    cause = "Several queries were given." if given else "There is nothing to search for."
    raise UsageError(cause, fix="Give one text, or one of --image, --audio, --video, --document with a file.")
