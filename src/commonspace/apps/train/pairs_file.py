"""A file of pairs: one row a line, texts and media paths that belong together; a bad line costs that line alone.

JSON lines (``.jsonl``) or a table with tabs (``.tsv``, the first line names the columns). A line has at least two of
``text`` (or ``texts``, a list, in JSON lines), ``image`` and ``audio`` (paths, relative to the file's folder), and may
have a ``concept`` (rows of one concept answer one another; else each row is its own), a ``split`` and a ``key``.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, final

import orjson

from commonspace.align.pairs import SPLITS
from commonspace.core.errors import CommonspaceError, UsageError
from commonspace.core.modality import Modality

__all__ = ["Line", "LineFailure", "lines"]

MEDIA = (Modality.IMAGE.value, Modality.AUDIO.value)
FIELDS = ("text", "texts", *MEDIA, "concept", "split", "key")
LEAST_MODALITIES = 2


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row as the file tells it: items by modality, a ``str`` a text and a ``Path`` a file."""

    number: int
    items: Mapping[str, tuple[str | Path, ...]]
    concept: str
    split: str
    key: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LineFailure:
    """A line that could not be used, counted from one, and why."""

    number: int
    error: CommonspaceError

    def to_dict(self) -> dict[str, Any]:
        """The failure as it stands in JSON and in the file of failures."""
        return {"line": self.number, "code": self.error.code, "cause": self.error.cause, "fix": self.error.fix}


def lines(path: Path) -> Iterator[Line | LineFailure]:
    """Every line of a file of pairs, good or bad, in order; blank ones are passed over.

    Raises:
        UsageError: the file cannot be read, is of neither kind, or is a table without known columns.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The pairs {path} cannot be read: {error}.", fix="Name a .jsonl or .tsv in UTF-8.") from error
    seen: dict[str, int] = {}
    for number, told in _told(path, text):
        try:
            line = _line(path.parent, number, told)
        except UsageError as error:
            yield LineFailure(number=number, error=error)
            continue
        if seen.setdefault(line.key, number) == number:
            yield line
        else:
            twice = UsageError(f"Its key '{line.key}' is that of line {seen[line.key]}.", fix="Make keys unique.")
            yield LineFailure(number=number, error=twice)


def _told(path: Path, text: str) -> Iterator[tuple[int, object]]:
    match path.suffix.lower():
        case ".jsonl":
            numbered = enumerate(text.split("\n"), 1)
            yield from ((number, _json(line)) for number, line in numbered if line.strip())
        case ".tsv":
            yield from _table(path, text)
        case _:
            raise UsageError(
                f"{path} is neither .jsonl nor .tsv.", fix="Write one JSON object a line, or a table with tabs."
            )


def _table(path: Path, text: str) -> Iterator[tuple[int, object]]:
    reader = csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    names = next(reader, [])
    for name in names:
        _require_known(name, str(path))
    for cells in reader:
        if not any(cells):
            continue
        if len(cells) > len(names):
            yield reader.line_num, UsageError(f"It has {len(cells)} cells for {len(names)} columns.", fix="Check tabs.")
        else:
            yield reader.line_num, {name: cell for name, cell in zip(names, cells, strict=False) if cell}


def _json(line: str) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return UsageError(
            f"It is not JSON: {error}.", fix='Write one object a line, like {"text": "a dog", "image": "dog.jpg"}.'
        )


def _line(folder: Path, number: int, told: object) -> Line:
    if isinstance(told, UsageError):
        raise told
    if not isinstance(told, dict):
        raise UsageError("It is not a JSON object.", fix='Write {"text": "a dog", "image": "dog.jpg"}.')
    for name in told:
        _require_known(name, "It")
    texts = told.get("texts", [told["text"]] if "text" in told else [])
    if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise UsageError("A text is empty, or no text.", fix="Give texts as strings.")
    others = [name for name in (*MEDIA, "concept", "split", "key") if not isinstance(told.get(name, ""), str)]
    if others:
        raise UsageError(f"Its '{others[0]}' is no string.", fix="Give paths, concepts, splits and keys as strings.")
    items: dict[str, tuple[str | Path, ...]] = {Modality.TEXT.value: tuple(texts)} if texts else {}
    items |= {name: (folder / told[name],) for name in MEDIA if told.get(name)}
    if len(items) < LEAST_MODALITIES:
        raise UsageError(
            f"It has {' and '.join(items) or 'nothing'} alone, which is no pair.", fix="Give two of text, image, audio."
        )
    split = told.get("split", "")
    if split and split not in SPLITS:
        raise UsageError(f"There is no split '{split}'.", fix=f"Use one of {', '.join(SPLITS)}, or none.")
    key = told.get("key") or f"line {number}"
    return Line(number=number, items=items, concept=told.get("concept") or key, split=split, key=key)


def _require_known(name: str, who: str) -> None:
    if name in FIELDS:
        return
    close = get_close_matches(name, FIELDS, n=1)
    hint = f"Did you mean '{close[0]}'? " if close else ""
    raise UsageError(f"{who} has an unknown field '{name}'.", fix=f"{hint}A line may have {', '.join(FIELDS)}.")
