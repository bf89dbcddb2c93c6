"""A space is calibrated from labelled vectors: probabilities that hold on other concepts, and a "no" that means no."""

import dataclasses
from pathlib import Path

import numpy as np
import orjson
import pytest

from commonspace.core.errors import ModelError
from commonspace.core.modality import Modality
from commonspace.core.vectors import unit
from commonspace.retrieve.calibrate import DEFAULT_PRIOR, LIFT, fit_calibration, good_from
from commonspace.retrieve.calibration import Calibration, Direction
from commonspace.retrieve.calibration_file import CALIBRATION_NAME, read_calibration, write_calibration
from commonspace.retrieve.hubness import Bank, Estimator
from commonspace.retrieve.labelled import Labelled, Matched, matched
from commonspace.retrieve.logistic import Logistic
from commonspace.retrieve.reliability import expected_calibration_error

DIMENSION = 24
TEXT, IMAGE = Modality.TEXT, Modality.IMAGE


def sides(num_concepts: int = 30, noise: float = 0.9, seed: int = 0) -> dict[Modality, Labelled]:
    """Concepts with three texts and three pictures each; pictures noisier, and far from the texts."""
    random = np.random.default_rng(seed)
    own = np.repeat(unit(random.standard_normal((num_concepts, DIMENSION))), 3, axis=0)
    gap = 0.7 * unit(random.standard_normal((1, DIMENSION)))
    concepts = tuple(f"c{number // 3}" for number in range(3 * num_concepts))
    made = {}
    for modality, spread, shift in ((TEXT, noise / 3, gap), (IMAGE, noise, -gap)):
        vectors = unit(own + shift + spread * random.standard_normal(own.shape) / np.sqrt(DIMENSION))
        keys = tuple(f"{modality}{number}" for number in range(len(own)))
        made[modality] = Labelled(vectors=vectors, concepts=concepts, keys=keys)
    return made


def test_probabilities_hold_on_concepts_that_the_fit_did_not_see() -> None:
    calibration = fit_calibration(sides(), prior=0.02)

    other = matched(sides(seed=1)[TEXT], sides(seed=1)[IMAGE])
    said = calibration.directions[TEXT, IMAGE].logistic.probability(other.scores)
    weights = np.where(other.relevant, 0.02 / other.relevant.sum(), 0.98 / (~other.relevant).sum())
    for low, high in ((0.0, 0.05), (0.8, 1.0)):
        chosen = (said >= low) & (said < high)
        so = np.average(other.relevant[chosen], weights=weights[chosen])
        assert abs(so - np.average(said[chosen], weights=weights[chosen])) < 0.15


def test_every_direction_is_there_and_the_same_seed_gives_the_same() -> None:
    calibration = fit_calibration(sides(), seed=3)

    assert set(calibration.directions) == {(query, tower) for query in (TEXT, IMAGE) for tower in (TEXT, IMAGE)}
    assert fit_calibration(sides(), seed=3).directions == calibration.directions
    assert all(one.error is not None and 0 <= one.error < 0.2 for one in calibration.directions.values())


def test_a_direction_that_says_nothing_is_never_a_good_match() -> None:
    known = sides()
    opposite = dataclasses.replace(known[IMAGE], vectors=-known[TEXT].vectors)

    useless = fit_calibration({TEXT: known[TEXT], IMAGE: opposite}).directions[TEXT, IMAGE]

    assert (useless.logistic.slope, useless.threshold) == (0.0, 1.0)


def test_good_starts_where_right_answers_part_from_wrong_ones() -> None:
    scores = np.array([[0.9, 0.3], [0.8, 0.4], [0.7, 0.2]], np.float32)
    relevant = np.array([[True, False]] * 3)

    assert good_from(Matched(scores=scores, relevant=relevant, counted=np.ones_like(relevant))) == pytest.approx(0.55)


def test_what_is_five_times_likelier_than_chance_is_good_everywhere() -> None:
    calibration = fit_calibration(sides(noise=0.2))

    assert all(one.threshold <= LIFT * DEFAULT_PRIOR for one in calibration.directions.values())


def test_a_direction_without_a_right_pair_is_named() -> None:
    alone = {modality: side.where(lambda concept: concept == "c1") for modality, side in sides().items()}

    with pytest.raises(ValueError, match=r"text->text: .* 0 irrelevant"):
        fit_calibration(alone)


def test_expected_calibration_error_is_that_of_a_loop() -> None:
    random = np.random.default_rng(0)
    said, so, weights = random.uniform(size=300), random.uniform(size=300) < 0.4, random.uniform(size=300)
    expected = 0.0
    for number in range(10):
        inside = [place for place in range(300) if number / 10 <= said[place] < (number + 1) / 10]
        mass = sum(weights[place] for place in inside)
        if mass:
            claimed = sum(weights[place] * said[place] for place in inside) / mass
            happened = sum(weights[place] * so[place] for place in inside) / mass
            expected += mass / weights.sum() * abs(claimed - happened)

    assert expected_calibration_error(said, so, weights=weights) == pytest.approx(expected)
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0.0
    with pytest.raises(ValueError, match="outside"):
        expected_calibration_error(np.array([1.5]), np.array([True]))


def calibration() -> Calibration:
    random = np.random.default_rng(2)
    bank = Bank(
        vectors=unit(random.standard_normal((9, DIMENSION)).astype(np.float16).astype(np.float32)),
        estimator=Estimator.NEAREST, strength=0.5, k=4,
    )  # fmt: skip
    direction = Direction(logistic=Logistic(slope=9.5, intercept=-4.25), threshold=0.4, num_queries=7, error=0.01)
    pairs = [(query, tower) for query in (TEXT, IMAGE) for tower in (TEXT, IMAGE)]
    return Calibration(
        prior=0.02, directions=dict.fromkeys(pairs, direction), banks={IMAGE: bank, TEXT: bank}, weights={IMAGE: 0.5}
    )


def test_what_is_written_is_read_back_and_equal_banks_share_a_file(tmp_path: Path) -> None:
    files = write_calibration(tmp_path, calibration())
    read = read_calibration(tmp_path, DIMENSION)

    assert sorted(files) == ["bank_0.npy", CALIBRATION_NAME]
    assert (read.prior, read.directions, read.weights) == (0.02, calibration().directions, {IMAGE: 0.5})
    items = unit(np.random.default_rng(4).standard_normal((20, DIMENSION)))
    np.testing.assert_allclose(read.bias(IMAGE, items), calibration().bias(IMAGE, items), atol=2e-4)
    np.testing.assert_array_equal(read.bias(Modality.AUDIO, items), np.zeros(20, np.float32))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": 9}, "format 9"),
        ({"directions": [{"query": "text"}]}, "slope"),
        ({"prior": "much"}, "much"),
        ({"banks": {"image": {"file": "../secret.npy"}}}, "not a file of the folder"),
    ],
)
def test_a_calibration_that_makes_no_sense_is_refused(
    tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    write_calibration(tmp_path, calibration())
    path = tmp_path / CALIBRATION_NAME
    path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), **change}))

    with pytest.raises(ModelError, match=complaint):
        read_calibration(tmp_path, DIMENSION)


def test_a_bank_of_another_dimension_or_a_missing_file_is_refused(tmp_path: Path) -> None:
    write_calibration(tmp_path, calibration())

    with pytest.raises(ModelError, match="dimension 25"):
        read_calibration(tmp_path, 25)
    (tmp_path / "bank_0.npy").unlink()
    with pytest.raises(ModelError, match="bank_0"):
        read_calibration(tmp_path, DIMENSION)


def test_a_query_modality_is_calibrated_for_every_tower_or_for_none() -> None:
    direction = calibration().directions[TEXT, TEXT]

    with pytest.raises(ValueError, match="image queries are calibrated for some towers, but not for image"):
        Calibration(
            prior=0.02, directions={(TEXT, TEXT): direction, (TEXT, IMAGE): direction, (IMAGE, TEXT): direction}
        )
