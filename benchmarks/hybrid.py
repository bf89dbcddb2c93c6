"""How should words be added, and what is unwanted be taken off? The arithmetic that search uses, beside its rivals.

    python -m benchmarks.hybrid [--space nano] [--seed 0] [--write]

Words: every caption of the labelled set asks for the pictures and sounds of its concept, whose file names say their
concept (right), nothing (dumb) or another concept (wrong), in several mixtures. Unwanted: pictures are asked for by a
class without one of its members ("an animal", not "a dog"), by two things less one of them, and by a thing less what it
is most confused with. Everything is scored with the space's own calibration, and every rival sees the same scores.
"""

import argparse
import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

import commonspace
from benchmarks.page import as_table, write_table
from benchmarks.retrieval import LABELLED
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.encode import catalog
from commonspace.encode.embedder import Embedder
from commonspace.encode.manifest import Manifest
from commonspace.evaluate.graded import ndcg_at
from commonspace.retrieve.calibration import Calibration
from commonspace.retrieve.calibration_file import read_calibration
from commonspace.retrieve.fuse import RANK_OFFSET, WORDS_LOG_ODDS
from commonspace.retrieve.keywords import telling_words
from commonspace.retrieve.unwanted import UNWANTED_SHARE

CUTOFF: Final = 10
MIXTURES: Final = ((1.0, 0.0), (0.5, 0.5), (0.5, 0.0), (0.25, 0.0), (0.0, 1.0), (0.0, 0.0))
CLASSES: Final[Mapping[str, str]] = {
    "an animal": "sheep owl horse dog cow cat bird wolf pig monkey lion grasshopper elephant rooster giraffe frog fish "
    "duck dolphin crab chicken butterfly bee bear tiger squirrel snail penguin",
    "a musical instrument": "guitar drum trumpet violin saxophone piano harp flute bell",
    "a vehicle": "train ship car aeroplane truck motorcycle bus helicopter bicycle",
}
TEXT: Final = Modality.TEXT
Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shelf:
    """Labelled pictures and sounds: unit rows, concepts, and how a text's vector scores them."""

    vectors: Vectors
    concepts: NDArray[np.str_]
    modalities: NDArray[np.str_]
    bias: NDArray[np.float32]
    calibration: Calibration

    def scores(self, query: NDArray[np.float32]) -> Floats:
        """Cosines less biases."""
        return np.asarray(self.vectors @ query - self.bias, np.float64)

    def log_odds(self, query: NDArray[np.float32]) -> Floats:
        """How likely each is relevant to a text."""
        read = {name: self.calibration.directions[TEXT, Modality(name)].logistic for name in set(self.modalities)}
        slopes = np.array([read[name].slope for name in self.modalities])
        intercepts = np.array([read[name].intercept for name in self.modalities])
        read_as: Floats = slopes * self.scores(query) + intercepts
        return read_as


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A query with what is unwanted, and which items are right or unwanted."""

    wanted: NDArray[np.float32]
    unwanted: NDArray[np.float32]
    right: NDArray[np.bool_]
    wrong: NDArray[np.bool_]


def shelf(embedder: Embedder, calibration: Calibration) -> tuple[Shelf, list[tuple[str, str]]]:
    """The labelled set, and its distinct captions with their concepts."""
    with (LABELLED / "labels.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    vectors = embedder.embed([LABELLED / row["file"] for row in rows])
    modalities = np.array([row["modality"] for row in rows])
    bias = np.zeros(len(rows), np.float32)
    for name in set(modalities.tolist()):
        bias[modalities == name] = calibration.bias(Modality(name), vectors[modalities == name])
    held = Shelf(
        vectors=vectors,
        concepts=np.array([row["concept"] for row in rows]),
        modalities=modalities,
        bias=bias,
        calibration=calibration,
    )
    return held, sorted({(row["concept"], row["caption"]) for row in rows})


def words_table(held: Shelf, captions: Sequence[tuple[str, str]], asked: Vectors, seed: int) -> list[list[str]]:
    """nDCG@10 by mixture of names and by how their words are added."""
    lines = []
    for right, dumb in MIXTURES:
        names = names_of(held.concepts, right, dumb, np.random.default_rng(seed))
        values: dict[str, list[float]] = {}
        for (concept, caption), query in zip(captions, asked, strict=True):
            words = telling_words(caption)
            share = np.array([np.mean([word in telling_words(name) for word in words]) for name in names])
            for system, order in _added(held.log_odds(query), share).items():
                relevant = held.concepts == concept
                values.setdefault(system, []).append(float(ndcg_at(order[None], relevant[None], CUTOFF)[0]))
        cells = [f"{float(np.mean(each)):.3f}" for each in values.values()]
        lines.append([f"{right:.0%} right, {dumb:.0%} dumb, {1 - right - dumb:.0%} wrong", *cells])
    return lines


def names_of(concepts: NDArray[np.str_], right: float, dumb: float, draw: np.random.Generator) -> list[str]:
    """File names that say their concept, nothing, or another concept, in these shares."""
    every = sorted(set(concepts.tolist()))
    drawn = draw.random(len(concepts))
    others = draw.choice(every, len(concepts))
    return [
        concept if number < right else ("img" if number < right + dumb else other)
        for concept, number, other in zip(concepts.tolist(), drawn, others.tolist(), strict=True)
    ]


def _added(log_odds: Floats, share: Floats) -> dict[str, Floats]:
    """What each way of adding words ranks by; ties among words are broken by nothing better than place."""
    by_words = np.where(share > 0, 1.0 / (RANK_OFFSET + _ranks(share)), 0.0)
    return {
        "vectors": log_odds,
        "words": share,
        "reciprocal ranks": 1.0 / (RANK_OFFSET + _ranks(log_odds)) + by_words,
        "log-odds + 1": log_odds + share,
        f"log-odds + {WORDS_LOG_ODDS:g} (ours)": log_odds + WORDS_LOG_ODDS * share,
        "log-odds + 4": log_odds + 4.0 * share,
    }


def _ranks(scores: Floats) -> Floats:
    ranks = np.empty(len(scores))
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return ranks


def cases(held: Shelf, embed: Callable[[Sequence[str]], Vectors], seed: int) -> dict[str, list[Case]]:
    """Three kinds of query with something unwanted; pictures are right or wrong. Members that are not held are none."""
    draw, pictures = np.random.default_rng(seed), held.modalities == "image"
    own = {name: embed([f"a {name}"])[0] for names in CLASSES.values() for name in names.split()}
    found: dict[str, list[Case]] = {"a class less a member": [], "two less one": [], "one less its confuser": []}
    for group, listed in CLASSES.items():
        names = [name for name in listed.split() if ((held.concepts == name) & pictures).any()]
        names = names if len(names) > 1 else []
        whole = embed([group])[0]
        for name in names:
            mine, others = held.concepts == name, [each for each in names if each != name]
            among = np.isin(held.concepts, others) & pictures
            found["a class less a member"].append(
                Case(wanted=whole, unwanted=own[name], right=among, wrong=mine & pictures)
            )
            for other in draw.choice(others, min(2, len(others)), replace=False):
                theirs = (held.concepts == other) & pictures
                both = embed([f"a {name} and a {other}"])[0]
                found["two less one"].append(
                    Case(wanted=both, unwanted=own[str(other)], right=mine & pictures, wrong=theirs)
                )
            best = held.concepts[np.argsort(-np.where(pictures, held.scores(own[name]), -np.inf))]
            confused = next(each for each in best if each != name and each in own)
            theirs = (held.concepts == confused) & pictures
            found["one less its confuser"].append(
                Case(wanted=own[name], unwanted=own[str(confused)], right=mine & pictures, wrong=theirs)
            )
    return found


def unwanted_table(held: Shelf, kinds: Mapping[str, Sequence[Case]]) -> list[list[str]]:
    """Average precision, and how many unwanted pictures are among the first ten, by what is done about them."""
    prior = float(np.log(held.calibration.prior) - np.log1p(-held.calibration.prior))
    systems: dict[str, Callable[[Case], Floats]] = {
        "nothing": lambda case: held.scores(case.wanted),
        "weight -0.5 in the sum": lambda case: held.scores(unit((case.wanted - 0.5 * case.unwanted)[None])[0]),
        "weight -1 in the sum": lambda case: held.scores(unit((case.wanted - case.unwanted)[None])[0]),
        "log-odds, both ways": lambda case: held.log_odds(case.wanted) - held.log_odds(case.unwanted),
        "log-odds above chance (ours)": lambda case: (
            held.log_odds(case.wanted) - UNWANTED_SHARE * np.maximum(0.0, held.log_odds(case.unwanted) - prior)
        ),
        "score above zero (ours, uncalibrated)": lambda case: (
            held.scores(case.wanted) - np.maximum(0.0, held.scores(case.unwanted))
        ),
    }
    pictures = held.modalities == "image"
    lines = []
    for system, scored in systems.items():
        line = [system]
        for given in kinds.values():
            orders = [np.argsort(-np.where(pictures, scored(case), -np.inf), kind="stable") for case in given]
            mean = np.mean([precision(case.right[order]) for case, order in zip(given, orders, strict=True)])
            wrong = np.mean([case.wrong[order][:CUTOFF].sum() for case, order in zip(given, orders, strict=True)])
            line.append(f"{float(mean):.3f} / {float(wrong):.2f}")
        lines.append(line)
    return lines


def precision(right: NDArray[np.bool_]) -> float:
    """The average precision of one list."""
    so_far = np.cumsum(right) / np.arange(1, len(right) + 1)
    return float(so_far[right].mean()) if right.any() else 0.0


def main() -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="nano", help="a calibrated space")
    parser.add_argument("--seed", type=int, default=0, help="of names and pairs")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    arguments = parser.parse_args()
    embedder = commonspace.load(arguments.space)
    manifest = Manifest.read(catalog.folder_of(arguments.space, None))
    held, captions = shelf(embedder, read_calibration(manifest.folder, manifest.space.dimension))
    asked = embedder.embed([caption for _, caption in captions])
    kinds = cases(held, lambda texts: embedder.embed(list(texts)), arguments.seed)
    systems = list(_added(np.zeros(1), np.zeros(1)))
    tables = [
        as_table(["file names", *systems], words_table(held, captions, asked, arguments.seed)),
        as_table(["what is done", *kinds], unwanted_table(held, kinds)),
    ]
    told = f"""Space `{arguments.space}`, seed {arguments.seed}. First table: nDCG@10 of {len(captions)} captions over \
{len(held.concepts)} pictures and sounds. Second: average precision over the pictures / unwanted pictures among the \
first ten."""
    content = "\n".join([*tables, told])
    print(content)
    if arguments.write:
        write_table("hybrid", content)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
