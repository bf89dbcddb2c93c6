"""EmbeddingGemma 2: texts, pictures and sounds through one network, whose tokens' mean is the vector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors
from commonspace.encode.hub.chat import Template, system_prompts
from commonspace.encode.hub.checkpoint import Checkpoint, Demands
from commonspace.encode.hub.conversing import (
    Around,
    around_of,
    chat_files,
    filled,
    longest_text,
    processing_of,
    require_pooling,
    texts_of,
    token_named,
)
from commonspace.encode.hub.extractor import Extractor, extractor_of
from commonspace.encode.hub.folder import CheckpointFolder
from commonspace.encode.hub.gemma_inputs import GemmaPictures, GemmaSounds
from commonspace.encode.hub.given_media import Role, unpacked
from commonspace.encode.hub.pairs import loaded_model
from commonspace.encode.hub.running import Running, TorchGraph
from commonspace.encode.hub.tokens import tokenizer_file
from commonspace.encode.pictures import Normalisation
from commonspace.encode.runtime import Graph, Precision
from commonspace.encode.sounds import EqualLengthTower
from commonspace.encode.texts import Padding, TextTower
from commonspace.encode.tower import Features, Preparation, Tower

__all__ = ["GemmaFamily"]

VERSION: Final = 1
MAX_BATCH: Final = 4
NOTE: Final = "A video is its frames and its sound, each by itself; the model's own way with video is not used."


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Sense:
    """A part of the network, the processor's part that feeds it, and the tokens before, for and behind its contents."""

    part: str
    processor: str
    before: str
    token: str
    after: str


SENSES: Final[Mapping[Modality, _Sense]] = {
    Modality.IMAGE: _Sense(
        part="vision_config",
        processor="image_processor",
        before="boi_token_id",
        token="image_token_id",  # noqa: S106 - the name of a token's number
        after="eoi_token_id",
    ),
    Modality.AUDIO: _Sense(
        part="audio_config",
        processor="feature_extractor",
        before="boa_token_id",
        token="audio_token_id",  # noqa: S106
        after="eoa_token_index",
    ),
}


@final
class GemmaFamily:
    """As many towers of one network as it has senses. Passages and queries get the prompts that the folder names."""

    name = "transformers EmbeddingGemma 2"

    def claims(self, folder: CheckpointFolder) -> bool:
        """Whether the configuration names the type."""
        return folder.maybe_json("config.json").get("model_type") == "embedding_gemma2"

    def read(self, folder: CheckpointFolder, name: str) -> Checkpoint:
        """Read how it pools, its template, the processors' and the tokenizer's configuration; hash all and the weights.

        Raises:
            ModelError: a file is missing or damaged, or asks for what this adapter does not do.
        """
        require_pooling(folder, "mean")
        config, tokens, most = folder.json("config.json"), tokenizer_file(folder), longest_text(folder)
        senses = {sense: each for sense, each in SENSES.items() if config.get(each.part)}
        extractors = {sense: extractor_of(folder, each.processor) for sense, each in senses.items()}
        made = {role: _preparations(folder, extractors, role, most) for role in Role}
        kept = sorted({each.file for each in extractors.values()})
        files = [*folder.weights(), folder.file("config.json"), *kept, *chat_files(folder)]
        recipe = {"family": self.name, "version": VERSION, "tokens": tokens.digest, "max_tokens": most}
        space = Space(
            name=name,
            dimension=int(config["text_config"]["embedding_dim"]),
            towers=(Modality.TEXT, *senses),
            composed=(Modality.VIDEO,) if Modality.IMAGE in senses else (),
            fingerprint=folder.fingerprint(files, recipe),
        )
        seen = extractors[Modality.IMAGE].config if Modality.IMAGE in senses else {}
        normalisation = Normalisation.read({"do_normalize": False, **seen})

        def tower(modality: Modality, running: Running) -> Tower:
            prepare, module = made[Role.PASSAGE][modality], partial(_module, folder, normalisation)
            if modality is Modality.TEXT:
                return TextTower(running.graph(modality, module), prepare, Padding(token=tokens.padding, most=most))
            graph = TorchGraph(module(), precision=running.precision or Precision.F32, threads=running.threads)
            frames = _frames(folder, modality)
            if isinstance(prepare, GemmaPictures):
                return GemmaPictureTower(graph, prepare, frames)
            return EqualLengthTower(graph, prepare, joined=partial(_sounds, frames=frames), most=MAX_BATCH)

        return Checkpoint(
            folder=folder.path,
            family=self.name,
            space=space,
            preparations=made[Role.PASSAGE],
            asking=made[Role.QUERY] if len(set(system_prompts(folder))) > 1 else {},
            tower=tower,
            demands=_demands(made[Role.PASSAGE].get(Modality.AUDIO)),
            notes=(NOTE,) if senses else (),
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Frames:
    """The tokens of a sense: its own for each part of a content, and what stands around all of them by role."""

    token: int
    around: Mapping[Role, Around]

    def row(self, role: Role, count: int) -> list[int]:
        """The tokens of a content that the network sees in ``count`` parts."""
        around = self.around[role]
        return [*around.before, *[self.token] * count, *around.after]


@final
class GemmaPictureTower:
    """Pictures of any shape share a batch: patches are filled up to the most that there can be, and masked."""

    modality = Modality.IMAGE

    def __init__(self, graph: Graph, prepare: GemmaPictures, frames: _Frames) -> None:
        self._graph = graph
        self._frames = frames
        self.prepare = prepare

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """Encode pictures to unit vectors, one row each, in order."""
        starts = range(0, len(batch), MAX_BATCH)
        answers = self._graph.run([self._joined(batch[start : start + MAX_BATCH]) for start in starts])
        return np.concatenate([answer["embedding"] for answer in answers])

    def _joined(self, pictures: Sequence[Features]) -> dict[str, Features]:
        side, most = self.prepare.patch, self.prepare.most_patches
        patches = np.zeros((len(pictures), most, side * side * 3), np.uint8)
        places = np.full((len(pictures), most, 2), -1, np.int64)
        rows = []
        for at, given in enumerate(unpacked(picture) for picture in pictures):
            down, right = (length // side for length in given.values.shape[:2])
            cut = given.values.reshape(down, side, right, side, 3).transpose(0, 2, 1, 3, 4)
            patches[at, : down * right] = cut.reshape(down * right, -1)
            places[at, : down * right] = np.indices((down, right))[::-1].reshape(2, -1).T
            rows.append(self._frames.row(given.role, down * right // self.prepare.pool**2))
        return {**filled(rows), "patches": patches, "places": places}


def _sounds(sounds: Sequence[Features], frames: _Frames) -> dict[str, Features]:
    """Log-mels of one length as the network takes them."""
    given = [unpacked(sound) for sound in sounds]
    mels = np.stack([each.values for each in given])
    heard = mels[..., 0] > 0
    rows = [frames.row(each.role, _parts(mask)) for each, mask in zip(given, heard, strict=True)]
    return {**filled(rows), "mels": mels[..., 1:], "heard": heard}


def _parts(heard: NDArray[np.bool_]) -> int:
    """How many tokens frames become: twice every other one, as the network's convolutions take them."""
    return int(heard[::2][::2].sum())


def _preparations(
    folder: CheckpointFolder, extractors: Mapping[Modality, Extractor], role: Role, most: int
) -> dict[Modality, Preparation]:
    frame = Template.read(folder).around_text(system_prompts(folder)[role])
    made: dict[Modality, Preparation] = {Modality.TEXT: texts_of(tokenizer_file(folder), most, frame)}
    for sense, extractor in extractors.items():
        kind = GemmaPictures if sense is Modality.IMAGE else GemmaSounds
        made[sense] = kind.read({**extractor.config, **processing_of(folder, sense.value)}, role)
    return made


def _demands(sounds: Preparation | None) -> Demands:
    """Sound as the model hears it: at its rate, in windows that it hears whole."""
    if not isinstance(sounds, GemmaSounds):
        return Demands()
    return Demands(audio_rate=sounds.rate_hertz, audio_window_seconds=sounds.seconds)


def _frames(folder: CheckpointFolder, sense: Modality) -> _Frames:
    config, each, tokens = folder.json("config.json"), SENSES[sense], tokenizer_file(folder)
    template, named = Template.read(folder), token_named(tokens, config[each.token])
    around = {}
    for role in Role:
        outer = around_of(tokens, template.around(sense.value, named, system_prompts(folder)[role]), named)
        before, after = (*outer.before, int(config[each.before])), (int(config[each.after]), *outer.after)
        around[role] = Around(before=before, after=after)
    return _Frames(token=int(config[each.token]), around=around)


def _module(folder: CheckpointFolder, normalisation: Normalisation) -> Any:
    from commonspace.encode.hub.chat_modules import GemmaNet

    return GemmaNet(loaded_model(folder), normalisation)
