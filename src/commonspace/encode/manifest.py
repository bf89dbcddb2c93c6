"""A space's manifest: which files make it, what they must hash to, and how inputs are prepared.

A calibration may lie beside the weights: its files are hashed too, but it moves no vector and is not read here.
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


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One tower's files, preprocessing and recommended arithmetic; ``files`` maps a name to its SHA-256."""

    modality: Modality
    file: Path
    files: dict[str, str]
    preprocessing: dict[str, Any]
    precision: Precision


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What ``manifest.json`` in a space's folder says, checked for shape but not yet for hashes.

    ``calibration`` maps the names of the calibration's files to their SHA-256; empty where there is none.
    """

    folder: Path
    space: Space
    version: str
    licence: str
    description: str
    parts: dict[Modality, Part]
    calibration: dict[str, str]

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read a space's folder.

        Raises:
            ModelError: there is no manifest, or it is not of a format this version reads.
        """
        path = folder / "manifest.json"
        try:
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
        try:
            return _manifest(folder, document)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{path} lacks or mistypes a field: {error}.", fix="Restore the file.") from error

    def verify(self, modality: Modality) -> None:
        """Check one tower's files against their hashes, before anything parses them.

        Raises:
            ModelError: a file is missing, is not a plain file inside the folder, or does not match.
        """
        self._verify(self.parts[modality].files)

    def verify_calibration(self) -> None:
        """Check the calibration's files against their hashes, before anything parses them.

        Raises:
            ModelError: a file is missing, is not a plain file inside the folder, or does not match.
        """
        self._verify(self.calibration)

    def _verify(self, files: dict[str, str]) -> None:
        for name, expected in files.items():
            path = self.folder / name
            if Path(name).name != name or not path.is_file():
                raise ModelError(f"{name} is not in {self.folder}.", fix="Reinstall commonspace.")
            with path.open("rb") as file:
                actual = file_digest(file, "sha256").hexdigest()
            if actual != expected:
                raise ModelError(
                    f"{path} has SHA-256 {actual[:12]}, the manifest says {expected[:12]}.",
                    fix="The file was changed or is damaged: reinstall commonspace, or run `make nano`.",
                )


def _manifest(folder: Path, document: dict[str, Any]) -> Manifest:
    parts = {Modality(name): _part(folder, Modality(name), part) for name, part in document["parts"].items()}
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
    )


def _smaller(document: dict[str, Any]) -> tuple[int, ...]:
    """The sizes below the full one that vectors may be cut to, ascending."""
    sizes = sorted({int(size) for size in document.get("dimensions", [])} - {int(document["dimension"])})
    if any(not 0 < size < int(document["dimension"]) for size in sizes):
        raise ValueError(f"dimensions {sizes} are not all between zero and the full one")
    return tuple(sizes)


def _part(folder: Path, modality: Modality, part: dict[str, Any]) -> Part:
    preprocessing = part["preprocessing"]
    files = {part["file"]: part["sha256"]}
    if "tokenizer" in preprocessing:
        files[preprocessing["tokenizer"]] = preprocessing["tokenizer_sha256"]
    return Part(
        modality=modality,
        file=folder / part["file"],
        files=files,
        preprocessing=preprocessing,
        precision=Precision(part["arithmetic"]),
    )
