"""BLIP-2's contrastive half (image-text retrieval checkpoints), read from a folder with ``config.json``."""

from functools import partial
from typing import Any, Final, final

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.pairs import loaded_model, picture_processor
from commonspace.encode.hub.running import Running
from commonspace.encode.hub.tokens import tokenizer_file
from commonspace.encode.pictures import ImageTower, Normalisation, PicturePreparation
from commonspace.encode.texts import Padding, TextPreparation, TextTower
from commonspace.encode.tower import Tower

__all__ = ["QueryingFamily"]

VERSION: Final = 1
KIND: Final = "Blip2ForImageTextRetrieval"
WIDTH: Final = 256
POSITIONS: Final = 512
NOTE: Final = (
    "A picture's vector is the unit mean of its query vectors. The model's own score takes the best query "
    "for each text, which no single vector can give."
)


@final
class QueryingFamily:
    """Two towers. A picture becomes as many rows as there are queries; their unit mean is stored."""

    name = "transformers BLIP-2"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether the configuration names the retrieval class; those that write captions have no such halves."""
        config = folder.maybe_json("config.json")
        return config.get("model_type") == "blip-2" and KIND in (config.get("architectures") or ())

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read the configuration, the processor's and the tokenizer's; hash them and the weights.

        Raises:
            ModelError: a file is missing or damaged, or asks for what this adapter does not do.
        """
        config, (kept, processor) = folder.json("config.json"), picture_processor(folder)
        tokens = tokenizer_file(folder)
        words = config.get("qformer_config") or {}
        most = _longest(folder, int(words.get("max_position_embeddings", POSITIONS)))
        padding = Padding(token=tokens.padding, most=most)
        files = [*folder.weights(), folder.file("config.json"), folder.file(kept)]
        recipe = {"family": self.name, "version": VERSION, "tokens": tokens.digest, "max_tokens": most}
        width = config.get("image_text_hidden_size", WIDTH)
        if not isinstance(width, int) or width < 1:
            raise ModelError(f"{folder.path} does not say its dimension.", fix="Restore its config.json.")
        space = Space(
            name=name,
            dimension=width,
            towers=(Modality.TEXT, Modality.IMAGE),
            composed=(Modality.VIDEO,),
            fingerprint=folder.fingerprint(files, recipe),
        )
        text = TextPreparation(tokens.file, most)
        picture = PicturePreparation.read(processor, square=True)

        def tower(modality: Modality, running: Running) -> Tower:
            graph = running.graph(modality, partial(_module, folder, Normalisation.read(processor), modality))
            return TextTower(graph, text, padding) if modality is Modality.TEXT else ImageTower(graph, picture)

        return Checkpoint(
            folder=folder.path,
            family=self.name,
            space=space,
            preparations={Modality.TEXT: text, Modality.IMAGE: picture},
            tower=tower,
            notes=(NOTE,),
        )


def _module(folder: CheckpointFolder, normalisation: Normalisation, modality: Modality) -> Any:
    from commonspace.encode.hub.modules import PictureNet, TextNet
    from commonspace.encode.hub.picture_modules import QueryingModel

    model = QueryingModel(loaded_model(folder, KIND))
    return TextNet(model) if modality is Modality.TEXT else PictureNet(model, normalisation)


def _longest(folder: CheckpointFolder, positions: int) -> int:
    told = folder.maybe_json("tokenizer_config.json").get("model_max_length", positions)
    return min(positions, int(told)) if float(told) < 1e6 else positions
