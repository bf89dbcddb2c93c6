"""Do two spaces joined through their texts let pictures find sounds, with no picture ever paired with a sound?

    python -m benchmarks.bridge [--seed 0] [--write]

Two small pairs of towers are trained here from nothing, on the world of ``benchmarks/bridge_world.py``: pictures with
captions (a bag of words reads) and sounds with captions (a recurrent network reads), seeds, words and sizes different.
Then they are bridged by texts alone. A fifth of the concepts is in no training, of towers or of bridges; all figures
are of these. The upper bound may use what the bridges may not: pictures and sounds of the same training concepts.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.bridge_world import Sample, concepts, heard, phrases, seen
from benchmarks.page import as_table, write_table
from commonspace.align.bridge import Form, Side, closed_bridge
from commonspace.align.bridge_training import trained_bridge
from commonspace.align.losses import two_way_info_nce
from commonspace.core.vectors import Vectors
from commonspace.evaluate.metrics import best_ranks, bootstrap_interval, chance_recall, recall_at

__all__ = ["measured"]

FORMS: Final[tuple[Form, ...]] = ("procrustes", "ridge", "cca")
CUTOFFS: Final = (1, 10)
NUM_TRAINED, NUM_MEMORY, NUM_TESTED, NUM_TEXTS = 24, 4, 4, 8
STEPS, BATCH, RATE = 300, 192, 2e-3
LONGEST: Final = 12

Project = Callable[[Vectors], Vectors]


@final
class Words:
    """A vocabulary of its own training captions; what it never read is one and the same word to it."""

    def __init__(self, captions: Sequence[str]) -> None:
        known = sorted({word for caption in captions for word in _words(caption)})
        self._number = {word: number + 2 for number, word in enumerate(known)}
        self.size = len(known) + 2

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Texts as numbers (n x 12): 0 is padding, 1 unknown."""
        rows = np.zeros((len(texts), LONGEST), dtype=np.int64)
        for row, text in enumerate(texts):
            numbers = [self._number.get(word, 1) for word in _words(text)][:LONGEST]
            rows[row, : len(numbers)] = numbers
        return torch.from_numpy(rows)


class Bag(nn.Module):
    """Reads a text as words without order."""

    def __init__(self, num_words: int, size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_words, 96, padding_idx=0)
        self.last = nn.Sequential(nn.Linear(96, 192), nn.GELU(), nn.Linear(192, size))

    def forward(self, numbers: Tensor) -> Tensor:
        """Texts to rows."""
        return self.last(self.embedding(numbers).sum(dim=1) / (numbers > 0).sum(dim=1, keepdim=True).clamp_min(1))


class Reader(nn.Module):
    """Reads a text word by word."""

    def __init__(self, num_words: int, size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_words, 48, padding_idx=0)
        self.memory = nn.GRU(48, 96, batch_first=True)
        self.last = nn.Linear(96, size)

    def forward(self, numbers: Tensor) -> Tensor:
        """Texts to rows."""
        return self.last(self.memory(self.embedding(numbers))[0].mean(dim=1))


class Looker(nn.Module):
    """A small convolutional network over pictures, or over sounds as pictures of their bands."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        widths = (channels, 16, 32, 48)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, padding=1, stride=2), nn.BatchNorm2d(after), nn.GELU()]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d((5, 8)), nn.Flatten(), nn.Linear(5 * 8 * 48, size))

    def forward(self, arrays: Tensor) -> Tensor:
        """Arrays to rows."""
        return self.layers(arrays)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Towers:
    """A space of two modalities: texts, and pictures or sounds."""

    words: Words
    reader: nn.Module
    looker: nn.Module

    def texts(self, texts: Sequence[str]) -> Vectors:
        """Unit rows of texts."""
        return _rows(self.reader, self.words(texts))

    def things(self, arrays: NDArray[np.float32]) -> Vectors:
        """Unit rows of pictures or sounds."""
        return _rows(self.looker, torch.from_numpy(arrays))


def trained_towers(sample: Sample, reads: Callable[[int, int], nn.Module], size: int, seed: int) -> Towers:
    """Two towers from nothing: InfoNCE over captions and what they tell of."""
    torch.manual_seed(seed)
    words = Words(sample.captions)
    towers = Towers(words=words, reader=reads(words.size, size), looker=Looker(sample.arrays.shape[1], size))
    numbers, arrays = words(sample.captions), torch.from_numpy(sample.arrays)
    parameters = [*towers.reader.parameters(), *towers.looker.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    random = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        rows = torch.randperm(len(arrays), generator=random)[:BATCH]
        told = functional.normalize(towers.reader(numbers[rows]), dim=1)
        shown = functional.normalize(towers.looker(arrays[rows]), dim=1)
        loss = two_way_info_nce(told, shown, temperature=0.07)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    return towers


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tested:
    """Vectors of pictures and sounds of concepts that nothing was trained on."""

    pictures: Vectors
    sounds: Vectors
    picture_concepts: NDArray[np.int64]
    sound_concepts: NDArray[np.int64]


def row_of(name: str, tested: Tested, first: Project, second: Project, seed: int) -> list[str]:
    """One system's line: both directions, R@1 and R@10 with intervals."""
    scores = first(tested.pictures) @ second(tested.sounds).T
    relevant = tested.picture_concepts[:, None] == tested.sound_concepts[None, :]
    cells = [name]
    for asked, right in ((scores, relevant), (scores.T, relevant.T)):
        ranks = best_ranks(asked, right)
        for k in CUTOFFS:
            interval = bootstrap_interval((ranks <= k).astype(np.float64), seed=seed)
            cells.append(f"{recall_at(ranks, k):.3f} ({interval.low:.2f}-{interval.high:.2f})")
    return cells


def chance_row(tested: Tested) -> list[str]:
    """A random order."""
    relevant = tested.picture_concepts[:, None] == tested.sound_concepts[None, :]
    cells = [
        f"{chance_recall(each.shape[1], each.sum(axis=1), k):.3f}" for each in (relevant, relevant.T) for k in CUTOFFS
    ]
    return ["chance", *cells]


def bridges(first: Side, second: Side, seed: int) -> Mapping[str, Any]:
    """Every closed form by texts alone, with the media's means, and the trained ones, each from the best of these."""
    bare = Side(texts=first.texts), Side(texts=second.texts)
    found: dict[str, Any] = {f"{form}, texts alone": closed_bridge(*bare, form, seed=seed) for form in FORMS}
    centred = first.centred(), second.centred()
    held = {form: closed_bridge(*centred, form, seed=seed) for form in FORMS}
    found |= {f"{form}, means of unpaired media": made for form, made in held.items()}
    start = max(held.values(), key=lambda each: each.score)
    found["trained, texts alone"] = trained_bridge(*bare, found[f"{start.form}, texts alone"], seed=seed)
    found["trained, unpaired media as memory (C-MCR)"] = trained_bridge(*centred, start, seed=seed)
    return found


def main() -> None:
    """Run it, print the table, and with ``--write`` put it into the docs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    began = time.perf_counter()
    page = measured(args.seed)
    print(page)
    print(f"{time.perf_counter() - began:.0f} s")
    if args.write:
        write_table("bridge", page)


def measured(seed: int) -> str:
    """The table and what is said with it."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(concepts()))
    tested_places, places = order[: len(order) // 5].tolist(), order[len(order) // 5 :].tolist()
    pictures, sounds = (make(places, num_each=NUM_TRAINED, random=random) for make in (seen, heard))
    look = trained_towers(pictures, Bag, 96, seed + 1)
    hear = trained_towers(sounds, Reader, 64, seed + 2)
    texts = phrases(places, num_each=NUM_TEXTS, random=random)
    other_pictures, other_sounds = (make(places, num_each=NUM_MEMORY, random=random) for make in (seen, heard))
    first = Side(texts=look.texts(texts), memory={"image": look.things(other_pictures.arrays)})
    second = Side(texts=hear.texts(texts), memory={"audio": hear.things(other_sounds.arrays)})
    new_pictures, new_sounds = (make(tested_places, num_each=NUM_TESTED, random=random) for make in (seen, heard))
    tested = Tested(
        pictures=look.things(new_pictures.arrays),
        sounds=hear.things(new_sounds.arrays),
        picture_concepts=new_pictures.concepts,
        sound_concepts=new_sounds.concepts,
    )
    rows = [chance_row(tested)]
    for name, made in bridges(first, second, seed).items():
        shifts = (None, None) if "alone" in name else (first.shifts["image"], second.shifts["audio"])
        rows.append(row_of(name, tested, _shifted(made.first, shifts[0]), _shifted(made.second, shifts[1]), seed))
    rows += [paired_row(first.memory["image"], second.memory["audio"], tested, seed)]
    own = [own_recall(look, new_pictures), own_recall(hear, new_sounds)]
    return as_table(
        ["system", *(f"{words} R@{k}" for words in ("image->audio", "audio->image") for k in CUTOFFS)], rows
    ) + (
        f"\n{len(places)} concepts to learn from, {len(tested_places)} others tested with {NUM_TESTED} pictures and as "
        f"many sounds each; {len(texts)} texts for the bridges, {len(other_pictures.captions)} unpaired pictures and "
        "as many sounds for their memory. The towers themselves find a tested picture by its caption with R@1 "
        f"{own[0]:.3f}, a sound with {own[1]:.3f}, any of its concept counting. Seed {seed}. In brackets the 95% "
        "bootstrap interval over queries; ties count against the system."
    )


def paired_row(pictures: Vectors, sounds: Vectors, tested: Tested, seed: int) -> list[str]:
    """The upper bound: the same training on pictures and sounds of the same concepts, as true pairs."""
    sides = Side(texts=pictures), Side(texts=sounds)
    start = closed_bridge(*sides, "cca", seed=seed)
    made = trained_bridge(*sides, start, seed=seed)
    return row_of("trained on pairs (upper bound)", tested, made.first, made.second, seed)


def own_recall(towers: Towers, sample: Sample) -> float:
    """How often a caption's nearest thing is of its concept."""
    scores = towers.texts(sample.captions) @ towers.things(sample.arrays).T
    return recall_at(best_ranks(scores, sample.concepts[:, None] == sample.concepts[None, :]), 1)


def _shifted(project: Project, shift: Vectors | None) -> Project:
    if shift is None:
        return project
    return lambda rows: project(_unit(rows - shift))


def _unit(rows: Vectors) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def _rows(module: nn.Module, inputs: Tensor) -> Vectors:
    module.eval()
    with torch.inference_mode():
        rows: Vectors = functional.normalize(torch.cat([module(part) for part in inputs.split(512)]), dim=1).numpy()
    module.train()
    return rows


def _words(text: str) -> list[str]:
    return text.replace(",", " ,").split()


if __name__ == "__main__":
    main()
