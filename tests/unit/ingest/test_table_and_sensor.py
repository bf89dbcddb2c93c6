"""Tables and sensor recordings are checked against what their header says."""

import io
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from commonspace.core.errors import ItemError
from commonspace.core.item import Decoded, Table, Trace
from commonspace.core.modality import Modality
from commonspace.ingest.decode import Plan, decode, decode_value
from commonspace.ingest.limits import Limits
from commonspace.ingest.source import source_of

PLAN = Plan()
BIRDS = 'name,weight,seen,adult\nAnn,1.5,2024-01-01,true\nBob,,2024-02-01,no\n"C, D",-3e2,2024-03-01T10:00:00Z,yes\n'


def decoded(text: str, plan: Plan = PLAN) -> Decoded:
    return decode(source_of(text.encode()), plan)


def code_of(item: object) -> str:
    with pytest.raises(ItemError) as caught:
        decode_value(item, PLAN)
    return caught.value.item_code


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_columns_get_the_narrowest_type_that_fits_every_cell(delimiter: str) -> None:
    text = BIRDS.replace(",", delimiter).replace(f"C{delimiter} D", "C D")
    table = decoded(text).table
    assert table is not None
    assert table.columns == ("name", "weight", "seen", "adult")
    assert table.types == ("text", "number", "time", "boolean")
    assert table.rows[1] == ("Bob", None, "2024-02-01", False)
    assert table.rows[2][1] == -300.0


def test_a_table_is_its_own_modality_and_every_row_a_piece_of_it() -> None:
    item = decoded(BIRDS)
    assert (item.modality, item.cost) == (Modality.TABLE, 12)
    assert [piece.modality for piece in item.pieces] == [Modality.TABLE] * 3


def test_rows_past_the_limit_are_left_out_and_that_is_noted() -> None:
    item = decoded(BIRDS, replace(PLAN, limits=replace(Limits(), table_rows=2)))
    assert len(item.pieces) == 2
    assert item.notes == ("only the first 2 of 3 rows",)


def test_json_lines_may_leave_fields_out() -> None:
    table = decoded('{"a": 1, "b": "x"}\n{"b": "y", "c": true}\n').table
    assert table == Table(
        columns=("a", "b", "c"), types=("number", "text", "boolean"), rows=((1.0, "x", None), (None, "y", True))
    )


def test_parquet_is_read_where_pyarrow_is_installed() -> None:
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"a": [1, 2], "b": ["x", None]}), buffer)
    table = decode(source_of(buffer.getvalue()), PLAN).table
    assert table == Table(columns=("a", "b"), types=("number", "text"), rows=((1.0, "x"), (2.0, None)))


def test_parquet_with_nested_columns_or_too_many_cells_is_refused_before_reading() -> None:
    nested, large = io.BytesIO(), io.BytesIO()
    parquet.write_table(pa.table({"a": [[1], [2]]}), nested)
    parquet.write_table(pa.table({"a": pa.nulls(100_001, pa.int8())}), large)
    assert code_of(nested.getvalue()) == "bad_schema"
    assert code_of(large.getvalue()) == "too_large"


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n" + "1,2\n" * 60 + "1\n",
        '{"a": 1}\n{"a": [2]}\n',
        '{"a": 1}\n{"a": 2}\nnot json\n',
        "a,b\n" + "1,2\n" * 60 + '"open,2\n',
    ],
)
def test_a_table_that_contradicts_itself_is_refused(text: str) -> None:
    assert code_of(text.encode()) == "bad_schema"


def test_a_table_with_too_many_cells_is_refused() -> None:
    with pytest.raises(ItemError) as caught:
        decoded(BIRDS, replace(PLAN, limits=replace(Limits(), table_cells=11)))
    assert caught.value.item_code == "too_large"


@pytest.mark.parametrize(
    ("types", "row"),
    [
        (("text", "number"), ("x", "y")),
        (("text", "colour"), ("x", "y")),
        (("text",), ("x", "y")),
        (("text", "text"), ("x",)),
    ],
)
def test_a_table_value_must_keep_its_own_types(types: tuple[str, ...], row: tuple[str, ...]) -> None:
    assert code_of(Table(columns=("a", "b"), types=types, rows=(row,))) == "bad_schema"


def test_a_sensor_csv_gives_rate_channels_and_units() -> None:
    item = decoded("time [ms],ax [m/s^2],flag (1)\n0,1,0\n20,1.5,1\n40,-1,0\n60,2,1\n")
    trace = item.trace
    assert trace is not None
    assert item.modality is Modality.SENSOR
    assert trace.rate_hz == pytest.approx(50.0)
    assert (trace.channels, trace.units) == (("ax", "flag"), ("m/s^2", "1"))
    assert np.array_equal(trace.array, np.array([[1, 0], [1.5, 1], [-1, 0], [2, 1]], dtype=np.float32))


def test_a_sensor_json_gives_the_same() -> None:
    trace = decoded('{"rate_hz": 50, "channels": [{"name": "x", "unit": "V"}], "samples": [[1], [2.5]]}').trace
    assert trace is not None
    assert (trace.rate_hz, trace.channels, trace.units) == (50.0, ("x",), ("V",))
    assert trace.array.tolist() == [[1.0], [2.5]]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"rate_hz": 0.0}, "bad_schema"),
        ({"rate_hz": float("nan")}, "bad_schema"),
        ({"units": ("V",)}, "bad_schema"),
        ({"units": ("V", " ")}, "bad_schema"),
        ({"channels": ("a", "a")}, "bad_schema"),
        ({"array": np.zeros(9, dtype=np.float32)}, "bad_schema"),
        ({"array": np.zeros((1, 2), dtype=np.float32)}, "too_small"),
        ({"array": np.full((9, 2), np.nan, dtype=np.float32)}, "not_finite"),
        ({"array": np.broadcast_to(np.float32(0), (5_000_001, 2))}, "too_large"),
    ],
)
def test_a_trace_that_breaks_a_rule_is_refused(changes: dict[str, object], code: str) -> None:
    good = Trace(array=np.zeros((9, 2), dtype=np.float32), rate_hz=10.0, channels=("a", "b"), units=("V", "A"))
    assert decode_value(good, PLAN).metadata["seconds"] == 0.9
    assert code_of(replace(good, **changes)) == code  # type: ignore[arg-type]
