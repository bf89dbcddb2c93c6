"""What the benchmark of the towers makes of its laps, and what it times them on."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import rivals, workload
from benchmarks.contest import Entry, Lap, Report, fastest, race, standing, times_as_fast
from benchmarks.rivals import Trial, in_order_of_length
from benchmarks.towers import Event, cells, missed, require_same_rows
from commonspace.core.modality import Modality
from commonspace.encode.catalog import folder_of
from commonspace.encode.tower import Features

SMALL, LARGE = Trial(batch=1, threads=1), Trial(batch=8, threads=1)


def lap(contender: str, trial: Trial, number: int, seconds: float, *, peak: int = 0) -> Lap:
    return Lap(
        contender=contender,
        trial=trial,
        number=number,
        num_items=10,
        prepare_seconds=seconds / 4,
        encode_seconds=seconds * 3 / 4,
        processor_seconds=seconds,
        taken=0.0,
        peak_bytes=peak,
    )


ENTRY = Entry(make=partial(rivals.space, Path("none"), Modality.TEXT, threads=1), trials=(SMALL,))
EVENT = Event(name="texts", modality=Modality.TEXT, items=["a"], entries={"v2": ENTRY, "v1": ENTRY})
LAPS = [
    *(lap("v2", SMALL, number, seconds) for number, seconds in enumerate((1.0, 2.0, 9.0))),
    *(lap("other", SMALL, number, seconds, peak=7) for number, seconds in enumerate((5.0, 6.0, 7.0))),
    *(lap("other", LARGE, number, seconds, peak=9) for number, seconds in enumerate((3.0, 8.0, 1.0))),
]


def test_a_contender_counts_run_the_way_with_the_least_median_not_the_luckiest_lap() -> None:
    lucky = [lap("a", SMALL, n, s) for n, s in enumerate((2.0, 2.0, 2.0))]
    lucky += [lap("a", LARGE, n, s) for n, s in enumerate((0.1, 3.0, 3.0))]

    assert {one.trial for one in fastest(lucky, "a")} == {SMALL}
    assert {one.trial for one in fastest(LAPS, "other")} == {LARGE}


def test_a_standing_tells_medians_an_item_and_the_memory_of_its_first_lap() -> None:
    found = standing(LAPS, "other")

    assert (found.trial, found.num_laps, found.peak_bytes) == (LARGE, 3, 9)
    assert found.items_per_second == pytest.approx(10 / 3)
    assert found.prepare_milliseconds == pytest.approx(75)
    assert found.encode_milliseconds == pytest.approx(225)


def test_laps_are_compared_with_laps_of_the_same_round() -> None:
    assert times_as_fast(LAPS, "v2", "other") == pytest.approx([3.0, 4.0, 1 / 9])


@pytest.mark.parametrize(("seconds", "told"), [(1.2, ["texts: v1"]), (1.4, [])])
def test_v2_misses_what_is_asked_when_it_takes_more_than_half_as_long_again_as_v1(
    seconds: float, told: list[str]
) -> None:
    report = Report(laps=(lap("v2", SMALL, 0, 2.0), lap("v1", SMALL, 0, seconds)), rows={})

    assert missed(EVENT, report) == told
    assert [line[1] for line in cells(EVENT, report)] == ["v2", "v1"]


def test_contenders_that_say_something_else_are_not_raced() -> None:
    same, other = np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32)[::-1]

    require_same_rows(Report(laps=(), rows={"v2": same, "v1": same}))
    with pytest.raises(SystemExit, match="v1 and v2 give different vectors"):
        require_same_rows(Report(laps=(), rows={"v2": same, "v1": other}))


def test_a_race_brings_a_lap_for_every_round_and_way_and_the_first_rows() -> None:
    ways = (Trial(batch=1, threads=1), Trial(batch=2, threads=1))
    entry = Entry(make=partial(rivals.space, folder_of("nano"), Modality.TEXT, threads=1), trials=ways)

    report = race({"v2": entry}, ["a dog", "a cat"], num_rounds=2)

    assert [(one.number, one.trial) for one in report.laps] == [(number, way) for number in (0, 1) for way in ways]
    assert all(one.seconds > 0 and one.num_items == 2 and one.peak_bytes > 2**20 for one in report.laps)
    np.testing.assert_allclose(np.linalg.norm(report.rows["v2"], axis=1), [1, 1], rtol=1e-5)


def test_a_contender_that_cannot_be_made_ends_the_race(tmp_path: Path) -> None:
    entry = Entry(make=partial(rivals.space, tmp_path, Modality.TEXT, threads=1), trials=(SMALL,))

    with pytest.raises(SystemExit, match="v2 ended early"):
        race({"v2": entry}, ["a dog"], num_rounds=1)


def test_texts_of_like_length_go_together_and_their_rows_come_back_in_order() -> None:
    features: list[Features] = [np.full(length, length) for length in (3, 9, 1, 8, 2)]
    batches: list[list[int]] = []

    def embed(batch: list[Features]) -> NDArray[np.float32]:
        batches.append([len(one) for one in batch])
        return np.array([[len(one)] for one in batch], dtype=np.float32)

    found = in_order_of_length(embed, features, 2)

    assert batches == [[9, 8], [3, 2], [1]]
    assert found[:, 0].tolist() == [3, 9, 1, 8, 2]


def test_texts_are_captions_and_runs_of_3_to_80_words_the_same_for_a_seed() -> None:
    words = [str(number) for number in range(500)]

    made = workload.mixed_texts(["a dog"], words, 400, seed=1)
    runs = [text.split() for text in made if text != "a dog"]

    assert (
        made
        == workload.mixed_texts(["a dog"], words, 400, seed=1)
        != workload.mixed_texts(["a dog"], words, 400, seed=2)
    )
    assert len(made) == 400
    assert len(runs) == 300
    assert 3 <= min(map(len, runs)) < 5
    assert 70 < max(map(len, runs)) <= 80
    assert all(run == words[int(run[0]) : int(run[0]) + len(run)] for run in runs)


def test_sounds_are_looped_and_cut_to_exactly_the_length() -> None:
    assert workload.looped(np.array([1, 2, 3]), 7).tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert workload.looped(np.array([1, 2, 3]), 2).tolist() == [1, 2]
    assert {len(sound.array) for sound in workload.sounds(3, 0.5)} == {8000}
