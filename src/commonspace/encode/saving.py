"""Copies a space's folder: real files for links, nothing that could run code."""

import shutil
from pathlib import Path
from typing import Final

from commonspace.core.errors import ModelError, UsageError

__all__ = ["save_space"]

LEFT_OUT: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".msgpack", ".h5", ".py", ".pyc", ".part")


def save_space(folder: Path, out: Path) -> Path:
    """Copy what makes the space; pickles and code are left behind. The copy has the same fingerprint.

    Raises:
        UsageError: ``out`` exists and is not empty.
        ModelError: the space's folder is gone.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already.", fix="Name a new folder, or remove it first.")
    if not folder.is_dir():
        raise ModelError(f"The space's folder {folder} is gone.", fix="Load the space again.")
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.is_file() and path.suffix not in LEFT_OUT and not hidden:
            copy = out / inside
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path.resolve(), copy)
    return out
