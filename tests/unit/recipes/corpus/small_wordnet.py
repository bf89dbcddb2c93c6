"""A WordNet of a dozen nouns, in the format of wndb(5WN)."""

from pathlib import Path

NOUNS = (  # offset, field, lemmas, parent, gloss
    (1, 3, ("entity",), 0, "that which exists"),
    (2, 5, ("animal",), 1, "a living organism"),
    (3, 5, ("cat",), 2, "feline mammal"),
    (4, 5, ("dog",), 2, "a canine; barks"),
    (5, 5, ("mouse",), 2, 'any of numerous small rodents; "the mouse ran"'),
    (6, 6, ("device",), 1, "an instrument"),
    (7, 6, ("mouse", "computer_mouse"), 6, "a device that controls the cursor of a computer"),
    (8, 6, ("car", "auto", "automobile"), 1, "a motor vehicle"),
    (9, 13, ("hot_dog", "frank"), 1, "a sausage in a roll"),
    (10, 5, ("bear",), 2, "a massive mammal"),
    (11, 5, ("polar_bear",), 10, "a white bear"),
    (12, 7, ("red",), 1, "the color of blood"),
    (13, 6, ("computer",), 6, "a machine for computing"),
    (14, 14, ("pair",), 1, "a set of two"),
)
COUNTS = """\
red%5:00:00:chromatic:00 1 40
red%1:07:00:: 1 3
car%1:06:00:: 1 70
automobile%1:06:00:: 1 2
bear%2:42:00:: 1 80
bear%1:05:00:: 1 1
"""
LICENCE_LINES = "  1 This software and database is being provided to you\n"


def write_wordnet(folder: Path) -> Path:
    """Write the files that ``WordNet`` reads."""
    index: dict[str, list[int]] = {}
    data = [LICENCE_LINES]
    for offset, field, lemmas, parent, gloss in NOUNS:
        words = " ".join(f"{lemma} 0" for lemma in lemmas)
        pointers = f"001 @ {parent:08d} n 0000" if parent else "000"
        data.append(f"{offset:08d} {field:02d} n {len(lemmas):02x} {words} {pointers} | {gloss}  \n")
        for lemma in lemmas:
            index.setdefault(lemma, []).append(offset)
    _write(folder / "data.noun", "".join(data))
    _write(folder / "index.noun", LICENCE_LINES + "".join(_line(lemma, "n", at) for lemma, at in sorted(index.items())))
    _write(folder / "index.verb", _line("run", "v", [1]) + _line("bear", "v", [2]))
    _write(folder / "index.adj", _line("red", "a", [1]) + _line("polar", "a", [2]) + _line("hot", "a", [3]))
    _write(folder / "index.adv", "")
    _write(folder / "noun.exc", "mice mouse\n")
    _write(folder / "verb.exc", "ran run\n")
    _write(folder / "cntlist.rev", COUNTS)
    return folder


def _line(lemma: str, pos: str, offsets: list[int]) -> str:
    places = " ".join(f"{offset:08d}" for offset in offsets)
    return f"{lemma} {pos} {len(offsets)} 1 @ {len(offsets)} 0 {places}  \n"


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
