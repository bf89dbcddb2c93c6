"""Qwen3-VL models that embed (Qwen3-VL-Embedding and kin): a conversation's last token, read without the library."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self, final

import numpy as np

from commonspace.core.errors import ItemError, ModelError
from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors
from commonspace.encode.hub.chat import Template, system_prompts
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.conversing import (
    Around,
    around_of,
    chat_files,
    filled,
    longest_text,
    processing_of,
    require_pooling,
    texts_of,
)
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.given_media import Role, packed, unpacked
from commonspace.encode.hub.pairs import loaded_model, picture_processor
from commonspace.encode.hub.running import Running, TorchGraph
from commonspace.encode.hub.tokens import tokenizer_file
from commonspace.encode.pictures import Normalisation
from commonspace.encode.runtime import Graph, Precision
from commonspace.encode.texts import Padding, TextTower
from commonspace.encode.tower import Features, Tower

__all__ = ["QwenFamily", "QwenPictures"]

VERSION: Final = 1
IMAGE_TOKEN: Final = "<|image_pad|>"  # noqa: S105 - a token of a vocabulary
MOST_RATIO: Final = 200
MOST_PIXELS: Final = 1 << 26
MAX_PATCHES: Final = 8_192
"""Pictures share a batch up to so many patches together."""
DEFAULTS: Final = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


@final
class QwenFamily:
    """Two towers of one network. Passages and queries get the system message that the folder names for them."""

    name = "transformers Qwen3-VL"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether the configuration names the type."""
        return folder.maybe_json("config.json").get("model_type") == "qwen3_vl"

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read how it pools, its template, the processor's and the tokenizer's configuration; hash all and the weights.

        Raises:
            ModelError: the folder does not say how it becomes a vector (a model that chats), or a file is damaged.
        """
        require_pooling(folder, "lasttoken")
        config, (kept, processor) = folder.json("config.json"), picture_processor(folder)
        template, prompts, tokens = Template.read(folder), system_prompts(folder), tokenizer_file(folder)
        most = longest_text(folder)
        files = [*folder.weights(), folder.file("config.json"), folder.file(kept), *chat_files(folder)]
        recipe = {"family": self.name, "version": VERSION, "tokens": tokens.digest, "max_tokens": most}
        shaped = {**processor, **processing_of(folder, "image")}
        pictures = {role: QwenPictures.read(shaped, role) for role in Role}
        frames = {role: template.around("image", IMAGE_TOKEN, prompts[role]) for role in Role}
        text, asking = (texts_of(tokens, most, template.around_text(prompt)) for prompt in prompts)
        space = Space(
            name=name,
            dimension=int((config.get("text_config") or {})["hidden_size"]),
            towers=(Modality.TEXT, Modality.IMAGE),
            composed=(Modality.VIDEO,),
            fingerprint=folder.fingerprint(files, recipe),
        )

        def tower(modality: Modality, running: Running) -> Tower:
            module = partial(_module, folder, Normalisation.read({**DEFAULTS, **processor}))
            if modality is Modality.TEXT:
                return TextTower(running.graph(modality, module), text, Padding(token=tokens.padding, most=most))
            graph = TorchGraph(module(), precision=running.precision or Precision.F32, threads=running.threads)
            around = {role: around_of(tokens, frames[role], IMAGE_TOKEN) for role in Role}
            return QwenPictureTower(graph, pictures[Role.PASSAGE], around, int(config["image_token_id"]))

        return Checkpoint(
            folder=folder.path,
            family=self.name,
            space=space,
            preparations={Modality.TEXT: text, Modality.IMAGE: pictures[Role.PASSAGE]},
            asking={Modality.TEXT: asking, Modality.IMAGE: pictures[Role.QUERY]} if prompts[0] != prompts[1] else {},
            tower=tower,
            notes=("A video is its frames one by one; the model's own way with video is not used.",),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class QwenPictures:
    """RGB pixels (h x w x 3) scaled so that their sides are multiples of merged patches, packed with their role.

    ``least_pixels`` and ``most_pixels`` bound the area; the shape is kept as near as that allows.
    """

    role: Role
    patch: int
    merge: int
    frames: int
    least_pixels: int
    most_pixels: int
    resample: int

    @classmethod
    def read(cls, config: Mapping[str, Any], role: Role) -> Self:
        """From a processor's configuration.

        Raises:
            ModelError: there can be no such pictures.
        """
        size = config.get("size") or {}
        found = cls(
            role=role,
            patch=int(config.get("patch_size", 16)),
            merge=int(config.get("merge_size", 2)),
            frames=int(config.get("temporal_patch_size", 2)),
            least_pixels=int(config.get("min_pixels") or size.get("shortest_edge") or 56 * 56),
            most_pixels=int(config.get("max_pixels") or size.get("longest_edge") or 28 * 28 * 1280),
            resample=int(config.get("resample", 3)),
        )
        sound = 0 < found.least_pixels <= found.most_pixels <= MOST_PIXELS and found.resample in range(6)
        if not (sound and 0 < found.patch <= 64 and 0 < found.merge <= 8 and 0 < found.frames <= 8):
            raise ModelError("The processor's sizes fit no picture.", fix="Restore its preprocessor_config.json.")
        return found

    def __call__(self, content: Content) -> Features:
        """Scale one picture.

        Raises:
            ItemError: one side is over 200 times the other.
        """
        if not isinstance(content, np.ndarray):
            raise TypeError(f"an image tower takes pixels, not {type(content).__name__}")
        from PIL import Image

        height, width = self._target(*content.shape[:2])
        if (height, width) == content.shape[:2]:
            return packed(self.role, content)
        resized = Image.fromarray(content).resize((width, height), Image.Resampling(self.resample))
        return packed(self.role, np.asarray(resized, dtype=np.uint8))

    def _target(self, height: int, width: int) -> tuple[int, int]:
        """The library's rule: to whole merged patches, then smaller or larger until the area fits."""
        if max(height, width) > MOST_RATIO * min(height, width):
            raise ItemError(
                "too_thin", f"A picture of {width} x {height} is too thin for this model.", fix="Cut it into pieces."
            )
        side = self.patch * self.merge
        tall, wide = (round(each / side) * side for each in (height, width))
        if tall * wide > self.most_pixels:
            shrink = math.sqrt(height * width / self.most_pixels)
            tall, wide = (max(side, math.floor(each / shrink / side) * side) for each in (height, width))
        elif tall * wide < self.least_pixels:
            grow = math.sqrt(self.least_pixels / (height * width))
            tall, wide = (math.ceil(each * grow / side) * side for each in (height, width))
        return tall, wide


@final
class QwenPictureTower:
    """Pictures of any shape share a batch: their patches stand in one row, their tokens are padded behind."""

    modality = Modality.IMAGE

    def __init__(self, graph: Graph, prepare: QwenPictures, around: Mapping[Role, Around], token: int) -> None:
        self._graph = graph
        self._around = around
        self._token = token
        self.prepare = prepare

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode pictures to unit vectors, one row each, in order."""
        batches: list[list[Features]] = [[]]
        count = 0
        for picture in batch:
            patches = picture.size // (3 * self.prepare.patch**2)
            if batches[-1] and count + patches > MAX_PATCHES:
                batches.append([])
                count = 0
            batches[-1].append(picture)
            count += patches
        answers = self._graph.run([self._joined(pictures) for pictures in batches])
        return np.concatenate([answer["embedding"] for answer in answers])

    def _joined(self, pictures: Sequence[Features]) -> dict[str, Features]:
        given = [unpacked(picture) for picture in pictures]
        grids = np.array([(1, *(side // self.prepare.patch for side in each.values.shape[:2])) for each in given])
        counts = grids.prod(axis=1) // self.prepare.merge**2
        rows = []
        for each, count in zip(given, counts, strict=True):
            around = self._around[each.role]
            rows.append([*around.before, *[self._token] * int(count), *around.after])
        patches = np.concatenate([self._patches(each.values) for each in given])
        return {**filled(rows), "patches": patches, "grids": grids.astype(np.int64)}

    def _patches(self, pixels: Features) -> Features:
        """Patches x colours x values, those that are merged beside one another; a still picture is all its frames."""
        side, merge = self.prepare.patch, self.prepare.merge
        down, right = pixels.shape[0] // side // merge, pixels.shape[1] // side // merge
        cut = pixels.reshape(down, merge, side, right, merge, side, 3).transpose(0, 3, 1, 4, 6, 2, 5)
        return np.tile(cut.reshape(-1, 3, side * side), (1, 1, self.prepare.frames))


def _module(folder: CheckpointFolder, normalisation: Normalisation) -> Any:
    from commonspace.encode.hub.chat_modules import QwenNet

    return QwenNet(loaded_model(folder), normalisation)
