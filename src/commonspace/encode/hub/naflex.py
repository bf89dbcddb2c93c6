"""SigLIP 2 that keeps a picture's shape (NaFlex): as many patches as it was trained for, in the picture's own ratio."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, final

import numpy as np

from commonspace.core.errors import ModelError
from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.pairs import loaded_model, picture_processor
from commonspace.encode.hub.running import Running
from commonspace.encode.hub.tokens import tokenizer_file
from commonspace.encode.pictures import Normalisation
from commonspace.encode.runtime import Graph
from commonspace.encode.texts import Padding, TextPreparation, TextTower
from commonspace.encode.tower import Features, Tower

__all__ = ["FlexPictures", "FlexTower", "NaFlexFamily"]

VERSION: Final = 1
POSITIONS: Final = 64
MAX_BATCH: Final = 8
PRECISION: Final = 1e-5
"""How finely the library searches for the scale."""


@final
class NaFlexFamily:
    """Two towers. Texts are made small and padded to the length that the model was trained with."""

    name = "transformers SigLIP 2 NaFlex"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether the configuration names the type; SigLIP 2 of one size is of the older type ``siglip``."""
        return folder.maybe_json("config.json").get("model_type") == "siglip2"

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read the configuration, the processor's and the tokenizer's; hash them and the weights.

        Raises:
            ModelError: a file is missing or damaged.
        """
        config, (kept, processor) = folder.json("config.json"), picture_processor(folder)
        tokens, words = tokenizer_file(folder), config.get("text_config") or {}
        length = int(words.get("max_position_embeddings", POSITIONS))
        left = folder.maybe_json("tokenizer_config.json").get("padding_side", "left") == "left"
        padding = Padding(token=tokens.padding, length=length, most=length, masked=False, left=left)
        files = [*folder.weights(), folder.file("config.json"), folder.file(kept)]
        recipe = {"family": self.name, "version": VERSION, "tokens": tokens.digest, "left": left}
        space = Space(
            name=name,
            dimension=_dimension(folder, words),
            towers=(Modality.TEXT, Modality.IMAGE),
            composed=(Modality.VIDEO,),
            fingerprint=folder.fingerprint(files, recipe),
        )
        text = TextPreparation(tokens.file, length, lowered=True)
        pictures = FlexPictures(
            patch=int(processor.get("patch_size", 16)),
            most=int(processor.get("max_num_patches", 256)),
            resample=int(processor.get("resample", 2)),
        )
        normalisation = Normalisation.read({"image_mean": [0.5] * 3, "image_std": [0.5] * 3, **processor})

        def tower(modality: Modality, running: Running) -> Tower:
            graph = running.graph(modality, partial(_module, folder, normalisation, modality))
            return TextTower(graph, text, padding) if modality is Modality.TEXT else FlexTower(graph, pictures)

        return Checkpoint(
            folder=folder.path,
            family=self.name,
            space=space,
            preparations={Modality.TEXT: text, Modality.IMAGE: pictures},
            tower=tower,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FlexPictures:
    """RGB pixels (h x w x 3) scaled to the most patches (of ``patch`` x ``patch``) that ``most`` allows."""

    patch: int
    most: int
    resample: int

    def __call__(self, content: Content) -> Features:
        """Scale one picture; its sides become multiples of a patch."""
        if not isinstance(content, np.ndarray):
            raise TypeError(f"an image tower takes pixels, not {type(content).__name__}")
        from PIL import Image

        height, width = self._target(*content.shape[:2])
        resized = Image.fromarray(content).resize((width, height), Image.Resampling(self.resample))
        return np.asarray(resized, dtype=np.uint8)

    def _target(self, height: int, width: int) -> tuple[int, int]:
        """The library's bisection: the greatest scale at which both sides, rounded up to patches, still fit."""
        least, greatest = PRECISION / 10, 100.0
        while greatest - least >= PRECISION:
            scale = (least + greatest) / 2
            if self._sided(scale, height) * self._sided(scale, width) <= self.most * self.patch**2:
                least = scale
            else:
                greatest = scale
        return self._sided(least, height), self._sided(least, width)

    def _sided(self, scale: float, side: int) -> int:
        return max(self.patch, math.ceil(side * scale / self.patch) * self.patch)


@final
class FlexTower:
    """Pictures of any shape share a batch: their patches in rows, filled up to the most and masked."""

    modality = Modality.IMAGE

    def __init__(self, graph: Graph, prepare: FlexPictures) -> None:
        self._graph = graph
        self.prepare = prepare

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode pictures to unit vectors, one row each, in order."""
        starts = range(0, len(batch), MAX_BATCH)
        answers = self._graph.run([self._patched(batch[start : start + MAX_BATCH]) for start in starts])
        return np.concatenate([answer["embedding"] for answer in answers])

    def _patched(self, pictures: Sequence[Features]) -> dict[str, Features]:
        side, most = self.prepare.patch, self.prepare.most
        pixels = np.zeros((len(pictures), most, side * side * 3), np.uint8)
        mask = np.zeros((len(pictures), most), np.int32)
        shapes = np.array([[picture.shape[0] // side, picture.shape[1] // side] for picture in pictures], np.int64)
        for row, (picture, (down, right)) in enumerate(zip(pictures, shapes, strict=True)):
            patches = picture.reshape(down, side, right, side, 3).transpose(0, 2, 1, 3, 4).reshape(down * right, -1)
            pixels[row, : len(patches)] = patches
            mask[row, : len(patches)] = 1
        return {"patches": pixels, "mask": mask, "shapes": shapes}


def _module(folder: CheckpointFolder, normalisation: Normalisation, modality: Modality) -> Any:
    from commonspace.encode.hub.modules import TextNet
    from commonspace.encode.hub.picture_modules import FlexNet

    model = loaded_model(folder)
    return TextNet(model) if modality is Modality.TEXT else FlexNet(model, normalisation)


def _dimension(folder: CheckpointFolder, words: dict[str, Any]) -> int:
    found = words.get("projection_size") or words.get("hidden_size") or 768
    if not isinstance(found, int) or found < 1:
        raise ModelError(f"{folder.path} does not say its dimension.", fix="Restore its config.json.")
    return found
