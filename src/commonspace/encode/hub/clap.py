"""CLAP: texts and sounds in one space, read from a folder that transformers saved; no crop is left to chance."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, final

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.hub.checkpoint import Checkpoint, Demands
from commonspace.encode.hub.clap_mel import ClapPreparation
from commonspace.encode.hub.extractor import extractor_of
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.pairs import loaded_model
from commonspace.encode.hub.running import Running
from commonspace.encode.hub.tokens import tokenizer_file
from commonspace.encode.sounds import WindowTower
from commonspace.encode.texts import Padding, TextPreparation, TextTower
from commonspace.encode.tower import Tower

__all__ = ["ClapFamily"]

VERSION: Final = 1
NUM_CHANNELS: Final = 4
"""What a fused model takes: all of a clip shrunk, and three stretches of it."""
FUSED_WINDOWS: Final = 3
"""Its pieces are as long as the three stretches together, so that nothing in a piece goes unheard."""


@final
class ClapFamily:
    """Two towers of one checkpoint. Logit scales stay out: vectors are of unit length."""

    name = "transformers CLAP"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether the configuration says that it is one."""
        return folder.maybe_json("config.json").get("model_type") == "clap"

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read the configuration, the feature extractor's and the tokenizer's; hash them and the weights.

        Raises:
            ModelError: a file is missing or damaged, or asks for what this adapter does not do.
        """
        config = folder.json("config.json")
        extractor = extractor_of(folder)
        tokens = tokenizer_file(folder)
        text_config = config.get("text_config") or {}
        audio = ClapPreparation.read(extractor.config)
        fused = _fuses(config, audio, folder)
        most = _longest(text_config, folder)
        text = TextPreparation(tokens.file, most)
        padding = Padding(token=int(text_config.get("pad_token_id", 1)), most=most)
        files = [*folder.weights(), folder.file("config.json"), extractor.file]
        recipe = {"family": self.name, "version": VERSION, "tokens": tokens.digest, "max_tokens": most}

        def tower(modality: Modality, running: Running) -> Tower:
            graph = running.graph(modality, partial(_module, folder, modality))
            if modality is Modality.TEXT:
                return TextTower(graph, text, padding)
            return WindowTower(graph, audio, num_channels=NUM_CHANNELS if fused else 1)

        return Checkpoint(
            folder=folder.path,
            family=self.name,
            space=Space(
                name=name,
                dimension=int(config.get("projection_dim", 512)),
                towers=(Modality.TEXT, Modality.AUDIO),
                composed=(),
                fingerprint=folder.fingerprint(files, recipe),
            ),
            preparations={Modality.TEXT: text, Modality.AUDIO: audio},
            tower=tower,
            demands=Demands(
                audio_rate=audio.rate_hertz, audio_window_seconds=audio.seconds * (FUSED_WINDOWS if fused else 1)
            ),
            notes=_notes(fused=fused),
        )


def _fuses(config: Mapping[str, Any], audio: ClapPreparation, folder: CheckpointFolder) -> bool:
    """Whether the model takes long clips as four channels, as its feature extractor makes them."""
    fused = bool((config.get("audio_config") or {}).get("enable_fusion"))
    if fused != audio.fused:
        raise ModelError(
            f"The model in {folder.path} and its feature extractor differ on whether long clips are fused.",
            fix="Restore its preprocessor_config.json.",
        )
    return fused


def _notes(*, fused: bool) -> tuple[str, ...]:
    if fused:
        return (
            "deterministic crop: the first, the middle and the last stretch of a long clip (the library: at random)",
            "a short clip is never marked as a long one (the library marks one of a batch at random)",
        )
    return ("deterministic crop: evenly spaced windows whose vectors are averaged (the library: one at random)",)


def _longest(config: Mapping[str, Any], folder: CheckpointFolder) -> int:
    """How many tokens its RoBERTa takes: positions are counted from behind the padding's."""
    positions = int(config.get("max_position_embeddings", 514)) - int(config.get("pad_token_id", 1)) - 1
    told = folder.maybe_json("tokenizer_config.json").get("model_max_length", positions)
    return min(positions, int(told)) if float(told) < 1e6 else positions


def _module(folder: CheckpointFolder, modality: Modality) -> Any:
    from commonspace.encode.hub.encoder_modules import ClapNet
    from commonspace.encode.hub.modules import TextNet

    model = loaded_model(folder)
    return TextNet(model) if modality is Modality.TEXT else ClapNet(model)
