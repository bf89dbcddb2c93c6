"""Builds the embedded space from its folder: files checked, towers compiled one by one as they are needed."""

from typing import Any

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.encode.hub.onnx_file import read_onnx
from commonspace.encode.manifest import Manifest, Part
from commonspace.encode.nano.audio import AudioPreparation, AudioTower
from commonspace.encode.nano.image import ImagePreparation
from commonspace.encode.nano.mel import MelSpec
from commonspace.encode.pictures import ImageTower
from commonspace.encode.runtime import Graph, Precision, load_graph
from commonspace.encode.sensing.rows import RowPreparation, TableTower
from commonspace.encode.sensing.sensor import SensorPreparation, read_head
from commonspace.encode.texts import TextPreparation, TextTower
from commonspace.encode.tower import Preparation, Tower

__all__ = ["build_tower", "preparations"]


def preparations(manifest: Manifest) -> dict[Modality, Preparation]:
    """What each modality's content goes through before its tower; cheap, loads no network."""
    return {modality: _preparation(manifest, part) for modality, part in manifest.parts.items()}


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
    if modality is Modality.SENSOR:
        return read_head(manifest.parts[modality].file)
    if modality is Modality.TABLE:
        manifest.verify(Modality.TEXT)
        text = manifest.parts[Modality.TEXT]
        return TableTower(TextTower(_graph(text, precision, threads), _text_preparation(text)))
    part = manifest.parts[modality]
    return _tower(manifest, part, _graph(part, precision, threads))


def _graph(part: Part, precision: Precision | None, threads: int | None) -> Graph:
    """A part's network, all of it in the one file that was held against its hash.

    Raises:
        ModelError: its tensors lie in other files, which no hash covers, or it is not a graph.
    """
    elsewhere = read_onnx(part.file).external
    if elsewhere:
        raise ModelError(
            f"{part.file.name} keeps tensors in '{elsewhere[0][:80]}', a file that its manifest does not cover.",
            fix="Save the network as one ONNX file, and its SHA-256 in manifest.json.",
        )
    return load_graph(part.file, precision=precision or part.precision, threads=threads)


def _preparation(manifest: Manifest, part: Part) -> Any:
    spec = part.preprocessing
    match part.modality:
        case Modality.TEXT:
            return _text_preparation(part)
        case Modality.IMAGE:
            return ImagePreparation(int(spec["side"]), int(spec["resize"]))
        case Modality.SENSOR:
            return SensorPreparation()
        case Modality.TABLE:
            return RowPreparation(_text_preparation(manifest.parts[Modality.TEXT]))
        case _:
            return AudioPreparation(MelSpec(**spec["mel"]))


def _text_preparation(part: Part) -> TextPreparation:
    return TextPreparation(part.file.parent / part.preprocessing["tokenizer"], int(part.preprocessing["max_tokens"]))


def _tower(manifest: Manifest, part: Part, graph: Graph) -> Tower:
    match part.modality:
        case Modality.TEXT:
            return TextTower(graph, _text_preparation(part))
        case Modality.IMAGE:
            return ImageTower(graph, _preparation(manifest, part))
        case _:
            return AudioTower(graph, _preparation(manifest, part))
