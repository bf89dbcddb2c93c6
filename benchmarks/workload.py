"""What the towers are timed on: seeded texts, decoded pictures, sounds of a set length, from the repository alone."""

import csv
import math
import random
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.retrieval import LABELLED
from commonspace.core.item import Audio, Content, Pixels
from commonspace.ingest.decode import Plan, decode_value

__all__ = ["looped", "mixed_texts", "pictures", "sounds", "texts"]

ROOT = Path(__file__).parents[1]
FEWEST_WORDS, MOST_WORDS = 3, 80
CAPTIONS_SHARE = 0.25


def texts(count: int, *, seed: int) -> list[str]:
    """Captions of the labelled set, and runs of words from the README and the docs."""
    prose = " ".join(path.read_text("utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))))
    return mixed_texts(sorted({row["caption"] for row in _labels()}), prose.split(), count, seed=seed)


def mixed_texts(captions: Sequence[str], words: Sequence[str], count: int, *, seed: int) -> list[str]:
    """A quarter captions, the rest runs of 3 to 80 words: every doubling of the length is as likely as any other."""
    draw = random.Random(seed)
    made = [draw.choice(captions) for _ in range(round(count * CAPTIONS_SHARE))]
    while len(made) < count:
        length = round(math.exp(draw.uniform(math.log(FEWEST_WORDS), math.log(MOST_WORDS))))
        start = draw.randrange(max(1, len(words) - length))
        made.append(" ".join(words[start : start + length]))
    draw.shuffle(made)
    return made


def pictures(count: int) -> list[Pixels]:
    """The labelled set's pictures as the product decodes them (shorter side 256 at most)."""
    return [np.asarray(_content(path)) for path in islice(cycle(_files("image")), count)]


def sounds(count: int, seconds: float) -> list[Audio]:
    """The labelled set's sounds as the product decodes them, each looped or cut to one length."""
    heard = [_content(path) for path in islice(cycle(_files("audio")), count)]
    return [Audio(looped(one.array, round(seconds * one.rate)), one.rate) for one in heard if isinstance(one, Audio)]


def looped(samples: NDArray[np.generic], count: int) -> NDArray[np.generic]:
    """Exactly ``count`` samples: the sound from its start, again and again."""
    return np.resize(samples, count)


def _content(path: Path) -> Content:
    return decode_value(path, Plan()).pieces[0].content


def _files(modality: str) -> list[Path]:
    return [LABELLED / row["file"] for row in _labels() if row["modality"] == modality]


def _labels() -> list[dict[str, str]]:
    with (LABELLED / "labels.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))
