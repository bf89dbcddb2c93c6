"""Makes a folder of real pictures and sounds to index, from Debian packages, for the indexing benchmark.

    python -m benchmarks.media WORK [--roots ROOTS] [--images 2000] [--sounds 500] [--seed 0]

Packages are taken from ``ROOTS`` (one unpacked package a folder), else downloaded by ``apt-get download`` and
unpacked under ``WORK/roots``. ``WORK/images`` then holds drawings as they are (PNG) and JPEG photographs at the sizes
that cameras and phones write: free packages hold only some dozens of large photographs, so most are crops of those at
several sizes and qualities. That is honest for timing (the decoder works as hard) and useless for measuring quality.
``WORK/sounds`` holds sounds copied as they are. The same seed and packages give the same folder.
"""

import argparse
import json
import shutil
import subprocess
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
from PIL import Image

__all__ = ["Counts", "make_media"]

PICTURE_PACKAGES: Final = (
    "openclipart-png",
    "mate-backgrounds",
    "lomiri-wallpapers-16.04",
    "plasma-workspace-wallpapers",
)
SOUND_PACKAGES: Final = ("sonic-pi-samples", "widelands-data", "wesnoth-1.16-data", "0ad-data")
JPEG_SIZES: Final = (
    (4032, 3024),
    (3264, 2448),
    (2592, 1944),
    (2048, 1536),
    (1920, 1080),
    (1600, 1200),
    (1280, 960),
    (1024, 768),
)
"""Widths and heights as phones, cameras and shared albums have them, drawn with the weights below."""
JPEG_WEIGHTS: Final = (0.05, 0.08, 0.12, 0.15, 0.2, 0.15, 0.15, 0.1)
PHOTO_SHARE: Final = 0.6
SMALLEST_PHOTO_PIXELS: Final = 1_500_000
LARGEST_DRAWING_PIXELS: Final = 20_000_000
SMALLEST_SOUND_BYTES: Final = 8_000
SOUND_SUFFIXES: Final = frozenset({".ogg", ".wav", ".flac", ".mp3"})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was made: files of each kind, and their bytes together."""

    num_photographs: int
    num_drawings: int
    num_sounds: int
    num_bytes: int


def make_media(work: Path, roots: Path, *, num_images: int, num_sounds: int, seed: int) -> Counts:
    """Fill ``work/images`` and ``work/sounds`` from packages unpacked under ``roots``.

    Raises:
        ValueError: the packages hold too few drawings, photographs or sounds.
    """
    folders = (work / "images", work / "sounds")
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    num_photographs = round(PHOTO_SHARE * num_images)
    num_drawings = num_images - num_photographs
    places = [int(place) for place in generator.permutation(num_images)]  # a sorted listing mixes both kinds
    _write_photographs(roots, folders[0], places[:num_photographs], generator)
    _copy_drawings(roots, folders[0], places[num_photographs:], generator)
    _copy_sounds(roots, folders[1], num_sounds, generator)
    num_bytes = sum(path.stat().st_size for folder in folders for path in folder.iterdir())
    return Counts(
        num_photographs=num_photographs, num_drawings=num_drawings, num_sounds=num_sounds, num_bytes=num_bytes
    )


def _write_photographs(roots: Path, folder: Path, places: list[int], generator: np.random.Generator) -> None:
    """Crops of the packages' photographs, each at a camera's size; every ninth stands upright, as phones are held."""
    originals = [path for name in PICTURE_PACKAGES[1:] for path in _largest_in_each_folder(roots / name)]
    if not originals:
        raise ValueError(f"No photograph of {SMALLEST_PHOTO_PIXELS} pixels under {roots}: unpack {PICTURE_PACKAGES}.")
    written = 0
    for turn, original in enumerate(originals):
        share = len(places) // len(originals) + (turn < len(places) % len(originals))
        with Image.open(original) as opened:
            whole = opened.convert("RGB")
        for _ in range(share):
            size = JPEG_SIZES[generator.choice(len(JPEG_SIZES), p=JPEG_WEIGHTS)]
            size = (size[1], size[0]) if written % 9 == 0 else size
            cropped = _crop(whole, size, generator)
            cropped.save(folder / f"{places[written]:05d}_photograph.jpg", quality=int(generator.integers(80, 96)))
            written += 1


def _largest_in_each_folder(package: Path) -> list[Path]:
    """Wallpapers come at many sizes in one folder; photographs under names of their own stay apart."""
    largest: dict[str, tuple[int, Path]] = {}
    for path in sorted(package.rglob("*.jpg")):
        key = str(path.parent if path.stem[0].isdigit() else path)
        size = _num_pixels(path)
        if size >= SMALLEST_PHOTO_PIXELS and (key not in largest or size > largest[key][0]):
            largest[key] = (size, path)
    return [path for _, path in largest.values()]


def _crop(whole: Image.Image, size: tuple[int, int], generator: np.random.Generator) -> Image.Image:
    """A random window of the wanted shape, half the picture or more, at the wanted size; half of them mirrored."""
    fits = min(whole.width / size[0], whole.height / size[1]) * generator.uniform(0.5, 1.0)
    width, height = fits * size[0], fits * size[1]
    left, top = generator.uniform(0, whole.width - width), generator.uniform(0, whole.height - height)
    seen = whole.resize(size, Image.Resampling.BILINEAR, box=(left, top, left + width, top + height), reducing_gap=2.0)
    return seen.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if generator.random() < 0.5 else seen


def _copy_drawings(roots: Path, folder: Path, places: list[int], generator: np.random.Generator) -> None:
    found = sorted(path for path in (roots / PICTURE_PACKAGES[0]).rglob("*.png") if not path.is_symlink())
    usable = [path for path in found if 4_096 <= _num_pixels(path) <= LARGEST_DRAWING_PIXELS]
    for place, chosen in zip(places, _draw(len(usable), len(places), "drawings", generator), strict=True):
        shutil.copyfile(usable[chosen], folder / f"{place:05d}_{usable[chosen].name}")


def _copy_sounds(roots: Path, folder: Path, number: int, generator: np.random.Generator) -> None:
    found = [sound for name in SOUND_PACKAGES for sound in _sounds_of(roots / name)]
    for place, chosen in enumerate(_draw(len(found), number, "sounds", generator)):
        name, data = found[chosen]
        (folder / f"{place:05d}_{name}").write_bytes(data)


def _sounds_of(package: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of a package's sounds, also of those inside a zip; no music, which is long."""
    for path in sorted(package.rglob("*")):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for member in sorted(archive.namelist()):
                    inside = Path(member)
                    if inside.suffix in SOUND_SUFFIXES and _is_short(inside, archive.getinfo(member).file_size):
                        yield inside.name, archive.read(member)
        elif path.suffix in SOUND_SUFFIXES and path.is_file() and _is_short(path, path.stat().st_size):
            yield path.name, path.read_bytes()


def _is_short(path: Path, num_bytes: int) -> bool:
    return SMALLEST_SOUND_BYTES <= num_bytes <= 2_000_000 and "music" not in path.parts


def _draw(available: int, wanted: int, what: str, generator: np.random.Generator) -> list[int]:
    if available < wanted:
        raise ValueError(f"The packages hold {available} {what} and {wanted} are wanted: ask for fewer.")
    return [int(one) for one in generator.permutation(available)[:wanted]]


def _num_pixels(path: Path) -> int:
    """Pixels by the file's header; none where it is no picture."""
    try:
        with (
            warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning),
            Image.open(path) as opened,
        ):
            return opened.width * opened.height
    except (OSError, Image.DecompressionBombError):
        return 0


def unpack(work: Path) -> Path:
    """Download every package by name and unpack it; what is there already is kept. Returns the folder of roots."""
    roots, downloads = work / "roots", work / "debs"
    downloads.mkdir(parents=True, exist_ok=True)
    for name in (*PICTURE_PACKAGES, *SOUND_PACKAGES):
        if (roots / name).is_dir():
            continue
        subprocess.run(["apt-get", "download", name], cwd=downloads, check=True)
        archive = next(downloads.glob(f"{name}_*.deb"))
        subprocess.run(["dpkg-deb", "-x", archive, roots / f".{name}"], check=True)
        (roots / f".{name}").rename(roots / name)
    return roots


def main() -> int:
    """Make the folder and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder to fill")
    parser.add_argument("--roots", type=Path, help="folder of unpacked packages; otherwise they are downloaded")
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--sounds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    roots = arguments.roots or unpack(arguments.work)
    made = make_media(
        arguments.work, roots, num_images=arguments.images, num_sounds=arguments.sounds, seed=arguments.seed
    )
    counts = {name: getattr(made, name) for name in made.__slots__}
    print(json.dumps(counts))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
