"""Media with captions become two directions: captions ask for their medium, and the medium for its captions.

What the annotations name and the folder lacks is left out of both, told as a failure and counted.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, final

import orjson

from commonspace.core.errors import ItemError, UsageError
from commonspace.core.modality import Modality
from commonspace.evaluate.dataset import Dataset, Document, Part, Shelf, Task
from commonspace.ingest.source import ItemFailure, printable

__all__ = ["Captioned", "CaptionedSet", "captioned_dataset", "failed", "is_there", "is_within", "read_json"]

CUTOFFS: Final = (1, 5, 10)
CAPTIONS: Final = 5
"""How many captions of an item count: papers take the first five where there are more."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Captioned:
    """One picture or recording: its id, its file (None where it is missing) and its captions."""

    id: str
    file: Path | None
    captions: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionedSet:
    """What an annotation file says, in its order; ``failures`` are rows and files that cannot be used."""

    name: str
    modality: Modality
    items: tuple[Captioned, ...]
    failures: tuple[ItemFailure, ...]


def captioned_dataset(given: CaptionedSet, *, num_folds: int = 1) -> Dataset:
    """Both directions over what is there; with folds each is asked of a share of the items, and all queries count.

    Folds are runs of neighbours, as in the 1K protocol of COCO (Karpathy and Fei-Fei 2015): 5,000 pictures in 5 folds.

    Raises:
        UsageError: nothing is there to measure, or there are more folds than items.
    """
    there = [item for item in given.items if item.file is not None and item.captions]
    if not there:
        raise UsageError(
            f"Of the {len(given.items)} items that {given.name} describes none is there.",
            fix="Put the media under the folder, as docs/evaluate.md shows.",
        )
    if not 1 <= num_folds <= len(there):
        raise UsageError(f"{len(there)} items make no {num_folds} folds.", fix="Ask for fewer, and at least one.")
    missing = [item for item in given.items if item.file is None]
    folds = [there[fold * len(there) // num_folds : (fold + 1) * len(there) // num_folds] for fold in range(num_folds)]
    named = [(f"-{fold + 1}of{num_folds}" if num_folds > 1 else "", items) for fold, items in enumerate(folds)]
    medium = given.modality.value
    asked_in_words = Task(
        name=f"text->{medium}",
        parts=tuple(_to_media(f"{medium}{suffix}", items) for suffix, items in named),
        cutoffs=CUTOFFS,
        modalities=(Modality.TEXT, given.modality),
        num_left_out=sum(len(item.captions[:CAPTIONS]) for item in missing),
    )
    asked_in_media = Task(
        name=f"{medium}->text",
        parts=tuple(_to_captions(f"captions{suffix}", items) for suffix, items in named),
        cutoffs=CUTOFFS,
        modalities=(Modality.TEXT, given.modality),
        num_left_out=len(missing),
    )
    return Dataset(
        name=given.name,
        tasks=(asked_in_words, asked_in_media),
        failures=given.failures,
        notes=tuple(_notes(given, there, num_folds)),
    )


def failed(name: str, item_code: str, cause: str, fix: str) -> ItemFailure:
    """One row or file that cannot be used."""
    shown = printable(name)
    return ItemFailure(uri=f"dataset:{shown}", name=shown, error=ItemError(item_code, cause, fix=fix))


def is_there(path: Path) -> bool:
    """Whether a file lies there; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or in a folder that may not be read
        return False


def is_within(name: str) -> bool:
    """Whether a name from an annotation file stays in its folder, whatever system reads it."""
    pure = PurePosixPath(name.replace("\\", "/"))
    drive = re.match(r"[A-Za-z]:", name)
    return bool(pure.parts) and not (pure.is_absolute() or drive or ".." in pure.parts or "\0" in name)


def read_json(path: Path) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        UsageError: the file cannot be read, or holds something else.
    """
    try:
        read: Any = orjson.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", fix="Name another file.") from error
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{path} is not JSON ({error}).", fix="Fetch it anew: it is cut short or damaged.") from error
    if not isinstance(read, dict):
        raise UsageError(f"{path} holds no JSON object.", fix="Name the annotation file (docs/evaluate.md).")
    return read


def _to_media(shelf: str, items: Sequence[Captioned]) -> Part:
    documents = tuple(Document(id=item.id, files=(item.file,)) for item in items if item.file is not None)
    queries = {
        _caption_id(item, place): (item, caption)
        for item in items
        for place, caption in enumerate(item.captions[:CAPTIONS])
    }
    return Part(
        shelf=Shelf(name=shelf, documents=documents),
        queries=tuple(Document(id=name, text=caption) for name, (_, caption) in queries.items()),
        judgments={name: {item.id: 1} for name, (item, _) in queries.items()},
    )


def _to_captions(shelf: str, items: Sequence[Captioned]) -> Part:
    captions = {item.id: list(item.captions[:CAPTIONS]) for item in items}
    documents = tuple(
        Document(id=_caption_id(item, place), text=caption)
        for item in items
        for place, caption in enumerate(captions[item.id])
    )
    return Part(
        shelf=Shelf(name=shelf, documents=documents),
        queries=tuple(Document(id=item.id, files=(item.file,)) for item in items if item.file is not None),
        judgments={item.id: {_caption_id(item, place): 1 for place in range(len(captions[item.id]))} for item in items},
    )


def _caption_id(item: Captioned, place: int) -> str:
    return f"{item.id}#{place}"


def _notes(given: CaptionedSet, there: Sequence[Captioned], num_folds: int) -> list[str]:
    notes = []
    if len(there) < len(given.items):
        notes.append(
            f"{len(given.items) - len(there)} of {len(given.items)} items are missing: fewer to choose from, so these "
            "figures are higher than those of the whole set would be"
        )
    beyond = sum(max(len(item.captions) - CAPTIONS, 0) for item in there)
    if beyond:
        notes.append(f"{beyond} captions beyond the fifth of their item left out, as is the custom")
    if num_folds > 1:
        notes.append(f"means over {num_folds} folds of {len(there) // num_folds} items")
    return notes
