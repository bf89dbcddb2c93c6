"""What is seen and what is said at one time speak together for a video, and the moment is where they overlap."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.encode.embedder import Embedding
from commonspace.index.records import Entry, StoredItem, StoredSegment, item_id
from commonspace.index.store import Store
from commonspace.retrieve.asked import Asked, AskedPart
from commonspace.retrieve.calibration import Calibration, Direction
from commonspace.retrieve.hit import Hit
from commonspace.retrieve.judge import Judging
from commonspace.retrieve.logistic import Logistic
from commonspace.retrieve.moments import both_ways
from commonspace.retrieve.ranking import Ranking
from commonspace.retrieve.search import search
from tests.fakes import FAKE_SPACE

TEXT, IMAGE, VIDEO = Modality.TEXT, Modality.IMAGE, Modality.VIDEO
LOGISTIC = Logistic(slope=10.0, intercept=-6.0)
CALIBRATED = Judging(
    calibration=Calibration(
        prior=0.02,
        directions={
            (TEXT, tower): Direction(logistic=LOGISTIC, threshold=0.5) for tower in (TEXT, IMAGE, Modality.AUDIO)
        },
    )
)
Part = tuple[Modality, float, float, float]
"""A tower, from and to in seconds, and the cosine to the query."""


def vector(cosine: float) -> np.ndarray:
    row = np.zeros(FAKE_SPACE.dimension, np.float32)
    row[:2] = cosine, math.sqrt(1 - cosine**2)
    return row


def film(name: str, *parts: Part) -> Entry:
    uri = f"file:///films/{name}"
    item = StoredItem(
        id=item_id(uri), uri=uri, name=name, modality=VIDEO, media_type="video/mp4", content_hash=name, num_bytes=1
    )
    segments = tuple(
        StoredSegment(
            modality=tower,
            span=Span(start_seconds=start, end_seconds=end),
            text=f"words at {start:g}" if tower is TEXT else None,
        )
        for tower, start, end, _ in parts
    )
    return Entry(item=item, segments=segments, vectors=np.stack([vector(cosine) for *_, cosine in parts]))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "films.cs", FAKE_SPACE) as created:
        yield created


def found(store: Store, judging: Judging = CALIBRATED, *, k: int = 10, offset: int = 0) -> list[Hit]:
    asked = Asked(parts=(AskedPart(embedding=Embedding(vector=vector(1.0), modality=TEXT, notes=())),))
    return search(store, asked, Ranking(k=k, offset=offset), judging)


def test_the_moment_is_where_the_shot_and_the_words_overlap(store: Store) -> None:
    store.put([film("a", (IMAGE, 4.0, 9.0, 0.5), (IMAGE, 9.0, 20.0, 0.1), (TEXT, 5.5, 12.0, 0.6))])

    (hit,) = found(store)

    assert hit.segment is not None
    assert (hit.segment.span.start_seconds, hit.segment.span.end_seconds) == (5.5, 9.0)
    assert (hit.segment.modality, hit.segment.text) == (TEXT, "words at 5.5")
    assert hit.score == pytest.approx(0.6, abs=1e-3)
    assert hit.probability == pytest.approx(1 - (1 - 1 / (1 + math.exp(1))) * (1 - 0.5), abs=1e-3)
    assert hit.segments[0] == hit.segment
    assert [part.span.start_seconds for part in hit.segments[1:]] == [5.5, 4.0]


def test_a_film_that_shows_and_says_it_at_once_beats_one_that_says_it_louder(store: Store) -> None:
    store.put(
        [
            film("both", (IMAGE, 0.0, 5.0, 0.55), (TEXT, 1.0, 4.0, 0.55)),
            film("louder", (IMAGE, 0.0, 5.0, 0.1), (TEXT, 1.0, 4.0, 0.6)),
            film("apart", (IMAGE, 0.0, 5.0, 0.55), (IMAGE, 5.0, 9.0, 0.0), (TEXT, 6.0, 8.0, 0.55)),
        ]
    )

    assert [hit.name for hit in found(store)] == ["both", "louder", "apart"]


def test_without_words_or_without_a_calibration_the_best_part_answers_alone(store: Store) -> None:
    store.put([film("silent", (IMAGE, 0.0, 5.0, 0.5), (IMAGE, 5.0, 9.0, 0.6))])
    assert found(store)[0].segment == found(store)[0].segments[0]
    assert found(store)[0].score == pytest.approx(0.6, abs=1e-3)

    store.put([film("both", (IMAGE, 0.0, 5.0, 0.5), (TEXT, 1.0, 4.0, 0.7))])
    (hit, _) = found(store, Judging())
    assert (hit.name, hit.probability) == ("both", None)
    assert hit.segment is not None
    assert hit.segment.span == Span(start_seconds=1.0, end_seconds=4.0)


def test_pages_are_one_list_cut_apart(store: Store) -> None:
    cosines = np.random.default_rng(0).uniform(size=(30, 2))
    store.put([film(f"{n:02}", (IMAGE, 0.0, 5.0, a), (TEXT, 1.0, 4.0, b)) for n, (a, b) in enumerate(cosines)])

    whole = [hit.name for hit in found(store, k=30)]
    pages = [hit.name for offset in range(0, 30, 7) for hit in found(store, k=7, offset=offset)]

    assert len(set(whole)) == 30
    assert pages == whole


@given(st.floats(-30, 30), st.floats(-30, 30))
def test_two_voices_say_what_noisy_or_says(first: float, second: float) -> None:
    together = both_ways(first, second)

    assert together >= max(first, second) - 1e-9
    assert together == pytest.approx(both_ways(second, first))
    if max(abs(first), abs(second)) < 15:
        neither = 1 / (1 + math.exp(first)) / (1 + math.exp(second))
        assert 1 / (1 + math.exp(-together)) == pytest.approx(1 - neither, abs=1e-9)
