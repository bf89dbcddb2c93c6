"""Moments of a video: what is seen and what is said at one time speak for it together.

A frame stands for a stretch of time, and so do words. Where the two overlap, either may be what was meant: the moment
is relevant unless both are not (noisy-or over the calibrated probabilities), and it lies where they overlap.
``benchmarks/moments.py`` measures what that finds, beside the best part alone.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import exp, expm1, log, log1p
from typing import Final

from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.retrieve.candidates import Candidate, Looking, order, score_items, scored

__all__ = ["VIDEO_POOL", "best_moment", "both_ways", "video_moments", "with_moments"]

VIDEO_POOL: Final = 50
"""So many videos, the best by their frames and the best by their words, have their moments looked at."""
LEAST_SECONDS: Final = 0.3
"""Shorter overlaps are edges that touch."""


def video_moments(looking: Looking) -> dict[str, Candidate]:
    """The best moment of each video in which words and frames meet, by id; none without a calibration.

    Nobody else is searched for: a store whose videos have no words costs one search that finds nothing.
    """
    only = looking.ranking.modality
    if looking.judge is None or only not in (None, Modality.VIDEO):
        return {}
    spoken = _nearest_videos(looking, Modality.TEXT)
    if not spoken:
        return {}
    ids = list(dict.fromkeys([*spoken, *_nearest_videos(looking, Modality.IMAGE)]))
    score_items(looking, ids)
    moments: dict[str, Candidate] = {}
    for one in ids:
        own = scored(looking, one)
        moment = None if own is None else best_moment(looking, own.candidates)
        if moment is not None:
            moments[one] = moment
    return moments


def best_moment(looking: Looking, segments: Sequence[Candidate]) -> Candidate | None:
    """The overlap of a frame and words that is worth most; None where none overlap.

    Its tower and score are those of the part that speaks louder, its text is what is said.
    """
    frames = [one for one in segments if one.found.modality is Modality.IMAGE]
    words = [one for one in segments if one.found.modality is Modality.TEXT]
    met = [
        _moment(looking, frame, said, span)
        for frame in frames
        for said in words
        if (span := _overlap(frame.found.span, said.found.span)) is not None
    ]
    return min(met, key=order) if met else None


def with_moments(plain: Sequence[Candidate], moments: dict[str, Candidate], *, whole: bool) -> list[Candidate]:
    """Candidates with each video at its best moment, best first.

    ``plain`` is best first; unless it is ``whole``, nothing that is worth less than its last one comes, so that what
    comes is what would come in the same places however long it is.
    """
    if not moments:
        return list(plain)
    last = None if whole or not plain else plain[-1].worth
    best = {one.item.id: one for one in plain}
    for name, moment in moments.items():
        known = best.get(name)
        if known is None or moment.worth >= known.worth:
            best[name] = moment
    return [one for one in sorted(best.values(), key=order) if last is None or one.worth >= last]


def both_ways(first: float, second: float) -> float:
    """The log-odds that at least one of two independent things is so, from the log-odds of each (noisy-or)."""
    neither = -_softplus(first) - _softplus(second)
    return log(-expm1(neither)) - neither


def _softplus(log_odds: float) -> float:
    """Minus the logarithm of the probability that it is not so; no overflow."""
    return max(log_odds, 0.0) + log1p(exp(-abs(log_odds)))


def _nearest_videos(looking: Looking, tower: Modality) -> list[str]:
    (found,) = looking.store.search(
        looking.asked.embedding.vector[None],
        k=VIDEO_POOL,
        modalities={Modality.VIDEO},
        towers={tower},
        best_of_item=True,
        where=looking.ranking.where,
    )
    return [segment.item.id for segment in found]


def _overlap(first: Span | None, second: Span | None) -> Span | None:
    """The time that two stretches share."""
    if first is None or second is None or first.start_seconds is None or second.start_seconds is None:
        return None
    start = max(first.start_seconds, second.start_seconds)
    end = min(first.end_seconds or start, second.end_seconds or start)
    return Span(start_seconds=start, end_seconds=end) if end - start >= LEAST_SECONDS else None


def _moment(looking: Looking, frame: Candidate, said: Candidate, span: Span) -> Candidate:
    loud = min((frame, said), key=order)
    together = both_ways(_log_odds(frame), _log_odds(said))
    found = replace(loud.found, span=span, text=said.found.text)
    return looking.judged(found, together - _log_odds(loud))


def _log_odds(one: Candidate) -> float:
    return one.verdict.log_odds if one.verdict is not None else 0.0
