"""The first `nano`, as it was before anything was trained: its files out of the repository's history, and its ear.

Its sound tower heard patches of log-mels where today's hears windows; that preparation and that tower are kept here,
for the sake of comparison alone. Its texts and pictures go through today's towers.
"""

import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import final

import numpy as np

from commonspace.core.item import Audio, Content
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.embedder import Embedder
from commonspace.encode.manifest import Manifest
from commonspace.encode.nano.space import build_tower, preparations
from commonspace.encode.prepare import Preparer
from commonspace.encode.runtime import Graph, Precision, load_graph
from commonspace.encode.tower import Features, Preparation, Tower
from commonspace.ingest.decode import Plan
from recipes.nano.audio.patches import PatchSpec, log_mel_patches

__all__ = ["FIRST_COMMIT", "PatchPreparation", "PatchTower", "first_embedder", "first_tower", "first_version"]

FIRST_COMMIT = "5e8f8ed"
MAX_BATCH = 16


@final
@dataclass(frozen=True, slots=True)
class PatchPreparation:
    """Mono sound to log-mel patches (patches x frames x bands)."""

    spec: PatchSpec

    def __call__(self, content: Content) -> Features:
        """Compute one clip's patches."""
        if not isinstance(content, Audio):
            raise TypeError(f"an audio tower takes Audio, not {type(content).__name__}")
        return log_mel_patches(content.array.astype(np.float32, copy=False), self.spec)


@final
class PatchTower:
    """A clip is the weighted mean of its patches' vectors."""

    modality = Modality.AUDIO

    def __init__(self, graph: Graph, prepare: PatchPreparation) -> None:
        self._graph = graph
        self.prepare = prepare

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode clips' patches to unit vectors, one row a clip, in order."""
        patches = np.concatenate(batch).astype(np.float32, copy=False)
        starts = range(0, len(patches), MAX_BATCH)
        answers = self._graph.run([{"patches": patches[start : start + MAX_BATCH]} for start in starts])
        weighted = np.concatenate([answer["embedding"] * answer["weight"][:, None] for answer in answers])
        ends = np.cumsum([len(clip) for clip in batch])
        return unit(np.stack([clip.sum(axis=0) for clip in np.split(weighted, ends[:-1])]))


def first_version(folder: Path) -> Path:
    """The space's folder, unpacked below ``folder`` out of the repository's history unless it is there."""
    if not (folder / "models" / "nano" / "manifest.json").exists():
        packed = subprocess.run(["git", "archive", FIRST_COMMIT, "models/nano"], capture_output=True, check=True).stdout
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
    return folder / "models" / "nano"


def first_embedder(folder: Path) -> Embedder:
    """The whole space, ready to embed."""
    manifest = Manifest.read(folder)
    ears: dict[Modality, Preparation] = {Modality.AUDIO: _ear(manifest)}
    others = dict(manifest.parts)
    del others[Modality.AUDIO]
    told = preparations(replace(manifest, parts=others)) | ears
    return Embedder(Preparer(space=manifest.space, plan=Plan(), preparations=told), partial(first_tower, manifest))


def first_tower(
    manifest: Manifest, modality: Modality, *, precision: Precision | None = None, threads: int | None = None
) -> Tower:
    """One tower of it, its files checked."""
    if modality is not Modality.AUDIO:
        return build_tower(manifest, modality, precision=precision, threads=threads)
    manifest.verify(modality)
    part = manifest.parts[modality]
    graph = load_graph(part.file, precision=precision or part.precision, threads=threads)
    return PatchTower(graph, _ear(manifest))


def _ear(manifest: Manifest) -> PatchPreparation:
    return PatchPreparation(PatchSpec(**manifest.parts[Modality.AUDIO].preprocessing["mel"]))
