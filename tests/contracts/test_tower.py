"""What every tower promises, kept by the fake and by the embedded space alike."""

from collections.abc import Iterator

import numpy as np
import pytest

from commonspace.core.item import Audio, Content
from commonspace.core.modality import Modality
from commonspace.encode import catalog
from commonspace.encode.manifest import Manifest
from commonspace.encode.nano.space import build_tower
from commonspace.encode.tower import Features, Tower
from tests.fakes import fake_towers

WORDS = ["a dog", "rain", "the quick brown fox " * 9, "x", "привет", "dog barking in rain", "a " * 400]


def contents(modality: Modality) -> list[Content]:
    random = np.random.default_rng(3)
    match modality:
        case Modality.TEXT:
            return list(WORDS)
        case Modality.IMAGE:
            sizes = [(224, 224), (300, 260), (256, 400), (20, 30), (224, 500), (2, 2), (256, 256), (90, 256), (8, 8)]
            return [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
        case _:
            lengths = [16000, 8000, 100000, 400, 48000, 31999]
            return [Audio((random.standard_normal(length) / 4).astype(np.float32), 16000) for length in lengths]


@pytest.fixture(scope="module", params=["fake", "nano"])
def towers(request: pytest.FixtureRequest) -> Iterator[dict[Modality, Tower]]:
    if request.param == "fake":
        yield dict(fake_towers())
    else:
        manifest = Manifest.read(catalog.folder_of("nano"))
        yield {modality: build_tower(manifest, modality) for modality in manifest.parts}


def features(tower: Tower) -> list[Features]:
    return [tower.prepare(content) for content in contents(tower.modality)]


@pytest.mark.parametrize("modality", [Modality.TEXT, Modality.IMAGE, Modality.AUDIO])
def test_rows_are_unit_float32_and_in_order(towers: dict[Modality, Tower], modality: Modality) -> None:
    tower = towers[modality]
    batch = features(tower)

    vectors = tower.encode(batch)

    assert vectors.dtype == np.float32
    assert len(vectors) == len(batch)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)
    assert tower.modality == modality


@pytest.mark.parametrize("modality", [Modality.TEXT, Modality.IMAGE, Modality.AUDIO])
def test_the_same_item_has_the_same_vector_alone_in_any_batch_and_in_any_order(
    towers: dict[Modality, Tower], modality: Modality
) -> None:
    tower = towers[modality]
    batch = features(tower)
    alone = np.concatenate([tower.encode([item]) for item in batch])

    together = tower.encode(batch)
    order = np.random.default_rng(1).permutation(len(batch))
    shuffled = tower.encode([batch[place] for place in order])
    crowded = tower.encode(batch * 9)

    for name, vectors in {"together": together, "shuffled": shuffled[np.argsort(order)], "crowded": crowded}.items():
        cosines = (np.tile(alone, (len(vectors) // len(alone), 1)).astype(np.float64) * vectors).sum(axis=1)
        norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
        assert (cosines / norms).min() >= 1 - 1e-6, name


@pytest.mark.parametrize("modality", [Modality.TEXT, Modality.IMAGE, Modality.AUDIO])
def test_different_items_have_different_vectors(towers: dict[Modality, Tower], modality: Modality) -> None:
    first, second = towers[modality].encode(features(towers[modality])[:2])

    assert float(first @ second) < 1 - 1e-4
