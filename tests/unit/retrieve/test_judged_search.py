"""One list of every modality, ranked by probability: exactly what judging every segment one by one would give."""

from collections.abc import Iterator

import numpy as np
import pytest

from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.index.records import Entry, StoredItem, StoredSegment, item_id
from commonspace.index.store import Store
from commonspace.retrieve.calibration import Calibration, Direction
from commonspace.retrieve.hubness import Bank, Estimator
from commonspace.retrieve.judge import Judge, Judging
from commonspace.retrieve.logistic import Logistic
from tests.fakes import FAKE_SPACE
from tests.unit.retrieve.asking import found

DIMENSION = FAKE_SPACE.dimension
TEXT, IMAGE, AUDIO, VIDEO = Modality.TEXT, Modality.IMAGE, Modality.AUDIO, Modality.VIDEO
SLOPES = {TEXT: (20.0, -12.0, 0.5), IMAGE: (8.0, -1.0, 0.4), AUDIO: (5.0, -3.0, 0.1)}


def rows(count: int, seed: int) -> Vectors:
    return unit(np.random.default_rng(seed).standard_normal((count, DIMENSION)))


def calibration(weights: dict[Modality, float] | None = None) -> Calibration:
    bank = Bank(vectors=rows(12, 99), estimator=Estimator.NEAREST, strength=1.0, k=3)
    directions = {
        (TEXT, tower): Direction(logistic=Logistic(slope=slope, intercept=intercept), threshold=threshold)
        for tower, (slope, intercept, threshold) in SLOPES.items()
    }
    return Calibration(prior=0.02, directions=directions, banks={IMAGE: bank}, weights=weights or {})


def entry(number: int) -> Entry:
    """Items of four modalities by turns; a video has three pictures and a sound, some sounds say something."""
    modality = (TEXT, IMAGE, AUDIO, VIDEO)[number % 4]
    towers = {VIDEO: (IMAGE, IMAGE, IMAGE, AUDIO), AUDIO: (AUDIO, TEXT) if number % 3 else (AUDIO,)}.get(
        modality, (modality,)
    )
    uri = f"file:///media/{number}"
    item = StoredItem(
        id=item_id(uri), uri=uri, name=str(number), modality=modality, media_type="x/y", content_hash=str(number),
        num_bytes=1,
    )  # fmt: skip
    segments = tuple(StoredSegment(modality=tower, text="said" if tower is TEXT else None) for tower in towers)
    return Entry(item=item, segments=segments, vectors=rows(len(towers), number))


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    return [entry(number) for number in range(120)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]) -> Iterator[Store]:
    path = tmp_path_factory.mktemp("judged") / "media.cs"
    with Store.create(path, FAKE_SPACE) as made:
        made.put(entries)
    with Store.open(path, writable=False, bias=calibration().bias) as opened:
        yield opened


def slow(entries: list[Entry], query: Vectors, judge: Judge) -> list[tuple[str, float, float]]:
    """Name, probability and worth of every item, best first: each segment judged by itself."""
    known = []
    for each in entries:
        verdicts = []
        for segment, vector in zip(each.segments, each.vectors, strict=True):
            bias = float(judge.calibration.bias(segment.modality, vector[None])[0])
            score = float(np.dot(query[0].astype(float), vector.astype(float))) - bias
            verdicts.append(judge.judge(each.item.modality, segment.modality, score))
        best = max(verdicts, key=lambda verdict: verdict.worth)
        known.append((each.item.name, best.probability, best.worth))
    return sorted(known, key=lambda one: -one[2])


@pytest.mark.parametrize("seed", range(200, 205))
@pytest.mark.parametrize("weights", [{}, {AUDIO: 0.3, VIDEO: 2.0}])
def test_a_mixed_list_is_that_of_a_loop_over_every_segment(
    store: Store, entries: list[Entry], seed: int, weights: dict[Modality, float]
) -> None:
    query = rows(1, seed)
    judging = Judging(calibration=calibration({IMAGE: 0.9}), weights=weights)
    judge = judging.of(TEXT)
    assert judge is not None

    hits = found(store, query, judging, k=15)

    expected = slow(entries, query, judge)[:15]
    assert [hit.name for hit in hits] == [name for name, _, _ in expected]
    said = np.array([hit.probability for hit in hits], np.float64)
    np.testing.assert_allclose(said, np.array([probability for _, probability, _ in expected]), atol=1e-6)
    assert [hit.rank for hit in hits] == list(range(1, 16))


def test_a_hit_is_good_from_its_own_directions_threshold_on(store: Store) -> None:
    hits = found(store, rows(1, 7), Judging(calibration=calibration()), k=120)

    for hit in hits:
        assert hit.probability is not None
        tower = hit.segment.modality if hit.segment else hit.modality
        if tower in SLOPES and hit.modality is not VIDEO:
            assert hit.good is (hit.probability >= SLOPES[tower][2])
    assert {hit.good for hit in hits} == {True, False}


def test_inside_one_modality_the_order_is_by_score(store: Store) -> None:
    hits = found(store, rows(1, 8), Judging(calibration=calibration()), k=30, modality=IMAGE)

    scores = [hit.score for hit in hits]
    assert len(scores) == 30
    assert scores == sorted(scores, reverse=True)


def test_words_that_are_said_in_a_sound_are_told_apart_from_the_sound(store: Store, entries: list[Entry]) -> None:
    spoken = next(each for each in entries if each.item.modality is AUDIO and len(each.segments) == 2)

    (hit,) = found(store, spoken.vectors[1:], Judging(calibration=calibration()), k=1)

    assert hit.name == spoken.item.name
    assert hit.is_speech


def test_a_weight_of_zero_puts_a_modality_last(store: Store) -> None:
    judging = Judging(calibration=calibration())

    hits = found(store, rows(1, 9), judging, k=120, weights={TEXT: 0.0})

    assert {hit.modality for hit in hits[-30:]} == {TEXT}


def test_a_query_modality_that_is_not_calibrated_has_no_judge() -> None:
    assert Judging(calibration=calibration()).of(AUDIO) is None
    assert Judging().of(TEXT) is None


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_no_weight_is_refused(weight: float) -> None:
    with pytest.raises(UsageError, match="weight of audio"):
        Judging(calibration=calibration()).of(TEXT, {AUDIO: weight})


def test_weights_need_probabilities_to_multiply() -> None:
    with pytest.raises(UsageError, match="this space has none for text queries"):
        Judging(weights={AUDIO: 0.5}).of(TEXT)
    assert Judging(weights={AUDIO: 1.0}).of(TEXT) is None
