"""Where checkpoints lie: folders named by path, those that were pulled, the hub's cache; fetches nothing."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import orjson

__all__ = [
    "LOCK_NAME",
    "NAME",
    "Place",
    "cache_home",
    "checkpoint_folder",
    "hub_cache",
    "known_places",
    "name_of",
    "pulled_home",
    "pulled_record",
]

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
LOCK_NAME: Final = "pulled.json"
"""What a pull leaves in the folder: the commit, the licence, and every file's hash."""
MAX_LOCK_BYTES: Final = 16_000_000
SIGNS: Final = ("config.json", "modules.json", "open_clip_config.json", "model.onnx", "remote.json", "space.json")
"""A folder with one of these may hold a checkpoint."""


def checkpoint_folder(name: str, own: Path | None = None) -> Path | None:
    """The folder of a checkpoint: a path, else a name under ``own``, else a snapshot in the hub's cache."""
    places = [Path(name).expanduser()]
    if NAME.fullmatch(name):
        places = [pulled_home(own) / name, *places, *_snapshots(name)]
    return next((place for place in places if _signed(place)), None)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder that may hold a checkpoint, by the name to load it with; ``source`` says who put it there."""

    name: str
    folder: Path
    source: str


def known_places(own: Path | None = None) -> list[Place]:
    """Every checkpoint that was pulled, then those in the hub's cache that were not; by name."""
    home, cache = pulled_home(own), hub_cache()
    pulled = {
        f"{folder.parent.name}/{folder.name}": Place(
            name=f"{folder.parent.name}/{folder.name}", folder=folder, source="pulled"
        )
        for folder in sorted(home.glob("*/*"))
        if _signed(folder) and not folder.name.startswith(".") and not (folder / "manifest.json").is_file()
    }
    cached = {}
    for folder in sorted(cache.glob("models--*--*")):
        name = folder.name.removeprefix("models--").replace("--", "/")
        found = next((place for place in _snapshots(name) if _signed(place)), None) if NAME.fullmatch(name) else None
        if found is not None:
            cached[name] = Place(name=name, folder=found, source="hub cache")
    every = {**cached, **pulled}
    return [every[name] for name in sorted(every)]


def pulled_home(own: Path | None = None) -> Path:
    """Where pulled checkpoints go, ORG/NAME each: the folder of the settings, else the user's data folder."""
    data = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()
    return own.expanduser() if own else data / "commonspace" / "models"


def cache_home() -> Path:
    """Where exports and measurements are kept: ``$XDG_CACHE_HOME/commonspace``, else ``~/.cache/commonspace``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "commonspace"


def pulled_record(folder: Path) -> dict[str, object]:
    """What a pull wrote down in a folder; empty where the folder was not pulled, or the record is unreadable."""
    path = folder / LOCK_NAME
    try:
        if not path.is_file() or path.is_symlink() or path.stat().st_size > MAX_LOCK_BYTES:
            return {}
        document = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def hub_cache() -> Path:
    """The cache that the hub's own libraries share, by their environment variables."""
    home = os.environ.get("HF_HOME") or Path("~/.cache/huggingface").expanduser()
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def name_of(folder: Path) -> str:
    """What a checkpoint in a folder is called: as on the hub where it is a snapshot, else after its folder."""
    real = folder.resolve()
    if real.parent.name == "snapshots" and real.parent.parent.name.startswith("models--"):
        return real.parent.parent.name.removeprefix("models--").replace("--", "/")
    told = pulled_record(real).get("name")
    return told if isinstance(told, str) and NAME.fullmatch(told) else real.name


def _signed(place: Path) -> bool:
    return any((place / sign).is_file() for sign in SIGNS)


def _snapshots(name: str) -> list[Path]:
    """The snapshots of a model in the cache: the one that `main` names first, then the newest."""
    home = hub_cache() / f"models--{name.replace('/', '--')}"
    main = home / "refs" / "main"
    known = sorted((home / "snapshots").glob("*"), key=lambda path: -path.stat().st_mtime)
    if main.is_file():
        known.insert(0, home / "snapshots" / main.read_text("utf-8").strip())
    return known
