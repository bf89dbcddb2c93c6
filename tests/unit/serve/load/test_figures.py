"""The figures of a run against loops that follow their definitions word by word."""

import numpy as np
import pytest

from commonspace.core.modality import Modality
from commonspace.serve.load.figures import percentile, summary
from commonspace.serve.load.firing import Fired, Outcome, Stages


def shot(
    seconds: float, *, modality: Modality = Modality.TEXT, meant: float = 0.0, outcome: Outcome | None = None
) -> Fired:
    return Fired(
        number=0,
        modality=modality,
        urgency="",
        num_items=2,
        meant=meant,
        fired=meant + 0.001,
        answered=meant + seconds,
        outcome=outcome or Outcome(),
    )


def slow_percentile(times: list[float], quantile: float) -> float:
    """The smallest time that at least this share of all times is no larger than."""
    return min(each for each in times if sum(other <= each for other in times) >= quantile * len(times) - 1e-9)


@pytest.mark.parametrize("num", [1, 2, 3, 10, 99, 100, 101, 1000])
@pytest.mark.parametrize("quantile", [0.5, 0.95, 0.99])
def test_a_percentile_is_the_smallest_time_that_so_many_stayed_within(num: int, quantile: float) -> None:
    times = np.random.default_rng(num).exponential(1.0, num).tolist()

    assert percentile(np.sort(times), quantile) == slow_percentile(times, quantile)


def test_rates_and_counts_are_of_what_was_answered() -> None:
    refused = Outcome(code="overloaded")
    fired = [shot(0.5, meant=each * 0.1) for each in range(8)] + [shot(0.01, meant=1.99, outcome=refused)] * 2
    fired += [shot(1.0, meant=1.0, outcome=Outcome(failed_items=1))]

    figures = summary(fired)
    everything = figures.everything

    assert figures.seconds == pytest.approx(2.0)
    assert everything.codes == {"ok": 9, "overloaded": 2}
    assert everything.per_second == pytest.approx(9 / 2.0)
    assert everything.items_per_second == pytest.approx(17 / 2.0)
    assert everything.latency["p50"].value == pytest.approx(500.0)
    assert everything.max_ms == pytest.approx(1000.0)
    assert everything.refusal_ms["p99"] == pytest.approx(10.0)
    assert figures.late_ms["p99"] == pytest.approx(1.0)


def test_modalities_have_figures_of_their_own() -> None:
    fired = [shot(0.1), shot(0.1), shot(0.4, modality=Modality.IMAGE)]

    groups = {group.name: group for group in summary(fired).groups}

    assert [groups[name].num_shots for name in ("text", "image")] == [2, 1]
    assert groups["image"].latency["p99"].value == pytest.approx(400.0)


def test_stages_add_up_to_what_the_caller_saw() -> None:
    stages = Stages(decode=0.01, queue=0.02, inference=0.03, total=0.07)

    found = summary([shot(0.1, outcome=Outcome(stages=stages))]).everything.stages

    assert {name: each["p50"] for name, each in found.items()} == pytest.approx(
        {"decode": 10.0, "queue": 20.0, "inference": 30.0, "serialisation": 10.0, "transport": 30.0}
    )


def test_stages_that_are_not_told_are_not_made_up() -> None:
    assert summary([shot(0.1)]).everything.stages == {}


def test_an_interval_holds_the_true_percentile_about_as_often_as_it_says() -> None:
    """Of 40 runs of 400 shots of known percentiles, about 38 intervals hold each."""
    truth = {"p50": -np.log(0.5) * 1000, "p95": -np.log(0.05) * 1000}
    held = dict.fromkeys(truth, 0)
    for run in range(40):
        times = np.random.default_rng(run).exponential(1.0, 400)
        latency = summary([shot(float(each)) for each in times], seed=1000 + run).everything.latency
        for name in held:
            held[name] += int(latency[name].low <= truth[name] <= latency[name].high)

    assert all(33 <= count <= 40 for count in held.values()), held


def test_the_interval_is_that_of_a_bootstrap_done_draw_by_draw() -> None:
    times = np.sort(np.random.default_rng(5).exponential(1.0, 200))
    random = np.random.default_rng(6)
    drawn = [np.sort(random.choice(times, 200))[189] * 1000 for _ in range(4000)]

    estimate = summary([shot(float(each)) for each in times]).everything.latency["p95"]

    low, high = np.quantile(drawn, [0.025, 0.975], method="inverted_cdf")
    rank = np.searchsorted(times * 1000, [low, estimate.low, high, estimate.high])
    assert abs(rank[0] - rank[1]) <= 1
    assert abs(rank[2] - rank[3]) <= 1


def test_a_run_without_shots_has_figures_too() -> None:
    assert summary([]).everything.codes == {}
