"""Which weights for words and for what is unwanted? Chosen on half of the concepts, reported on the other half.

    python -m benchmarks.choosing [--space nano] [--splits 10] [--write]                        (two minutes)

The labelled set is split by concept: pictures, sounds, captions and names of one half choose a weight, those of the
other half, which had no part in that, say what it is worth. What is best is said beforehand: the mean of nDCG@10 over
all mixtures of names, the mean of average precision over all kinds of question. Split 0 decides what ships; the others,
both ways, tell how far such a choice hangs on the half. The arithmetic is that of ``benchmarks/hybrid.py``.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

import commonspace
from benchmarks.hybrid import CUTOFF, MIXTURES, Shelf, cases, names_of, precision, shelf
from benchmarks.page import as_table, write_table
from commonspace.core.vectors import Vectors
from commonspace.encode import catalog
from commonspace.encode.manifest import Manifest
from commonspace.evaluate.graded import ndcg_at
from commonspace.evaluate.metrics import bootstrap_interval
from commonspace.retrieve.calibration_file import read_calibration
from commonspace.retrieve.fuse import WORDS_LOG_ODDS
from commonspace.retrieve.keywords import telling_words
from commonspace.retrieve.unwanted import UNWANTED_SHARE

__all__ = ["choice_half"]

WORDS: Final = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)
SHARES: Final = (0.0, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0, 1.5)
SHIPPED_BEFORE: Final = {"words": 2.0, "unwanted": 0.5}
"""What shipped until it was chosen in this way; it had been chosen on the whole set."""
HEADER: Final = (
    *("weight", "chosen, split 0", "best on a half, all splits", "ships", "before"),
    *("chosen: unseen mean", "before: unseen mean", "gain (95%)"),
)
EXPLANATION: Final = """Chosen is the weight with the best mean on the choosing half of split 0; beside it, how often
each was best over all splits and both halves. What it is worth on the other half of split 0, beside the weight that
shipped before, which had been chosen on the whole set; the gain is paired, with its bootstrap 95% interval over
captions, or over unwanted things, mixtures and kinds counting alike. The tables below: every weight on both halves,
and on the unseen one by mixture of names or kind of question."""
Floats = NDArray[np.float64]
Values = dict[float, dict[str, Floats]]
"""By weight, by mixture of names or kind of question: a value a query."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """The labelled set, its captions with their vectors, and how texts are embedded."""

    held: Shelf
    captions: Sequence[tuple[str, str]]
    asked: Vectors
    embed: Callable[[Sequence[str]], Vectors]

    def half(self, concepts: frozenset[str]) -> "World":
        """The same with these concepts alone."""
        kept = np.isin(self.held.concepts, sorted(concepts))
        held = replace(
            self.held,
            vectors=self.held.vectors[kept],
            concepts=self.held.concepts[kept],
            modalities=self.held.modalities[kept],
            bias=self.held.bias[kept],
        )
        places = [place for place, (concept, _) in enumerate(self.captions) if concept in concepts]
        return replace(self, held=held, captions=[self.captions[place] for place in places], asked=self.asked[places])


def choice_half(concepts: Sequence[str], split: int = 0) -> frozenset[str]:
    """The half of the concepts on which weights are chosen; the other half reports. The same for the same split."""
    distinct = sorted(set(concepts))
    order = np.random.default_rng(split).permutation(len(distinct))
    return frozenset(distinct[place] for place in order[: len(distinct) // 2])


def words_values(world: World, split: int) -> Values:
    """nDCG@10 of every caption in every mixture of names, by the weight of words."""
    found: Values = {weight: {} for weight in WORDS}
    for right, dumb in MIXTURES:
        names = names_of(world.held.concepts, right, dumb, np.random.default_rng(1_000 + split))
        values: dict[float, list[float]] = {weight: [] for weight in WORDS}
        for (concept, caption), query in zip(world.captions, world.asked, strict=True):
            words = _words(caption)
            share = np.array([np.mean([word in _words(name) for word in words]) for name in names])
            log_odds, relevant = world.held.log_odds(query), world.held.concepts == concept
            for weight, mine in values.items():
                mine.append(float(ndcg_at((log_odds + weight * share)[None], relevant[None], CUTOFF)[0]))
        for weight, mine in values.items():
            found[weight][f"{right:.0%} right, {dumb:.0%} dumb"] = np.array(mine)
    return found


def unwanted_values(world: World, split: int) -> Values:
    """Average precision of every question with something unwanted, by the share of its log-odds that is taken off."""
    held, kinds = world.held, cases(world.held, world.embed, split)
    prior = float(np.log(held.calibration.prior) - np.log1p(-held.calibration.prior))
    pictures = held.modalities == "image"
    found: Values = {share: {} for share in SHARES}
    for kind, given in kinds.items():
        scored = [(held.log_odds(case.wanted), np.maximum(0.0, held.log_odds(case.unwanted) - prior)) for case in given]
        for share, mine in found.items():
            orders = [np.argsort(-np.where(pictures, one - share * other, -np.inf)) for one, other in scored]
            pairs = [(case.right[order], case) for case, order in zip(given, orders, strict=True)]
            mine[kind] = np.array([precision(right) for right, _ in pairs])
    return found


@cache
def _words(text: str) -> tuple[str, ...]:
    return telling_words(text)


def best(values: Values) -> float:
    """The weight of the best mean over mixtures or kinds; of equal ones the least."""
    return max(sorted(values), key=lambda weight: round(_mean(values[weight]), 9))


def _mean(each: Mapping[str, Floats]) -> float:
    return float(np.mean([values.mean() for values in each.values()]))


def rows(
    name: str, ships: float, measured: Callable[[World, int], Values], world: World, num_splits: int
) -> tuple[list[list[str]], list[list[str]]]:
    """One weight's line, and what every weight is worth on both halves of split 0."""
    chosen: Counter[float] = Counter()
    first: tuple[Values, Values] | None = None
    concepts = set(world.held.concepts.tolist())
    for split in range(num_splits):
        half = choice_half(world.held.concepts.tolist(), split)
        two = measured(world.half(half), split), measured(world.half(frozenset(concepts - half)), split)
        chosen.update(best(each) for each in two)
        first = first or two
    if first is None:
        return [], []
    choosing, unseen = first
    pick, before = best(choosing), SHIPPED_BEFORE[name]
    gains = [unseen[pick][kind] - unseen[before][kind] for kind in unseen[before]]
    num = min(len(each) for each in gains)
    every = np.mean([[part.mean() for part in np.array_split(each, num)] for each in gains], axis=0)
    interval = bootstrap_interval(every, seed=0)
    often = ", ".join(f"{weight:g} {times}x" for weight, times in sorted(chosen.items()))
    line = [name, f"{pick:g}", often, f"{ships:g}", f"{before:g}"]
    line += [f"{_mean(unseen[pick]):.3f}", f"{_mean(unseen[before]):.3f}"]
    line.append(f"{every.mean():+.3f} ({interval.low:+.3f} to {interval.high:+.3f})")
    sweep = [
        [f"{name} {weight:g}", f"{_mean(choosing[weight]):.3f}", *_cells(unseen[weight])] for weight in sorted(choosing)
    ]
    return [line], sweep


def _cells(each: Mapping[str, Floats]) -> list[str]:
    cells = []
    for values in each.values():
        interval = bootstrap_interval(values, seed=0)
        cells.append(f"{values.mean():.3f} ({interval.low:.2f}-{interval.high:.2f})")
    return [f"{_mean(each):.3f}", *cells]


def main() -> int:
    """Choose, report, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="nano", help="a calibrated space")
    parser.add_argument("--splits", type=int, default=10, help="how many splits of the concepts")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    arguments = parser.parse_args()
    embedder = commonspace.load(arguments.space)
    manifest = Manifest.read(catalog.folder_of(arguments.space, None))
    held, captions = shelf(embedder, read_calibration(manifest.folder, manifest.space.dimension))
    asked = embedder.embed([caption for _, caption in captions])
    known: dict[str, Vectors] = {}

    def embed(texts: Sequence[str]) -> Vectors:
        for text in texts:
            if text not in known:
                known[text] = embedder.embed([text])
        return np.concatenate([known[text] for text in texts])

    world = World(held=held, captions=captions, asked=asked, embed=embed)
    words, words_sweep = rows("words", WORDS_LOG_ODDS, words_values, world, arguments.splits)
    less, less_sweep = rows("unwanted", UNWANTED_SHARE, unwanted_values, world, arguments.splits)
    mixtures = [f"{right:.0%} right, {dumb:.0%} dumb" for right, dumb in MIXTURES]
    kinds = ["a class less a member", "two less one", "one less its confuser"]
    head = ["weight", "choosing half: mean", "unseen half: mean"]
    tables = [
        as_table(HEADER, [*words, *less]),
        as_table([*head, *mixtures], words_sweep),
        as_table([*head, *kinds], less_sweep),
    ]
    told = f"Space `{arguments.space}`, {arguments.splits} splits of {len(set(held.concepts.tolist()))} concepts, "
    told += f"both halves. {EXPLANATION}"
    content = "\n".join([*tables, told])
    print(content)
    if arguments.write:
        write_table("choosing", content)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
