"""Builds the labelled retrieval set: small pictures and short sounds of named concepts, none of them for training.

The plan is three tables beside this file: pictures and sounds (concept, source, ...) and phrases for a soundfont.
Beside the media it writes ``labels.tsv``, ``ATTRIBUTION.md`` and ``heldout.txt`` (what a trainer must leave out).
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, final

import blake3

from samples.make.licences import Licence, find_licence
from samples.make.pictures import encode_picture, open_picture
from samples.make.roots import Source, read_source
from samples.make.soundfont import render_phrase
from samples.make.sounds import cut, decode_sound, encode_sound, level, trim_silence

__all__ = ["build_labelled"]

_HERE: Final = Path(__file__).parent
_SOUNDFONT: Final = Source(package="timgm6mb-soundfont", path="usr/share/sounds/sf2/TimGM6mb.sf2")
_SIDE_PIXELS: Final = 256
_LONGEST_SECONDS: Final = 5.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of ``labels.tsv``."""

    file: str
    concept: str
    modality: str
    caption: str
    licence: Licence
    source: Source


def build_labelled(roots: Path, folder: Path) -> int:
    """Write the set into ``folder`` from packages unpacked under ``roots``; returns how many files it made."""
    rows = [*_pictures(roots, folder), *_sounds(roots, folder), *_phrases(roots, folder)]
    _write_labels(rows, folder)
    _write_attribution(rows, folder / "ATTRIBUTION.md")
    (folder / "heldout.txt").write_text("".join(f"{line}\n" for line in _held_out(roots, rows)))
    return len(rows)


def _table(name: str) -> list[list[str]]:
    return [line.split("\t") for line in (_HERE / name).read_text().splitlines() if line]


def _pictures(roots: Path, folder: Path) -> list[Row]:
    rows: list[Row] = []
    for concept, text, caption in _table("labelled_images.tsv"):
        source = Source.parse(text)
        image = open_picture(read_source(roots, source), side=_SIDE_PIXELS)
        file = _name(folder, "images", concept, ".jpg", rows)
        (folder / file).write_bytes(encode_picture(image, suffix=".jpg"))
        rows.append(_row(roots, file, concept, "image", caption, source))
    return rows


def _sounds(roots: Path, folder: Path) -> list[Row]:
    rows: list[Row] = []
    for concept, text, start, seconds, caption in _table("labelled_sounds.tsv"):
        source = Source.parse(text)
        samples = cut(decode_sound(read_source(roots, source)), start_seconds=float(start), seconds=float(seconds))
        file = _name(folder, "sounds", concept, ".ogg", rows)
        (folder / file).write_bytes(encode_sound(level(trim_silence(samples)), suffix=".ogg"))
        rows.append(_row(roots, file, concept, "audio", caption, source))
    return rows


def _phrases(roots: Path, folder: Path) -> list[Row]:
    rows: list[Row] = []
    for concept, program, notes, caption in _table("labelled_phrases.tsv"):
        played = tuple(int(note) for note in notes.split())
        samples = render_phrase(roots / _SOUNDFONT.package / _SOUNDFONT.path, program=int(program), notes=played)
        file = f"sounds/{concept}_phrase.ogg"
        (folder / file).write_bytes(
            encode_sound(level(trim_silence(samples[: int(_LONGEST_SECONDS * 32_000)])), suffix=".ogg")
        )
        rows.append(_row(roots, file, concept, "audio", caption, _SOUNDFONT))
    return rows


def _row(roots: Path, file: str, concept: str, modality: str, caption: str, source: Source) -> Row:
    licence = find_licence(roots, source)
    return Row(file=file, concept=concept, modality=modality, caption=caption, licence=licence, source=source)


def _name(folder: Path, kind: str, concept: str, suffix: str, rows: list[Row]) -> str:
    (folder / kind).mkdir(parents=True, exist_ok=True)
    number = 1 + sum(row.concept == concept for row in rows)
    return f"{kind}/{concept}_{number}{suffix}"


def _write_labels(rows: list[Row], folder: Path) -> None:
    lines = ["file\tconcept\tmodality\tcaption\tlicence\tsource"]
    lines += [
        "\t".join((row.file, row.concept, row.modality, row.caption, row.licence.name, str(row.source))) for row in rows
    ]
    (folder / "labels.tsv").write_text("\n".join(lines) + "\n")


def _write_attribution(rows: list[Row], path: Path) -> None:
    licences = Counter(row.licence.name for row in rows)
    lines = [
        "# Attribution of the labelled set",
        "",
        "Made by `python -m samples.make labelled`; every file was cut, scaled or re-encoded.",
        "",
    ]
    lines += [
        "| licence | files |",
        "|---|---|",
        *(f"| {name} | {number} |" for name, number in sorted(licences.items())),
        "",
    ]
    lines += ["| file | author | licence | said by | source |", "|---|---|---|---|---|"]
    for row in rows:
        author = row.licence.author.replace("|", "/")
        lines.append(f"| {row.file} | {author} | {row.licence.name} | {row.licence.said_by} | `{row.source}` |")
    path.write_text("\n".join(lines) + "\n")


def _held_out(roots: Path, rows: list[Row]) -> list[str]:
    """BLAKE3 of each sound's source file, then ``stem:`` lines for takes of the same recording, then known copies."""
    sources = {str(row.source): row.source for row in rows if row.modality == "audio"}
    sources |= {line[0]: Source.parse(line[0]) for line in _table("heldout_more.tsv")}
    sources |= {line[1]: Source.parse(line[1]) for line in _table("demo_sounds.tsv")}
    hashes = sorted({blake3.blake3(read_source(roots, source)).hexdigest() for source in sources.values()})
    stems = {stem for source in sources.values() if (stem := _stem(source))}
    return [*hashes, *sorted(stems)]


def _stem(source: Source) -> str:
    """``stem:package/name`` with the digits taken out of the name; empty where the name has none to take."""
    name = PurePosixPath(source.member or source.path).stem
    numbered = re.search(r"\d", name) and not source.path.endswith(".cat") and source.package != _SOUNDFONT.package
    return f"stem:{source.package}/{re.sub(r'[0-9]', '', name)}" if numbered and source.package != "scratch" else ""
