"""A calibration of one store: kept in its folder, stamped with its space, used in place of the space's own.

``calibration.json`` names a folder of files with their hashes; it is replaced in one step, so a reader finds the old or
the new calibration whole.
"""

import os
import secrets
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from commonspace.core.errors import CorruptStore, ModelError, SpaceMismatch, StoreError
from commonspace.core.space import Space
from commonspace.retrieve.calibration import Calibration
from commonspace.retrieve.calibration_file import read_calibration, write_calibration

__all__ = ["forget_store_calibration", "read_store_calibration", "write_store_calibration"]

POINTER = "calibration.json"
PREFIX = "calibration-"
FORMAT = 1
TRIES = 3
FIX = "Calibrate the store anew after `commonspace calibrate --forget` has removed what is there."


def read_store_calibration(store: Path, space: Space) -> Calibration | None:
    """The store's own calibration; None where it has none.

    Raises:
        SpaceMismatch: it was fitted to the vectors of another space.
        CorruptStore: its files are not those that it names, or make no sense.
    """
    for attempt in range(TRIES):
        pointer = _pointer(store)
        if pointer is None:
            return None
        try:
            return _read(store, pointer, space)
        except (OSError, ModelError, KeyError, TypeError, ValueError) as error:
            replaced = _pointer(store) != pointer  # someone calibrated it meanwhile
            if not replaced or attempt == TRIES - 1:
                raise CorruptStore(
                    f"The calibration of the store '{store}' cannot be read: {error}", fix=FIX
                ) from error
    return None


def write_store_calibration(store: Path, space: Space, calibration: Calibration, facts: Mapping[str, Any]) -> None:
    """Keep a calibration in a store, in place of what was there; ``facts`` say how it came about.

    Raises:
        StoreError: the folder cannot be written; what was there stays.
    """
    folder = store / f"{PREFIX}{secrets.token_hex(8)}"
    try:
        folder.mkdir()
        files = write_calibration(folder, calibration)
        for name in files:
            _sync(folder / name)
        _sync(folder)
        pointer = {"format": FORMAT, "fingerprint": space.fingerprint, "folder": folder.name, "files": files}
        draft = folder / POINTER.replace(".json", ".new")
        draft.write_bytes(orjson.dumps({**pointer, "facts": facts}, option=orjson.OPT_INDENT_2))
        _sync(draft)
        draft.replace(store / POINTER)
        _sync(store)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StoreError(
            f"The calibration cannot be written into '{store}': {error.strerror}.",
            fix="Make room, or make the folder writable, and calibrate again.",
        ) from error
    _clear(store, keep=folder.name)


def forget_store_calibration(store: Path) -> bool:
    """Remove a store's own calibration, whatever its state; whether there was one.

    Raises:
        StoreError: it cannot be removed.
    """
    there = (store / POINTER).exists()
    try:
        (store / POINTER).unlink(missing_ok=True)
        _sync(store)
    except OSError as error:
        raise StoreError(
            f"The calibration of '{store}' cannot be removed: {error.strerror}.", fix="Make the folder writable."
        ) from error
    _clear(store, keep="")
    return there


def _pointer(store: Path) -> dict[str, Any] | None:
    try:
        document = orjson.loads((store / POINTER).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CorruptStore(f"{store / POINTER} cannot be read: {error}", fix=FIX) from error
    if not isinstance(document, dict):
        raise CorruptStore(f"{store / POINTER} is not a calibration.", fix=FIX)
    return document


def _read(store: Path, pointer: Mapping[str, Any], space: Space) -> Calibration:
    if pointer["fingerprint"] != space.fingerprint:
        raise SpaceMismatch(
            f"The calibration of the store '{store}' was fitted to a space with the fingerprint "
            f"{str(pointer['fingerprint'])[:12]}, not to '{space.name}' ({space.fingerprint[:12]}).",
            fix=FIX,
        )
    name = str(pointer["folder"])
    if pointer["format"] != FORMAT or Path(name).name != name or not name.startswith(PREFIX):
        raise ValueError(f"format {pointer['format']}, folder {name!r}")
    folder = store / name
    for file, expected in pointer["files"].items():
        if Path(file).name != file or sha256((folder / file).read_bytes()).hexdigest() != expected:
            raise ValueError(f"{file} is not the file that was written")
    return read_calibration(folder, space.dimension)


def _clear(store: Path, *, keep: str) -> None:
    for folder in store.glob(f"{PREFIX}*"):
        if folder.name != keep:
            shutil.rmtree(folder, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
