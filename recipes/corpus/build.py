"""From named pictures and sounds to a split corpus without leaks: the order in which the rules apply.

First what the labelled set holds out by its bytes, then splits by concept, then near-duplicates: of labelled pictures,
of probes, and across splits.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from recipes.corpus.hashes import NEAR_BITS
from recipes.corpus.leaks import Leaks, folder_hashes, part_splits, set_aside
from recipes.corpus.record import NO_SPLIT, Record, merge
from recipes.corpus.splits import assign
from recipes.corpus.wordnet import WordNet

__all__ = ["Corpus", "build", "summary"]

LABELLED_BITS = 8
"""Labelled pictures were cropped, scaled and recoded, so more bits may differ from their sources'."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Every record with its side, and how many were moved to none, by reason."""

    records: tuple[Record, ...]
    moved: Mapping[str, int]


def build(
    records: Iterable[Record], wordnet: WordNet, *, held_keys: Collection[str], labelled: Path, probes: Path | None
) -> Corpus:
    """Merge, hold out, split and check; ``held_keys`` are those of files that ``labelled`` names by hash."""
    moved: Counter[str] = Counter()
    merged = [record.with_split(NO_SPLIT) if record.key in held_keys else record for record in merge(records)]
    moved["labelled file"] = sum(record.key in held_keys for record in merged)
    done = assign(merged, wordnet)
    moved["names a test concept"] = sum(r.split == NO_SPLIT for r in done) - sum(r.split == NO_SPLIT for r in merged)
    checks = [(labelled, "near a labelled picture", LABELLED_BITS)]
    if probes is not None:
        checks.append((probes, "near a probe", NEAR_BITS))
    for folder, reason, most_bits in checks:
        leaks = set_aside(done, folder_hashes(folder), reason=reason, most_bits=most_bits)
        done, moved = leaks.records, moved + leaks.moved
    parted: Leaks = part_splits(done, most_bits=NEAR_BITS)
    return Corpus(records=parted.records, moved=moved + parted.moved)


def summary(corpus: Corpus) -> str:
    """A table of counts by package and side, and what was moved."""
    packages: dict[tuple[str, str], Counter[str]] = {}
    for record in corpus.records:
        packages.setdefault((record.modality, record.package), Counter())[record.split] += 1
    sides = ("train", "valid", "test", "none", "pool")
    lines = ["\t".join(("modality", "package", *sides))]
    for (modality, package), counts in sorted(packages.items()):
        lines.append("\t".join((modality, package, *(str(counts[side]) for side in sides))))
    for modality in sorted({record.modality for record in corpus.records}):
        lines.append("\t".join((modality, "all", *(str(_count(corpus.records, modality, side)) for side in sides))))
        lines.append("\t".join((modality, "concepts", *(str(_concepts(corpus.records, modality, s)) for s in sides))))
    lines += [f"moved to none: {number} {reason}" for reason, number in sorted(corpus.moved.items())]
    return "\n".join(lines)


def _count(records: Sequence[Record], modality: str, side: str) -> int:
    return sum(record.modality == modality and record.split == side for record in records)


def _concepts(records: Sequence[Record], modality: str, side: str) -> int:
    return len({record.concept for record in records if record.modality == modality and record.split == side} - {""})
