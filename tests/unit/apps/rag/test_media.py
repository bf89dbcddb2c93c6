"""The picture, frame or clip of a hit is cut out of its file, and is None once the file is gone."""

import io
from pathlib import Path
from typing import Any

import pytest
import soundfile
from PIL import Image

from commonspace.apps.rag.media import medium_of
from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.ingest.source import file_uri
from commonspace.retrieve.hit import Hit, Segment

SAMPLES = Path(__file__).parents[4] / "samples" / "media"


def hit(path: Path, modality: Modality, media_type: str, *, inner: str = "", **span: Any) -> Hit:
    return Hit(
        rank=1,
        id="0" * 16,
        uri=file_uri(path) + (f"#{inner}" if inner else ""),
        name=path.name,
        modality=modality,
        media_type=media_type,
        score=0.5,
        segment=Segment(modality=modality, span=Span(**span), text=None) if span else None,
        metadata={},
    )


def test_a_picture_is_its_file() -> None:
    path = SAMPLES / "images" / "cat.jpg"

    medium = medium_of(hit(path, Modality.IMAGE, "image/jpeg"))

    assert medium is not None
    assert (medium.media_type, medium.data) == ("image/jpeg", path.read_bytes())


def test_a_picture_of_a_rare_kind_comes_as_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "cat.tiff"
    Image.open(SAMPLES / "images" / "cat.jpg").save(path)

    medium = medium_of(hit(path, Modality.IMAGE, "image/tiff"))

    assert medium is not None
    assert medium.media_type == "image/jpeg"
    assert Image.open(io.BytesIO(medium.data)).format == "JPEG"


def test_a_picture_inside_a_pdf_is_found_by_its_name() -> None:
    guide = SAMPLES / "documents" / "farm-guide.pdf"

    medium = medium_of(hit(guide, Modality.IMAGE, "image/jpeg", inner="picture-1"))

    assert medium is not None
    assert Image.open(io.BytesIO(medium.data)).width > 100
    assert medium_of(hit(guide, Modality.IMAGE, "image/jpeg", inner="picture-99")) is None


def test_a_clip_is_the_stretch_that_was_found() -> None:
    rain = SAMPLES / "sounds" / "dog_barking_in_rain.ogg"

    medium = medium_of(hit(rain, Modality.AUDIO, "audio/ogg", start_seconds=2.0, end_seconds=5.5))

    assert medium is not None
    assert medium.media_type == "audio/wav"
    assert soundfile.info(io.BytesIO(medium.data)).duration == pytest.approx(3.5, abs=0.01)


def test_what_is_no_medium_or_is_gone_is_none(tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("words")

    assert medium_of(hit(text, Modality.TEXT, "text/plain")) is None
    assert medium_of(hit(text, Modality.AUDIO, "audio/ogg")) is None
    assert medium_of(hit(tmp_path / "gone.jpg", Modality.IMAGE, "image/jpeg")) is None


def test_a_video_is_the_frame_at_its_moment() -> None:
    video = next((SAMPLES / "videos").iterdir())

    medium = medium_of(hit(video, Modality.VIDEO, "video/mp4", start_seconds=1.0, end_seconds=2.0))

    assert medium is not None
    assert medium.media_type == "image/jpeg"
