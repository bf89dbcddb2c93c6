"""The terms that a loss is added up from, as plain values: what they compare, how strongly, and their own knobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, ClassVar, Literal, final

from pydantic import ConfigDict, Field

from commonspace.core.errors import UsageError

__all__ = ["Contrast", "Distil", "Relate", "StayClose", "Structure", "Term", "pairs_of"]

STRICT = ConfigDict(extra="forbid", str_min_length=1)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Pull the two sides of each pair together and push the others apart: InfoNCE both ways, or SigLIP's sigmoid.

    ``anchoring`` says which modalities meet: "text" each with the anchor alone (asymmetric), "all" every two
    (symmetric); ``pairs`` names them one by one instead. ``temperature`` is InfoNCE's; the sigmoid starts at a scale of
    one over it. With ``learn_temperature`` training moves it between 0.01 and 1. ``false_negatives`` leaves out of the
    negatives what the anchor's own vectors find this near (a cosine; 0 is off); rows of one concept are always left
    out. ``matryoshka`` adds the same loss over these prefixes; the full length counts once beside them.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    kind: Literal["info_nce", "sigmoid"] = "info_nce"
    weight: Annotated[float, Field(ge=0)] = 1.0
    anchoring: Literal["text", "all"] = "text"
    anchor: str = "text"
    pairs: tuple[tuple[str, str], ...] = ()
    temperature: Annotated[float, Field(gt=0, le=1)] = 0.05
    learn_temperature: bool = True
    false_negatives: Annotated[float, Field(ge=0, le=1)] = 0.0
    matryoshka: tuple[int, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Distil:
    """Keep a modality's vectors near given ones: ``target`` names views of the pairs, of the space's dimension."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    kind: Literal["distil"] = "distil"
    modality: str
    target: str
    weight: Annotated[float, Field(ge=0)] = 1.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Relate:
    """Keep how a teacher's vectors (``target``) rank the batch's ``anchors``; gentler than keeping the vectors."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    kind: Literal["relate"] = "relate"
    modality: str
    target: str
    anchors: str = "text"
    temperature: Annotated[float, Field(gt=0)] = 0.05
    weight: Annotated[float, Field(ge=0)] = 1.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """Keep the neighbourhoods of a modality's frozen features among its vectors (STRUCTURE, arXiv 2506.16895)."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    kind: Literal["structure"] = "structure"
    modality: str
    levels: Annotated[int, Field(ge=1)] = 1
    temperature: Annotated[float, Field(gt=0)] = 0.05
    weight: Annotated[float, Field(ge=0)] = 1.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StayClose:
    """Keep a branch's weights near where they started (L2-SP, arXiv 1802.01483)."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    kind: Literal["stay_close"] = "stay_close"
    modality: str
    weight: Annotated[float, Field(ge=0)] = 0.01


Term = Contrast | Distil | Relate | Structure | StayClose


def pairs_of(term: Contrast, modalities: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Which modalities a term compares, of those that are trained.

    Raises:
        UsageError: it names one that is not trained, or compares nothing.
    """
    named = {name for pair in term.pairs for name in pair}
    if unknown := sorted(named - set(modalities)):
        raise UsageError(f"A loss compares '{unknown[0]}', which is not trained.", fix=_have(modalities))
    if term.pairs:
        return term.pairs
    if term.anchoring == "all":
        return tuple(combinations(sorted(modalities, key=lambda name: (name != term.anchor, name)), 2))
    if term.anchor not in modalities or len(modalities) < 2:
        raise UsageError(f"There is nothing to hold against the anchor '{term.anchor}'.", fix=_have(modalities))
    return tuple((term.anchor, name) for name in sorted(modalities) if name != term.anchor)


def _have(modalities: Sequence[str]) -> str:
    return f"The branches are {', '.join(sorted(modalities))}."
