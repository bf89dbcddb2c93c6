"""Rows in which a picture and a sound of one concept meet, for training by all pairs and for fusion; nano sees none.

Nobody drew a picture for a sound here: what meets was put together because it is called the same.
"""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from commonspace.align.pairs import Pairs, Views
from recipes.nano.heads.rows import Row, to_pairs

__all__ = ["couples", "with_meetings"]

PICTURES_A_MEETING = 4
PICTURE, SOUND, WORDS = ("image", "image_base"), ("audio", "audio_base"), "text"


def with_meetings(pairs: Pairs, *, seed: int) -> Pairs:
    """The pairs, and for every training sound whose concept has pictures one row more that has both."""
    dice = np.random.default_rng((seed, 0x3EE7))
    seen, heard = _by_concept(pairs, "train", "image"), np.flatnonzero(_of(pairs, "train") & pairs.has("audio", WORDS))
    meetings = []
    for row in heard.tolist():
        pictures = seen.get(pairs.concepts[row])
        if pictures:
            drawn = dice.choice(pictures, size=min(PICTURES_A_MEETING, len(pictures)), replace=False)
            meetings.append(_meeting(pairs, row, drawn, words=np.array([row])))
    return _joined(pairs, to_pairs(meetings)) if meetings else pairs


def couples(pairs: Pairs, split: str, *, seed: int) -> Pairs | None:
    """Rows to measure with: within each concept of a split a picture and a sound drawn together, each used once.

    Their words are those of both, so that a query favours neither. None where no concept has both.
    """
    dice = np.random.default_rng((seed, 0xC0D9))
    seen, heard = _by_concept(pairs, split, "image"), _by_concept(pairs, split, "audio")
    rows = [
        _meeting(pairs, sound, np.array([picture]), words=np.array([sound, picture]))
        for concept in sorted(seen.keys() & heard.keys())
        for picture, sound in zip(dice.permutation(seen[concept]), dice.permutation(heard[concept]), strict=False)
    ]
    return to_pairs(rows) if rows else None


def _of(pairs: Pairs, split: str) -> NDArray[np.bool_]:
    return np.array([each == split for each in pairs.splits])


def _by_concept(pairs: Pairs, split: str, modality: str) -> dict[str, list[int]]:
    """Rows of a split that have a modality and words."""
    found: dict[str, list[int]] = defaultdict(list)
    for row in np.flatnonzero(_of(pairs, split) & pairs.has(modality, WORDS)).tolist():
        found[pairs.concepts[row]].append(row)
    return found


def _meeting(pairs: Pairs, sound: int, pictures: NDArray[np.int64], *, words: NDArray[np.int64]) -> Row:
    """One row of a sound with pictures, and the words of some rows."""
    views = {name: pairs.of(name).take(pictures).features for name in PICTURE}
    views |= {name: pairs.of(name).take(np.array([sound])).features for name in SOUND}
    views[WORDS] = pairs.of(WORDS).take(words).features
    concept, split = pairs.concepts[sound], pairs.splits[sound]
    return Row(key=f"meeting-{pairs.keys[sound]}", concept=concept, split=split, views=views)


def _joined(first: Pairs, second: Pairs) -> Pairs:
    names = sorted({*first.modalities, *second.modalities})
    return Pairs(
        views={name: _end_to_end(first, second, name) for name in names},
        concepts=first.concepts + second.concepts,
        splits=first.splits + second.splits,
        keys=first.keys + second.keys,
    )


def _end_to_end(first: Pairs, second: Pairs, name: str) -> Views:
    held = [each.of(name).features for each in (first, second) if name in each.views]
    counts = [each.of(name).counts if name in each.views else np.zeros(len(each), np.int64) for each in (first, second)]
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)
    return Views(features=np.concatenate(held), offsets=offsets)
