"""The sounds' rows: recordings of the corpus with their words, and scenes that the teacher alone has named."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from recipes.corpus.record import POOL, SPLITS, Record
from recipes.nano.audio.shards import NOBODY, read_shards
from recipes.nano.audio.student import Head
from recipes.nano.audio.targets import Anchors, Targets, make_targets
from recipes.nano.heads.rows import Row

__all__ = ["Ears", "recording_rows", "scene_rows"]

Words = Mapping[str, NDArray[np.float32]]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Heard:
    """Windows of one shard: standardised features, the base's vectors and weights, and what the teacher would say."""

    features: NDArray[np.float32]
    base: NDArray[np.float32]
    weight: NDArray[np.float32]
    taught: Targets
    sources: NDArray[np.int64]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ears:
    """Heard shards, the student without words, and the teacher's classes."""

    heard: Path
    student: Head
    anchors: Anchors

    def shards(self, kind: str) -> Iterator[_Heard]:
        """Every shard of one kind, window by window."""
        for shard in read_shards(self.heard, kind):
            features = torch.from_numpy(shard.features.astype(np.float32))
            with torch.inference_mode():
                verdict = self.student(features)
                standard = (features - self.student.middle) * self.student.scale
            yield _Heard(
                features=standard.numpy(),
                base=verdict.embedding.numpy(),
                weight=verdict.weight.numpy(),
                taught=make_targets(shard.logits, shard.loud, self.anchors),
                sources=shard.sources,
            )


def recording_rows(records: Mapping[int, Record], ears: Ears, words: Words) -> list[Row]:
    """A row a recording that has words and a side; ``records`` are by the recordings' keys.

    In training each window is a view. Elsewhere the one view is the mean window, with the clip's own vector as its
    base: near what the tower does, which pools vectors; the tower itself is what the final table measures.
    """
    rows = []
    for heard in ears.shards("raw"):
        for key in np.unique(heard.sources[:, 0]).tolist():
            record = records.get(key)
            if record is None or record.split not in SPLITS or not record.captions:
                continue
            mine = heard.sources[:, 0] == key
            views = _learnt(heard, mine) if record.split == "train" else _pooled(heard, mine)
            views["audio_taught"] = _clip(heard.taught.embedding[mine], heard.taught.weight[mine])
            captions = record.captions if record.split == "train" else record.captions[:1]
            views["text"] = np.stack([words[caption] for caption in captions])
            rows.append(Row(key=record.key, concept=record.concept, split=record.split, views=views))
    return rows


def scene_rows(records: Mapping[int, Record], ears: Ears) -> list[Row]:
    """A row for each scene in which nothing held out is heard."""
    free = [key for key, record in records.items() if record.split in {"train", POOL}]
    allowed = np.array([*free, NOBODY], dtype=np.int64)
    rows: list[Row] = []
    for number, heard in enumerate(ears.shards("scene")):
        fit = np.flatnonzero(np.isin(heard.sources, allowed).all(axis=1))
        rows += [
            Row(
                key=f"scene-{number}-{place}",
                concept=f"scene-{number}-{place}",
                split="train",
                views={
                    "audio": heard.features[place : place + 1],
                    "audio_base": heard.base[place : place + 1],
                    "audio_taught": heard.taught.embedding[place : place + 1],
                },
            )
            for place in fit.tolist()
        ]
    return rows


def _learnt(heard: _Heard, mine: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    return {"audio": heard.features[mine], "audio_base": heard.base[mine]}


def _pooled(heard: _Heard, mine: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    share = heard.weight[mine, None] / heard.weight[mine].sum()
    return {
        "audio": (heard.features[mine] * share).sum(axis=0, keepdims=True),
        "audio_base": _clip(heard.base[mine], heard.weight[mine]),
    }


def _clip(vectors: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """One unit vector for a clip: the mean of its windows' by weight (1 x 384)."""
    mean = (vectors * weight[:, None]).sum(axis=0, keepdims=True)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)
