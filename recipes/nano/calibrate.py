"""Calibrates a space in place: probabilities, "no good match" and hubs, from labelled things that no tower saw.

    python -m recipes.nano.calibrate models/nano --data FOLDER          (labels.tsv: file, concept, modality, caption)
    python -m recipes.nano.calibrate models/nano --pairs FOLDER --split valid --bank captions.txt
    python -m recipes.nano.calibrate models/nano --dimensions 64 128 256 (what the heads were trained to be cut to)

``--pairs`` takes pairs whose views are vectors of the space, under the towers' names. ``--bank`` is typical queries,
one a line, none of them in the labelled data; without it hubs are left as they are. The files are written beside the
weights and named with their hashes in the manifest. The fingerprint stays: no vector moves.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import commonspace
from commonspace.align.pairs import Pairs
from commonspace.core.modality import Modality
from commonspace.core.space import Space
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.embedder import Embedder
from commonspace.encode.manifest import Manifest
from commonspace.retrieve.calibrate import DEFAULT_PRIOR, fit_calibration
from commonspace.retrieve.calibration import Calibration
from commonspace.retrieve.calibration_file import write_calibration
from commonspace.retrieve.labelled import Labelled

__all__ = ["bank_of", "sides_of_folder", "sides_of_pairs", "thinned", "write_into"]

BANK_ROWS = 256
MOST_THINGS = 3_000

Sides = dict[Modality, Labelled]


def sides_of_folder(folder: Path, embedder: Embedder) -> Sides:
    """The files of a folder with ``labels.tsv``, and their distinct captions as texts."""
    with (folder / "labels.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    captions = sorted({(row["concept"], row["caption"]) for row in rows})
    sides = {Modality.TEXT: _side(embedder, [(concept, caption, caption) for concept, caption in captions])}
    for modality in sorted({row["modality"] for row in rows}):
        files = [(row["concept"], row["file"], folder / row["file"]) for row in rows if row["modality"] == modality]
        sides[Modality(modality)] = _side(embedder, files)
    return sides


def sides_of_pairs(pairs: Pairs, space: Space) -> Sides:
    """The views of pairs that are vectors of the space; equal vectors are one thing, which is no answer to itself.

    Raises:
        ValueError: a tower's views are not there, or of another dimension.
    """
    sides = {}
    for tower in space.towers:
        if tower.value not in pairs.modalities or pairs.dimension(tower.value) != space.dimension:
            raise ValueError(f"the pairs hold no '{tower}' vectors of {space.dimension} dimensions")
        views = pairs.of(tower.value)
        vectors = unit(np.asarray(views.features, np.float32))
        sides[tower] = Labelled(
            vectors=vectors,
            concepts=tuple(pairs.concepts[row] for row in views.row_of_view),
            keys=tuple(sha256(row.tobytes()).hexdigest() for row in vectors),
        )
    return sides


def thinned(sides: Mapping[Modality, Labelled], most: int, *, seed: int) -> Sides:
    """At most so many things of each modality: whole concepts, in one seeded order for all, those that still fit."""
    held = {modality: Counter(side.concepts) for modality, side in sides.items()}
    concepts = sorted({concept for counts in held.values() for concept in counts})
    kept: set[str] = set()
    counts = dict.fromkeys(sides, 0)
    for place in np.random.default_rng(seed).permutation(len(concepts)):
        after = {modality: counts[modality] + held[modality][concepts[place]] for modality in sides}
        if max(after.values()) <= most:
            kept.add(concepts[place])
            counts = after
    return {modality: side.where(kept.__contains__) for modality, side in sides.items()}


def bank_of(texts: Sequence[str], embedder: Embedder, *, num_rows: int = BANK_ROWS, seed: int = 0) -> Vectors:
    """Some of the texts, drawn by the seed, as the bank keeps them: rounded to float16."""
    distinct = sorted(set(texts))
    drawn = np.random.default_rng(seed).permutation(len(distinct))[:num_rows]
    return unit(embedder.embed([distinct[place] for place in drawn]).astype(np.float16).astype(np.float32))


def write_into(folder: Path, calibration: Calibration | None, dimensions: Sequence[int] | None) -> None:
    """Write the calibration beside the weights, and it and the sizes into the manifest; check that both read well."""
    path = folder / "manifest.json"
    described: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if calibration is not None:
        for stale in folder.glob("bank_*.npy"):
            stale.unlink()
        described["calibration"] = write_calibration(folder, calibration)
    if dimensions is not None:
        described["dimensions"] = sorted(dimensions)
    text = json.dumps(described, ensure_ascii=False, indent=2, sort_keys=True)  # as recipes.nano.manifest writes it
    path.write_text(f"{text}\n", encoding="utf-8")
    Manifest.read(folder).verify_calibration()


def _side(embedder: Embedder, things: Sequence[tuple[str, str, str | Path]]) -> Labelled:
    return Labelled(
        vectors=embedder.embed([content for _, _, content in things]),
        concepts=tuple(concept for concept, _, _ in things),
        keys=tuple(key for _, key, _ in things),
    )


def _show(calibration: Calibration, console: Console) -> None:
    table = Table(title="one line a direction; the error is on concepts that the fit did not see")
    for name in ("direction", "queries", "slope", "intercept", "good from", "calibration error"):
        table.add_column(name, justify="left" if name == "direction" else "right")
    for (query, tower), one in calibration.directions.items():
        error = "" if one.error is None else f"{one.error:.3f}"
        numbers = (f"{one.logistic.slope:.2f}", f"{one.logistic.intercept:.2f}", f"{one.threshold:.3f}", error)
        table.add_row(f"{query}->{tower}", str(one.num_queries), *numbers)
    console.print(table)
    for tower, bank in calibration.banks.items():
        console.print(f"{tower}: {bank.estimator} x {bank.strength}, k {bank.k}, sharpness {bank.sharpness}")
    if not calibration.banks:
        console.print("no bank helps on concepts that it was not chosen on, or none was given")


def _sides(arguments: argparse.Namespace, embedder: Embedder) -> Sides | None:
    if arguments.pairs is not None:
        return sides_of_pairs(Pairs.load(arguments.pairs).where(arguments.split), embedder.space)
    return None if arguments.data is None else sides_of_folder(arguments.data, embedder)


def main() -> int:
    """Fit, show and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the space's folder, with its manifest.json")
    parser.add_argument("--data", type=Path, help="folder with labels.tsv")
    parser.add_argument("--pairs", type=Path, help="folder of pairs whose views are vectors of the space")
    parser.add_argument("--split", default="valid", help="which rows of the pairs")
    parser.add_argument("--bank", type=Path, help="typical queries, one a line")
    parser.add_argument("--prior", type=float, default=DEFAULT_PRIOR, help="share of relevant items to state for")
    parser.add_argument("--dimensions", type=int, nargs="*", help="the sizes that vectors may be cut to")
    parser.add_argument("--most", type=int, default=MOST_THINGS, help="things of one modality to fit on at most")
    parser.add_argument("--seed", type=int, default=0, help="of the split of concepts, and of what is drawn")
    arguments = parser.parse_args()
    embedder = commonspace.load(str(arguments.folder))
    sides = _sides(arguments, embedder)
    calibration = None
    if sides is not None:
        texts = [] if arguments.bank is None else arguments.bank.read_text("utf-8").split("\n")
        said = [text.strip() for text in texts if text.strip()]
        bank = bank_of(said, embedder, seed=arguments.seed) if said else None
        few = thinned(sides, arguments.most, seed=arguments.seed)
        calibration = fit_calibration(few, bank=bank, prior=arguments.prior, seed=arguments.seed)
        _show(calibration, Console(width=120))
    write_into(arguments.folder, calibration, arguments.dimensions)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
