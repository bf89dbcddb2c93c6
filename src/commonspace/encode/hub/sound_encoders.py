"""Encoders of sound alone (wav2vec 2.0, HuBERT, Whisper's): towers to align with others; the mean over their frames."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, final

import numpy as np

from commonspace.core.errors import ModelError
from commonspace.core.item import Audio, Content
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.encode.hub.checkpoint import Checkpoint, Demands
from commonspace.encode.hub.extractor import extractor_of, sound_size
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.pairs import loaded_model
from commonspace.encode.hub.running import Running
from commonspace.encode.nano.mel import MelSpec, log_mel_windows
from commonspace.encode.runtime import Graph
from commonspace.encode.sounds import EqualLengthTower, WaveformPreparation, WindowTower
from commonspace.encode.tower import Features, Preparation, Tower

__all__ = ["SoundEncoderFamily", "WhisperPreparation"]

VERSION: Final = 1
WAVEFORM_TYPES: Final = ("wav2vec2", "hubert")
UNUSED: Final = ("decoder", "masked_spec_embed")
"""What writes speech down, and what stands for hidden sound in training."""
KERNELS: Final = (10, 3, 3, 3, 3, 2, 2)
STRIDES: Final = (5, 2, 2, 2, 2, 2, 2)
"""The first layers of both, where a configuration does not say."""
MASKED: Final = "one vector: the mean over the last layer's frames, no longer than the clip; not learned by contrast"


@final
@dataclass(frozen=True, slots=True)
class WhisperPreparation:
    """Mono sound to Whisper's log-mels (windows x 1 x (bands + 1) x frames), the last band its presence."""

    spec: MelSpec

    def __call__(self, content: Content) -> Features:
        """Compute one clip's log-mels."""
        if not isinstance(content, Audio):
            raise TypeError(f"an audio tower takes Audio, not {type(content).__name__}")
        return log_mel_windows(content.array.astype(np.float32, copy=False), self.spec)[:, None]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """What one type of encoder is given and run by."""

    dimension: int
    preparation: Preparation
    tower: Callable[[Graph, Preparation], Tower]
    demands: Demands


@final
class SoundEncoderFamily:
    """One audio tower, of a network that was trained on sound alone or to write speech down."""

    name = "transformers audio encoder"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether the configuration names one of these types."""
        return folder.maybe_json("config.json").get("model_type") in {*WAVEFORM_TYPES, "whisper"}

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read the configuration and the feature extractor's; hash them and the weights.

        Raises:
            ModelError: a file is missing or damaged.
        """
        config, extractor = folder.json("config.json"), extractor_of(folder)
        try:
            kind = (_whisper if config["model_type"] == "whisper" else _waveform)(config, extractor.config)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"The configuration in {folder.path} lacks or mistypes something: {error}.",
                fix="Download the model again.",
            ) from error
        files = [*folder.weights(), folder.file("config.json"), extractor.file]

        def tower(modality: Modality, running: Running) -> Tower:
            return kind.tower(running.graph(modality, partial(_module, folder)), kind.preparation)

        return Checkpoint(
            folder=folder.path,
            family=self.name,
            space=Space(
                name=name,
                dimension=kind.dimension,
                towers=(Modality.AUDIO,),
                composed=(),
                fingerprint=folder.fingerprint(files, {"family": self.name, "version": VERSION}),
            ),
            preparations={Modality.AUDIO: kind.preparation},
            tower=tower,
            demands=kind.demands,
            notes=(MASKED,),
        )


def _waveform(config: Mapping[str, Any], extractor: Mapping[str, Any]) -> _Kind:
    width = config.get("output_hidden_size") if config.get("add_adapter") else None
    rate = sound_size("rate_hertz", extractor.get("sampling_rate", 16_000))
    least = 1
    layers = zip(config.get("conv_kernel", KERNELS), config.get("conv_stride", STRIDES), strict=True)
    for kernel, stride in reversed(list(layers)):
        least = sound_size("frame_samples", (least - 1) * int(stride) + int(kernel))
    return _Kind(
        dimension=int(width or config.get("hidden_size", 768)),
        preparation=WaveformPreparation(
            rate_hertz=rate, normalised=bool(extractor.get("do_normalize", True)), least_samples=least
        ),
        tower=EqualLengthTower,
        demands=Demands(audio_rate=rate),
    )


def _whisper(config: Mapping[str, Any], extractor: Mapping[str, Any]) -> _Kind:
    rate = sound_size("rate_hertz", extractor.get("sampling_rate", 16_000))
    bands = sound_size("bands", config.get("num_mel_bins", 80))
    spec = MelSpec(
        rate_hertz=rate,
        fft_samples=sound_size("frame_samples", extractor.get("n_fft", 400)),
        hop_samples=sound_size("frame_samples", extractor.get("hop_length", 160)),
        num_bands=bands,
        window_frames=sound_size("frames", 2 * int(config.get("max_source_positions", 1_500))),
    )
    sound_size("seconds", spec.window_samples / rate)
    if extractor.get("feature_size", 80) != bands:
        raise ValueError(f"it takes {bands} bands, and its feature extractor makes others")
    return _Kind(
        dimension=int(config["d_model"]),
        preparation=WhisperPreparation(spec),
        tower=WindowTower,
        demands=Demands(audio_rate=rate, audio_window_seconds=spec.window_samples / rate),
    )


def _module(folder: CheckpointFolder) -> Any:
    from commonspace.encode.hub.encoder_modules import WaveformNet, WhisperNet

    model = loaded_model(folder, spare=UNUSED)
    if model.config.model_type != "whisper":
        return WaveformNet(model)
    encoder = model.get_encoder()
    model.decoder = None  # what writes speech down is never run here
    return WhisperNet(encoder)
