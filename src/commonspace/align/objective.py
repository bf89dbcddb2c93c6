"""The loss of a batch: every term over the rows that have what it compares, weighted and named."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import log
from typing import final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from commonspace.align import losses
from commonspace.align.sampling import Batch
from commonspace.align.terms import Contrast, Distil, Relate, Structure, Term, pairs_of
from commonspace.core.errors import UsageError

__all__ = ["Objective", "OnDevice", "features_tensor"]

SIGMOID_BIAS = -10.0
COLDEST, WARMEST = 0.01, 1.0
LEAST_ROWS = 2


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnDevice:
    """A batch as tensors: ``features[m]`` of the rows in ``places[m]``; ``concepts`` of every row."""

    concepts: Tensor
    places: Mapping[str, Tensor]
    features: Mapping[str, Tensor]

    @classmethod
    def of(cls, batch: Batch, device: torch.device) -> "OnDevice":
        """Move a batch."""
        return cls(
            concepts=torch.from_numpy(batch.concepts).to(device),
            places={name: torch.from_numpy(places).to(device) for name, places in batch.places.items()},
            features={name: features_tensor(held, device) for name, held in batch.features.items()},
        )


def features_tensor(held: np.ndarray[tuple[int, ...], np.dtype[np.generic]], device: torch.device) -> Tensor:
    """Features as a branch takes them: float16 becomes float32; pixels and tokens stay what they are."""
    tensor = torch.from_numpy(np.ascontiguousarray(held)).to(device)
    return tensor.float() if tensor.is_floating_point() else tensor


@final
class Objective(nn.Module):
    """Terms over named branches; its own parameters are the temperatures (and the sigmoid's biases), one a pair."""

    def __init__(self, terms: Sequence[Term], modalities: Sequence[str]) -> None:
        super().__init__()
        self.terms = tuple(terms)
        self.pairs = {
            place: pairs_of(each, modalities) for place, each in enumerate(terms) if isinstance(each, Contrast)
        }
        self.log_temperatures = nn.ParameterDict()
        self.biases = nn.ParameterDict()
        for place, name, term in self._contrasts():
            start = torch.tensor(log(term.temperature))
            self.log_temperatures[f"{place}_{name}"] = nn.Parameter(start, requires_grad=term.learn_temperature)
            if term.kind == "sigmoid":
                self.biases[f"{place}_{name}"] = nn.Parameter(torch.tensor(SIGMOID_BIAS))

    @property
    def targets(self) -> tuple[str, ...]:
        """Views that terms look at and no branch encodes."""
        return tuple(sorted({each.target for each in self.terms if isinstance(each, Distil | Relate)}))

    def forward(self, vectors: Mapping[str, Tensor], batch: OnDevice) -> dict[str, Tensor]:
        """Every term's weighted loss by name; terms that too few rows of the batch speak to are left out.

        ``vectors[m]`` are num x d unit rows, for the rows of the batch in ``batch.places[m]``.
        """
        parts: dict[str, Tensor] = {}
        for place, term in enumerate(self.terms):
            match term:
                case Contrast():
                    found = self._contrast(place, term, vectors, batch)
                    parts |= {f"{term.kind}:{name}": value for name, value in found.items()}
                case Distil():
                    _put(parts, f"distil:{term.modality}", _distil(term, vectors, batch))
                case Relate():
                    _put(parts, f"relate:{term.modality}", _relate(term, vectors, batch))
                case Structure():
                    _put(parts, f"structure:{term.modality}", _structure(term, vectors, batch))
                case _:
                    continue
        return parts

    def temperatures(self) -> dict[str, float]:
        """The temperatures in force, by pair."""
        return {
            name.partition("_")[2]: float(value.detach().exp().clamp(COLDEST, WARMEST))
            for name, value in self.log_temperatures.items()
        }

    def _contrasts(self) -> Iterator[tuple[int, str, Contrast]]:
        for place, pairs in self.pairs.items():
            term = self.terms[place]
            if isinstance(term, Contrast):
                yield from ((place, f"{one}-{other}", term) for one, other in pairs)

    def _contrast(
        self, place: int, term: Contrast, vectors: Mapping[str, Tensor], batch: OnDevice
    ) -> dict[str, Tensor]:
        parts = {}
        for one, other in self.pairs[place]:
            rows, in_one, in_other = _shared(batch.places[one], batch.places[other])
            if len(rows) < LEAST_ROWS:
                continue
            name = f"{one}-{other}"
            temperature = self.log_temperatures[f"{place}_{name}"].exp().clamp(COLDEST, WARMEST)
            keep = _keep(term, rows, vectors, batch)
            if term.kind == "sigmoid":
                bias = self.biases[f"{place}_{name}"]
                measure = partial(losses.sigmoid_loss, scale=1 / temperature, bias=bias, keep=keep)
            else:
                measure = partial(losses.two_way_info_nce, temperature=temperature, keep=keep)
            a, b = vectors[one][in_one], vectors[other][in_other]
            value = measure(a, b)
            if term.matryoshka:
                value = (value + losses.matryoshka(measure, a, b, sizes=term.matryoshka)) / (1 + len(term.matryoshka))
            parts[name] = term.weight * value
        return parts


def _keep(term: Contrast, rows: Tensor, vectors: Mapping[str, Tensor], batch: OnDevice) -> Tensor:
    """Which pairs of rows may be negatives: of other concepts, and not too near by the anchor's vectors."""
    concepts = batch.concepts[rows]
    keep = concepts[:, None] != concepts[None, :]
    if not term.false_negatives or term.anchor not in vectors:
        return keep
    _, here, in_anchor = _shared(rows, batch.places[term.anchor])
    if not len(here):
        return keep
    near = losses.false_negatives(vectors[term.anchor][in_anchor], threshold=term.false_negatives)
    allowed = torch.ones_like(keep)
    allowed[here[:, None], here[None, :]] = near
    return keep & allowed


def _distil(term: Distil, vectors: Mapping[str, Tensor], batch: OnDevice) -> Tensor | None:
    rows, here, there = _shared(batch.places[term.modality], batch.places[term.target])
    if not len(rows):
        return None
    teacher = functional.normalize(batch.features[term.target][there], dim=1)
    _same_width(term, vectors[term.modality], teacher)
    return term.weight * losses.cosine_distillation(vectors[term.modality][here], teacher)


def _relate(term: Relate, vectors: Mapping[str, Tensor], batch: OnDevice) -> Tensor | None:
    rows, here, there = _shared(batch.places[term.modality], batch.places[term.target])
    anchors = vectors[term.anchors].detach()
    if not len(rows) or not len(anchors):
        return None
    teacher = functional.normalize(batch.features[term.target][there], dim=1)
    _same_width(term, vectors[term.modality], teacher)
    student = vectors[term.modality][here]
    return term.weight * losses.relation_distillation(student, teacher, anchors, temperature=term.temperature)


def _structure(term: Structure, vectors: Mapping[str, Tensor], batch: OnDevice) -> Tensor | None:
    after = vectors[term.modality]
    if len(after) < LEAST_ROWS:
        return None
    before = batch.features[term.modality].flatten(1).float()
    return term.weight * losses.structure(before, after, levels=term.levels, temperature=term.temperature)


def _same_width(term: Distil | Relate, vectors: Tensor, teacher: Tensor) -> None:
    if vectors.shape[1] != teacher.shape[1]:
        raise UsageError(
            f"'{term.target}' has {teacher.shape[1]} numbers a row, '{term.modality}' {vectors.shape[1]}.",
            fix="Distil towards views of the space's own dimension.",
        )


def _shared(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What two rising lists of rows share, and where it stands in each."""
    in_first = torch.isin(first, second, assume_unique=True).nonzero().squeeze(1)
    in_second = torch.isin(second, first, assume_unique=True).nonzero().squeeze(1)
    return first[in_first], in_first, in_second


def _put(parts: dict[str, Tensor], name: str, value: Tensor | None) -> None:
    if value is not None:
        parts[name] = value
