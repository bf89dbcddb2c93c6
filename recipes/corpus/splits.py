"""Split pictures and sounds together, by concept, so that what is held out is held out of every modality.

A concept's side follows from a hash of its name alone: of concepts with both pictures and sounds 30% are test, of the
others 12%; 8% are valid. A word that many other concepts' captions mention ("animal") cannot be held out and trains. A
training record that names a test concept, in whatever number, is used for nothing.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

from recipes.corpus.record import NO_SPLIT, POOL, UNDECIDED, Record
from recipes.corpus.wordnet import WordNet
from recipes.corpus.words import mentions

__all__ = ["SplitPlan", "assign", "plan_concepts"]

TEST_SHARE_OF_BOTH = 0.30
TEST_SHARE = 0.12
VALID_SHARE = 0.08
MOST_MENTIONS = 25
"""A concept that more records of other concepts mention than this, and than its own, is too common to hold out."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """The side of every concept, and which were too common to be test."""

    sides: Mapping[str, str]
    too_common: tuple[str, ...]


def assign(records: Sequence[Record], wordnet: WordNet) -> tuple[Record, ...]:
    """Give every undecided record its side; records already in none or pool keep theirs.

    Glosses of training records that mention a test concept are removed; captions that do remove the record.
    """
    named = [mentions(" , ".join(record.captions), wordnet) for record in records]
    plan = plan_concepts(records, named)
    held = frozenset(concept for concept, side in plan.sides.items() if side == "test")
    naming: dict[str, bool] = {}
    settled = []
    for record, words in zip(records, named, strict=True):
        if record.split != UNDECIDED:
            settled.append(record)
            continue
        side = plan.sides[record.concept]
        if side == "train" and words & held - {record.concept}:
            settled.append(record.with_split(NO_SPLIT))
        elif side == "train":
            for gloss in record.glosses:
                if gloss not in naming:
                    naming[gloss] = not held.isdisjoint(mentions(gloss, wordnet))
            glosses = tuple(gloss for gloss in record.glosses if not naming[gloss])
            settled.append(replace(record, split=side, glosses=glosses))
        else:
            settled.append(record.with_split(side))
    return tuple(settled)


def plan_concepts(records: Sequence[Record], named: Sequence[frozenset[str]]) -> SplitPlan:
    """Choose a side for every concept from its hash; ``named[i]`` holds the nouns in record i's captions."""
    modalities: dict[str, set[str]] = defaultdict(set)
    own = Counter(record.concept for record in records)
    elsewhere: Counter[str] = Counter()
    for record, words in zip(records, named, strict=True):
        if record.split not in {POOL, NO_SPLIT}:
            modalities[record.concept].add(record.modality)
            elsewhere.update(words - {record.concept})
    common = {concept for concept in own if elsewhere[concept] > max(MOST_MENTIONS, own[concept])}
    sides = {
        concept: "train" if concept in common and _place(concept) < TEST_SHARE_OF_BOTH else _side(concept, kinds)
        for concept, kinds in modalities.items()
    }
    return SplitPlan(sides=sides, too_common=tuple(sorted(common & sides.keys())))


def _side(concept: str, modalities: Iterable[str]) -> str:
    place = _place(concept)
    test = TEST_SHARE_OF_BOTH if len(set(modalities)) > 1 else TEST_SHARE
    return "test" if place < test else "valid" if place >= 1 - VALID_SHARE else "train"


def _place(concept: str) -> float:
    """A number in [0, 1) that follows from the name alone."""
    return int.from_bytes(hashlib.sha256(f"split:{concept}".encode()).digest()[:6]) / 2**48
