"""Real tables that packages carry, questions that some of their rows answer, and what may read a row.

Penguins (palmerpenguins, CC0), irises, wines and tumours (scikit-learn's own copies of the UCI sets). A question names
a kind, a property, or both ("heavy Gentoo penguins"): its answers are the rows of that kind that lie in the lowest or
highest three tenths of the property's column. No question has the words in which numbers are told.
"""

import csv
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from benchmarks.retrieval import Measured, measure_answers
from commonspace.align.posthoc import ridge
from commonspace.core.item import Row, Table
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.encode.embedder import Embedder
from commonspace.encode.sensing.telling import told
from commonspace.ingest.limits import Limits
from commonspace.ingest.plan import Plan
from commonspace.ingest.table import decode_table

__all__ = ["Asked", "directions", "tables"]

FEW, MANY = 0.3, 0.7
ROWS_A_TABLE: Final = 120
SKETCH: Final = 64
STRENGTH: Final = 3.0
Property = tuple[str, str, str]
"""A column, the words for little of it, and those for much."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A table, what its rows are called, their kinds (column, value, words) and their properties."""

    noun: str
    table: Table
    kinds: tuple[tuple[str, str, str], ...]
    properties: tuple[Property, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Words, and what rows must be to answer: cells by column, and a column with the bounds of its shares."""

    words: str
    cell: tuple[str, str] | None = None
    share: tuple[str, float, float] | None = None

    def answered_by(self, row: Row) -> bool:
        """Whether a row is what the words say."""
        held = dict(zip(row.columns, zip(row.cells, row.shares, strict=True), strict=True))
        if self.cell is not None and held[self.cell[0]][0] != self.cell[1]:
            return False
        if self.share is None:
            return True
        share = held[self.share[0]][1]
        return share is not None and self.share[1] <= share <= self.share[2]


def tables() -> list[Asked]:
    """The tables, in a fixed order."""
    penguins = Asked(
        noun="penguins",
        table=_penguins(),
        kinds=tuple(("species", name, f"{name} penguins") for name in ("Adelie", "Chinstrap", "Gentoo")),
        properties=(
            ("body_mass_g", "light", "heavy"),
            ("flipper_length_mm", "with short flippers", "with long flippers"),
            ("bill_length_mm", "with a short beak", "with a long beak"),
        ),
    )
    return [penguins, _irises(), _wines(), _tumours()]


def directions(embedder: Embedder, *, seed: int) -> dict[str, list[Measured]]:
    """Text to rows and back, all tables in one collection, by what reads a row."""
    asked = tables()
    groups = [_rows(each, seed) for each in asked]
    rows = [row for group in groups for row in group]
    questions = [(place, question) for place, each in enumerate(asked) for question in _questions(each)]
    of_row = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    answers = np.array(
        [
            [place == of_row[number] and question.answered_by(row) for number, row in enumerate(rows)]
            for place, question in questions
        ]
    )
    texts = embedder.embed([question.words for _, question in questions])
    one = unit(np.stack([_all_at_once(embedder, row) for row in rows]))
    bare = _vectors(embedder, [replace(row, shares=(None,) * len(row.cells)) for row in rows])
    shipped = _vectors(embedder, rows)
    of_question = np.array([place for place, _ in questions])
    numbers = unit(np.stack([_sketch(row) for row in rows]))
    taught = _taught(np.concatenate([bare, numbers], axis=1), texts, answers, of_row, of_question)
    systems = {
        "all cells in one text": one,
        "words and numbers apart": bare,
        "the same and numbers as features, ridge": taught,
        "words, and numbers that stand out in words (ships)": shipped,
    }
    return {
        name: [
            measure_answers("text->table", texts @ vectors.T, answers, seed=seed),
            measure_answers("table->text", vectors @ texts.T, answers.T, seed=seed),
        ]
        for name, vectors in systems.items()
    }


def _questions(asked: Asked) -> list[Question]:
    kinds = [(None, asked.noun), *(((column, value), words) for column, value, words in asked.kinds)]
    found = [Question(words=words, cell=cell) for cell, words in kinds if cell]
    for column, little, much in asked.properties:
        for words, low, high in ((little, 0.0, FEW), (much, MANY, 1.0)):
            for cell, noun in kinds:
                phrase = f"{noun} {words}" if words.startswith("with") else f"{words} {noun}"
                found.append(Question(words=phrase, cell=cell, share=(column, low, high)))
    return found


def _rows(asked: Asked, seed: int) -> list[Row]:
    """Some rows of a table, told of the whole of it."""
    pieces = decode_table(asked.table, Plan(limits=Limits(table_rows=len(asked.table.rows)))).pieces
    held = [piece.content for piece in pieces if isinstance(piece.content, Row)]
    chosen = np.random.default_rng(seed).permutation(len(held))[:ROWS_A_TABLE]
    return [held[place] for place in sorted(chosen)]


def _vectors(embedder: Embedder, rows: Sequence[Row]) -> Vectors:
    tower = embedder.tower(Modality.TABLE)
    return tower.encode([tower.prepare(row) for row in rows])


def _all_at_once(embedder: Embedder, row: Row) -> NDArray[np.float32]:
    """Every cell in one text, as long as it gets: the text tower cuts what is past its length."""
    plain = replace(row, shares=(None,) * len(row.cells))
    tower = embedder.tower(Modality.TEXT)
    vector: NDArray[np.float32] = tower.encode([tower.prepare("; ".join(told(plain)))])[0]
    return vector


def _sketch(row: Row) -> NDArray[np.float32]:
    """Numbers on a logarithmic scale, each in a direction that its column's name draws."""
    found = np.zeros(SKETCH)
    for column, cell in zip(row.columns, row.cells, strict=True):
        if isinstance(cell, int | float) and not isinstance(cell, bool):
            drawn = np.random.default_rng(list(column.encode())).standard_normal(SKETCH)
            found += drawn * np.sign(cell) * np.log1p(abs(cell))
    return found.astype(np.float32)


def _taught(
    features: NDArray[np.float32],
    texts: Vectors,
    answers: NDArray[np.bool_],
    of_row: NDArray[np.int64],
    of_question: NDArray[np.int64],
) -> Vectors:
    """Each table's rows moved by a head that learned from the questions of the others where answers lie from them."""
    vectors = np.zeros((len(features), texts.shape[1]), dtype=np.float32)
    for table in np.unique(of_row):
        pairs = np.argwhere(answers & (of_question != table)[:, None])
        size = texts.shape[1]
        way = texts[pairs[:, 0]] - features[pairs[:, 1], :size]
        head = ridge(features[pairs[:, 1]], way, strength=STRENGTH)
        mine = features[of_row == table]
        vectors[of_row == table] = mine[:, :size] + head.x_map(mine)
    return unit(vectors)


def _penguins() -> Table:
    found = importlib.util.find_spec("palmerpenguins")
    if found is None or found.origin is None:
        raise SystemExit("pip install palmerpenguins (CC0 data, 19 kB)")
    with (Path(found.origin).parent / "data" / "penguins.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    numbers = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year")
    columns = ("species", "island", "sex", *numbers)
    return Table(
        columns=columns,
        types=("text",) * 3 + ("number",) * len(numbers),
        rows=tuple(
            tuple(
                None if line[name] in {"", "NA"} else float(line[name]) if name in numbers else line[name]
                for name in columns
            )
            for line in lines
        ),
    )


def _bundled(loaded: Any, label: str, names: Sequence[str]) -> Table:
    """A data set of scikit-learn, with its classes under a column of their own."""
    columns = (label, *(str(name) for name in loaded.feature_names))
    rows: tuple[tuple[str | float, ...], ...] = tuple(
        (names[int(kind)], *(float(value) for value in row))
        for row, kind in zip(loaded.data, loaded.target, strict=True)
    )
    return Table(columns=columns, types=("text",) + ("number",) * (len(columns) - 1), rows=rows)


def _irises() -> Asked:
    names = ("setosa", "versicolor", "virginica")
    return Asked(
        noun="iris flowers",
        table=_bundled(import_module("sklearn.datasets").load_iris(), "species", names),
        kinds=tuple(("species", name, f"Iris {name} flowers") for name in names),
        properties=(
            ("petal length (cm)", "with short petals", "with long petals"),
            ("sepal width (cm)", "with narrow sepals", "with broad sepals"),
        ),
    )


def _wines() -> Asked:
    return Asked(
        noun="wines",
        table=_bundled(import_module("sklearn.datasets").load_wine(), "cultivar", ("first", "second", "third")),
        kinds=(),
        properties=(
            ("alcohol", "weak", "strong"),
            ("color_intensity", "pale", "dark"),
            ("malic_acid", "with little acid", "with a lot of acid"),
            ("magnesium", "with little magnesium", "with a lot of magnesium"),
        ),
    )


def _tumours() -> Asked:
    return Asked(
        noun="tumours",
        table=_bundled(import_module("sklearn.datasets").load_breast_cancer(), "diagnosis", ("malignant", "benign")),
        kinds=(("diagnosis", "malignant", "malignant tumours"), ("diagnosis", "benign", "benign tumours")),
        properties=(
            ("mean area", "small", "large"),
            ("mean smoothness", "with a rough outline", "with an even outline"),
        ),
    )
