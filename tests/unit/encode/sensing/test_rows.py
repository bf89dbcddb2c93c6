"""A row says the same however its columns stand, says nothing of what is missing, and is read to its end."""

from dataclasses import replace

import numpy as np
import pytest

from commonspace.core.item import Row, Table
from commonspace.encode import catalog
from commonspace.encode.sensing.rows import RowPreparation
from commonspace.encode.sensing.telling import PART_CHARS, Part, parts_of, told
from commonspace.encode.texts import TextPreparation
from commonspace.ingest.decode import Plan, decode_value

ROW = Row(
    columns=("species", "body_mass", "tagged", "seen"),
    types=("text", "number", "boolean", "time"),
    cells=("Gentoo", 5400.0, False, "2024-02-01"),
    shares=(None, 0.95, None, None),
)


def test_a_row_is_told_by_column_name_with_how_much_a_number_is() -> None:
    assert told(ROW) == ["body mass: 5400 (very high)", "seen: 2024-02-01", "species: Gentoo", "tagged: no"]


def test_column_order_does_not_matter() -> None:
    order = [2, 0, 3, 1]
    other = Row(**{name: tuple(getattr(ROW, name)[place] for place in order) for name in ROW.__slots__})

    assert told(other) == told(ROW)


def test_a_missing_value_is_not_told_and_is_no_zero() -> None:
    missing = replace(ROW, cells=("Gentoo", None, None, None), shares=(None,) * 4)

    assert told(missing) == ["species: Gentoo"]
    assert told(replace(missing, cells=("Gentoo", 0.0, None, None))) == ["body mass: 0", "species: Gentoo"]


@pytest.mark.parametrize(("share", "word"), [(0.05, " (very low)"), (0.2, " (low)"), (0.5, ""), (0.8, " (high)")])
def test_middling_numbers_are_told_without_a_word(share: float, word: str) -> None:
    assert told(replace(ROW, shares=(None, share, None, None)))[0] == f"body mass: 5400{word}"


def test_a_wide_row_and_a_long_cell_are_read_to_their_end() -> None:
    wide = Row(columns=tuple(f"c{n:03}" for n in range(200)), types=("number",) * 200,
               cells=tuple(float(n) for n in range(200)), shares=(None,) * 200)  # fmt: skip
    long = Row(columns=("note",), types=("text",), cells=("word " * 900,), shares=(None,))

    for row, least in ((wide, 200), (long, 900)):
        parts = parts_of(row)
        assert max(len(part.text) for part in parts) <= 2 * PART_CHARS
        assert sum(part.text.count(":") if row is wide else part.text.count("word") for part in parts) == least


def test_words_are_read_apart_from_numbers_and_those_that_stand_out_in_words() -> None:
    row = Row(
        columns=("kind", "mass", "age", "size"),
        types=("text", "number", "number", "number"),
        cells=("Gentoo", 5400.0, 3.0, 7.0),
        shares=(None, 0.95, 0.5, None),
    )

    assert parts_of(row) == [
        Part(text="kind: Gentoo", numbers=False),
        Part(text="very high mass; size: 7", numbers=True),
    ]


def test_a_row_of_middling_numbers_alone_is_told_all_the_same() -> None:
    row = Row(columns=("mass",), types=("number",), cells=(5400.0,), shares=(0.5,))

    assert parts_of(row) == [Part(text="mass: 5400", numbers=True)]


def test_a_row_becomes_padded_parts_of_ids() -> None:
    text = TextPreparation(catalog.folder_of("nano") / "tokenizer.json", 256)
    long = Row(columns=("note",), types=("text",), cells=("word " * 150,), shares=(None,))

    ids = RowPreparation(text)(long)

    assert ids.ndim == 2
    assert len(ids) > 1
    assert (ids[:, :2] >= 0).all()
    assert (ids[-1] == -1).any()


def test_a_row_knows_where_its_numbers_stand_in_the_whole_column() -> None:
    table = Table(columns=("n",), types=("number",), rows=(*((float(n),) for n in range(10)), (None,)))

    pieces = decode_value(table, Plan()).pieces

    shares = [piece.content.shares[0] for piece in pieces if isinstance(piece.content, Row)]
    np.testing.assert_allclose(shares, (np.arange(10) + 0.5) / 10)
    assert [piece.span.heading for piece in pieces if piece.span] == [f"row {n + 1}" for n in range(10)]
