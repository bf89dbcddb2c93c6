"""Folders of pictures by class, as ImageNet lies on disk: which class is it, and which pictures are of a class?

A class is a folder, named by its synset or by what it holds. A file of names may say what each folder is called.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.evaluate.captioned import failed, is_there, read_json
from commonspace.evaluate.dataset import Dataset, Document, Part, Shelf, Task
from commonspace.ingest.source import ItemFailure

__all__ = ["TEMPLATES", "read_class_folders"]

TEMPLATES: Final = (
    "a photo of a {}.",
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
)
"""The plain one, with which pictures of a class are asked for, and the seven that CLIP's authors found to be enough."""
NAME_FILES: Final = ("LOC_synset_mapping.txt", "synset_words.txt", "imagenet_class_index.json", "words.txt")
SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".ppm"}
)
_SYNSET: Final = re.compile(r"n\d{8}")


def read_class_folders(folder: Path, *, classes: Path | None = None, templates: Path | None = None) -> Dataset:
    """Read class folders, in ``val`` or in the folder itself; ``classes`` is the file of names.

    Raises:
        UsageError: there are no class folders, a file of names or templates makes no sense, or no picture is there.
    """
    root = folder / "val" if (folder / "val").is_dir() else folder
    try:
        places = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise UsageError(f"{root} cannot be read: {error.strerror}.", fix="Name a folder of class folders.") from error
    names = _names(folder, classes)
    failures: list[ItemFailure] = []
    called = {place.name: name for place in places if (name := _called(place, names, failures)) is not None}
    pictures = {place.name: list(_pictures(place, failures)) for place in places if place.name in called}
    if not any(pictures.values()):
        raise UsageError(
            f"No class folder of {root} has a picture and a name.",
            fix="Lay pictures out as CLASS/PICTURE.JPEG, or name the file of names with --classes.",
        )
    forms = _templates(templates)
    return Dataset(
        name=folder.resolve().name,
        tasks=(_zero_shot(called, pictures, forms), _retrieval(called, pictures, forms)),
        failures=tuple(failures),
        notes=(f"{len(called)} classes, {len(forms)} templates a class",),
    )


def _zero_shot(called: dict[str, str], pictures: dict[str, list[Document]], forms: Sequence[str]) -> Task:
    documents = tuple(
        Document(id=place, prompts=tuple(form.replace("{}", name) for form in forms)) for place, name in called.items()
    )
    part = Part(
        shelf=Shelf(name="class", documents=documents),
        queries=tuple(picture for each in pictures.values() for picture in each),
        judgments={picture.id: {place: 1} for place, each in pictures.items() for picture in each},
    )
    return Task(name="image->class", parts=(part,), cutoffs=(1, 5), modalities=(Modality.IMAGE, Modality.TEXT))


def _retrieval(called: dict[str, str], pictures: dict[str, list[Document]], forms: Sequence[str]) -> Task:
    asked = {place: forms[0].replace("{}", name) for place, name in called.items() if pictures[place]}
    part = Part(
        shelf=Shelf(name="image", documents=tuple(picture for each in pictures.values() for picture in each)),
        queries=tuple(Document(id=place, text=words) for place, words in asked.items()),
        judgments={place: {picture.id: 1 for picture in pictures[place]} for place in asked},
    )
    return Task(
        name="class->image",
        parts=(part,),
        cutoffs=(1, 5, 10, 50),
        modalities=(Modality.IMAGE, Modality.TEXT),
        num_left_out=len(called) - len(asked),
    )


def _pictures(place: Path, failures: list[ItemFailure]) -> Iterator[Document]:
    for path in sorted(place.rglob("*")):
        name = f"{place.name}/{path.relative_to(place).as_posix()}"
        if path.is_dir() or path.name.startswith("."):
            continue
        if path.suffix.lower() not in SUFFIXES:
            failures.append(failed(name, "wrong_type", "It is no picture.", "Take it out of the class folder."))
        elif not is_there(path):
            failures.append(failed(name, "vanished", "It is a link that leads nowhere.", "Fetch the picture."))
        else:
            yield Document(id=name, files=(path,))


def _called(place: Path, names: dict[str, str] | None, failures: list[ItemFailure]) -> str | None:
    """What a class folder is called: as the file of names says, else as it is named."""
    if names is None and not _SYNSET.fullmatch(place.name):
        return " ".join(place.name.replace("_", " ").split()) or None
    name = (names or {}).get(place.name)
    if name is None:
        cause = "The file of names does not name this class." if names else "This is a synset, and no file names it."
        failures.append(failed(place.name, "bad_schema", cause, "Name the file of names with --classes."))
    return name


def _names(folder: Path, classes: Path | None) -> dict[str, str] | None:
    """What folders are called, from the file that was named or the first that is known; None where there is none."""
    path = classes or next((path for name in NAME_FILES if (path := folder / name).is_file()), None)
    if path is None:
        return None
    pairs = _json_pairs(path) if path.suffix == ".json" else _text_pairs(path)
    names = {key: first for key, name in pairs if (first := " ".join(name.split(",")[0].replace("_", " ").split()))}
    if not names:
        raise UsageError(f"{path} names no class.", fix="Write a folder and its name a line, as synset_words.txt does.")
    return names


def _json_pairs(path: Path) -> list[tuple[str, str]]:
    """``{"0": ["n01440764", "tench"]}``, as Keras has it, or ``{"n01440764": "tench"}``."""
    pairs = []
    for key, value in read_json(path).items():
        two = value if isinstance(value, list) else [key, value]
        if len(two) != 2 or not all(isinstance(each, str) for each in two):
            raise UsageError(f"{path} says of {key} something else than a folder and its name.", fix="Put it right.")
        pairs.append((two[0], two[1]))
    return pairs


def _text_pairs(path: Path) -> list[tuple[str, str]]:
    """A folder, a blank or a tab, and its name; a line of one word is a folder of that name."""
    lines = [line.split(None, 1) for line in _lines(path)]
    return [(line[0], line[1] if len(line) > 1 else line[0]) for line in lines]


def _templates(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return TEMPLATES
    forms = tuple(_lines(path))
    if not forms or not all("{}" in form for form in forms):
        raise UsageError(
            f"{path} has a line without {{}}, or none at all.", fix="Write 'a photo of a {}.', one a line."
        )
    return forms


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.", fix="Name a text file in UTF-8.") from error
