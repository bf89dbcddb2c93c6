"""Builds the embedded space from its folder: files checked, towers compiled one by one as they are needed."""

from typing import Any

from commonspace.core.modality import Modality
from commonspace.encode.manifest import Manifest, Part
from commonspace.encode.nano.audio import AudioPreparation, AudioTower
from commonspace.encode.nano.image import ImagePreparation, ImageTower
from commonspace.encode.nano.mel import MelSpec
from commonspace.encode.nano.text import TextPreparation, TextTower
from commonspace.encode.runtime import Graph, Precision, load_graph
from commonspace.encode.tower import Preparation, Tower

__all__ = ["build_tower", "preparations"]


def preparations(manifest: Manifest) -> dict[Modality, Preparation]:
    """What each modality's content goes through before its tower; cheap, loads no network."""
    return {modality: _preparation(part) for modality, part in manifest.parts.items()}


def build_tower(
    manifest: Manifest, modality: Modality, *, precision: Precision | None = None, threads: int | None = None
) -> Tower:
    """Check one tower's files against the manifest and compile it.

    Args:
        manifest: of the space.
        modality: whose tower.
        precision: what the manifest recommends when None.
        threads: processor threads; all that this process may use when None.

    Raises:
        ModelError: a file is missing, changed or not a graph.
    """
    manifest.verify(modality)
    part = manifest.parts[modality]
    return _tower(part, load_graph(part.file, precision=precision or part.precision, threads=threads))


def _preparation(part: Part) -> Any:
    spec = part.preprocessing
    match part.modality:
        case Modality.TEXT:
            return TextPreparation(part.file.parent / spec["tokenizer"], int(spec["max_tokens"]))
        case Modality.IMAGE:
            return ImagePreparation(int(spec["side"]), int(spec["resize"]))
        case _:
            return AudioPreparation(MelSpec(**spec["mel"]))


def _tower(part: Part, graph: Graph) -> Tower:
    prepare = _preparation(part)
    match part.modality:
        case Modality.TEXT:
            return TextTower(graph, prepare)
        case Modality.IMAGE:
            return ImageTower(graph, prepare)
        case _:
            return AudioTower(graph, prepare)
