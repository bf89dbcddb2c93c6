"""Segments are searched, items are answered: once each, by their best part, and page by page."""

from collections.abc import Collection, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonspace.core.errors import UsageError
from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors
from commonspace.index.filters import Filter
from commonspace.index.records import Entry, SegmentHit, StoredItem, StoredSegment, item_id
from commonspace.index.store import Store
from commonspace.retrieve.asked import Asked
from commonspace.retrieve.hit import Fold
from commonspace.retrieve.judge import Judging
from tests.fakes import FAKE_SPACE
from tests.unit.retrieve.asking import found, part

QUERY = np.ones((1, 1), dtype=np.float32)
DIMENSION = FAKE_SPACE.dimension


def item(name: str, modality: Modality = Modality.IMAGE, parent: str | None = None, content: str = "") -> StoredItem:
    uri = f"file:///media/{name}"
    return StoredItem(
        id=item_id(uri), uri=uri, name=name, modality=modality, media_type="image/png", content_hash=content or name,
        num_bytes=1, modified_ns=None, parent=parent, notes=(), metadata={"width": 3},
    )  # fmt: skip


def segment(name: str, score: float, span: Span | None = None) -> SegmentHit:
    return SegmentHit(
        item=item(name), segment_id=round(score * 1e6), modality=Modality.IMAGE, span=span, text=None, score=score
    )


class Ranked:
    """A store whose best segment of each item is known, and nothing else."""

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
        where: Filter | None = None,
    ) -> list[list[SegmentHit]]:
        assert len(queries) == 1
        assert (modalities, towers, where) == (None, None, None)
        assert best_of_item
        return [self.hits[:k]]

    def match(self, text: str, *, k: int, where: Filter | None = None) -> list[SegmentHit]:
        raise AssertionError((text, k, where))

    def entry(self, id: str) -> Entry | None:  # noqa: A002  # the field's name
        assert id
        return None

    def get(self, id: str) -> StoredItem | None:  # noqa: A002  # the field's name
        raise AssertionError(id)


def near(cosine: float, axis: int = 1) -> Vectors:
    """A unit row of this cosine to the first axis."""
    row = np.zeros((1, DIMENSION), np.float32)
    row[0, 0], row[0, axis] = cosine, np.sqrt(1.0 - cosine**2)
    return row


FIRST = near(1.0)


def entry(name: str, rows: Vectors, parent: str | None = None, content: str = "") -> Entry:
    spans = [None] if len(rows) == 1 else [Span(start_seconds=at, end_seconds=at + 1.0) for at in range(len(rows))]
    segments = tuple(StoredSegment(modality=Modality.IMAGE, span=span) for span in spans)
    return Entry(item=item(name, parent=parent, content=content), segments=segments, vectors=rows)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A clip of three moments, a PDF with two pictures, a picture and its near and equal copies, and sixty others."""
    whole = item("guide.pdf")
    entries = [
        entry("clip.mp4", np.concatenate([near(0.5), near(0.9), near(0.7)])),
        Entry(item=whole, segments=(StoredSegment(modality=Modality.IMAGE),), vectors=near(0.6)),
        entry("guide.pdf#1", near(0.85, 2), parent=whole.id),
        entry("guide.pdf#2", near(0.84, 3), parent=whole.id),
        entry("dog.jpg", near(0.95, 4)),
        entry("dog-again.jpg", near(0.8, 5), content="dog.jpg"),
        entry("dog-resized.jpg", near(0.949, 4)),
        *(entry(f"other-{place}.png", near(0.4 - place / 200, 6)) for place in range(60)),
    ]
    with Store.create(tmp_path_factory.mktemp("search") / "media.cs", FAKE_SPACE) as made:
        made.put(entries)
        yield made


def test_hits_are_ranked_from_one_and_name_the_moment_that_answers() -> None:
    moment = Span(start_seconds=0, end_seconds=1)

    hits = found(Ranked([segment("clip", 0.9, moment), segment("dog", 0.5), segment("cat", 0.4)]), QUERY, k=2)

    assert [(hit.rank, hit.name) for hit in hits] == [(1, "clip"), (2, "dog")]
    assert hits[0].segment is not None
    assert hits[0].segment.span == moment
    assert hits[1].segment is None


def test_a_small_store_gives_what_it_has() -> None:
    assert [hit.name for hit in found(Ranked([segment("dog", 0.2)]), QUERY, k=50)] == ["dog"]
    assert found(Ranked([]), QUERY, k=5) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": 0}, "k is 0"),
        ({"offset": -1}, "offset is -1"),
        ({"offset": 9_995, "k": 10}, "beyond the first 10000"),
        ({"diversity": 1.5}, "diversity is 1.5"),
        ({"fold": 0.0}, "fold is 0.0"),
        ({"group": "folder"}, "grouped by 'folder'"),
        ({"modality": "smell"}, "no modality"),
        ({"diversity": 0.5, "offset": 195, "k": 10}, "only 200 are looked at"),
        ({"min_probability": 0.5}, "none for text queries"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_options_that_make_no_sense_are_the_callers_mistake(options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        found(Ranked([]), np.ones((1, 3), np.float32), **options)  # type: ignore[arg-type]


def test_a_hit_as_json_holds_only_what_is_set() -> None:
    hit = found(Ranked([segment("clip", 0.25, Span(start_seconds=1.0, end_seconds=2.0))]), QUERY, k=1)[0]

    part = {"modality": "image", "start_seconds": 1.0, "end_seconds": 2.0, "score": 0.25}
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
        "segment": part,
        "segments": [part],
        "folded": [],
        "metadata": {"width": 3},
        "explanation": None,
    }
    assert str(hit.path) == "/media/clip"


def test_the_best_moments_of_an_item_come_with_it_best_first(store: Store) -> None:
    clip = next(hit for hit in found(store, FIRST, k=5) if hit.name == "clip.mp4")

    assert [part.span.start_seconds for part in clip.segments] == [1.0, 2.0, 0.0]
    np.testing.assert_allclose([part.score or 0 for part in clip.segments], [0.9, 0.7, 0.5], atol=1e-6)
    assert clip.segment == clip.segments[0]


@pytest.mark.parametrize("options", [{}, {"diversity": 0.4}, {"fold": 0.99}, {"group": "parent"}], ids=str)
@given(size=st.integers(1, 30))
@settings(max_examples=4, deadline=None)
def test_pages_put_together_are_the_whole(store: Store, options: dict[str, object], size: int) -> None:
    whole = found(store, FIRST, k=60, **options)  # type: ignore[arg-type]

    pages = [found(store, FIRST, k=size, offset=at, **options) for at in range(0, 60, size)]  # type: ignore[arg-type]

    together = [hit for page in pages for hit in page][:60]
    assert [(hit.rank, hit.id) for hit in together] == [(hit.rank, hit.id) for hit in whole]


def test_grouped_by_parent_a_document_stands_for_its_pictures(store: Store) -> None:
    hits = found(store, FIRST, k=4, group="parent")

    guide = next(hit for hit in hits if hit.name == "guide.pdf")
    assert guide.score == pytest.approx(0.85, abs=1e-6)
    assert [(each.name, each.why) for each in guide.folded] == [
        ("guide.pdf#1", Fold.SAME_PARENT),
        ("guide.pdf#2", Fold.SAME_PARENT),
    ]
    assert not {"guide.pdf#1", "guide.pdf#2"} & {hit.name for hit in hits}


def test_copies_are_listed_under_the_best_of_them(store: Store) -> None:
    dog = found(store, FIRST, k=1, fold=0.999)[0]

    assert [(each.name, each.why) for each in dog.folded] == [
        ("dog-resized.jpg", Fold.NEAR_DUPLICATE),
        ("dog-again.jpg", Fold.SAME_CONTENT),
    ]
    assert dog.folded[0].likeness == pytest.approx(1.0, abs=1e-3)


def test_what_is_like_those_before_it_moves_down_a_diverse_list(store: Store) -> None:
    plain, diverse = ([hit.name for hit in found(store, FIRST, k=4, diversity=d)] for d in (0.0, 0.6))

    assert plain[:2] == ["dog.jpg", "dog-resized.jpg"]
    assert "dog-resized.jpg" not in diverse


def test_the_items_of_the_query_are_not_among_its_answers(store: Store) -> None:
    dog = item("dog.jpg").id
    asked = Asked(parts=(part(near(0.95, 4)[0], item=dog, modality=Modality.IMAGE),))

    hits = found(store, asked, k=3)

    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert hits[0].name == "dog-resized.jpg"
    assert dog not in {hit.id for hit in hits}


def test_what_is_unwanted_is_taken_off_and_what_is_unlike_it_gains_nothing(store: Store) -> None:
    """Without probabilities the cost is the likeness itself, times the weight, and never below zero."""
    unwanted = near(0.0, 4)[0]
    plain = {hit.name: hit.score for hit in found(store, FIRST, k=67)}

    hits = found(store, Asked(parts=(part(FIRST[0]), part(unwanted, -0.5))), k=67, explain=True)

    assert hits[0].name == "clip.mp4"
    for hit in hits:
        assert hit.explanation is not None
        (taken,) = hit.explanation.unwanted
        assert taken.takes == pytest.approx(0.5 * max(0.0, taken.likeness), abs=1e-6)
        assert hit.explanation.worth == pytest.approx(plain[hit.name] - taken.takes, abs=1e-6)


def test_a_query_of_unwanted_parts_alone_looks_for_nothing() -> None:
    with pytest.raises(UsageError, match="nothing that is wanted"):
        Asked(parts=(part(FIRST[0], -1.0),))


def test_wanted_parts_that_cancel_each_other_out_are_told_so() -> None:
    with pytest.raises(UsageError, match="cancel"):
        Asked(parts=(part(FIRST[0]), part(-FIRST[0])))


def test_the_parts_of_an_explanation_add_up_to_the_score(store: Store) -> None:
    asked = Asked(parts=(part(FIRST[0], 2.0), part(near(0.0, 4)[0], 1.0)))

    for hit in found(store, asked, k=67, explain=True):
        told = hit.explanation
        assert told is not None
        assert sum(each.adds for each in told.parts) - told.bias == pytest.approx(hit.score, abs=1e-6)
        assert [each.adds for each in told.parts] == pytest.approx([each.cosine * each.share for each in told.parts])


def test_equal_weights_need_no_probabilities_and_others_do(store: Store) -> None:
    assert found(store, FIRST, Judging(), k=1, weights={"image": 1.0})
    with pytest.raises(UsageError, match="none for text queries"):
        found(store, FIRST, Judging(), weights={"image": 0.5})
