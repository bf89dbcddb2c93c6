"""COCO captions and its kin: annotations in JSON, and a folder of pictures.

``captions_val*.json`` is COCO's own form. ``dataset_coco.json`` is Karpathy's, the one of papers: its test split is the
5K of COCO, and ``dataset_flickr30k.json`` has the 1K of Flickr30k.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.evaluate.captioned import (
    Captioned,
    CaptionedSet,
    captioned_dataset,
    failed,
    is_there,
    is_within,
    read_json,
)
from commonspace.evaluate.dataset import Dataset
from commonspace.ingest.source import ItemFailure

__all__ = ["read_coco"]

PATTERNS: Final = ("dataset_*.json", "captions_*.json")
FIX: Final = "Fetch the annotations anew, or leave the entry out."
Found = Captioned | ItemFailure


def read_coco(folder: Path, *, annotations: Path | None = None, split: str = "test", num_folds: int = 1) -> Dataset:
    """Read pictures and captions; ``split`` is of Karpathy's files, others have one each.

    Raises:
        UsageError: there is no annotation file or more than one to choose from, it makes no sense as a whole, or none
            of its pictures is there.
    """
    path = annotations or _annotations(folder)
    read = read_json(path)
    if isinstance(read.get("annotations"), list) and isinstance(read.get("images"), list):
        found = list(_of_coco(folder, path, read))
    elif isinstance(read.get("images"), list):
        found = list(_of_karpathy(folder, read["images"], split))
    else:
        raise UsageError(
            f"{path} has no list 'images'.", fix="Name COCO's captions_val*.json or Karpathy's dataset_coco.json."
        )
    items, twice = _distinct([one for one in found if isinstance(one, Captioned)])
    if not items:
        raise UsageError(f"{path} describes no picture of the split '{split}'.", fix="Name another with --split.")
    missing = [_missing(item.id) for item in items if item.file is None]
    given = CaptionedSet(
        name=f"{folder.resolve().name}/{path.stem}",
        modality=Modality.IMAGE,
        items=tuple(items),
        failures=(*(one for one in found if isinstance(one, ItemFailure)), *twice, *missing),
    )
    return captioned_dataset(given, num_folds=num_folds)


def _annotations(folder: Path) -> Path:
    """Karpathy's file if there is one, else COCO's of validation, else the only one."""
    for pattern in (*PATTERNS[:1], "captions_val*.json", *PATTERNS[1:]):
        found = sorted({path for place in (folder, folder / "annotations") for path in place.glob(pattern)})
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(path.name for path in found)
            raise UsageError(f"{folder} holds several annotation files: {names}.", fix="Name one with --annotations.")
    raise UsageError(
        f"{folder} holds no annotation file.",
        fix="Put captions_val2017.json or dataset_coco.json there or into annotations/ (docs/evaluate.md).",
    )


def _of_coco(folder: Path, path: Path, read: Mapping[str, Any]) -> Iterator[Found]:
    captions: dict[str, list[str]] = {}
    for place, annotation in enumerate(read["annotations"]):
        said = _text(annotation, "caption")
        if said is None or _id(annotation, "image_id") is None:
            yield failed(f"annotation {place}", "bad_schema", "It has no image_id, or no words as caption.", FIX)
        else:
            captions.setdefault(str(annotation["image_id"]), []).append(said)
    year, known = path.stem.removeprefix("captions_"), set()
    for place, image in enumerate(read["images"]):
        name, number = _text(image, "file_name"), _id(image, "id")
        known.add(number)
        if name is None or number is None or not is_within(name):
            yield failed(f"image {place}", "bad_schema", "It has no id, or no file_name within the folder.", FIX)
        elif number not in captions:
            yield failed(f"image {number}", "empty", f"Nothing says what {name} shows.", FIX)
        else:
            yield Captioned(id=number, file=_file(folder, (year,), name), captions=tuple(captions[number]))
    for stray in sorted(captions.keys() - known):
        yield failed(f"image {stray}", "bad_schema", "It has captions, and is no image of the file.", FIX)


def _of_karpathy(folder: Path, images: list[Any], split: str) -> Iterator[Found]:
    for place, image in enumerate(images):
        if isinstance(image, dict) and image.get("split") != split:
            continue
        name, number = (
            _text(image, "filename"),
            next(filter(None, (_id(image, key) for key in ("cocoid", "imgid"))), None),
        )
        within = (_text(image, "filepath") or ".") if isinstance(image, dict) else "."
        if name is None or number is None or not is_within(name) or not (within == "." or is_within(within)):
            yield failed(f"image {place}", "bad_schema", "It has no id, or no filename within the folder.", FIX)
            continue
        sentences = image.get("sentences")
        said = [_text(sentence, "raw") for sentence in sentences] if isinstance(sentences, list) else []
        captions = tuple(one for one in said if one is not None)
        if len(captions) < len(said):
            yield failed(f"image {number}", "bad_schema", "A sentence of it has no words as raw.", FIX)
        if captions:
            yield Captioned(id=number, file=_file(folder, (within,), name), captions=captions)
        else:
            yield failed(f"image {number}", "empty", f"Nothing says what {name} shows.", FIX)


def _file(folder: Path, places: tuple[str, ...], name: str) -> Path | None:
    """Where a picture lies: where its file says, in ``images``, in one of that name there, or in the folder itself."""
    tried = [folder / place for each in places for place in (each, f"images/{each}")]
    return next((path for place in (*tried, folder / "images", folder) if is_there(path := place / name)), None)


def _missing(number: str) -> ItemFailure:
    return failed(f"image {number}", "vanished", "The picture is not under the folder.", "Fetch the picture.")


def _distinct(items: list[Captioned]) -> tuple[list[Captioned], list[ItemFailure]]:
    kept: dict[str, Captioned] = {}
    twice = [item.id for item in items if kept.setdefault(item.id, item) is not item]
    cause = "It is described twice; the first counts."
    return list(kept.values()), [failed(f"image {number}", "bad_schema", cause, FIX) for number in twice]


def _text(record: object, key: str) -> str | None:
    """The words of a field; None where there are none."""
    said = record.get(key) if isinstance(record, dict) else None
    return said.strip() if isinstance(said, str) and said.strip() else None


def _id(record: object, key: str) -> str | None:
    said = record.get(key) if isinstance(record, dict) else None
    return str(said) if isinstance(said, int | str) and not isinstance(said, bool) and str(said).strip() else None
