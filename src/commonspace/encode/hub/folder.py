"""A checkpoint's folder, read with suspicion: plain files inside it only, safetensors only, no code of its own."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

import orjson
from blake3 import blake3

from commonspace.core.errors import ModelError
from commonspace.encode.hub.tensors import check_tensors

__all__ = ["INDEX_NAME", "PICKLED", "CheckpointFolder"]

MAX_JSON_BYTES: Final = 64_000_000
MAX_ENTRIES: Final = 20_000
INDEX_NAME: Final = "model.safetensors.index.json"
PICKLED: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".msgpack", ".h5")


@final
@dataclass(frozen=True, slots=True)
class CheckpointFolder:
    """One model on disk. Names are relative, with ``/`` for folders inside; a link may lead to a hub cache's blobs.

    Without ``hashed`` fingerprints are empty: for lists, which need not read gigabytes.
    """

    path: Path
    hashed: bool = True
    _read: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def has(self, name: str) -> bool:
        """Whether there is a file of this name in the folder; nothing outside it is looked at."""
        return _inside(name) and (self.path / name).is_file()

    def keeps(self, name: str) -> bool:
        """Whether a name stays inside the folder, whether or not there is anything of that name."""
        return _inside(name)

    def survey(self) -> None:
        """Look at every entry before any library does: plain files and folders, no links that lead out.

        Raises:
            ModelError: there is no such folder, something in it is no plain file or leads out, or it needs another
                model to make sense (an adapter).
        """
        if not self.path.is_dir():
            raise ModelError(f"{self.path} is no folder.", fix="Name a model, or a folder that holds one.")
        homes = self._homes()
        for count, entry in enumerate(_walk(self.path)):
            real = Path(os.path.realpath(entry))
            if entry.is_symlink() and not any(real.is_relative_to(home) for home in homes):
                raise self._leads_out(entry)
            if count >= MAX_ENTRIES or not (real.is_file() or real.is_dir()):
                said = f"more than {MAX_ENTRIES} files" if count >= MAX_ENTRIES else f"'{entry.name}', no plain file"
                raise ModelError(f"{self.path} holds {said}.", fix="Download the model again into a folder of its own.")
        if self.has("adapter_config.json"):
            raise ModelError(
                f"{self.path} holds an adapter for another model, not a model.",
                fix="Merge the adapter into its model first (PEFT's merge_and_unload), and save that.",
            )

    def file(self, name: str) -> Path:
        """Where a file is, once it is known to lie in this folder.

        Raises:
            ModelError: the name leads out of the folder, or nothing is there.
        """
        place = self.path / name
        if not _inside(name) or not place.is_file():
            raise ModelError(
                f"'{name}' is no file of {self.path}.", fix="Download the model again: `commonspace models pull NAME`."
            )
        real = Path(os.path.realpath(place))
        if not any(real.is_relative_to(home) for home in self._homes()):
            raise self._leads_out(place)
        return place

    def content(self, name: str) -> bytes:
        """A small file's content.

        Raises:
            ModelError: the file is missing, or too large.
        """
        path = self.file(name)
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ModelError(f"{path} has more than {MAX_JSON_BYTES} bytes.", fix="Download the model again.")
        return path.read_bytes()

    def json(self, name: str) -> dict[str, Any]:
        """A JSON object from a file.

        Raises:
            ModelError: the file is missing, too large, or no JSON object.
        """
        if name not in self._read:
            self._read[name] = self._parsed(name)
        found: dict[str, Any] = self._read[name]
        return found

    def maybe_json(self, name: str) -> Mapping[str, Any]:
        """As ``json``, and an empty object where there is no such file."""
        return self.json(name) if self.has(name) else {}

    def weights(self, within: str = "") -> list[Path]:
        """The safetensors files in the folder, or in one inside it; headers and sizes are checked, nothing is loaded.

        Raises:
            ModelError: there are none (the message says what to do with pickles), or one is damaged or lies elsewhere.
        """
        prefix = f"{within}/" if within else ""
        if self.has(prefix + INDEX_NAME):
            names = self._indexed(prefix)
        elif within and not _inside(within):
            raise self._leads_out(self.path / within)
        else:
            names = sorted(path.name for path in (self.path / within).glob("*.safetensors"))
        files = [self.file(prefix + name) for name in names]
        if not files:
            raise self._no_weights()
        for file in files:
            check_tensors(file)
        return files

    def fingerprint(self, names: list[Path], recipe: Mapping[str, Any]) -> str:
        """BLAKE3 over the files' contents and the recipe (what the adapter does with them), in hexadecimal."""
        if not self.hashed:
            return ""
        digest = blake3(max_threads=blake3.AUTO)
        digest.update(orjson.dumps(recipe, option=orjson.OPT_SORT_KEYS))
        for path in names:
            part = blake3(max_threads=blake3.AUTO).update_mmap(path)
            digest.update(path.relative_to(self.path).as_posix().encode() + b"\0" + part.digest())
        return digest.hexdigest()

    def _indexed(self, prefix: str) -> list[str]:
        """The files that an index of weights names; one that is not there or not safetensors is refused."""
        found = self.json(prefix + INDEX_NAME).get("weight_map")
        names = sorted({str(name) for name in found.values()}) if isinstance(found, dict) else []
        other = [name for name in names if not name.endswith(".safetensors")]
        if other or not names:
            raise ModelError(
                f"{prefix + INDEX_NAME} in {self.path} names {other[:1] or 'no files'}, not safetensors.",
                fix="Use a revision with safetensors, or convert it once where you trust it (docs/models.md).",
            )
        return names

    def _leads_out(self, place: Path) -> ModelError:
        return ModelError(
            f"'{place.name}' in {self.path} is a link or a name that leads out of the folder.",
            fix="Copy the file itself into the folder.",
        )

    def _parsed(self, name: str) -> dict[str, Any]:
        path = self.file(name)
        problem: object = f"it has more than {MAX_JSON_BYTES} bytes"
        try:
            if path.stat().st_size <= MAX_JSON_BYTES:
                document = orjson.loads(path.read_bytes())
                if isinstance(document, dict):
                    return document
                problem = "it is no JSON object"
        except (OSError, ValueError) as error:
            problem = error
        raise ModelError(f"{path} cannot be read: {problem}.", fix="Download the model again.")

    def _homes(self) -> tuple[Path, ...]:
        """Where a file's real place may be: this folder, or the blobs of the hub cache that it is a snapshot of."""
        here = Path(os.path.realpath(self.path))
        blobs = here.parent.parent / "blobs"
        return (here, blobs) if here.parent.name == "snapshots" and blobs.is_dir() else (here,)

    def _no_weights(self) -> ModelError:
        pickled = sorted(path.name for path in self.path.rglob("*") if path.suffix in PICKLED)
        if pickled:
            return ModelError(
                f"{self.path} has its weights in {pickled[0]}, a format that can run code when it is loaded.",
                fix="Use a revision with safetensors, or convert it once where you trust it (docs/models.md).",
            )
        return ModelError(f"There are no safetensors weights in {self.path}.", fix="Download the model again.")


def _inside(name: str) -> bool:
    """Whether a name stays in the folder that it is looked up in."""
    parts = Path(name).parts
    return "\0" not in name and "\\" not in name and not Path(name).is_absolute() and ".." not in parts


def _walk(folder: Path) -> Iterator[Path]:
    """Everything in a folder and those inside it; links are not followed."""
    for home, folders, files in os.walk(folder):
        yield from (Path(home) / name for name in (*folders, *files))
