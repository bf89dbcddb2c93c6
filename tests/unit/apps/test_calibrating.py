"""A store is calibrated by what its own queries show, and only where queries that the fit did not see gain by it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from commonspace.apps.calibrate_store import Typical
from commonspace.apps.calibrating import Fitting, refitted
from commonspace.apps.calibration_report import CalibrationReport
from commonspace.apps.collection import Collection
from commonspace.apps.known_items import Asked, StoreSample, sample_of
from commonspace.core.errors import UsageError
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.index.store import Store
from commonspace.ingest.pool import WorkerPool
from commonspace.ingest.source import Source
from commonspace.retrieve.answered import Answered, Held
from commonspace.retrieve.calibration import Calibration
from commonspace.retrieve.hubness import Bank, Estimator
from commonspace.retrieve.refit import refused_from, split_in_half, try_none
from commonspace.retrieve.store_calibration import forget_store_calibration, read_store_calibration
from tests.fakes import FAKE_SPACE, fake_embedder

TEXT, IMAGE, AUDIO = Modality.TEXT, Modality.IMAGE, Modality.AUDIO
DIMENSION, NUM_ITEMS = 32, 120


def store_with_hubs(seed: int = 0, strength: float = 0.8) -> tuple[StoreSample, dict[Modality, Asked], Vectors]:
    """Pictures that texts of their own concept ask for; every tenth is a hub that all texts are like.

    Returns the store, its queries, and other queries of the same kind.
    """
    random = np.random.default_rng(seed)
    common = unit(random.standard_normal((1, DIMENSION)))
    own = unit(random.standard_normal((NUM_ITEMS, DIMENSION)))
    others = unit(random.standard_normal((200, DIMENSION)))
    items = own + 0.3 * unit(random.standard_normal(own.shape))
    items[::10] += strength * common
    queries = unit(own + 0.9 * unit(random.standard_normal(own.shape)) + 0.9 * common)
    bank = unit(others + 0.9 * common)
    ids = tuple(f"i{place}" for place in range(NUM_ITEMS))
    held = Held(vectors=unit(items), starts=np.arange(NUM_ITEMS, dtype=np.int64))
    sample = StoreSample(held={IMAGE: held}, ids={IMAGE: ids}, whole=NUM_ITEMS)
    asked = {TEXT: Asked(vectors=queries, answers=tuple(frozenset({each}) for each in ids), own=("",) * NUM_ITEMS)}
    return sample, asked, bank


def fitting(sample: StoreSample, asked: dict[Modality, Asked], bank: Vectors | None) -> Fitting:
    return Fitting(towers=(TEXT, IMAGE, AUDIO), sample=sample, asked=asked, labelled=True, bank=bank)


def first(report: CalibrationReport) -> float:
    (found,) = report.biases
    assert found.gain is not None
    return found.gain.value


def test_hubs_are_corrected_where_a_bank_of_the_stores_own_queries_helps() -> None:
    calibration, report = refitted(fitting(*store_with_hubs()))

    assert calibration is not None
    assert report.biases[0].adopted
    assert report.biases[0].gain is not None
    assert report.biases[0].gain.low > 0.0
    assert set(calibration.banks) == {IMAGE}


def test_a_foreign_bank_is_switched_off() -> None:
    sample, asked, _ = store_with_hubs(strength=0.0)
    foreign = unit(np.random.default_rng(9).standard_normal((64, DIMENSION)))

    _, report = refitted(fitting(sample, asked, foreign))

    assert not report.biases[0].adopted
    assert report.biases[0].bank is None


def test_a_bias_of_the_space_that_harms_this_store_is_switched_off() -> None:
    sample, asked, _ = store_with_hubs(strength=0.0)
    wrong = Bank(vectors=sample.held[IMAGE].vectors[::2], estimator=Estimator.NEAREST, strength=1.0, k=1)
    harmed = Calibration(prior=0.02, directions={}, banks={IMAGE: wrong})

    calibration, report = refitted(replace(fitting(sample, asked, None), base=harmed))

    assert calibration is not None
    assert calibration.banks == {}
    assert first(report) > 0.0


def test_probabilities_mean_what_they_say_to_queries_that_the_fit_did_not_see() -> None:
    calibration, report = refitted(fitting(*store_with_hubs()))

    (found,) = report.directions
    assert found.adopted
    assert found.error is not None
    assert found.error.low <= found.error.value < 0.05
    assert calibration is not None
    assert calibration.queries == (TEXT,)


def test_a_tower_that_made_nothing_here_is_worth_the_prior_and_never_good() -> None:
    calibration, _ = refitted(fitting(*store_with_hubs()))

    assert calibration is not None
    nothing = calibration.directions[TEXT, AUDIO]
    assert nothing.logistic.probability(np.array([0.9]))[0] == pytest.approx(calibration.prior)
    assert nothing.threshold == 1.0


def test_a_tower_without_labelled_answers_keeps_the_whole_query_modality_uncalibrated() -> None:
    sample, asked, bank = store_with_hubs()
    more = replace(
        sample, held={**sample.held, AUDIO: sample.held[IMAGE]}, ids={**sample.ids, AUDIO: ("x",) * NUM_ITEMS}
    )

    calibration, report = refitted(fitting(more, asked, bank))

    assert calibration is not None
    assert calibration.directions == {}
    assert not any(each.adopted for each in report.directions)


def test_few_queries_change_nothing() -> None:
    sample, asked, bank = store_with_hubs()
    few = Asked(vectors=asked[TEXT].vectors[:8], answers=asked[TEXT].answers[:8], own=asked[TEXT].own[:8])

    calibration, report = refitted(fitting(sample, {TEXT: few}, bank))

    assert calibration is None
    assert not report.adopted


def test_foreign_queries_are_told_that_there_is_no_good_match() -> None:
    sample, asked, _ = store_with_hubs(strength=0.0)
    drawn = unit(np.random.default_rng(5).standard_normal((4000, DIMENSION)))
    strange = drawn[np.argsort((drawn @ sample.held[IMAGE].vectors.T).max(axis=1))[:80]]  # unlike anything there
    nothing = {TEXT: Asked(vectors=strange, answers=(frozenset(),) * 80, own=("",) * 80)}

    _, report = refitted(replace(fitting(sample, asked, None), unanswered=nothing))

    (found,) = report.nones
    assert found.adopted
    assert not found.taken_away
    assert found.precision is not None
    assert found.precision.value >= 0.9
    assert found.recall.value > 0.5


def test_the_cut_is_precise_enough_or_never_made() -> None:
    right, wrong = np.linspace(0.5, 1.0, 100), np.linspace(0.0, 0.6, 100)

    cut = refused_from(right, wrong)

    assert np.mean(wrong < cut) / (np.mean(wrong < cut) + np.mean(right < cut)) >= 0.9
    assert refused_from(wrong, right) == 0.0
    assert refused_from(right, np.empty(0)) == 0.0


def test_few_queries_promise_too_little_for_a_cut_that_many_bear_out() -> None:
    right, wrong = np.linspace(0.5, 1.0, 200), np.linspace(0.0, 1.0, 200)

    assert refused_from(right[::20], wrong[::20]) == 0.0
    assert 0.4 < refused_from(right, wrong) <= 0.52


def test_queries_for_the_same_answer_stay_in_one_half() -> None:
    groups = np.array([0, 0, 1, 1, 2, 2, 3, 3, 3])

    first_half, second_half = split_in_half(groups, seed=1)

    assert (first_half ^ second_half).all()
    assert all(len(set(first_half[groups == group].tolist())) == 1 for group in range(4))


def test_queries_that_share_an_answer_by_way_of_others_are_one_group() -> None:
    relevant = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0]], np.bool_)
    held = Held(vectors=unit(np.eye(4, dtype=np.float32)), starts=np.arange(4))
    asked = Answered(queries=unit(np.ones((5, 4))), held=held, relevant=relevant, counted=np.ones_like(relevant))

    assert asked.groups.tolist() == [0, 0, 3, -1, 0]


def test_an_item_scores_as_its_best_segment_less_that_segments_bias() -> None:
    vectors = unit(np.array([[1, 0], [0, 1], [1, 1]], np.float32))
    held = Held(vectors=vectors, starts=np.array([0, 2]))
    there = np.ones((1, 2), np.bool_)
    answered = Answered(queries=vectors[:1], held=held, relevant=there, counted=there)

    np.testing.assert_allclose(answered.scored(), [[1.0, 0.5**0.5]], atol=1e-6)
    np.testing.assert_allclose(answered.scored(np.array([1.5, 0.2, 0.0], np.float32)), [[-0.2, 0.5**0.5]], atol=1e-6)


def test_no_query_with_an_answer_says_nothing_about_no_good_match() -> None:
    sample, asked, _ = store_with_hubs()
    lost = replace(asked[TEXT], answers=(frozenset(),) * NUM_ITEMS)
    known = Calibration(prior=0.02, directions={})

    assert try_none({IMAGE: sample.answered(IMAGE, lost)}, None, known, TEXT, seed=0) is None


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    """Texts under names that say what is in them."""
    folder, prepare = tmp_path / "notes.cs", fake_embedder().preparer
    random = np.random.default_rng(3)
    words = ["".join(random.choice(list("abcdefghijklmnop"), 6)) for _ in range(48)]
    sources = [
        Source(uri=f"note:{place}", name=f"{word} {place}.txt", origin=f"{word} " * 3)
        for place, word in enumerate(words)
    ]
    Store.create(folder, FAKE_SPACE).close()
    with Collection(
        Store.open(folder, space=FAKE_SPACE, writable=False),
        lambda: Store.open(folder, space=FAKE_SPACE),
        fake_embedder,
        lambda: WorkerPool(workers=1),
    ) as opened:
        opened.add([prepare(source) for source in sources])
        yield opened


def pairs_of(collection: Collection) -> list[tuple[object, str | None]]:
    return [(item.name.split()[0] + "!", item.name) for item in collection.items()]


def test_a_stores_calibration_is_kept_and_forgotten(collection: Collection, tmp_path: Path) -> None:
    folder = tmp_path / "notes.cs"

    report = collection.calibrate(Typical(pairs=pairs_of(collection)))

    kept = read_store_calibration(folder, FAKE_SPACE)
    assert report.adopted
    assert report.num_items == 48
    assert kept is not None
    assert kept.queries == (TEXT,)
    assert forget_store_calibration(folder)
    assert read_store_calibration(folder, FAKE_SPACE) is None
    assert not forget_store_calibration(folder)
    assert [path.name for path in folder.iterdir() if path.name.startswith("calibration")] == []


def test_without_pairs_the_names_of_items_judge_the_bias_alone(collection: Collection) -> None:
    report = collection.calibrate(Typical(queries=["abc", "fgh", "mno pqr"]))

    assert not report.labelled
    assert report.directions == report.nones == ()
    assert [found.num_queries for found in report.biases] == [48]
    assert report.num_bank == 3


def test_pairs_that_name_nothing_are_refused_or_counted(collection: Collection) -> None:
    with pytest.raises(UsageError, match="None of the 1 pairs"):
        collection.calibrate(Typical(pairs=[("a", "nowhere.txt")]))

    assert collection.calibrate(Typical(pairs=[*pairs_of(collection), ("a", "nowhere.txt")])).num_unused == 1


def test_a_bank_of_the_judged_queries_alone_is_refused(collection: Collection) -> None:
    pairs = pairs_of(collection)

    with pytest.raises(UsageError, match="No typical query is left"):
        collection.calibrate(Typical(queries=[query for query, _ in pairs], pairs=pairs))


def test_a_sample_holds_what_is_wanted_and_no_more_than_asked_for(collection: Collection, tmp_path: Path) -> None:
    wanted = [item.id for item in collection.items()][:3]
    with Store.open(tmp_path / "notes.cs", writable=False) as store:
        sample = sample_of(store, wanted, seed=0, most=10)

    assert set(wanted) <= set(sample.ids[TEXT])
    assert len(sample.ids[TEXT]) == 10
    assert sample.whole == 48
