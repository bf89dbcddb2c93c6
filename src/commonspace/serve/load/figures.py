"""What the times of many shots say: rates, percentiles with their uncertainty, and where the time went.

Percentiles are nearest-rank: the smallest time that at least so many of the shots stayed within, a time that some shot
really took. Intervals are 95% percentile bootstraps (Efron 1979) over shots, which are taken to know nothing of one
another; under heavy load they do, and the interval is then too narrow. So it is where fewer than about twenty shots lie
beyond the percentile: no run of 100 shots knows its p99.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from commonspace.serve.load.firing import Fired

__all__ = ["QUANTILES", "STAGES", "Estimate", "Figures", "Group", "percentile", "summary"]

QUANTILES: Final = (0.5, 0.95, 0.99)
STAGES: Final = ("decode", "queue", "inference", "serialisation", "transport")
RESAMPLES: Final = 4000

Times = NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A percentile in milliseconds, and the interval that holds it in 95 of 100 such runs."""

    value: float
    low: float
    high: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The figures of some shots (all, or those of one modality); times in milliseconds.

    ``latency`` and ``stages`` are of the shots that were answered with vectors, ``refusal_ms`` of those that were
    refused; each by percentile ("p50"). ``codes`` counts what came of all shots.
    """

    name: str
    num_shots: int
    num_items: int
    codes: Mapping[str, int]
    per_second: float
    items_per_second: float
    latency: Mapping[str, Estimate]
    mean_ms: float | None
    max_ms: float | None
    refusal_ms: Mapping[str, float]
    stages: Mapping[str, Mapping[str, float]]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of one run: of all shots, and by modality. ``late_ms`` says how late the loader itself was."""

    seconds: float
    everything: Group
    groups: tuple[Group, ...]
    late_ms: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """The figures as they stand in JSON."""
        return asdict(self)


def summary(fired: Sequence[Fired], *, seed: int = 0) -> Figures:
    """The figures of a run; rates are over the time from its beginning to its last answer."""
    seconds = max((each.answered for each in fired), default=0.0)
    names = sorted({each.modality for each in fired}, key=list(type(fired[0].modality)).index) if fired else []
    groups = tuple(_group(name, [each for each in fired if each.modality == name], seconds, seed) for name in names)
    late = np.array([each.late_seconds for each in fired]) * 1000
    return Figures(
        seconds=seconds,
        everything=_group("all", fired, seconds, seed),
        groups=groups,
        late_ms=_percentiles(late),
    )


def percentile(sorted_times: Times, quantile: float) -> float:
    """The nearest-rank percentile of times in growing order: the smallest that so many are no larger than."""
    return float(sorted_times[_rank(len(sorted_times), quantile) - 1])


def _rank(num: int, quantile: float) -> int:
    return max(1, ceil(quantile * num - 1e-9))


def _group(name: str, fired: Sequence[Fired], seconds: float, seed: int) -> Group:
    good = [each for each in fired if each.outcome.is_ok]
    times = np.sort(np.array([each.seconds for each in good], dtype=np.float64)) * 1000
    refused = np.array([each.seconds for each in fired if not each.outcome.is_ok]) * 1000
    num_items = sum(each.num_items - each.outcome.failed_items for each in good)
    return Group(
        name=name,
        num_shots=len(fired),
        num_items=num_items,
        codes=dict(Counter(each.outcome.code for each in fired)),
        per_second=len(good) / seconds if seconds else 0.0,
        items_per_second=num_items / seconds if seconds else 0.0,
        latency=_estimates(times, seed),
        mean_ms=float(times.mean()) if len(times) else None,
        max_ms=float(times[-1]) if len(times) else None,
        refusal_ms=_percentiles(refused),
        stages=_stages(good),
    )


def _estimates(times: Times, seed: int) -> dict[str, Estimate]:
    """Percentiles of times in growing order, with their intervals.

    A resample draws n of the n places with replacement, and its k-th smallest place is where the k-th smallest of n
    even draws falls, which is Beta(k, n + 1 - k): so it is drawn at once instead of n times.
    """
    num = len(times)
    if not num:
        return {}
    random = np.random.default_rng(seed)
    estimates = {}
    for quantile in QUANTILES:
        rank = _rank(num, quantile)
        places = (num * random.beta(rank, num + 1 - rank, RESAMPLES)).astype(np.int64).clip(0, num - 1)
        low, high = np.quantile(times[places], [0.025, 0.975], method="inverted_cdf")
        estimates[_name(quantile)] = Estimate(value=float(times[rank - 1]), low=float(low), high=float(high))
    return estimates


def _percentiles(times: Times) -> dict[str, float]:
    ordered = np.sort(times)
    return {_name(quantile): percentile(ordered, quantile) for quantile in QUANTILES} if len(ordered) else {}


def _stages(good: Sequence[Fired]) -> dict[str, dict[str, float]]:
    """The percentiles of each stage, of those shots for which the service told it.

    ``serialisation`` is what the service needed beside decoding, queueing and computing (reading the request, writing
    the answer); ``transport`` is the rest up to what the caller saw.
    """
    told: dict[str, list[float]] = {name: [] for name in STAGES}
    for each in good:
        stages = each.outcome.stages
        known = {"decode": stages.decode, "queue": stages.queue, "inference": stages.inference}
        for name, value in known.items():
            if value is not None:
                told[name].append(value)
        if stages.total is not None:
            told["serialisation"].append(max(0.0, stages.total - sum(value or 0.0 for value in known.values())))
            told["transport"].append(max(0.0, each.seconds - stages.total))
    return {name: _percentiles(np.array(values) * 1000) for name, values in told.items() if values}


def _name(quantile: float) -> str:
    return f"p{quantile * 100:g}"
