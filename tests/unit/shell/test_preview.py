"""Previews: an item in small, the right moment of a video, the shape of a sound, nothing where nothing is."""

from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.shell.preview import Subject, jpeg, peaks, picture, subject_of
from tests.unit.shell.fake_house import hit, passage


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Two seconds of red, then two of blue."""
    path = tmp_path / "colours.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for colour in ["red"] * 20 + ["blue"] * 20:
            container.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 48), colour))))
        container.mux(stream.encode())
    return path


def dominant(image: Image.Image) -> str:
    return "RGB"[int(np.asarray(image).mean(axis=(0, 1)).argmax())]


def test_a_picture_is_scaled_down_and_keeps_its_shape(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.new("RGB", (2000, 1000), "green").save(path)

    image = picture(Subject(path=path, modality=Modality.IMAGE))

    assert image is not None
    assert image.size == (480, 240)


def test_a_video_shows_the_frame_at_its_moment(video: Path) -> None:
    def at(seconds: float) -> str:
        image = picture(Subject(path=video, modality=Modality.VIDEO, span=Span(start_seconds=seconds)))
        assert image is not None
        return dominant(image)

    assert (at(0.0), at(3.0)) == ("R", "B")


def test_peaks_follow_the_sound(tmp_path: Path) -> None:
    path = tmp_path / "swell.wav"
    rate = 16_000
    soundfile.write(path, np.linspace(0, 0.5, rate) * np.sin(np.arange(rate)), rate)

    levels = peaks(Subject(path=path, modality=Modality.AUDIO), 8)

    assert len(levels) == 8
    assert list(levels) == sorted(levels)
    assert levels[-1] == pytest.approx(1.0)


def test_silence_has_flat_peaks(tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(16_000), 16_000)

    assert set(peaks(Subject(path=path, modality=Modality.AUDIO), 8)) == {0.0}


def test_what_does_not_decode_has_no_preview(tmp_path: Path) -> None:
    path = tmp_path / "torn.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n torn")

    assert picture(Subject(path=path, modality=Modality.IMAGE)) is None
    assert peaks(Subject(path=tmp_path / "gone.wav", modality=Modality.AUDIO), 8) == ()
    assert picture(Subject(path=tmp_path / "gone.mp4", modality=Modality.VIDEO)) is None


def test_jpeg_gives_up_quality_for_size() -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (300, 300, 3), dtype=np.uint8))

    fine, coarse = jpeg(noise, max_bytes=1_000_000), jpeg(noise, max_bytes=40_000)

    assert len(coarse) < len(fine)
    assert Image.open(BytesIO(coarse)).size == (300, 300)


def test_a_hit_names_its_file_its_inside_and_its_part() -> None:
    found = hit(uri="file:///media/a%20b.pdf#picture-3.png", modality=Modality.IMAGE, segment=passage("x", page=4))

    assert subject_of(found) == Subject(
        path=Path("/media/a b.pdf"), modality=Modality.IMAGE, inner="picture-3.png", span=Span(page=4)
    )


def test_a_text_given_as_such_is_in_no_file() -> None:
    assert subject_of(hit(uri="stdin:-")) is None
