"""X-CLIP: texts and videos in one space, a clip of several frames at a time, read from a transformers folder."""

from functools import partial
from typing import Any, Final, final

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.hub.checkpoint import Checkpoint, Demands
from commonspace.encode.hub.films import ClipPreparation, VideoTower
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.pairs import loaded_model, picture_processor
from commonspace.encode.hub.running import Running
from commonspace.encode.hub.tokens import tokenizer_file
from commonspace.encode.pictures import Normalisation, PicturePreparation
from commonspace.encode.texts import Padding, TextPreparation, TextTower
from commonspace.encode.tower import Tower

__all__ = ["XClipFamily"]

VERSION: Final = 1
POSITIONS: Final = 77
FRAMES: Final = 8
MOST_FRAMES: Final = 64
WIDTH: Final = 512
ROOM: Final = 2
"""Frames are decoded so many times as large as the network sees them: all of a film's are in memory at once."""
NOTE: Final = (
    "Texts and videos have vectors of their own. The model's own score first changes each text by the video that it is "
    "held against (video-specific prompting), which no stored vector can have."
)


@final
class XClipFamily:
    """Two towers of one checkpoint; pictures have none, a video's sound is not heard."""

    name = "transformers X-CLIP"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether the configuration says that it is one."""
        return folder.maybe_json("config.json").get("model_type") == "xclip"

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read the configuration, the processor's and the tokenizer's; hash them and the weights.

        Raises:
            ModelError: a file is missing or damaged, or asks for what this adapter does not do.
        """
        config, (kept, processor) = folder.json("config.json"), picture_processor(folder)
        tokens, words = tokenizer_file(folder), config.get("text_config") or {}
        most = _longest(folder, int(words.get("max_position_embeddings", POSITIONS)))
        frames = int((config.get("vision_config") or {}).get("num_frames", FRAMES))
        width = int(config.get("projection_dim", WIDTH))
        if not (0 < frames <= MOST_FRAMES and width > 0):
            raise ModelError(f"The model in {folder.path} takes {frames} frames.", fix="Restore its config.json.")
        text, padding = TextPreparation(tokens.file, most), Padding(token=tokens.padding, most=most)
        picture = PicturePreparation.read(processor, square=False)
        clip = ClipPreparation(picture=picture, num_frames=frames)
        recipe = {"family": self.name, "version": VERSION, "tokens": tokens.digest, "max_tokens": most}
        files = [*folder.weights(), folder.file("config.json"), folder.file(kept)]
        space = Space(
            name=name,
            dimension=width,
            towers=(Modality.TEXT, Modality.VIDEO),
            composed=(),
            fingerprint=folder.fingerprint(files, recipe),
        )

        def tower(modality: Modality, running: Running) -> Tower:
            graph = running.graph(modality, partial(_module, folder, Normalisation.read(processor), modality))
            return TextTower(graph, text, padding) if modality is Modality.TEXT else VideoTower(graph, clip)

        side = picture.shortest or max(picture.size or picture.crop or (FRAMES * 28,))
        return Checkpoint(
            folder=folder.path,
            family=self.name,
            space=space,
            preparations={Modality.TEXT: text, Modality.VIDEO: clip},
            tower=tower,
            demands=Demands(clip_frames=frames, image_side=ROOM * side),
            notes=(NOTE, f"A video is clips of at most 10 s, {frames} frames evenly from each."),
        )


def _module(folder: CheckpointFolder, normalisation: Normalisation, modality: Modality) -> Any:
    from commonspace.encode.hub.film_modules import FilmNet
    from commonspace.encode.hub.modules import TextNet

    model = loaded_model(folder)
    return TextNet(model) if modality is Modality.TEXT else FilmNet(model, normalisation)


def _longest(folder: CheckpointFolder, positions: int) -> int:
    told = folder.maybe_json("tokenizer_config.json").get("model_max_length", positions)
    return min(positions, int(told)) if float(told) < 1e6 else positions
