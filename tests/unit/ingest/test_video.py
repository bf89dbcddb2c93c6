"""A video becomes frames that stand for stretches of time, and a soundtrack with times; it opens nothing else."""

import io
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from commonspace.core.errors import ItemError
from commonspace.core.item import Audio, Clip, Decoded, Piece
from commonspace.core.modality import Modality
from commonspace.ingest.decode import Plan, decode
from commonspace.ingest.limits import Limits
from commonspace.ingest.source import source_of
from tests.malformed.seeds import seed_files

PLAN = Plan(image_side=32, audio_rate=8000, audio_window_seconds=2.0)
COLOURS = ((200, 30, 30), (30, 200, 30), (30, 30, 200), (220, 220, 220))


def film(colours: list[int], *, rate: int = 10, gop: int = 250, kind: str = "mp4", sound_seconds: float = 0.0) -> bytes:
    """One second of each colour, with a tone where asked for."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        pictures = container.add_stream("mpeg4", rate=rate, options={"g": str(gop), "sc_threshold": "1000000000"})
        pictures.width, pictures.height, pictures.pix_fmt = 96, 64, "yuv420p"
        track = container.add_stream("aac", rate=8000) if sound_seconds else None
        for colour in colours:
            still = np.full((64, 96, 3), COLOURS[colour], dtype=np.uint8)
            for _ in range(rate):
                container.mux(pictures.encode(av.VideoFrame.from_ndarray(still, format="rgb24")))
        container.mux(pictures.encode())
        for at in range(0, int(sound_seconds * 8000), 1000):
            wave = (0.4 * np.sin(np.arange(at, at + 1000) * 0.3)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
            frame.rate, frame.pts, frame.time_base = 8000, at, Fraction(1, 8000)
            container.mux(track.encode(frame))
        if track is not None:
            container.mux(track.encode())
    return buffer.getvalue()


def decoded(data: bytes, plan: Plan = PLAN) -> Decoded:
    return decode(source_of(data), plan)


def pieces(item: Decoded, modality: Modality) -> list[Piece]:
    return [piece for piece in item.pieces if piece.modality is modality]


def times(some: list[Piece]) -> list[tuple[float, float]]:
    return [(p.span.start_seconds or 0.0, p.span.end_seconds or 0.0) for p in some if p.span]


def test_each_scene_gives_one_frame_that_stands_for_its_time() -> None:
    item = decoded(film([0, 0, 1, 1, 1, 2]))
    frames = pieces(item, Modality.IMAGE)
    assert item.modality is Modality.VIDEO
    assert times(frames) == [(0.0, 2.0), (2.0, 5.0), (5.0, 6.0)]
    for frame, colour in zip(frames, (0, 1, 2), strict=True):
        assert isinstance(frame.content, np.ndarray)
        assert frame.content.shape == (32, 48, 3)
        assert np.abs(frame.content[16, 24].astype(int) - COLOURS[colour]).max() < 30


def test_frames_are_at_most_one_in_the_plans_time() -> None:
    flicker = film([0, 1, 2, 3] * 2)
    assert len(pieces(decoded(flicker), Modality.IMAGE)) == 8
    assert len(pieces(decoded(flicker, replace(PLAN, video_frame_seconds=3.0)), Modality.IMAGE)) == 3


def test_a_still_video_gives_one_frame_for_all_of_it() -> None:
    assert times(pieces(decoded(film([0] * 5)), Modality.IMAGE)) == [(0.0, 5.0)]


def test_the_number_of_frames_is_bounded_whatever_the_length() -> None:
    plan = replace(PLAN, limits=replace(Limits(), video_frames=4))
    assert len(pieces(decoded(film([0, 1, 2, 3] * 3), plan), Modality.IMAGE)) <= 4


def test_the_soundtrack_comes_in_windows_with_the_same_clock() -> None:
    item = decoded(film([0, 1, 2, 3, 0], sound_seconds=5.0))
    sounds = pieces(item, Modality.AUDIO)
    spans = times(sounds)
    assert spans[0][0] < 0.2
    assert spans[-1][1] == pytest.approx(5.0, abs=0.3)
    assert all(end - start <= 2.01 for start, end in spans)
    assert all(isinstance(p.content, Audio) and p.content.rate == 8000 for p in sounds)
    assert sum(len(p.content.array) for p in sounds if isinstance(p.content, Audio)) / 8000 == pytest.approx(
        5.0, abs=0.3
    )


def test_a_video_without_sound_says_so() -> None:
    assert "no soundtrack" in decoded(film([0, 1])).notes


def test_a_video_beyond_the_limit_is_cut_and_it_is_noted() -> None:
    plan = replace(PLAN, limits=replace(Limits(), video_seconds=2.5))
    item = decoded(film([0, 1, 2, 3, 0]), plan)
    assert item.notes[-1] == "first 2.5 s only"
    assert times(pieces(item, Modality.IMAGE))[-1][1] == 2.5


def test_a_long_video_is_read_by_its_key_frames_and_still_finds_its_scenes() -> None:
    item = decoded(film([0] * 40 + [1] * 40 + [2] * 40, rate=2, gop=10))
    found = times(pieces(item, Modality.IMAGE))
    assert [round(start / 40) * 40 for start, _ in found] == [0, 40, 80]
    assert found[-1][1] == pytest.approx(120.0, abs=0.6)


def test_a_long_video_with_hardly_any_key_frame_is_decoded_whole() -> None:
    item = decoded(film([0] * 50 + [1] * 50, rate=2, gop=100_000))
    assert len(pieces(item, Modality.IMAGE)) == 2


@pytest.mark.parametrize("name", ["film.mp4", "film.webm", "film.mkv", "film.avi", "film.ts", "film.flv"])
def test_every_container_gives_pictures_and_sound(name: str) -> None:
    item = decoded(seed_files()[name])
    assert pieces(item, Modality.IMAGE)
    assert pieces(item, Modality.AUDIO)
    assert float(item.metadata["seconds"]) == pytest.approx(1.0, abs=0.3)


def test_a_container_that_holds_sound_only_is_a_sound() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        track = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), dtype=np.float32), format="fltp", layout="mono")
        frame.rate = 8000
        container.mux(track.encode(frame))
        container.mux(track.encode())
    item = decoded(buffer.getvalue())
    assert item.modality is Modality.AUDIO
    assert item.media_type == "audio/matroska"


def test_a_film_turned_by_its_header_arrives_upright() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        pictures = container.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 96, 64, "yuv420p"
        pictures.set_display_rotation(90)
        half = np.zeros((64, 96, 3), dtype=np.uint8)
        half[:, :48] = 255
        for _ in range(10):
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(half, format="rgb24")))
        container.mux(pictures.encode())
    data = buffer.getvalue()
    with av.open(io.BytesIO(data)) as container:
        angle = next(container.decode(video=0)).rotation
    expected = np.rot90(half, k=angle // 90)
    frame = pieces(decoded(data), Modality.IMAGE)[0].content
    assert isinstance(frame, np.ndarray)
    assert frame.shape == (48, 32, 3)
    assert (frame[2, 16].mean() > 128) == (expected[4, 32].mean() > 128)
    assert (frame[-3, 16].mean() > 128) == (expected[-5, 32].mean() > 128)


@pytest.mark.parametrize("kind", ["reference", "playlist"])
def test_no_other_file_is_opened_on_a_files_behalf(kind: str, tmp_path: Path) -> None:
    """The bait is a pipe: whoever opened it for reading would unblock our writing end."""
    bait = tmp_path / "bait"
    os.mkfifo(bait)
    data = _outside(film([0]), bait) if kind == "reference" else f"#EXTM3U\n#EXTINF:1,\n{bait}\n".encode()
    (tmp_path / "film.mp4").write_bytes(data)
    with pytest.raises(ItemError):
        decode(source_of(tmp_path / "film.mp4"), PLAN)
    with pytest.raises(OSError, match="No such device"):
        os.open(bait, os.O_WRONLY | os.O_NONBLOCK)  # nobody has it open


def _outside(data: bytes, bait: Path) -> bytes:
    """The film with its media said to lie in another file, and none of its own."""
    at = data.index(b"url \x00\x00\x00\x01")
    cut = data.index(b"mdat")
    body = bytearray(data[: at + 7] + b"\x00" + data[at + 8 :])
    end = min(len(body), cut + 4 + len(str(bait)))
    body[cut + 4 : end] = str(bait).encode()[: end - cut - 4]
    return bytes(body[:end])


def test_a_codec_off_the_list_is_refused_by_name() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        pictures = container.add_stream("ffv1", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 96, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 96, 3), dtype=np.uint8), format="rgb24")
        container.mux(pictures.encode(frame))
        container.mux(pictures.encode())
    with pytest.raises(ItemError) as caught:
        decoded(buffer.getvalue())
    assert caught.value.item_code == "unknown_codec"


CLIPS = replace(PLAN, clip_frames=4, clip_seconds=4.0)


def clip_colours(item: Decoded) -> list[list[int]]:
    """The colour of each frame of each clip, by its number."""
    contents = [piece.content for piece in pieces(item, Modality.VIDEO)]
    middles = [content.frames[:, 16, 24].astype(int) for content in contents if isinstance(content, Clip)]
    return [[int(np.abs(np.array(COLOURS) - point).sum(axis=1).argmin()) for point in clip] for clip in middles]


def test_clips_have_frames_from_the_middle_of_equal_parts_and_their_times() -> None:
    item = decoded(film([0, 1, 2, 3, 3, 2, 1, 0], sound_seconds=1.0), CLIPS)
    assert clip_colours(item) == [[0, 1, 2, 3], [3, 2, 1, 0]]
    assert times(pieces(item, Modality.VIDEO)) == [(0.0, 4.0), (4.0, 8.0)]
    assert not pieces(item, Modality.IMAGE)
    assert pieces(item, Modality.AUDIO)


def test_a_clip_of_few_frames_has_some_of_them_twice() -> None:
    assert clip_colours(decoded(film([0, 1], rate=1), CLIPS)) == [[0, 0, 1, 1]]
    assert clip_colours(decoded(film([2], rate=1), CLIPS)) == [[2, 2, 2, 2]]


def test_the_frames_of_clips_are_bounded_and_clips_grow_longer() -> None:
    plan = replace(CLIPS, limits=replace(Limits(), video_frames=9))
    item = decoded(film([0, 0, 0, 1, 1, 1] * 4), plan)
    assert times(pieces(item, Modality.VIDEO)) == [(0.0, 12.0), (12.0, 24.0)]
