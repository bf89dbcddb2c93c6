"""A bias is one number more: every score is q.d - b, whatever the index, and it survives snapshots and changes."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.exact import ExactIndex
from commonspace.index.flat import FlatIndex
from commonspace.index.records import Entry, StoredSegment
from commonspace.index.resident import MakeIndex
from commonspace.index.store import Store
from tests.unit.index.making import SPACE, item, vectors

STRENGTH = {Modality.IMAGE: 0.8, Modality.AUDIO: -0.5}


def bias(tower: Modality, rows: Vectors) -> NDArray[np.float32]:
    """The first number of a vector, scaled by its tower."""
    return (STRENGTH.get(tower, 0.0) * rows[:, 0]).astype(np.float32)


def video(number: int) -> Entry:
    made = item(f"file:///media/{number}", modality=Modality.VIDEO)
    towers = (Modality.IMAGE, Modality.IMAGE, Modality.AUDIO, Modality.TEXT)
    return Entry(
        item=made, segments=tuple(StoredSegment(modality=tower) for tower in towers), vectors=vectors(4, seed=number)
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "media.cs"
    with Store.create(folder, SPACE) as store:
        store.put([video(number) for number in range(40)])
    return folder


def slow(numbers: range, query: Vectors, tower: Modality | None) -> list[float]:
    """Every score, one segment at a time, best first."""
    scores = []
    for number in numbers:
        entry = video(number)
        for segment, vector in zip(entry.segments, entry.vectors, strict=True):
            if tower in (None, segment.modality):
                taken = float(bias(segment.modality, vector[None])[0])
                scores.append(float(np.dot(query[0].astype(float), vector.astype(float))) - taken)
    return sorted(scores, reverse=True)


@pytest.mark.parametrize("make_index", [ExactIndex, FlatIndex])
@pytest.mark.parametrize("tower", [None, Modality.IMAGE, Modality.AUDIO, Modality.TEXT])
def test_scores_are_less_by_the_bias_of_each_segments_tower(
    path: Path, make_index: MakeIndex, tower: Modality | None
) -> None:
    query = vectors(1, seed=77)

    with Store.open(path, writable=False, make_index=make_index, bias=bias) as store:
        (hits,) = store.search(query, k=30, towers=tower and {tower})

    np.testing.assert_allclose([hit.score for hit in hits], slow(range(40), query, tower)[:30], atol=1e-6)
    assert tower is None or {hit.modality for hit in hits} == {tower}


def test_a_snapshot_serves_with_and_without_a_bias(path: Path) -> None:
    query = vectors(1, seed=78)
    with Store.open(path) as store:
        store.snapshot()
        store.put([video(number) for number in range(40, 50)])

    for given, numbers in ((bias, range(50)), (None, range(50))):
        with Store.open(path, writable=False, bias=given) as store:
            (hits,) = store.search(query, k=1)
            assert store.verify() == []
        plain = max(float(np.dot(query[0], vector)) for number in numbers for vector in video(number).vectors)
        best = plain if given is None else slow(numbers, query, None)[0]
        assert hits[0].score == pytest.approx(best, abs=1e-6)


def test_an_item_appears_once_with_its_best_segment_of_the_towers_asked_for(path: Path) -> None:
    with Store.open(path, writable=False, bias=bias) as store:
        (hits,) = store.search(vectors(1, seed=5), k=99, towers={Modality.AUDIO}, best_of_item=True)

    assert len(hits) == 40
    assert {hit.modality for hit in hits} == {Modality.AUDIO}


def test_towers_that_are_no_modalities_are_refused(path: Path) -> None:
    with Store.open(path, writable=False) as store, pytest.raises(UsageError, match="is not a Modality"):
        store.search(vectors(1), k=1, towers={"image"})  # type: ignore[arg-type]
