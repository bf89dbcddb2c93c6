"""Every package of sounds decoded, and the recipe's own sounds last; each is kept, so that a stopped run goes on."""

import subprocess
from pathlib import Path

from rich.progress import track

from recipes.nano.audio.corpus import Decoded, decode_package
from recipes.nano.audio.library import own_sounds
from recipes.nano.audio.packages import PACKAGES, SOUNDFONT

__all__ = ["decode_all"]


def decode_all(debs: Path, work: Path, seed: int) -> list[Decoded]:
    """Decode the packages in ``debs`` into ``work``.

    Raises:
        FileNotFoundError: a package is not there; the message holds the command that fetches all that are missing.
    """
    names = [SOUNDFONT, *(source.name for source in PACKAGES)]
    missing = [name for name in names if not _found(debs, name)]
    if missing:
        raise FileNotFoundError(f"Not in {debs}: fetch them with: apt-get download {' '.join(missing)}")
    folder = work / "corpus"
    folder.mkdir(parents=True, exist_ok=True)
    decoded = [
        decode_package(source, _found(debs, source.name)[-1], folder)
        for source in track(PACKAGES, description="decoding packages")
    ]
    return [*decoded, own_sounds(folder, lambda: _soundfont(debs, work / "soundfont"), seed)]


def _found(debs: Path, name: str) -> list[Path]:
    return sorted(debs.glob(f"{name}_*.deb"))


def _soundfont(debs: Path, folder: Path) -> Path:
    """Unpack the soundfont's package and say where the soundfont is."""
    subprocess.run(["dpkg-deb", "-x", str(_found(debs, SOUNDFONT)[-1]), str(folder)], check=True)
    return next(folder.rglob("*.sf2"))
