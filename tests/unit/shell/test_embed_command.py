"""``commonspace embed``: files and texts in, vectors out, a bad item beside the good ones."""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.fakes import FAKE_SPACE
from tests.unit.shell.conftest import Run


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"not looked at by the fake")
    return path


def test_json_carries_the_space_and_one_vector_an_item(run: Run, photo: Path) -> None:
    result = run("embed", "a red car", photo, "--json")

    assert (result.exit_code, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert document["space"] == {"name": "fake", "dimension": 32, "fingerprint": FAKE_SPACE.fingerprint}
    text, file = document["items"]
    assert (text["text"], text["modality"], text["vector"][:2]) == ("a red car", "text", [1.0, 0.0])
    assert (file["uri"], file["modality"], file["vector"][:2]) == (photo.as_uri(), "image", [0.0, 1.0])
    assert len(text["vector"]) == 32


def test_a_bad_item_does_not_stop_the_others(run: Run) -> None:
    result = run("embed", "good", "bad", "good", "--json")

    assert result.exit_code == 3
    first, second, third = json.loads(result.stdout)["items"]
    assert "vector" in first
    assert "vector" in third
    assert second == {
        "text": "bad",
        "error": {"code": "empty", "cause": "There is no word in it.", "fix": "Say something."},
    }


def test_text_forces_text_even_where_a_file_is_called_so(run: Run, photo: Path) -> None:
    (item,) = json.loads(run("embed", "--text", photo, "--json").stdout)["items"]

    assert item["text"] == str(photo)


def test_a_name_without_its_file_is_text_and_said_so(run: Run) -> None:
    result = run("embed", "photo.jpg", "a sentence that ends.", "--json")

    assert [item["modality"] for item in json.loads(result.stdout)["items"]] == ["text", "text"]
    assert result.stderr.splitlines() == ["note: photo.jpg is not a file here; it is embedded as text."]


def test_a_very_long_text_is_text(run: Run) -> None:
    assert run("embed", "word " * 2000, "--json").exit_code == 0


def test_a_dash_reads_a_text_from_standard_input(run: Run) -> None:
    (item,) = json.loads(run("embed", "-", "--json", stdin="from a pipe").stdout)["items"]

    assert item["text"] == "from a pipe"


def test_npy_holds_one_float32_row_an_item_and_nan_for_a_bad_one(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "vectors.npy"

    assert run("embed", "good", "bad", "--npy", path).exit_code == 3

    rows = np.load(path, allow_pickle=False)
    assert (rows.shape, rows.dtype) == ((2, 32), np.float32)
    assert rows[0, 0] == 1.0
    assert np.isnan(rows[1]).all()


def test_parquet_names_its_space_and_its_errors(run: Run, photo: Path, tmp_path: Path) -> None:
    path = tmp_path / "vectors.parquet"

    assert run("embed", "good", "bad", photo, "--parquet", path).exit_code == 3

    table = pq.read_table(path)
    assert table.schema.metadata[b"space"] == b"fake"
    assert table.schema.metadata[b"fingerprint"] == FAKE_SPACE.fingerprint.encode()
    good, bad, file = table.to_pylist()
    assert (good["text"], good["vector"][0], good["error"]) == ("good", 1.0, None)
    assert (bad["vector"], bad["error"]["code"]) == (None, "empty")
    assert (file["uri"], file["modality"], file["vector"][2]) == (photo.as_uri(), "image", 1.0)


def test_without_pyarrow_the_install_line_comes_before_any_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    result = run("embed", "good", "--parquet", "vectors.parquet")

    assert result.exit_code == 1
    assert "fix: Run: pip install 'commonspace[parquet]'" in result.stderr


def test_a_person_sees_a_short_table_and_a_hint(run: Run) -> None:
    result = run("embed", "a red car", "bad")

    assert result.exit_code == 3
    assert any(line.split()[:5] == ["a", "red", "car", "text", "+1.000"] for line in result.stdout.splitlines())
    assert "error: bad: There is no word in it." in result.stderr
    assert "--json, --npy FILE or --parquet FILE" in result.stderr


@pytest.mark.parametrize("option", ["--npy", "--parquet"])
def test_a_file_that_cannot_be_written_is_an_error(run: Run, option: str) -> None:
    result = run("embed", "good", option, "no/such/folder.out")

    assert (result.exit_code, "no/such/folder.out cannot be written" in result.stderr) == (1, True)


def test_vectors_can_be_cut_and_every_form_says_their_size(run: Run, tmp_path: Path) -> None:
    npy, parquet = tmp_path / "v.npy", tmp_path / "v.parquet"

    result = run("embed", "a", "b", "--dimensions", "16", "--json", "--npy", npy, "--parquet", parquet)

    document = json.loads(result.stdout)
    assert document["space"]["dimension"] == 16
    assert [len(item["vector"]) for item in document["items"]] == [16, 16]
    assert np.load(npy).shape == (2, 16)
    assert pq.read_schema(parquet).metadata[b"dimension"] == b"16"


def test_a_size_that_the_space_was_not_trained_for_is_an_error(run: Run) -> None:
    result = run("embed", "a", "--dimensions", "12")

    assert result.exit_code == 1
    assert "fix: Use 8 or 16 or 32." in result.stderr
