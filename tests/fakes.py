"""Stand-ins that honour the real contracts: a space whose vectors need no weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from commonspace.core.errors import CommonspaceError, ItemError
from commonspace.core.item import Audio, Content
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.embedder import Embedder
from commonspace.encode.prepare import Prepared, Preparer
from commonspace.encode.tower import Features, Tower
from commonspace.ingest.decode import Plan
from commonspace.ingest.source import Source
from commonspace.serve.admission import Demand
from commonspace.serve.answer import Answer, Usage
from commonspace.serve.terms import Terms

__all__ = ["FAKE_SPACE", "FakeEngine", "FakePreparation", "FakeTower", "fake_embedder", "fake_towers"]

DIMENSION = 32

FAKE_SPACE = Space(
    name="fake",
    dimension=DIMENSION,
    towers=(Modality.TEXT, Modality.IMAGE, Modality.AUDIO),
    composed=(Modality.VIDEO,),
    fingerprint="f" * 64,
    dimensions=(8, 16),
)


@final
@dataclass(frozen=True, slots=True)
class FakePreparation:
    """A histogram of the content's raw bytes: 256 counts, the same in any process."""

    def __call__(self, content: Content) -> Features:
        match content:
            case str():
                raw = content.encode("utf-8", "surrogateescape")
            case Audio():
                raw = content.array.tobytes()
            case _:
                raw = content.tobytes()
        return np.bincount(np.frombuffer(raw, dtype=np.uint8), minlength=256).astype(np.float32) + 1e-3


@final
class FakeTower:
    """A fixed random projection of the histogram: deterministic, and different content lands elsewhere."""

    def __init__(self, modality: Modality) -> None:
        self.modality = modality
        self.prepare = FakePreparation()
        self._projection = np.random.default_rng(7).standard_normal((256, DIMENSION)).astype(np.float32)

    def encode(self, batch: Sequence[Features]) -> Vectors:
        """One row at a time, so that company cannot matter."""
        return np.concatenate([unit((row / row.sum())[None] @ self._projection) for row in batch])


def fake_towers() -> Mapping[Modality, Tower]:
    """One tower for each modality of the fake space."""
    return {modality: FakeTower(modality) for modality in FAKE_SPACE.towers}


def fake_embedder() -> Embedder:
    """An embedder that loads in no time."""
    towers = fake_towers()
    preparations = {modality: tower.prepare for modality, tower in towers.items()}
    return Embedder(Preparer(space=FAKE_SPACE, plan=Plan(), preparations=preparations), towers.__getitem__)


@final
class FakeEstimates:
    """Everything costs nothing."""

    def demand(self, sources: Sequence[Source]) -> Demand:
        """No seconds at all, however many there are."""
        seconds = 0.0 * len(sources)
        return Demand(decode_seconds=seconds, tower_seconds=seconds, alone_seconds=seconds, modalities=frozenset())


@final
class FakeEngine:
    """The engine's surface over the fake towers: everything at once, or the refusal that a test asked for."""

    def __init__(self, refusal: CommonspaceError | None = None) -> None:
        self.embedder = fake_embedder()
        self.space = FAKE_SPACE
        self.estimates = FakeEstimates()
        self.refusal = refusal
        self.asked: list[Terms] = []

    async def embed(self, sources: Sequence[Source], terms: Terms) -> list[Answer | ItemError]:
        """One answer a source, in order."""
        self._heard(terms)
        answers = self.embedder.try_embed([source.origin for source in sources])
        return [
            answer
            if isinstance(answer, ItemError)
            else Answer(
                vector=answer.vector, modality=answer.modality, notes=answer.notes, truncated=False, usage=Usage()
            )
            for answer in answers
        ]

    async def prepare(self, source: Source, terms: Terms) -> Prepared | ItemError:
        """Decode one source."""
        self._heard(terms)
        try:
            return self.embedder.preparer(source)
        except ItemError as error:
            return error

    def _heard(self, terms: Terms) -> None:
        self.asked.append(terms)
        if self.refusal is not None:
            raise self.refusal
