"""Changes that make a small checkpoint a hostile one: files written, dropped, linked, lied about."""

import json
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

__all__ = [
    "INDEX",
    "WEIGHTS",
    "Case",
    "Change",
    "both",
    "directory",
    "drop",
    "edit",
    "fifo",
    "header",
    "index_of",
    "link",
    "modules",
    "payload",
    "put",
    "tensor",
]

WEIGHTS: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"

Change = Callable[[Path, Path], None]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``change`` gets the folder, which holds what ``base`` is called after, and a folder outside it."""

    name: str
    base: str
    change: Change


def payload(folder: Path) -> bytes:
    """A pickle that writes a marker when it is loaded."""
    marker = folder.parent.parent / "ran"
    return b"cbuiltins\nexec\n(S\"open('" + os.fsencode(marker) + b"', 'w')\"\ntR."


def put(name: str, data: bytes | Callable[[Path], bytes]) -> Change:
    """Write a file."""

    def change(folder: Path, _: Path) -> None:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.write_bytes(data(folder) if callable(data) else data)

    return change


def drop(name: str) -> Change:
    return lambda folder, _: (folder / name).unlink()


def both(*changes: Change) -> Change:
    def change(folder: Path, outside: Path) -> None:
        for each in changes:
            each(folder, outside)

    return change


def edit(name: str, **fields: Any) -> Change:
    """Change fields of a JSON object."""

    def change(folder: Path, _: Path) -> None:
        place = folder / name
        document = json.loads(place.read_text()) if place.exists() else {}
        place.write_text(json.dumps({**document, **fields}))

    return change


def link(name: str, target: str | None = None) -> Change:
    """Replace a file with a link: to the file of its name outside, else to ``target``."""

    def change(folder: Path, outside: Path) -> None:
        place = folder / name
        if place.is_dir():
            place.rename(outside / place.name)
        elif place.exists():
            place.unlink()
        place.symlink_to(target or outside / Path(name).name)

    return change


def fifo(name: str) -> Change:
    def change(folder: Path, _: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return change


def directory(name: str) -> Change:
    def change(folder: Path, _: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return change


def modules(index: int, **fields: Any) -> Change:
    def change(folder: Path, outside: Path) -> None:
        listed = json.loads((folder / "modules.json").read_text())
        told = {name: each.format(outside=outside) if isinstance(each, str) else each for name, each in fields.items()}
        listed[index] = {**listed[index], **told}
        (folder / "modules.json").write_text(json.dumps(listed))

    return change


def index_of(weight_map: Any) -> Change:
    def change(folder: Path, outside: Path) -> None:
        told = weight_map
        if isinstance(told, str):
            told = {"text.weight": told.format(outside=outside)}
        (folder / INDEX).write_text(json.dumps({"weight_map": told}))

    return change


def header(document: Any, data: bytes = bytes(64)) -> bytes:
    """A safetensors file with this for a header."""
    head = document if isinstance(document, bytes) else json.dumps(document).encode()
    return struct.pack("<Q", len(head)) + head + data


def tensor(**changed: Any) -> dict[str, Any]:
    return {"t": {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64], **changed}}
