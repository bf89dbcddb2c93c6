"""Encoders of pictures alone (ViT, DINOv2): towers to align with others; the vector is the class token."""

from functools import partial
from typing import Any, Final, final

from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.hub.checkpoint import Checkpoint
from commonspace.encode.hub.extractor import extractor_of
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.pairs import loaded_model
from commonspace.encode.hub.running import Running
from commonspace.encode.pictures import ImageTower, Normalisation, PicturePreparation
from commonspace.encode.tower import Tower

__all__ = ["ImageEncoderFamily"]

VERSION: Final = 1
UNUSED: Final = ("pooler", "mask_token")
"""A layer behind the class token, and what stands for hidden patches in training."""
SQUARE: Final = {"vit": True, "dinov2": False, "dinov2_with_registers": False}
"""The types, and whether a size of one number is a square's for their processor, not a shorter side."""


@final
class ImageEncoderFamily:
    """One image tower, of a network that was trained on pictures alone or to name what is in them.

    Its vector is the class token behind the last norm. That is DINOv2's ``pooler_output`` too; a ViT's own pooler is
    left out, for most checkpoints come without its weights.
    """

    name = "transformers image encoder"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether the configuration names one of these types."""
        return folder.maybe_json("config.json").get("model_type") in SQUARE

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read the configuration and the processor's; hash them and the weights.

        Raises:
            ModelError: a file is missing or damaged, or asks for what this adapter does not do.
        """
        config, processor = folder.json("config.json"), extractor_of(folder, "image_processor")
        picture = PicturePreparation.read(processor.config, square=SQUARE[config["model_type"]])
        normalisation = Normalisation.read(processor.config)
        files = [*folder.weights(), folder.file("config.json"), processor.file]
        space = Space(
            name=name,
            dimension=int(config.get("hidden_size", 768)),
            towers=(Modality.IMAGE,),
            composed=(Modality.VIDEO,),
            fingerprint=folder.fingerprint(files, {"family": self.name, "version": VERSION}),
        )

        def tower(modality: Modality, running: Running) -> Tower:
            return ImageTower(running.graph(modality, partial(_module, folder, normalisation)), picture)

        return Checkpoint(
            folder=folder.path,
            family=self.name,
            space=space,
            preparations={Modality.IMAGE: picture},
            tower=tower,
            notes=("one vector: the class token behind the last norm; not learned by contrast",),
        )


def _module(folder: CheckpointFolder, normalisation: Normalisation) -> Any:
    from commonspace.encode.hub.encoder_modules import ClassToken
    from commonspace.encode.hub.modules import PictureNet

    return PictureNet(ClassToken(loaded_model(folder, spare=UNUSED)), normalisation)
