"""A space's manifest: which files make it, what they must hash to, and how inputs are prepared.

A calibration may lie beside the weights: its files are hashed too, but it moves no vector and is not read here.
A space may extend another by towers of its own: then it names the folder beside it and that space's fingerprint.
"""

from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any, final

import orjson

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.runtime import Precision

__all__ = ["Manifest", "Part"]

FORMAT = 1
MAX_BYTES = 16_000_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One tower's files, preprocessing and recommended arithmetic; ``files`` maps a name to its SHA-256.

    A part of no files reads what another one made of its content (a table's rows are read by the text tower).
    """

    modality: Modality
    file: Path
    files: dict[str, str]
    preprocessing: dict[str, Any]
    precision: Precision


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What ``manifest.json`` in a space's folder says, checked for shape but not yet for hashes.

    ``calibration`` maps the names of the calibration's files to their SHA-256; empty where there is none. ``folders``
    are those that files lie in: more than one where the space extends another, whose parts are then among its own.
    """

    folder: Path
    space: Space
    version: str
    licence: str
    description: str
    parts: dict[Modality, Part]
    calibration: dict[str, str]
    folders: tuple[Path, ...]

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read a space's folder.

        Raises:
            ModelError: there is no manifest, it is not of a format this version reads, or the space that it extends
                is missing or another.
        """
        document = _document(folder)
        extended = _extended(folder, document) if "extends" in document else None
        return _checked(folder, document, extended)

    def verify(self, modality: Modality) -> None:
        """Check one tower's files against their hashes, before anything parses them.

        Raises:
            ModelError: a file is missing, is not a plain file inside the folder, or does not match.
        """
        part = self.parts[modality]
        _verify(part.file.parent, part.files)

    def verify_calibration(self) -> None:
        """Check the calibration's files against their hashes, before anything parses them.

        Raises:
            ModelError: a file is missing, is not a plain file inside the folder, or does not match.
        """
        _verify(self.folder, self.calibration)


def _document(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ModelError(f"{path} has more than {MAX_BYTES} bytes.", fix="Restore the space's folder.")
        document = orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ModelError(f"There is no manifest.json in {folder}.", fix="Name a space's folder.") from error
    except (OSError, orjson.JSONDecodeError) as error:
        raise ModelError(f"{path} cannot be read as JSON.", fix="Restore the space's folder.") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ModelError(
            f"{path} is not of format {FORMAT}, the one that this version reads.",
            fix="Use a space and a commonspace of the same age.",
        )
    return document


def _checked(folder: Path, document: dict[str, Any], extended: Manifest | None) -> Manifest:
    try:
        return _manifest(folder, document, extended)
    except (KeyError, TypeError, ValueError) as error:
        path = folder / "manifest.json"
        raise ModelError(f"{path} lacks or mistypes a field: {error}.", fix="Restore the file.") from error


def _verify(folder: Path, files: dict[str, str]) -> None:
    for name, expected in files.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise ModelError(f"{name} is not in {folder}.", fix="Reinstall commonspace.")
        with path.open("rb") as file:
            actual = file_digest(file, "sha256").hexdigest()
        if actual != expected:
            raise ModelError(
                f"{path} has SHA-256 {actual[:12]}, the manifest says {expected[:12]}.",
                fix="The file was changed or is damaged: reinstall commonspace, or run `make nano`.",
            )


def _extended(folder: Path, document: dict[str, Any]) -> Manifest:
    """The space that this one adds towers to, which lies in the folder beside it.

    Raises:
        ModelError: it is not there, is another than it was, or extends a third.
    """
    named = document["extends"]
    name = str(named.get("name")) if isinstance(named, dict) else ""
    if name in ("", ".", "..") or Path(name).name != name:
        raise ModelError(
            f"{folder / 'manifest.json'} extends '{name}', which names no folder beside it.", fix="Restore the file."
        )
    beside = folder.parent / name
    theirs = _document(beside)
    if "extends" in theirs or theirs.get("fingerprint") != named.get("fingerprint"):
        raise ModelError(
            f"{folder.name} adds towers to '{name}' ({str(named.get('fingerprint'))[:12]}), "
            f"not to the one that is here ({str(theirs.get('fingerprint'))[:12]}).",
            fix="Put the two of the same version side by side, or reinstall commonspace.",
        )
    return _checked(beside, theirs, None)


def _manifest(folder: Path, document: dict[str, Any], extended: Manifest | None) -> Manifest:
    parts = dict(extended.parts) if extended else {}
    parts |= {Modality(name): _part(folder, Modality(name), part) for name, part in document["parts"].items()}
    towers = tuple(Modality(name) for name in document["modalities"])
    if set(towers) != set(parts):
        raise ValueError("modalities and parts differ")
    composed = (Modality.VIDEO,) if Modality.IMAGE in towers else ()
    space = Space(
        name=document["name"],
        dimension=int(document["dimension"]),
        towers=towers,
        composed=composed,
        fingerprint=document["fingerprint"],
        dimensions=_smaller(document),
    )
    return Manifest(
        folder=folder,
        space=space,
        version=document["version"],
        licence=document["licence"],
        description=document["description"],
        parts=parts,
        calibration={str(name): str(digest) for name, digest in dict(document.get("calibration", {})).items()},
        folders=(*(extended.folders if extended else ()), folder),
    )


def _smaller(document: dict[str, Any]) -> tuple[int, ...]:
    """The sizes below the full one that vectors may be cut to, ascending."""
    sizes = sorted({int(size) for size in document.get("dimensions", [])} - {int(document["dimension"])})
    if any(not 0 < size < int(document["dimension"]) for size in sizes):
        raise ValueError(f"dimensions {sizes} are not all between zero and the full one")
    return tuple(sizes)


def _part(folder: Path, modality: Modality, part: dict[str, Any]) -> Part:
    preprocessing = part["preprocessing"]
    files = {part["file"]: part["sha256"]} if "file" in part else {}
    if "tokenizer" in preprocessing:
        files[preprocessing["tokenizer"]] = preprocessing["tokenizer_sha256"]
    return Part(
        modality=modality,
        file=folder / part.get("file", ""),
        files=files,
        preprocessing=preprocessing,
        precision=Precision(part["arithmetic"]),
    )
