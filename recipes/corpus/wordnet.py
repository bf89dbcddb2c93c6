"""Read WordNet 3.0's noun files (Debian's ``wordnet-base``): lemmas, senses, glosses, hypernyms, how common a word is.

Miller, "WordNet: a lexical database for English", Communications of the ACM 38, 1995; file formats in wndb(5WN).
Words are lower case with spaces between; WordNet's underscores stay in its files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import final

__all__ = ["CONCRETE_FIELDS", "Sense", "WordNet"]

CONCRETE_FIELDS = frozenset({3, 5, 6, 8, 13, 15, 17, 18, 19, 20, 25, 27})
"""Lexicographer files (lexnames(5WN)) of things that can be seen or heard: animals, artifacts, food, plants, ..."""
_NOUN = "1"
_ENDINGS = (
    ("ses", "s"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
    ("s", ""),
)
_MOST_STEPS = 24


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sense:
    """One noun meaning: its lemmas in WordNet's order, the definition without examples, the meanings above it.

    ``is_name``: it is one person, place or work, not a kind of thing. ``field``: its lexicographer file
    (lexnames(5WN)).
    """

    offset: int
    field: int
    is_name: bool
    lemmas: tuple[str, ...]
    gloss: str
    parents: tuple[int, ...]


@final
class WordNet:
    """Nouns with their meanings; of the other parts of speech only which words exist, and how often each was seen."""

    def __init__(self, folder: Path) -> None:
        self._senses = dict(_senses(folder / "data.noun"))
        self._nouns = dict(_index(folder / "index.noun"))
        self._irregular = _exceptions(folder / "noun.exc")
        verbs, self._adjectives, adverbs = (
            frozenset(lemma for lemma, _ in _index(folder / f"index.{pos}")) for pos in ("verb", "adj", "adv")
        )
        self._others = verbs | self._adjectives | adverbs
        self._verb_forms = _exceptions(folder / "verb.exc")
        self._seen, self._noun_counts = _counts(folder / "cntlist.rev")

    @lru_cache(maxsize=1 << 16)  # noqa: B019 - one dictionary lives as long as the program
    def noun(self, word: str) -> str | None:
        """The noun lemma that ``word`` is a form of (itself, an irregular or a regular plural), or None."""
        if word in self._irregular and self._irregular[word] in self._nouns:
            return self._irregular[word]
        if word in self._nouns:
            return word
        for ending, instead in _ENDINGS:
            stem = word.removesuffix(ending) + instead
            if word.endswith(ending) and len(stem) > 2 and stem in self._nouns and not word.endswith("ss"):
                return stem
        return None

    def senses(self, lemma: str) -> tuple[Sense, ...]:
        """The lemma's meanings, the commonest first; empty for an unknown lemma."""
        return tuple(self._senses[offset] for offset in self._nouns.get(lemma, ()))

    def is_word(self, word: str) -> bool:
        """Whether any part of speech knows ``word`` or what it is a form of."""
        return self.noun(word) is not None or self._other(word) is not None

    def describes(self, lemma: str) -> bool:
        """Whether the lemma rather describes than names: a participle, or seen (in Semcor) mostly as an adjective."""
        seen = self._seen.get(lemma, {})
        adjectives = seen.get("3", 0) + seen.get("5", 0)
        return self._is_participle(lemma) or (lemma in self._adjectives and adjectives > 2 * seen.get(_NOUN, 0))

    def is_thing(self, lemma: str) -> bool:
        """Whether the lemma, at the end of a name, is likely the thing named.

        Not if it describes, or was seen mostly as a verb while its first meaning as a noun is no concrete thing: a
        bear is one, a walk is not.
        """
        if lemma not in self._nouns or self.describes(lemma):
            return False
        seen = self._seen.get(lemma, {})
        return seen.get("2", 0) <= seen.get(_NOUN, 0) or self.senses(lemma)[0].field in CONCRETE_FIELDS

    def above(self, sense: Sense) -> tuple[Sense, ...]:
        """The chain of hypernyms by first parents, nearest first."""
        chain: list[Sense] = []
        while sense.parents and len(chain) < _MOST_STEPS:
            sense = self._senses[sense.parents[0]]
            chain.append(sense)
        return tuple(chain)

    def commonest_name(self, lemma: str) -> str:
        """The lemma seen most often among those that share ``lemma``'s first meaning: automobile becomes car.

        A phrase keeps its name, and no lemma is renamed to a word whose own first meaning is another.
        """
        if " " in lemma:
            return lemma
        for _ in range(_MOST_STEPS):
            senses = self.senses(lemma)
            if not senses:
                return lemma
            here = senses[0]
            names = [name for name in here.lemmas if self._nouns.get(name, (0,))[0] == here.offset]
            best = max(names, key=lambda name: self._noun_counts.get((name, 1), 0), default=lemma)
            if self._noun_counts.get((best, 1), 0) <= self._noun_counts.get((lemma, 1), 0):
                return lemma
            lemma = best
        return lemma

    def _is_participle(self, lemma: str) -> bool:
        stem = lemma.removesuffix("ing")
        return lemma != stem and any(form in self._others for form in (stem, stem + "e", stem[:-1]))

    def _other(self, word: str) -> str | None:
        if word in self._others:
            return word
        if word in self._verb_forms:
            return self._verb_forms[word]
        for ending in ("ing", "ed", "s", "er", "est", "d", "ly"):
            stem = word.removesuffix(ending)
            if word.endswith(ending) and len(stem) > 2:
                for form in (stem, stem + "e", stem[:-1]):
                    if form in self._others:
                        return form
        return None


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.startswith("  "):
                yield line


def _senses(path: Path) -> Iterator[tuple[int, Sense]]:
    for line in _lines(path):
        head, _, gloss = line.partition(" | ")
        parts = head.split(" ")
        num_words = int(parts[3], 16)
        lemmas = tuple(parts[4 + 2 * i].replace("_", " ").lower() for i in range(num_words))
        pointers = parts[5 + 2 * num_words :]
        above = [int(pointers[i + 1]) for i in range(0, len(pointers) - 3, 4) if pointers[i] in {"@", "@i"}]
        offset = int(parts[0])
        definition = gloss.split('; "')[0].strip()
        yield (
            offset,
            Sense(
                offset=offset,
                field=int(parts[1]),
                is_name="@i" in pointers,
                lemmas=lemmas,
                gloss=definition,
                parents=tuple(above),
            ),
        )


def _index(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    for line in _lines(path):
        parts = line.split()
        yield parts[0].replace("_", " "), tuple(int(part) for part in parts[-int(parts[2]) :])


def _exceptions(path: Path) -> Mapping[str, str]:
    pairs = (line.split()[:2] for line in _lines(path))
    return {form.replace("_", " "): lemma.replace("_", " ") for form, lemma in pairs}


def _counts(path: Path) -> tuple[Mapping[str, Mapping[str, int]], Mapping[tuple[str, int], int]]:
    """How often each lemma was seen as each part of speech, and each noun in each of its numbered meanings."""
    every: dict[str, dict[str, int]] = {}
    nouns: dict[tuple[str, int], int] = {}
    for line in _lines(path):
        key, number, count = line.split()
        lemma, _, rest = key.partition("%")
        lemma, kind = lemma.replace("_", " "), rest[0]
        seen = every.setdefault(lemma, {})
        seen[kind] = seen.get(kind, 0) + int(count)
        if kind == _NOUN:
            nouns[lemma, int(number)] = int(count)
    return every, nouns
