"""Queries whose answers are known: pairs that a person labelled, else the names of the items themselves."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final, final

import numpy as np

from commonspace.core.errors import ItemError
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.embedder import Embedder
from commonspace.index.records import StoredItem, item_id
from commonspace.index.store import Store
from commonspace.ingest.source import file_uri
from commonspace.retrieve.answered import Answered, Held

__all__ = ["Asked", "StoreSample", "asked_by_name", "asked_by_pairs", "bank_rows", "sample_of"]

MOST_ITEMS = 3_000
MOST_NAMES = 300
BANK_ROWS = 256
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_SAYS_NOTHING: Final = frozenset(
    {"copy", "dsc", "dscf", "file", "final", "frame", "image", "img", "mvi", "new", "old", "photo", "pic", "picture"}
    | {"pxl", "recording", "scan", "screenshot", "sound", "untitled", "video", "vid", "whatsapp", "the", "and"}
)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """Queries of one modality (n x d), the ids of the items that answer each, and the id of the item that it is itself.

    Where a query is no item its ``own`` is empty.
    """

    vectors: Vectors
    answers: tuple[frozenset[str], ...]
    own: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoreSample:
    """Some of a store's items by tower: their vectors, and the id of each item; ``whole`` is how many it holds."""

    held: Mapping[Modality, Held]
    ids: Mapping[Modality, tuple[str, ...]]
    whole: int

    def answered(self, tower: Modality, asked: Asked) -> Answered:
        """Queries against one tower's items; an item that is asked with does not count."""
        ids = self.ids[tower]
        relevant = np.array([[each in answers for each in ids] for answers in asked.answers], np.bool_)
        counted = np.array([[each != own for each in ids] for own in asked.own], np.bool_)
        return Answered(queries=asked.vectors, held=self.held[tower], relevant=relevant, counted=counted)


def asked_by_pairs(embedder: Embedder, answers: Mapping[object, frozenset[str]]) -> tuple[dict[Modality, Asked], int]:
    """Queries with the ids of what answers them, by the query's modality; and how many could not be embedded."""
    found: dict[Modality, list[tuple[Vectors, object]]] = {}
    num_lost = 0
    for query, embedding in zip(answers, embedder.try_embed(list(answers)), strict=True):
        if isinstance(embedding, ItemError):
            num_lost += 1
        else:
            found.setdefault(embedding.modality, []).append((embedding.vector, query))
    return {modality: _asked(each, answers) for modality, each in found.items()}, num_lost


def asked_by_name(embedder: Embedder, items: Iterable[StoredItem], *, seed: int) -> dict[Modality, Asked]:
    """The words in the names of items as queries for them; items whose names have the same words answer together.

    Numbers, and what cameras and people call everything, are no words.
    """
    by_words: dict[str, set[str]] = {}
    for item in items:
        said = [word.lower() for word in _WORD.findall(PurePath(item.name).stem)]
        words = " ".join(word for word in said if word not in _SAYS_NOTHING)
        if words:
            by_words.setdefault(words, set()).add(item.id)
    known = sorted(by_words)
    drawn = [known[place] for place in np.random.default_rng(seed).permutation(len(known))[:MOST_NAMES]]
    if not drawn:
        return {}
    vectors = embedder.embed(drawn)
    answers = tuple(frozenset(by_words[words]) for words in drawn)
    return {Modality.TEXT: Asked(vectors=vectors, answers=answers, own=("",) * len(drawn))}


def sample_of(store: Store, wanted: Iterable[str], *, seed: int, most: int = MOST_ITEMS) -> StoreSample:
    """The items that are wanted and others drawn by the seed, about ``most`` together. Cost O(items) for their ids."""
    everything = [item.id for item in store.items()]
    needed = set(wanted)
    others = [each for each in everything if each not in needed]
    drawn = np.random.default_rng(seed).permutation(len(others))[: max(most - len(needed), 0)]
    chosen = sorted({*(each for each in everything if each in needed), *(others[place] for place in drawn)})
    rows: dict[Modality, list[Vectors]] = {}
    ids: dict[Modality, list[str]] = {}
    for each in chosen:
        entry = store.entry(each)
        if entry is None:
            continue
        towers = [segment.modality for segment in entry.segments]
        for tower in set(towers):
            rows.setdefault(tower, []).append(entry.vectors[[at for at, made in enumerate(towers) if made == tower]])
            ids.setdefault(tower, []).append(each)
    return StoreSample(
        held={tower: _held(parts) for tower, parts in rows.items()},
        ids={tower: tuple(each) for tower, each in ids.items()},
        whole=len(everything),
    )


def bank_rows(embedder: Embedder, queries: Sequence[object], *, seed: int) -> tuple[Vectors, int]:
    """Some of the queries as a bank keeps them, rounded to 16 bits; and how many could not be embedded."""
    distinct = list(dict.fromkeys(queries))
    drawn = np.random.default_rng(seed).permutation(len(distinct))[:BANK_ROWS]
    answers = embedder.try_embed([distinct[place] for place in drawn])
    vectors = [answer.vector for answer in answers if not isinstance(answer, ItemError)]
    rows = np.stack(vectors) if vectors else np.empty((0, embedder.space.dimension), np.float32)
    return unit(rows.astype(np.float16).astype(np.float32)), len(answers) - len(vectors)


def _asked(each: Sequence[tuple[Vectors, object]], answers: Mapping[object, frozenset[str]]) -> Asked:
    return Asked(
        vectors=np.stack([vector for vector, _ in each]),
        answers=tuple(answers[query] for _, query in each),
        own=tuple(item_id(file_uri(query)) if isinstance(query, Path) else "" for _, query in each),
    )


def _held(parts: Sequence[Vectors]) -> Held:
    ends = np.cumsum([len(part) for part in parts])
    return Held(vectors=np.concatenate(parts), starts=np.concatenate([[0], ends[:-1]]).astype(np.int64))
