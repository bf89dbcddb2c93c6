"""The shipped text tower says what all-MiniLM-L6-v2 says."""

import json
from pathlib import Path

import numpy as np
import pytest

from commonspace.core.modality import Modality
from commonspace.encode import catalog
from commonspace.encode.manifest import Manifest
from commonspace.encode.nano.space import build_tower
from commonspace.encode.runtime import Precision

DATA = Path(__file__).parents[3] / "data"
LEAST_COSINE = 0.9999


@pytest.mark.parametrize("precision", list(Precision))
def test_every_text_is_where_the_reference_puts_it(precision: Precision) -> None:
    texts = json.loads((DATA / "reference_text.json").read_text(encoding="utf-8"))
    reference = np.load(DATA / "reference_text.npy")
    tower = build_tower(Manifest.read(catalog.folder_of("nano")), Modality.TEXT, precision=precision)

    vectors = tower.encode([tower.prepare(text) for text in texts])

    cosines = (vectors * reference).sum(axis=1)
    assert len(texts) == len(reference) == len(vectors)
    assert cosines.min() >= LEAST_COSINE, texts[int(cosines.argmin())][:80]


@pytest.mark.parametrize("precision", list(Precision))
def test_a_text_has_one_vector_alone_and_in_any_company(precision: Precision) -> None:
    texts = json.loads((DATA / "reference_text.json").read_text(encoding="utf-8"))[::3]
    tower = build_tower(Manifest.read(catalog.folder_of("nano")), Modality.TEXT, precision=precision)
    features = [tower.prepare(text) for text in texts]

    together = tower.encode(features)
    alone = np.concatenate([tower.encode([each]) for each in features])
    backwards = tower.encode(features[::-1])[::-1]

    assert (together * alone).sum(axis=1).min() >= 1 - 1e-6
    assert (together * backwards).sum(axis=1).min() >= 1 - 1e-6
