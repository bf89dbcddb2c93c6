"""From what a package calls a file to clean captions and a concept, with WordNet at hand.

The concept is the noun that the title is about ("red sports car" is a car), under its commonest name; splits are made
by it. Words that WordNet does not know are dropped from titles that nobody curated: file names carry authors, codes
and other languages. Nothing here knows whether the item is a picture or a sound.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

from recipes.corpus.wordnet import CONCRETE_FIELDS, Sense, WordNet

__all__ = ["Words", "choose_sense", "clean", "describe", "find_concept", "mentions"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MEDIA = _words("""
    art cartoon clip clipart doodle drawing effect gif graphic graphics icon icons illustration image jpeg jpg
    logo loop loops mp3 ogg outline photo photograph picture png recording sample samples silhouette sketch
    sound sounds svg symbol symbols template theme variant variation vector version wallpaper wav webp
""")
"""Words about the file, not about what it shows."""
PARTITIVES = _words("bit bunch group kind lot pair part piece row set slice sort type variety")
_BREAKS = _words("""
    of with in on at for from by and or to over under near behind without wearing holding inside into against
    around above below between through using showing featuring while that who which is are per via
""")
_SMALL = _BREAKS | _words("""
    a an the no not as up down off out your my his her its their one two three four
""")
_NOISE = _words("hash nicu")
"""What an exporter and an author left among the Open Clip Art Library's keywords."""
_SHORT = _words("ax cd dj dvd id ox pc tv")
_ABSTRACT_PENALTY = 1.5
_RANK_PENALTY = 0.25
_NAME_PENALTY = 3.0
_MOST_TITLE_WORDS = 12
_MOST_KEYWORDS = 8


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """``captions``: title first, then keywords on one line; ``glosses``: what WordNet adds. All empty: no words."""

    title: str = ""
    concept: str = ""
    captions: tuple[str, ...] = ()
    glosses: tuple[str, ...] = ()


def describe(
    title: str, keywords: Iterable[str], wordnet: WordNet, *, hints: Sequence[str] = (), curated: bool = False
) -> Words:
    """Clean and expand an item's words; ``hints`` (folder names) help to choose senses and are never captions.

    A curated title keeps words that WordNet does not know. Without a known noun in title or keywords the result is
    empty unless the title is curated; then the concept is the title itself.
    """
    name = _known(clean(title), wordnet) if not curated else clean(title)
    tags = _tags(keywords, name, wordnet)
    places = [word for hint in hints for word in clean(hint).split()]
    concept = find_concept(name, wordnet) or _most_specific(tags, places, wordnet)
    if not concept:
        concept = name if curated else ""
    if not concept:
        return Words()
    name = name or concept
    captions = [name, ", ".join(tags)] if tags else [name]
    if concept not in name and wordnet.noun(concept) and concept not in tags:
        captions.append(concept)
    context = [word for tag in (*tags, name) for word in tag.split()] + places
    return Words(
        title=name,
        concept=concept,
        captions=tuple(dict.fromkeys(captions)),
        glosses=_expand(concept, context, wordnet),
    )


def clean(text: str) -> str:
    """Lower case words with single spaces: no suffixes, codes, digits, markup or words about the file."""
    text = unicodedata.normalize("NFKC", text)
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", text)
    text = re.sub(r"[_\-/.+~]+", " ", text.lower())
    text = re.sub(r"[:;,(\[]", " , ", text)
    text = re.sub(r"[^\w\s',&]|_", " ", text).replace("&", " and ")
    words = [word.strip("'") for word in text.split()]
    kept = [word for word in words if word == "," or _is_wordlike(word)]
    return re.sub(r"( ,)+", ",", " ".join(kept[:_MOST_TITLE_WORDS])).strip(" ,")


def find_concept(title: str, wordnet: WordNet) -> str:
    """The commonest name of the noun that ``title`` (already clean) is about; empty if it names none."""
    for segment in _segments(title):
        place = _head(segment, wordnet)
        if place is None:
            continue
        lemma = wordnet.noun(segment[place]) or segment[place]
        if lemma in PARTITIVES and len(segment) == place + 1:
            continue
        return wordnet.commonest_name(_widest(segment[:place], lemma, wordnet))
    return ""


def choose_sense(lemma: str, context: Sequence[str], wordnet: WordNet) -> Sense | None:
    """The meaning whose gloss and hypernyms share most words with ``context`` (Lesk 1986); early and concrete first."""
    near = {wordnet.noun(word) or word for word in context} - {lemma} - _SMALL
    best: tuple[float, Sense] | None = None
    for rank, sense in enumerate(wordnet.senses(lemma)):
        above = {name for parent in wordnet.above(sense) for name in parent.lemmas} | set(sense.lemmas)
        told = {wordnet.noun(word) or word for word in re.findall(r"[a-z]+", sense.gloss.lower())}
        score = 2.0 * len(near & above) + len(near & told) - _RANK_PENALTY * rank
        score -= 0.0 if sense.field in CONCRETE_FIELDS else _ABSTRACT_PENALTY
        score -= _NAME_PENALTY if sense.is_name else 0.0
        if best is None or score > best[0]:
            best = score, sense
    return None if best is None else best[1]


def mentions(text: str, wordnet: WordNet, *, most_words: int = 3) -> frozenset[str]:
    """Every noun lemma in ``text``, single words and phrases, as concepts are named."""
    found: set[str] = set()
    for phrase in re.split(r"[^\w\s']", text.lower()):
        words = phrase.split()
        for start in range(len(words)):
            for stop in range(start + 1, min(start + most_words, len(words)) + 1):
                piece = " ".join(words[start:stop])
                lemma = wordnet.noun(piece)
                found.update({piece} if lemma is None else {piece, lemma, wordnet.commonest_name(lemma)})
    return frozenset(found)


def _is_wordlike(word: str) -> bool:
    letters = re.sub(r"[^a-zà-öø-ÿ]", "", word)
    if word in MEDIA or len(letters) != len(word.replace("'", "")):
        return False
    return len(word) > 2 or word in _SMALL or word in _SHORT


def _known(name: str, wordnet: WordNet) -> str:
    words = name.replace(",", " ,").split()
    kept = [word for word in words if word == "," or word in _SMALL or wordnet.is_word(word)]
    pruned = [word for word, after in pairwise([*kept, "."]) if not (word in _SMALL and after in {",", "."})]
    while pruned and (pruned[0] in _BREAKS or pruned[0] == ","):
        pruned.pop(0)
    text = re.sub(r"( ,)+", ",", " ".join(pruned)).strip(" ,")
    return text if any(word not in _SMALL for word in text.replace(",", "").split()) else ""


def _tags(keywords: Iterable[str], name: str, wordnet: WordNet) -> list[str]:
    tags = dict.fromkeys(_known(clean(keyword), wordnet) for keyword in keywords)
    tags = {tag: None for tag in tags if tag and tag not in _NOISE}
    return [tag for tag in tags if tag != name and wordnet.noun(tag.split()[-1].strip(","))][:_MOST_KEYWORDS]


def _segments(title: str) -> list[list[str]]:
    """The title's words, cut at commas and small words."""
    segments: list[list[str]] = [[]]
    for word in title.replace(",", " ,").split():
        if word == "," or word in _BREAKS:
            segments.append([])
        elif word not in _SMALL:
            segments[-1].append(word)
    return [segment for segment in segments if segment]


def _head(words: Sequence[str], wordnet: WordNet) -> int | None:
    nouns = [
        place for place, word in enumerate(words) if (lemma := wordnet.noun(word)) and not wordnet.describes(lemma)
    ]
    sure = [place for place in nouns if wordnet.is_thing(wordnet.noun(words[place]) or "")]
    return (sure or nouns)[-1] if nouns else None


def _widest(before: Sequence[str], lemma: str, wordnet: WordNet) -> str:
    """``lemma``, or the longest known phrase that ends in it and is no kind of it: a hot dog is no dog."""
    for start in range(max(len(before) - 2, 0), len(before)):
        phrase = " ".join([*before[start:], lemma])
        senses = wordnet.senses(phrase)
        if senses:
            family = {name for sense in (senses[0], *wordnet.above(senses[0])) for name in sense.lemmas}
            return lemma if lemma in family else phrase
    return lemma


def _most_specific(tags: Sequence[str], places: Sequence[str], wordnet: WordNet) -> str:
    """Of the keywords' concepts the one that most others are hypernyms of, then the deepest.

    A keyword that is a folder's name too is too general.
    """
    general = {wordnet.noun(place) or place for place in places}
    named = dict.fromkeys(find_concept(tag, wordnet) for tag in tags)
    lemmas = [lemma for lemma in named if lemma and lemma not in general]

    def specificity(lemma: str) -> tuple[int, int]:
        sense = choose_sense(lemma, [*lemmas, *places], wordnet)
        above = wordnet.above(sense) if sense else ()
        names = {name for parent in above for name in parent.lemmas}
        return len(names & ({*lemmas, *places} - {lemma})), len(above)

    return max(lemmas, key=specificity, default="")


def _expand(concept: str, context: Sequence[str], wordnet: WordNet) -> tuple[str, ...]:
    sense = choose_sense(concept, context, wordnet)
    if sense is None:
        return ()
    others = [name for name in sense.lemmas if name != concept][:3]
    parents = [parent.lemmas[0] for parent in wordnet.above(sense)[:2]]
    lines = [", ".join(others), ", ".join([concept, *parents]), f"{concept}: {sense.gloss}"]
    return tuple(line for line in lines if line)
