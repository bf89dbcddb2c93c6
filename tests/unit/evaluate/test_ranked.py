"""The measures of ranked lists are those of ``trec_eval``, ties included, and one score for all is worth chance."""

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from commonspace.evaluate.metrics import bootstrap_interval
from commonspace.evaluate.ranked import chance_of, measure_list, measures_of, ordered, values_of

CUTOFFS = (1, 3, 10)
THEIRS = {"nDCG": "ndcg_cut", "recall": "recall", "hit": "success"}
IDS = st.sampled_from([f"d{number}" for number in range(12)] + ["D1", "ä", "z", "10", "9"])
SCORES = st.one_of(
    st.integers(-2, 2).map(float), st.floats(-1e6, 1e6), st.sampled_from([0.1, 0.1 + 1e-9, 0.30000000000000004, 0.3])
)


def theirs(name: str) -> str:
    """What pytrec_eval calls a measure of ours."""
    kind, _, k = name.partition("@")
    return {"MAP": "map", "MRR": "recip_rank"}.get(kind) or f"{THEIRS[kind]}_{k}"


@settings(max_examples=200, deadline=None)
@given(
    run=st.dictionaries(IDS, SCORES, max_size=14),
    grades=st.dictionaries(IDS, st.integers(-1, 3), min_size=1, max_size=10),
)
def test_every_measure_is_that_of_pytrec_eval_ties_included(run: dict[str, float], grades: dict[str, int]) -> None:
    asked = {"map", "recip_rank", *(f"{kind}.{','.join(map(str, CUTOFFS))}" for kind in THEIRS.values())}

    expected = pytrec_eval.RelevanceEvaluator({"q": grades}, asked).evaluate({"q": run})["q"]

    for name, value in measure_list(ordered(run), grades, CUTOFFS).items():
        assert value == pytest.approx(expected[theirs(name)], abs=1e-9), name


def test_a_query_that_the_run_lacks_found_nothing() -> None:
    values = values_of({"a": {"d": 1.0}}, {"a": {"d": 1}, "b": {"d": 1}}, (1,))

    assert values["hit@1"].tolist() == [1.0, 0.0]
    assert set(values) == set(measures_of((1,)))


def random_judgments(num_documents: int, num_queries: int) -> dict[str, dict[str, int]]:
    random = np.random.default_rng(4)
    return {
        f"q{query}": {
            f"d{document}": int(random.integers(1, 3))
            for document in random.choice(num_documents, int(random.integers(1, 5)), replace=False)
        }
        for query in range(num_queries)
    }


def test_one_score_for_everything_scores_chance() -> None:
    judgments = random_judgments(40, 600)
    constant = {query: {f"d{document}": 0.5 for document in range(40)} for query in judgments}

    chance = chance_of(judgments, 40, CUTOFFS, depth=40)
    for name, values in values_of(constant, judgments, CUTOFFS).items():
        interval = bootstrap_interval(values, seed=0, confidence=0.999)
        assert interval.low <= chance[name] <= interval.high, name


def test_chance_is_the_mean_over_every_order() -> None:
    random = np.random.default_rng(0)
    judgments = {"q": {"d0": 2, "d1": 1, "d2": 1}}
    names = [f"d{number}" for number in range(8)]
    lists = [[names[place] for place in random.permutation(8)][:6] for _ in range(4_000)]

    chance = chance_of(judgments, 8, CUTOFFS, depth=6)
    drawn = [measure_list(each, judgments["q"], CUTOFFS) for each in lists]
    for name in measures_of(CUTOFFS):
        values = np.array([each[name] for each in drawn])
        assert abs(values.mean() - chance[name]) < 5 * values.std() / np.sqrt(len(values)) + 1e-12, name
