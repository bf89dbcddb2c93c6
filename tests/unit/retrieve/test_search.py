"""Segments are searched, items are answered: once each, by their best part."""

from collections.abc import Collection

import numpy as np
import pytest

from commonspace.core.errors import UsageError
from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.records import SegmentHit, StoredItem, item_id
from commonspace.retrieve.search import search

QUERY = np.ones((1, 1), dtype=np.float32)


def item(name: str, modality: Modality = Modality.IMAGE) -> StoredItem:
    uri = f"file:///media/{name}"
    return StoredItem(
        id=item_id(uri), uri=uri, name=name, modality=modality, media_type="image/png", content_hash="0", num_bytes=1,
        modified_ns=None, parent=None, notes=(), metadata={"width": 3},
    )  # fmt: skip


def segment(name: str, score: float, span: Span | None = None) -> SegmentHit:
    return SegmentHit(
        item=item(name), segment_id=round(score * 1e6), modality=Modality.IMAGE, span=span, text=None, score=score
    )


class Ranked:
    """A store whose best segment of each item is known."""

    def __init__(self, hits: list[SegmentHit]) -> None:
        self.hits = hits

    def search(
        self,
        queries: Vectors,
        *,
        k: int,
        modalities: Collection[Modality] | None = None,
        towers: Collection[Modality] | None = None,
        best_of_item: bool = False,
    ) -> list[list[SegmentHit]]:
        assert len(queries) == 1
        assert modalities is None
        assert towers is None
        assert best_of_item
        return [self.hits[:k]]


def test_hits_are_ranked_from_one_and_name_the_moment_that_answers() -> None:
    moment = Span(start_seconds=0, end_seconds=1)

    hits = search(Ranked([segment("clip", 0.9, moment), segment("dog", 0.5), segment("cat", 0.4)]), QUERY, k=2)

    assert [(hit.rank, hit.name) for hit in hits] == [(1, "clip"), (2, "dog")]
    assert hits[0].segment is not None
    assert hits[0].segment.span == moment
    assert hits[1].segment is None


def test_a_small_store_gives_what_it_has() -> None:
    assert [hit.name for hit in search(Ranked([segment("dog", 0.2)]), QUERY, k=50)] == ["dog"]
    assert search(Ranked([]), QUERY, k=5) == []


def test_k_below_one_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match="k is 0"):
        search(Ranked([]), QUERY, k=0)


def test_a_hit_as_json_holds_only_what_is_set() -> None:
    hit = search(Ranked([segment("clip", 0.25, Span(start_seconds=1.0, end_seconds=2.0))]), QUERY, k=1)[0]

    assert hit.to_dict() == {
        "rank": 1,
        "id": item_id("file:///media/clip"),
        "uri": "file:///media/clip",
        "name": "clip",
        "modality": "image",
        "media_type": "image/png",
        "score": 0.25,
        "probability": None,
        "good": None,
        "segment": {"modality": "image", "start_seconds": 1.0, "end_seconds": 2.0},
        "metadata": {"width": 3},
    }
    assert str(hit.path) == "/media/clip"
