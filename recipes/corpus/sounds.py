"""What a recording sounds like, told from its package and path by tables that a person wrote.

``sounds_rules.tsv`` maps paths to concepts, the first line that fits wins; ``sounds_concepts.tsv`` holds phrases for
every concept. A path that no line fits says nothing of its sound, and its recording stays without a caption.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

__all__ = ["Heard", "Rule", "SoundTables"]

CAPTION_BREAK = " | "
ANY_PACKAGE = "*"
"""Rules of this package are searched in the words of the bare file name, after all others."""
GENERAL_MIDI = re.compile(r"^(?:phrase|note)-(\d+)$")
NUM_PROGRAMMES = 128
NOTES_A_PROGRAMME = 1000
"""A clip's number modulo this, then modulo 128, is the programme that leads it."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one recording sounds like: its concept, and captions from the most to the least specific.

    ``noun`` is a thing that a picture could show too, or empty; ``gloss_fits`` says that WordNet means the same by it.
    """

    concept: str
    captions: tuple[str, ...]
    noun: str = ""
    gloss_fits: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Paths of ``package`` (a whole match) in which ``pattern`` is found are of ``concept``."""

    package: re.Pattern[str]
    pattern: re.Pattern[str]
    concept: str
    captions: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SoundTables:
    """The tables, read once; every concept that a rule names has phrases."""

    rules: tuple[Rule, ...]
    general_rules: tuple[Rule, ...]
    concepts: Mapping[str, Heard]
    programmes: tuple[Heard, ...]

    @classmethod
    def read(cls, folder: Path) -> "SoundTables":
        """Read the three tables in ``folder``.

        Raises:
            ValueError: a rule or a programme names a concept that has no phrases.
        """
        concepts = {
            concept: Heard(
                concept=concept, captions=_captions(text), noun=noun.removesuffix("*"), gloss_fits=noun.endswith("*")
            )
            for concept, noun, text in _rows(folder / "sounds_concepts.tsv", 3)
        }
        rows = list(_rows(folder / "sounds_rules.tsv", 4))
        programmes = [
            Heard(concept=concept, captions=(f"a melody played on {_article(name)} {name}", name))
            for _, concept, name in _rows(folder / "sounds_general_midi.tsv", 3)
        ]
        unknown = {row[2] for row in rows} | {heard.concept for heard in programmes}
        if unknown - concepts.keys():
            raise ValueError(f"No phrases for {sorted(unknown - concepts.keys())}: add them to sounds_concepts.tsv")
        return cls(
            rules=tuple(_rule(row) for row in rows if row[0] != ANY_PACKAGE),
            general_rules=tuple(_rule(row) for row in rows if row[0] == ANY_PACKAGE),
            concepts=concepts,
            programmes=tuple(programmes),
        )

    def hear(self, package: str, path: str) -> Heard | None:
        """What the recording at ``path`` sounds like, or None where its name does not tell."""
        midi = GENERAL_MIDI.match(path)
        if midi:
            programme = self.programmes[int(midi[1]) % NOTES_A_PROGRAMME % NUM_PROGRAMMES]
            return self._expand(programme.concept, programme.captions)
        lowered = path.lower()
        for rule in self.rules:
            if rule.package.fullmatch(package) and rule.pattern.search(lowered):
                return self._expand(rule.concept, rule.captions)
        words = name_words(path)
        for rule in self.general_rules:
            if rule.pattern.search(words):
                return self._expand(rule.concept, rule.captions)
        return None

    def _expand(self, concept: str, captions: tuple[str, ...]) -> Heard:
        of = self.concepts[concept]
        return replace(of, captions=tuple(dict.fromkeys(captions + of.captions)))


def name_words(path: str) -> str:
    """The bare name's words in lower case: ``Sounds/DogBark_02.ogg`` gives ``dog bark``."""
    bare = re.sub(r"\.[A-Za-z0-9]{2,4}$", "", path.rsplit("!", maxsplit=1)[-1].rsplit("/", maxsplit=1)[-1])
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", bare)
    return " ".join(re.sub(r"[^a-z]+", " ", apart.lower()).split())


def _rule(row: tuple[str, ...]) -> Rule:
    package, pattern, concept, text = row
    return Rule(
        package=re.compile(re.escape(package) if package == ANY_PACKAGE else package),
        pattern=re.compile(pattern),
        concept=concept,
        captions=_captions(text),
    )


def _captions(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(CAPTION_BREAK) if part.strip())


def _article(name: str) -> str:
    return "an" if name[0] in "aeio" or name.startswith("English") else "a"


def _rows(path: Path, num_columns: int) -> Iterator[tuple[str, ...]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            row = tuple(line.split("\t"))
            if len(row) != num_columns:
                raise ValueError(f"{path.name}, line {number}: {len(row)} columns, not {num_columns}")
            yield row
