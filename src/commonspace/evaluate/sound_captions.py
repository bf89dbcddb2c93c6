"""Recordings with captions: the tables of AudioCaps and of Clotho, and a folder of recordings under any name.

AudioCaps has a line a caption (``audiocap_id,youtube_id,start_time,caption``), Clotho a line a recording
(``file_name,caption_1`` to ``caption_5``).
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.evaluate.captioned import Captioned, CaptionedSet, captioned_dataset, failed, is_there, is_within
from commonspace.evaluate.dataset import Dataset
from commonspace.ingest.source import ItemFailure

__all__ = ["read_audiocaps"]

AUDIOCAPS: Final = ("audiocap_id", "youtube_id", "start_time", "caption")
CLOTHO: Final = ("file_name", "caption_1")
SUFFIXES: Final = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".webm", ".mp4", ".mkv"})
CLIP_SECONDS: Final = 10
FIX: Final = "Fetch the table anew, or leave the line out."
Row = Mapping[str, str]


def read_audiocaps(folder: Path, *, annotations: Path | None = None, split: str = "test") -> Dataset:
    """Read recordings and captions; ``split`` names the table: ``test.csv``, or one with ``test`` in its name.

    Raises:
        UsageError: there is no such table or more than one, it makes no sense as a whole, or no recording is there.
    """
    path = annotations or _table(folder, split)
    head, rows = _rows(path)
    failures: list[ItemFailure] = []
    recordings = _recordings(folder)
    if set(AUDIOCAPS) <= set(head):
        items = list(_of_audiocaps(rows, recordings, failures))
    elif set(CLOTHO) <= set(head):
        items = list(_of_clotho(rows, head, recordings, failures))
    else:
        raise UsageError(
            f"{path} has the columns {', '.join(head) or 'of nothing'}.",
            fix=f"Name a table with {', '.join(AUDIOCAPS)}, or with file_name and caption_1 to caption_5.",
        )
    failures += [
        failed(item.id, "vanished", "No recording of it is under the folder.", "Fetch the recording.")
        for item in items
        if item.file is None
    ]
    given = CaptionedSet(
        name=f"{folder.resolve().name}/{path.stem}",
        modality=Modality.AUDIO,
        items=tuple(items),
        failures=tuple(failures),
    )
    return captioned_dataset(given)


def _table(folder: Path, split: str) -> Path:
    if (folder / f"{split}.csv").is_file():
        return folder / f"{split}.csv"
    every = sorted(folder.glob("*.csv"))
    found = [path for path in every if split in path.stem] or every
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.name for path in found) or "none"
    raise UsageError(
        f"{folder} has no {split}.csv; its tables: {names}.", fix="Name one with --annotations or --split."
    )


def _rows(path: Path) -> tuple[Sequence[str], list[tuple[int, Row]]]:
    """The heading, and every line with its number; what a short line lacks is empty."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            return list(reader.fieldnames or ()), [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read: {error}.", fix="Name a table in UTF-8 with --annotations.") from error


def _recordings(folder: Path) -> dict[str, Path]:
    """Every recording under the folder by its name without ending, and with it; of several the first by path."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and is_there(path):
            found.setdefault(path.name, path)
            found.setdefault(path.stem, path)
    return found


def _of_audiocaps(
    rows: Sequence[tuple[int, Row]], recordings: Mapping[str, Path], failures: list[ItemFailure]
) -> Iterator[Captioned]:
    """Lines of one clip together, in the order in which clips come first."""
    clips: dict[tuple[str, str], list[Row]] = {}
    for number, row in rows:
        if not all(row[name].strip() for name in AUDIOCAPS) or not _is_whole(row["start_time"]):
            cause = "It has no id, no whole start_time, or no caption."
            failures.append(failed(f"line {number}", "bad_schema", cause, FIX))
        else:
            clips.setdefault((row["youtube_id"].strip(), row["start_time"].strip()), []).append(row)
    for (youtube, start), lines in clips.items():
        names = _clip_names(youtube, int(start), [row["audiocap_id"].strip() for row in lines])
        yield Captioned(
            id=f"{youtube}_{start}",
            file=next((recordings[name] for name in names if name in recordings), None),
            captions=tuple(row["caption"].strip() for row in lines),
        )


def _clip_names(youtube: str, start: int, ids: Sequence[str]) -> list[str]:
    """How tools that fetch AudioCaps name a clip."""
    span = f"{start}_{start + CLIP_SECONDS}"
    milliseconds = f"{start * 1000}_{(start + CLIP_SECONDS) * 1000}"
    after = (f"_{start}", f"_{span}", f"_{milliseconds}", "")
    return [*(f"{first}{youtube}{last}" for last in after for first in ("", "Y")), *ids]


def _of_clotho(
    rows: Sequence[tuple[int, Row]], head: Sequence[str], recordings: Mapping[str, Path], failures: list[ItemFailure]
) -> Iterator[Captioned]:
    columns, seen = [name for name in head if name.startswith("caption_")], set()
    for number, row in rows:
        name = row["file_name"].strip()
        captions = tuple(row[column].strip() for column in columns if row[column].strip())
        if not name or not is_within(name) or name in seen:
            cause = "It names no file within the folder, or one that stands there already."
            failures.append(failed(f"line {number}", "bad_schema", cause, FIX))
            continue
        seen.add(name)
        if len(captions) < len(columns):
            failures.append(failed(f"line {number}", "bad_schema", f"{name} lacks a caption.", FIX))
        if captions:
            yield Captioned(id=name, file=recordings.get(Path(name).name), captions=captions)


def _is_whole(said: str) -> bool:
    return said.strip().isascii() and said.strip().isdigit()
