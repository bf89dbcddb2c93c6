"""The algebra of queries: contents add up, numbers weigh them, what is subtracted is unwanted."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import commonspace
from commonspace.core.errors import UsageError
from commonspace.retrieve.query import Part, Query

WEIGHTS = st.floats(-4, 4, allow_nan=False)
TERMS = st.lists(st.tuples(st.text(max_size=3), WEIGHTS), min_size=1, max_size=5)


def told(query: Query) -> list[tuple[object, str | None, float]]:
    return [(part.content, part.item, part.weight) for part in query.parts]


def test_texts_files_and_items_add_up_with_their_signs_and_weights() -> None:
    photo = Path("photo.jpg")

    query = commonspace.Query("sneakers") + photo - "blue" + 0.5 * Query.like("4f1c")

    assert told(query) == [
        ("sneakers", None, 1.0),
        (photo, None, 1.0),
        ("blue", None, -1.0),
        (None, "4f1c", 0.5),
    ]


def test_a_content_may_stand_on_the_left() -> None:
    assert told("a dog" + Query("rain")) == [("a dog", None, 1.0), ("rain", None, 1.0)]
    assert told(b"x" - Query("rain")) == [(b"x", None, 1.0), ("rain", None, -1.0)]
    assert told(np.float32(2) * Query("rain")) == told(Query("rain") * 2) == [("rain", None, 2.0)]


@given(terms=TERMS, factor=WEIGHTS)
def test_a_number_multiplies_every_weight_and_minus_is_minus_one(terms: list[tuple[str, float]], factor: float) -> None:
    query = Query(parts=[Part(content=content, weight=weight) for content, weight in terms])

    assert told(factor * query) == [(content, None, weight * factor) for content, weight in terms]
    assert told(-query) == told(-1 * query)
    assert told(query - query) == [*told(query), *told(-query)]


@pytest.mark.parametrize(("content", "item"), [(None, None), ("x", "y")], ids=["nothing", "both"])
def test_a_part_is_a_content_or_an_item(content: str | None, item: str | None) -> None:
    with pytest.raises(UsageError, match="content, or an item"):
        Part(content=content, item=item)


def test_only_numbers_multiply() -> None:
    with pytest.raises(TypeError):
        Query("x") * Query("y")
