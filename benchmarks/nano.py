"""Is the trained `nano` better than what it was made of? Every direction, on held-out concepts and on photographs.

    python -m benchmarks.nano --work FOLDER --media FOLDER --sounds FOLDER --probes FOLDER [--v1 DIR] [--v2 DIR]

``--work`` is the folder that ``python -m recipes.nano`` worked in (its saved pairs), ``--media`` the corpus' pictures,
``--sounds`` its decoded sounds, ``--probes`` a folder with ``photos.tsv``. The systems: *ConSE / teacher* (the
classifier's and the tagger's opinions read as text, nothing trained), *ridge* and *CCA* (closed forms on
the heads' own features), *v1* and *v2* (whole spaces, through the product's own path from files). A query is hit
at k when any item of its concept stands at rank k or better; ties count against the system; texts are titles. Test
concepts' words were in no row that a head or a closed form learned from; v1's sound tower heard some of these
recordings, without words, and so did v2's. v2 here is the judged one: what ships learned from the tested concepts too.
"""

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import commonspace
from benchmarks.first_nano import first_embedder, first_version
from benchmarks.page import as_table, write_table
from benchmarks.retrieval import Measured, measure
from commonspace.align.closed import ClosedForm, matched
from commonspace.align.pairs import Pairs
from commonspace.align.posthoc import Canonical, cca, ridge
from commonspace.apps.measuring import Side
from commonspace.core.vectors import unit
from commonspace.encode.embedder import Embedder
from recipes.corpus.record import read_index
from recipes.corpus.samples import recordings

INDEX = Path(__file__).parents[1] / "recipes" / "corpus" / "index.tsv.gz"
STRENGTHS = (0.1, 1.0, 10.0)
MOST_ROWS = 12_000
PREFIXES = (64, 128, 256)
DIRECTIONS = (
    ("text->image", "text of image", "image"),
    ("image->text", "image", "text of image"),
    ("text->audio", "text of audio", "audio"),
    ("audio->text", "audio", "text of audio"),
    ("image->audio", "image", "audio"),
    ("audio->image", "audio", "image"),
)
HEADER = ("suite", "direction", "system", "queries", "items", "R@1", "R@5", "R@10", "median rank")
ITEMS_A_CALL = 64

Sides = Mapping[str, Side]
Vectors = NDArray[np.float32]


def space_sides(embedder: Embedder, pairs: Pairs, media: Mapping[str, Path | commonspace.Audio]) -> Sides:
    """A whole space's vectors for the items that the pairs list, through the product's own path."""
    texts = text_sides(pairs)
    items: dict[str, list[tuple[str, object]]] = {"image": [], "audio": []}
    for key, concept in zip(pairs.keys, pairs.concepts, strict=True):
        if key in media:
            items["audio" if isinstance(media[key], commonspace.Audio) else "image"].append((concept, media[key]))
    sides = dict(texts)
    for modality, held in items.items():
        if held:
            rows = [
                embedder.embed([item for _, item in held[i : i + ITEMS_A_CALL]])
                for i in range(0, len(held), ITEMS_A_CALL)
            ]
            sides[modality] = Side(concepts=tuple(concept for concept, _ in held), vectors=np.concatenate(rows))
    return sides


def text_sides(pairs: Pairs) -> dict[str, Side]:
    """Titles with their concepts, each once, apart for pictures and for sounds."""
    sides = {}
    for modality in ("image", "audio"):
        if modality not in pairs.views:
            continue
        rows = np.flatnonzero(pairs.has(modality, "text"))
        texts = pairs.take(rows).of("text").features.astype(np.float32)
        concepts = [pairs.concepts[row] for row in rows]
        distinct = {
            (concept, text.tobytes()): place for place, (concept, text) in enumerate(zip(concepts, texts, strict=True))
        }
        kept = sorted(distinct.values())
        sides[f"text of {modality}"] = Side(
            concepts=tuple(concepts[place] for place in kept), vectors=unit(texts[kept])
        )
    return sides


def view_sides(pairs: Pairs, views: Mapping[str, str], maps: Mapping[str, ClosedForm] | None = None) -> Sides:
    """Vectors that the pairs hold (``views``: modality to the name of its view), through closed forms if given."""
    sides = text_sides(pairs)
    for modality, name in views.items():
        if name not in pairs.views:
            continue
        rows = np.flatnonzero(pairs.has(name, "text"))
        features = pairs.take(rows).of(name).features.astype(np.float32)
        vectors = maps[modality].alignment.x(features) if maps else unit(features)
        sides[modality] = Side(concepts=tuple(pairs.concepts[row] for row in rows), vectors=vectors)
        alignment = maps[modality].alignment if maps else None
        if isinstance(alignment, Canonical):
            texts = sides[f"text of {modality}"]
            sides[f"text of {modality}"] = Side(concepts=texts.concepts, vectors=alignment.y(texts.vectors))
    return sides


def closed_forms(train: Pairs, valid: Pairs, *, seed: int) -> dict[str, dict[str, ClosedForm]]:
    """Ridge of each modality, at the strength that finds most on the valid split, and CCA at strength one."""
    found: dict[str, dict[str, ClosedForm]] = {"ridge": {}, "CCA": {}}
    for modality in ("image", "audio"):
        x, y = matched(train, modality, "text", max_rows=MOST_ROWS)
        tried = [
            ClosedForm(name="ridge", modality=modality, alignment=ridge(x, y, strength=each), strength=each)
            for each in STRENGTHS
        ]
        found["ridge"][modality] = max(tried, key=lambda form: _finds(form, valid, seed=seed))
        both = cca(x, y, dimension=y.shape[1], strength=1.0)
        found["CCA"][modality] = ClosedForm(name="CCA", modality=modality, alignment=both, strength=1.0)
    return found


def _finds(form: ClosedForm, valid: Pairs, *, seed: int) -> float:
    sides = view_sides(valid, {form.modality: form.modality}, {form.modality: form})
    return measure("", sides[f"text of {form.modality}"], sides[form.modality], seed=seed).recalls[-1].value


def results(sides: Sides, *, seed: int, with_text: bool = False) -> list[Measured]:
    """Every direction that these sides hold, or only those with text (CCA joins each modality to text alone)."""
    return [
        measure(name, sides[query], sides[corpus], seed=seed)
        for name, query, corpus in DIRECTIONS
        if query in sides and corpus in sides and ("text" in name or not with_text)
    ]


def cells(suite: str, system: str, measured: Measured) -> list[str]:
    """One line of the table."""
    recalls = [f"{one.value:.3f} ({one.low:.2f}-{one.high:.2f})" for one in measured.recalls]
    counts = [str(measured.num_queries), str(measured.num_items)]
    return [suite, measured.direction, system, *counts, *recalls, f"{measured.median_rank:g}"]


def cut(sides: Sides, length: int) -> Sides:
    """The same sides with every vector cut to its first numbers and scaled to length one again."""
    return {name: Side(concepts=side.concepts, vectors=unit(side.vectors[:, :length])) for name, side in sides.items()}


def chance(suite: str, measured: Measured) -> list[str]:
    """What a random order would give."""
    counts = [str(measured.num_queries), str(measured.num_items)]
    return [suite, measured.direction, "chance", *counts, *(f"{one.chance:.3f}" for one in measured.recalls), ""]


def table(systems: Mapping[str, Mapping[str, list[Measured]]]) -> list[list[str]]:
    """Lines by suite and direction; ``systems[suite][system]`` are measured directions."""
    lines = []
    for suite, by_system in systems.items():
        for name, _, _ in DIRECTIONS:
            told = {system: one for system, all_of in by_system.items() for one in all_of if one.direction == name}
            if told:
                lines.append(chance(suite, next(iter(told.values()))))
                lines += [cells(suite, system, one) for system, one in told.items()]
    return lines


def photo_media(probes: Path) -> dict[str, Path]:
    """The photographs by the keys of their saved pairs."""
    with (probes / "photos.tsv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t"))
    return {f"photo-{number}": probes / "photos" / line["file"] for number, line in enumerate(lines)}


def evaluate(arguments: argparse.Namespace) -> dict[str, dict[str, list[Measured]]]:
    """Every system on both suites."""
    seed = arguments.seed
    pairs = Pairs.load(arguments.work / "pairs")
    forms = closed_forms(pairs.where("train"), pairs.where("valid"), seed=seed)
    records = [record for record in read_index(arguments.index) if record.split == "test"]
    sounds = recordings([record for record in records if record.modality == "audio"], arguments.sounds)
    pictures = {record.key: arguments.media / f"{record.key}.jpg" for record in records if record.modality == "image"}
    suites: dict[str, tuple[Pairs, Mapping[str, Path | commonspace.Audio]]] = {
        "held-out concepts": (pairs.where("test"), {**pictures, **sounds}),
        "photographs": (Pairs.load(arguments.work / "photos"), photo_media(arguments.probes)),
    }
    embedders = {
        "v1": first_embedder(first_version(arguments.v1)),
        "v2": commonspace.load(str(arguments.v2 or arguments.work / "judged")),
    }
    found: dict[str, dict[str, list[Measured]]] = {}
    for suite, (held, media) in suites.items():
        systems: dict[str, Sides] = {
            "ConSE / teacher": view_sides(held, {"image": "image_base", "audio": "audio_taught"}),
        }
        systems |= {name: view_sides(held, {"image": "image", "audio": "audio"}, each) for name, each in forms.items()}
        systems |= {name: space_sides(embedder, held, media) for name, embedder in embedders.items()}
        systems |= {f"v2 cut to {length}": cut(systems["v2"], length) for length in PREFIXES}
        found[suite] = {name: results(sides, seed=seed, with_text=name == "CCA") for name, sides in systems.items()}
    return found


def main() -> int:
    """Measure, and print one table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="the recipe's folder, with its saved pairs")
    parser.add_argument("--media", type=Path, required=True, help="the corpus' pictures")
    parser.add_argument("--sounds", type=Path, required=True, help="the corpus' decoded sounds")
    parser.add_argument("--probes", type=Path, required=True, help="folder with photos.tsv")
    parser.add_argument("--index", type=Path, default=INDEX, help="the corpus' index")
    parser.add_argument("--v1", type=Path, default=Path(".cache/nano-v1"), help="where the first version is unpacked")
    parser.add_argument("--v2", type=Path, help="the space to measure; WORK/judged, which never saw a tested concept")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    found = evaluate(arguments)
    if arguments.json:
        told = {
            suite: {name: [asdict(one) for one in all_of] for name, all_of in by.items()} for suite, by in found.items()
        }
        print(json.dumps({"seed": arguments.seed, "suites": told}, indent=2))
    else:
        show(table(found))
    if arguments.write:
        write_table("nano", as_table(HEADER, table(found)))
    return 0


def show(lines: Sequence[Sequence[str]]) -> None:
    """Print the table."""
    drawn = Table(title="any item of the same concept at rank <= k; 95% bootstrap interval over queries")
    for place, name in enumerate(HEADER):
        drawn.add_column(name, justify="left" if place < 3 else "right")
    for line in lines:
        drawn.add_row(*line)
    Console(width=160).print(drawn)


if __name__ == "__main__":
    raise SystemExit(main())
