"""Decode the packages' sounds once, to 16 kHz mono, and keep an index of what each came from.

Everything is cached by package, so that a stopped run goes on. Files are told apart by BLAKE3; whatever a
held-out list names (for the project's own benchmarks) stays in the index, marked, and is never heard.
"""

import hashlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import final

import av
import blake3
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from recipes.nano.audio.containers import package_files
from recipes.nano.audio.packages import Source

__all__ = ["RATE_HERTZ", "Decoded", "HeldOut", "Recording", "bare_stem", "decode_package"]

RATE_HERTZ = 16_000
WHOLE_SECONDS = 12.0
PIECE_SECONDS = 7.0
PIECE_PLACES = (0.1, 0.5, 0.85)
MOST_ALIKE = 8
MOST_BYTES = 64 << 20
_LICENCE = re.compile(r"^License:[ \t]*(\S.*)$", flags=re.MULTILINE)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One sound file: where it came from and where its samples lie in its package's cache."""

    package: str
    path: str
    blake3: str
    sha256: str
    start: int
    length: int

    @property
    def key(self) -> int:
        """A number that names these bytes, whatever else the library holds."""
        return int(self.blake3[:15], 16)

    @property
    def stem(self) -> str:
        """What the held-out list calls it: package and bare name."""
        return f"{self.package}/{bare_stem(self.path)}"


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decoded:
    """A package's recordings; ``samples`` holds them end to end, ``copyright_text`` is the package's own file."""

    package: str
    version: str
    licences: tuple[str, ...]
    copyright_text: str
    recordings: tuple[Recording, ...]
    samples: NDArray[np.int16]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """The files that training must not hear: exact ones by hash, families by package and bare stem."""

    hashes: frozenset[str]
    stems: frozenset[str]

    @classmethod
    def read(cls, path: Path) -> "HeldOut":
        """Read lines of ``<blake3 hex>`` and ``stem:<package>/<name>``."""
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
        families = [line.removeprefix("stem:").split("/", 1) for line in lines if line.startswith("stem:")]
        return cls(
            hashes=frozenset(line for line in lines if not line.startswith("stem:")),
            stems=frozenset(f"{package}/{bare_stem(name)}" for package, name in families),
        )

    def __contains__(self, recording: Recording) -> bool:
        return recording.blake3 in self.hashes or recording.stem in self.stems


def bare_stem(path: str) -> str:
    """A file's name without folders, suffix, digits, separators or case: the variants of one sound share it."""
    return re.sub(r"[^a-z]+", "", PurePosixPath(path.rsplit("!", maxsplit=1)[-1]).stem.lower())


def decode_package(source: Source, deb: Path, folder: Path) -> "Decoded":
    """Return the package's recordings and their samples, from ``folder`` if they were decoded before."""
    index, sound = folder / f"{source.name}.json", folder / f"{source.name}.npy"
    if not index.exists():
        files, copyright_text = _read_package(deb)
        recordings, samples = _decode(source, files)
        np.save(sound, samples)
        version = deb.name.split("_")[1].replace("%3a", ":")
        held = {
            "version": version,
            "copyright": copyright_text,
            "recordings": [asdict(item) for item in recordings],
        }
        index.write_text(json.dumps(held, indent=0))
    held = json.loads(index.read_text())
    return Decoded(
        package=source.name,
        version=held["version"],
        licences=(source.licence,) if source.licence else _licences(held["copyright"]),
        copyright_text=held["copyright"],
        recordings=tuple(Recording(**record) for record in held["recordings"]),
        samples=np.load(sound, mmap_mode="r"),
    )


def _read_package(deb: Path) -> tuple[dict[str, tuple[str, bytes]], str]:
    """The package's sounds by hash, no two the same, and its copyright file."""
    found: dict[str, tuple[str, bytes]] = {}
    copyright_text = ""
    for path, data in package_files(deb):
        if path.endswith("/copyright"):
            copyright_text = data.decode("utf-8", errors="replace")
        elif len(data) <= MOST_BYTES:
            found.setdefault(blake3.blake3(data).hexdigest(), (path, data))
    return found, copyright_text


def _licences(copyright_text: str) -> tuple[str, ...]:
    names = {name.strip() for name in _LICENCE.findall(copyright_text)}
    return tuple(sorted(names)) or ("see the package's copyright file",)


def _decode(source: Source, files: dict[str, tuple[str, bytes]]) -> tuple[list[Recording], NDArray[np.int16]]:
    recordings: list[Recording] = []
    pieces: list[NDArray[np.int16]] = [np.zeros(0, dtype=np.int16)]
    place = 0
    for path, digest, data in _chosen(source, files):
        try:
            samples = _mono(path, data)
        except (OSError, ValueError, RuntimeError, av.FFmpegError):
            continue
        if samples.size < RATE_HERTZ // 50 or not samples.any():
            continue
        recordings.append(
            Recording(
                package=source.name,
                path=path,
                blake3=digest,
                sha256=hashlib.sha256(data).hexdigest(),
                start=place,
                length=samples.size,
            )
        )
        pieces.append(samples)
        place += samples.size
    return recordings, np.concatenate(pieces)


def _chosen(source: Source, files: dict[str, tuple[str, bytes]]) -> Iterator[tuple[str, str, bytes]]:
    """Files in the order of their hashes, few of one family, up to the source's bound."""
    alike: dict[str, int] = {}
    taken = 0
    for digest, (path, data) in sorted(files.items()):
        stem = bare_stem(path)
        alike[stem] = alike.get(stem, 0) + 1
        if taken < source.most_files and (alike[stem] <= MOST_ALIKE or not stem):
            taken += 1
            yield path, digest, data


def _mono(path: str, data: bytes) -> NDArray[np.int16]:
    """Decode to 16 kHz mono; of a long file keep pieces from its start, middle and end."""
    if path.endswith(".g722"):
        sound, rate = _decode_g722(data), RATE_HERTZ
    else:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate = file.samplerate
            spans = _spans(file.frames, rate)
            sound = np.concatenate([_read(file, start, stop) for start, stop in spans])
    resampled = soxr.resample(sound, rate, RATE_HERTZ) if rate != RATE_HERTZ else sound
    return np.asarray(np.rint(np.clip(resampled, -1.0, 1.0) * 32767.0), dtype=np.int16)


def _spans(num_frames: int, rate: int) -> list[tuple[int, int]]:
    if num_frames <= WHOLE_SECONDS * rate:
        return [(0, num_frames)]
    length = int(PIECE_SECONDS * rate)
    starts = [min(int(place * num_frames), num_frames - length) for place in PIECE_PLACES]
    return [(start, start + length) for start in starts]


def _read(file: soundfile.SoundFile, start: int, stop: int) -> NDArray[np.float32]:
    file.seek(start)
    return np.asarray(file.read(stop - start, dtype="float32", always_2d=True).mean(axis=1), dtype=np.float32)


def _decode_g722(data: bytes) -> NDArray[np.float32]:
    with av.open(io.BytesIO(data), mode="r", format="g722") as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    sound = np.concatenate(frames).astype(np.float32) / 32768.0
    return sound[: int(WHOLE_SECONDS * RATE_HERTZ)]
