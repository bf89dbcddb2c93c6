"""Two spaces made one through the modality they share, from vectors of the same texts in both: closed forms.

No pair of the modalities that the spaces do not share is needed: texts are the hinge. Unpaired vectors of those other
modalities (a *memory*) tell where they lie beside the texts of their own space; without them each modality is taken to
lie where the texts do. All rows are unit vectors.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, final

import numpy as np
import orjson
from numpy.typing import NDArray

from commonspace.align.posthoc import Affine, cca, procrustes, ridge
from commonspace.core.errors import UsageError
from commonspace.core.vectors import Vectors, unit

__all__ = ["STRENGTHS", "TEXT", "ClosedBridge", "Form", "Side", "agreement", "closed_bridge", "halves", "save_affine"]

Form = Literal["ridge", "procrustes", "cca"]
TEXT: Final = "text"
STRENGTHS: Final = (1e-3, 1e-2, 1e-1, 1.0)
HELD_OUT: Final = 0.15
FEWEST_TEXTS: Final = 20


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """One space: the texts' vectors (n x d), and unpaired vectors of its other modalities (any number x d each)."""

    texts: Vectors
    memory: Mapping[str, Vectors] = field(default_factory=dict)

    @property
    def shifts(self) -> dict[str, Vectors]:
        """Each modality's mean, to be taken off its vectors: what parts them is the gap. Empty without a memory."""
        held = {TEXT: self.texts, **self.memory} if self.memory else {}
        return {name: rows.mean(axis=0) for name, rows in held.items()}

    def centred(self) -> "Side":
        """The same with every modality's mean at zero; lengths one again."""
        if not self.memory:
            return self
        memory = {name: unit(rows - rows.mean(axis=0)) for name, rows in self.memory.items()}
        return Side(texts=unit(self.texts - self.texts.mean(axis=0)), memory=memory)

    def take(self, rows: NDArray[np.integer]) -> "Side":
        """Some of the texts; the memory stays."""
        return Side(texts=self.texts[rows], memory=self.memory)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClosedBridge:
    """A map a side (None: as it is), and how well it brings held-out texts together (``agreement``)."""

    form: Form
    maps: tuple[Affine | None, Affine | None]
    strength: float | None
    score: float

    def first(self, rows: Vectors) -> Vectors:
        """The first side's rows in the common space."""
        return _mapped(self.maps[0], rows)

    def second(self, rows: Vectors) -> Vectors:
        """The second side's rows in the common space."""
        return _mapped(self.maps[1], rows)


def closed_bridge(first: Side, second: Side, form: Form, *, seed: int = 0) -> ClosedBridge:
    """Fit a form to the texts. Give sides that are centred, where they have a memory.

    The strength is the one that brings a held-out part of the texts together best; the maps then come from all texts.
    Ridge and Procrustes take the second space into the first, which stays as it is; CCA takes both into a third.

    Raises:
        UsageError: the sides do not hold the same texts, or too few.
    """
    fitted, judged = halves(len(first.texts), len(second.texts), seed=seed)
    scores = {}
    for strength in (0.0,) if form == "procrustes" else STRENGTHS:
        maps = _fit(first.take(fitted), second.take(fitted), form, strength)
        made = ClosedBridge(form=form, maps=maps, strength=strength, score=0.0)
        scores[strength] = agreement(made.first(first.texts[judged]), made.second(second.texts[judged]))
    best = max(scores, key=lambda each: scores[each])
    maps = _fit(first, second, form, best)
    return ClosedBridge(form=form, maps=maps, strength=None if form == "procrustes" else best, score=scores[best])


def halves(num_first: int, num_second: int, *, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows to fit on and those to judge by, drawn by the seed.

    Raises:
        UsageError: the sides differ in number, or are too few.
    """
    if num_first != num_second or num_first < FEWEST_TEXTS:
        raise UsageError(
            f"There are {num_first} and {num_second} vectors of texts.",
            fix=f"Embed the same texts with both spaces, {FEWEST_TEXTS} or more; thousands are better.",
        )
    order = np.random.default_rng(seed).permutation(num_first).astype(np.int64)
    judged = max(5, round(HELD_OUT * num_first))
    return np.sort(order[judged:]), np.sort(order[:judged])


def agreement(x: Vectors, y: Vectors) -> float:
    """The mean reciprocal rank of each row's own partner, in both directions; one is perfect, ties count against."""
    scores = x @ y.T
    own = scores.diagonal()
    ranks = [(scores >= own[:, None]).sum(axis=1), (scores >= own[None, :]).sum(axis=0)]
    return float(np.mean([np.mean(1.0 / each) for each in ranks]))


def save_affine(folder: Path, affine: Affine) -> None:
    """Write a map as a linear head, which ``commonspace.encode.projection`` reads; needs no PyTorch."""
    from safetensors.numpy import save

    weight = np.ascontiguousarray(affine.weight.T, dtype=np.float32)
    bias = np.ascontiguousarray(affine.offset, dtype=np.float32)
    weights = save({"skip.weight": weight, "skip.bias": bias})
    told = {
        "format": 1,
        "spec": asdict(_Linear()),
        "inputs": weight.shape[1],
        "outputs": weight.shape[0],
        "sha256": sha256(weights).hexdigest(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "head.safetensors").write_bytes(weights)
    (folder / "head.json").write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Linear:
    """What ``align.heads.HeadSpec`` says of a linear head; that module needs PyTorch."""

    kind: str = "linear"
    hidden: int = 1024
    blocks: int = 1
    dropout: float = 0.0
    start: str = "zero-last"
    skip: str = "linear"
    base: int = 0
    gate: float = 0.1


def _fit(first: Side, second: Side, form: Form, strength: float) -> tuple[Affine | None, Affine | None]:
    match form:
        case "ridge":
            return None, ridge(second.texts, first.texts, strength=strength).x_map
        case "procrustes":
            return None, procrustes(second.texts, first.texts).x_map
        case "cca":
            widest = min(first.texts.shape[1], second.texts.shape[1], len(first.texts) - 1)
            found = cca(first.texts, second.texts, dimension=widest, strength=strength).alignment
            return found.x_map, found.y_map


def _mapped(affine: Affine | None, rows: Vectors) -> Vectors:
    return rows if affine is None else unit(affine(rows))
