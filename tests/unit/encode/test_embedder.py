"""Items in, unit vectors out, whatever their mix; one bad item is one error."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commonspace.core.errors import ItemError, UnsupportedModality, UsageError
from commonspace.core.item import Audio, Table, Trace
from commonspace.encode.embedder import Embedding
from tests.fakes import fake_embedder

NOISE = Audio(np.random.default_rng(0).standard_normal(32000).astype(np.float32) / 5, 16000)
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))


def test_a_str_is_always_text_even_when_it_names_a_file(tmp_path: Path) -> None:
    path = tmp_path / "dog.png"
    PICTURE.save(path)
    embedder = fake_embedder()

    as_text, as_file, picture = embedder.embed([str(path), path, PICTURE])

    assert not np.allclose(as_text, as_file)
    np.testing.assert_allclose(as_file, picture, atol=1e-6)


def test_every_kind_of_value_gets_a_unit_row_in_order(tmp_path: Path) -> None:
    path = tmp_path / "dog.png"
    PICTURE.save(path)
    items: list[object] = ["a dog", path, PICTURE, NOISE, path.read_bytes()]
    embedder = fake_embedder()

    rows = embedder.embed(items)

    assert rows.shape == (5, embedder.space.dimension)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    for item, row in zip(items, rows, strict=True):
        np.testing.assert_allclose(embedder.embed([item])[0], row, atol=1e-6)


def test_no_items_give_no_rows() -> None:
    embedder = fake_embedder()

    assert embedder.embed([]).shape == (0, embedder.space.dimension)
    assert embedder.try_embed([]) == []


def test_long_sound_is_pooled_from_its_windows_to_one_unit_vector() -> None:
    samples = np.random.default_rng(1).standard_normal(16000 * 25).astype(np.float32) / 5

    vector = fake_embedder().embed([Audio(samples, 16000)])[0]

    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


def test_a_bad_item_is_one_error_and_the_others_are_embedded() -> None:
    answers = fake_embedder().try_embed(["a dog", b"\xff\xd8\xff\xe0 broken", "a cat", Path("/nowhere/x.png"), 7])

    kinds = [type(answer) for answer in answers]
    assert kinds == [Embedding, ItemError, Embedding, ItemError, ItemError]


def test_embed_raises_for_the_first_bad_item() -> None:
    with pytest.raises(ItemError):
        fake_embedder().embed(["a dog", b""])


TRACE = Trace(array=np.ones((50, 1), np.float32), rate_hz=50.0, channels=("x",), units=("m/s2",))
TABLE = Table(columns=("a",), types=("number",), rows=((1,),))


@pytest.mark.parametrize(("value", "name"), [(TRACE, "sensor"), (TABLE, "table")])
def test_a_modality_without_a_tower_is_refused_by_name(value: object, name: str) -> None:
    embedder = fake_embedder()

    with pytest.raises(UnsupportedModality, match=f"no tower for {name}"):
        embedder.embed([value])

    (answer,) = embedder.try_embed([value])
    assert isinstance(answer, ItemError)
    assert answer.item_code == "unsupported_modality"


@pytest.mark.parametrize("size", [8, 16, 32])
def test_vectors_can_be_cut_to_a_size_that_the_space_was_trained_for(size: int) -> None:
    embedder = fake_embedder()
    whole = embedder.embed(["a dog", PICTURE])

    rows = embedder.embed(["a dog", PICTURE], dimensions=size)

    assert rows.shape == (2, size)
    np.testing.assert_allclose(
        rows, whole[:, :size] / np.linalg.norm(whole[:, :size], axis=1, keepdims=True), atol=1e-6
    )
    (answer,) = embedder.try_embed(["a dog"], dimensions=size)
    assert isinstance(answer, Embedding)
    np.testing.assert_array_equal(answer.vector, rows[0])


def test_a_size_that_the_space_was_not_trained_for_is_refused_with_those_that_it_was() -> None:
    with pytest.raises(UsageError, match="Use 8 or 16 or 32"):
        fake_embedder().embed(["a dog"], dimensions=12)
    with pytest.raises(UsageError, match="not trained to be cut to 64"):
        fake_embedder().try_embed(["a dog"], dimensions=64)


def test_a_query_knows_its_modality() -> None:
    answer = fake_embedder().query(PICTURE)

    assert answer.modality == "image"
    np.testing.assert_array_equal(answer.vector, fake_embedder().embed([PICTURE])[0])
