"""One path from a query to ranked hits: candidates, words, what is unwanted, a second opinion, groups, pages.

Segments are searched, items are answered. With a calibration items of all modalities are ranked by how likely they are
relevant, without one by their scores. ``docs/search.md`` tells the steps in order.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from commonspace.core.errors import UsageError
from commonspace.retrieve.asked import Asked
from commonspace.retrieve.candidates import Candidate, ItemSearch, Looking, nearest, score_items, scored
from commonspace.retrieve.diversity import folds, marginal_order
from commonspace.retrieve.fuse import with_keywords
from commonspace.retrieve.group import Group
from commonspace.retrieve.hit import Fold, Hit
from commonspace.retrieve.hits import Found, Under, bare_hit, hit_of, is_part
from commonspace.retrieve.judge import Judging, uncalibrated
from commonspace.retrieve.keywords import KeywordMatch, keyword_matches
from commonspace.retrieve.moments import video_moments, with_moments
from commonspace.retrieve.ranking import MOST_HITS, POOL, Ranking
from commonspace.retrieve.rerank import RERANKED, reordered
from commonspace.retrieve.unwanted import without_unwanted

__all__ = ["search"]

WIDENING: Final = 4


def search(
    store: ItemSearch,
    asked: Asked,
    ranking: Ranking | None = None,
    judging: Judging | None = None,
) -> list[Hit]:
    """The hits of one page, best first; fewer where the store holds fewer.

    Args:
        store: where to look.
        asked: the query, its parts as vectors.
        ranking: how many, which, and in what order; ten of all when None.
        judging: what makes scores of different modalities comparable (plain scores are compared when None), and who
            puts the first few in order anew.

    Raises:
        UsageError: probabilities are asked for in a space that has none for the query, or a page lies beyond what is
            looked at.
    """
    ranking, judging = ranking or Ranking(), judging or Judging()
    judge = judging.of(asked.embedding.modality, ranking.weights)
    if ranking.min_probability is not None and judge is None:
        raise uncalibrated(asked.embedding.modality, "A least probability needs")
    looking = Looking(store=store, asked=asked, ranking=ranking, judging=judging, judge=judge)
    places = _pool(looking) if _pooled(looking) else _pages(looking)
    page = places[ranking.offset : ranking.depth]
    score_items(looking, [found.candidate.item.id for found in page if ranking.explain or is_part(found.candidate)])
    return [hit_of(looking, rank, found) for rank, found in enumerate(page, start=ranking.offset + 1)]


def _pooled(looking: Looking) -> bool:
    return looking.ranking.pooled or bool(looking.asked.unwanted)


def _pool(looking: Looking) -> list[Found]:
    """The whole answer, of the best ``POOL`` candidates."""
    depth = looking.ranking.depth
    if depth > POOL:
        raise UsageError(
            f"Offset and k reach to hit {depth}; with diversity, folding or unwanted parts only {POOL} are looked at.",
            fix="Ask for less, or leave those out.",
        )
    matches = _matches(looking)
    if looking.asked.unwanted:
        plain, whole = without_unwanted(looking, matches), True
    else:
        plain = nearest(looking, looking.asked.embedding.vector, _wide(looking, POOL))
        whole = len(plain) < _wide(looking, POOL)
        plain = with_moments(plain, video_moments(looking), whole=whole)
    candidates = with_keywords(looking, plain, matches, whole=whole)
    return _arranged(looking, _reranked(looking, candidates)[:POOL])


def _pages(looking: Looking) -> list[Found]:
    """The answer as deep as the page reaches: more candidates are fetched until it is full or there are no more."""
    depth, matches, moments = looking.ranking.depth, _matches(looking), video_moments(looking)
    by_ranks = bool(matches) and looking.judge is None
    grouped = looking.ranking.group is Group.PARENT
    least = max(POOL if by_ranks or grouped else 0, RERANKED if looking.judging.reranker is not None else 0)
    wide = _wide(looking, max(depth, least))
    while True:
        plain = nearest(looking, looking.asked.embedding.vector, wide)
        whole = len(plain) < wide
        plain = with_moments(plain, moments, whole=whole)
        candidates = _reranked(looking, with_keywords(looking, plain, matches, whole=whole))
        places = _arranged(looking, candidates)
        settled = whole or len(places) >= depth or looking.ranking.min_probability is not None
        if settled or wide >= MOST_HITS:
            return places
        wide = min(wide * WIDENING, MOST_HITS)


def _wide(looking: Looking, num_items: int) -> int:
    """So many that as many are left when the query's own items are taken out."""
    return num_items + len(looking.asked.excluded)


def _matches(looking: Looking) -> dict[str, KeywordMatch]:
    """What words match: in a calibrated space unless it was declined, elsewhere only where it was asked for."""
    wanted = looking.ranking.keywords
    use = looking.judge is not None if wanted is None else wanted
    return keyword_matches(looking) if use else {}


def _reranked(looking: Looking, candidates: list[Candidate]) -> list[Candidate]:
    """Without the query's own items, and the first few in the re-ranker's order."""
    kept = [one for one in candidates if one.item.id not in looking.asked.excluded]
    reranker = looking.judging.reranker
    if reranker is None or not kept:
        return kept
    first = kept[:RERANKED]
    hits = [bare_hit(rank, one) for rank, one in enumerate(first, start=1)]
    return [*reordered(first, reranker.scores(looking.asked, hits)), *kept[RERANKED:]]


def _arranged(looking: Looking, candidates: Sequence[Candidate]) -> list[Found]:
    """Candidates as places: the likely enough ones, grouped, folded, made diverse."""
    least, ranking = looking.ranking.min_probability or 0.0, looking.ranking
    likely = [one for one in candidates if one.verdict is None or one.verdict.probability >= least]
    places = [Found(candidate=one) for one in likely]
    if ranking.group is Group.PARENT:
        places = _grouped(looking, likely)
    if ranking.fold is not None:
        places = _folded(looking, places, ranking.fold)
    if ranking.diversity > 0.0:
        places = [places[at] for at in marginal_order(_worth(places), _vectors(looking, places), 1 - ranking.diversity)]
    return places


def _grouped(looking: Looking, candidates: Sequence[Candidate]) -> list[Found]:
    """One place a whole: its best item stands there as the whole, the others are listed under it."""
    groups: dict[str, list[Candidate]] = {}
    for one in candidates:
        groups.setdefault(one.item.parent or one.item.id, []).append(one)
    places = []
    for whole, (best, *others) in groups.items():
        shown = None if best.item.id == whole else looking.store.get(whole)
        listed = [best, *others] if shown is not None else others
        under = tuple(Under(candidate=one, why=Fold.SAME_PARENT) for one in listed if one.item.id != whole)
        places.append(Found(candidate=best, shown=shown, under=under))
    return places


def _folded(looking: Looking, places: Sequence[Found], cosine: float) -> list[Found]:
    vectors = _vectors(looking, places)
    items = [found.candidate.item for found in places]
    groups = folds([item.modality for item in items], [item.content_hash for item in items], vectors, cosine)
    folded = []
    for kept, *others in groups:
        under: list[Under] = []
        for place in others:
            same = items[place].content_hash == items[kept].content_hash
            why = Fold.SAME_CONTENT if same else Fold.NEAR_DUPLICATE
            likeness = float(vectors[kept] @ vectors[place])
            under.append(Under(candidate=places[place].candidate, why=why, likeness=likeness))
            under += places[place].under
        folded.append(replace(places[kept], under=(*places[kept].under, *under)))
    return folded


def _vectors(looking: Looking, places: Sequence[Found]) -> NDArray[np.float32]:
    """The vector of each place's best segment; of what left meanwhile, zeros."""
    score_items(looking, [found.candidate.item.id for found in places])
    rows = np.zeros((len(places), len(looking.asked.embedding.vector)), np.float32)
    for row, found in zip(rows, places, strict=True):
        own = scored(looking, found.candidate.item.id)
        if own is not None:
            row[:] = own.vectors[0]
    return rows


def _worth(places: Sequence[Found]) -> NDArray[np.float64]:
    """What each place is worth; where a re-ranker spoke, by its place alone."""
    if any(found.candidate.reranked is not None for found in places):
        return np.arange(len(places), 0, -1, dtype=np.float64)
    return np.array([found.candidate.worth for found in places])
