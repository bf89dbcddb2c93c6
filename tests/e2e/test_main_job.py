"""The main job on the sample media with the real space: anything finds anything, down to the moment."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import commonspace
from commonspace.retrieve.hit import Hit

MEDIA = Path(__file__).parents[2] / "samples" / "media"


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[commonspace.Collection]:
    with commonspace.open(tmp_path_factory.mktemp("main") / "media.cs", create=True) as opened:
        report = opened.index([MEDIA])
        assert report.failures == ()
        yield opened


def names(hits: list[Hit]) -> list[str]:
    return [hit.name for hit in hits]


@pytest.mark.parametrize(
    ("query", "modality", "wanted"),
    [
        ("dog barking in rain", "audio", {"dog_barking_in_rain.ogg", "dogs_at_the_gate.ogg"}),
        ("dog barking in rain", "image", {"dog_in_rain.jpg", "dog.jpg"}),
        ("someone playing the violin", "image", {"violin.png"}),
        ("rain falling", "audio", {"rain.ogg", "dog_barking_in_rain.ogg"}),
        ("the weather forecast warns of a storm", "text", {"storm-warning.txt"}),
        (MEDIA / "images" / "dog.jpg", "audio", {"dog_barking_in_rain.ogg", "dogs_at_the_gate.ogg"}),
        (MEDIA / "images" / "car.png", "text", {"car-service.md"}),
        (MEDIA / "sounds" / "dogs_at_the_gate.ogg", "image", {"dog.jpg", "dog_in_rain.jpg"}),
        (MEDIA / "sounds" / "engine.wav", "image", {"car.png", "motorcycle.jpg", "aeroplane.png", "train.png"}),
    ],
)
def test_a_query_of_one_modality_finds_another(
    collection: commonspace.Collection, query: str | Path, modality: str, wanted: set[str]
) -> None:
    hits = collection.search(query, k=3, modality=modality)

    assert wanted & set(names(hits)), names(hits)


@pytest.mark.parametrize(("query", "start", "end"), [("a car", 5.0, 10.0), ("a dog", 0.0, 5.0)])
def test_a_moment_inside_a_video_is_found(
    collection: commonspace.Collection, query: str, start: float, end: float
) -> None:
    hit = next(hit for hit in collection.search(query, k=2, modality="video") if hit.name == "day_in_town.mp4")

    assert hit.segment is not None
    span = hit.segment.span
    assert span.start_seconds is not None
    assert span.end_seconds is not None
    assert start - 0.5 <= span.start_seconds < span.end_seconds <= end + 0.5


def test_pictures_inside_a_pdf_are_items_with_their_page(collection: commonspace.Collection) -> None:
    inside = [hit for hit in collection.search("an animal", k=99, modality="image") if "#" in hit.uri]

    assert len(inside) == 2
    assert all(hit.segment is not None and hit.segment.span.page for hit in inside)


def test_a_query_in_words_ranks_items_of_every_modality(collection: commonspace.Collection) -> None:
    hits = collection.search("a dog", k=99)

    assert {hit.modality for hit in hits} == {"text", "image", "audio", "video"}
    ranked_by = [hit.score if hit.probability is None else hit.probability for hit in hits]
    assert ranked_by == sorted(ranked_by, reverse=True)
