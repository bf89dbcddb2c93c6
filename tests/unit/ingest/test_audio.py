"""Sound arrives mono, in float32, at the rate asked for, in windows with times."""

import io
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from commonspace.core.errors import ItemError
from commonspace.core.item import Audio, Decoded
from commonspace.core.modality import Modality
from commonspace.ingest.decode import Plan, decode, decode_value
from commonspace.ingest.limits import Limits
from commonspace.ingest.source import source_of
from tests.malformed.seeds import seed_files, wav_of

PLAN = Plan(audio_rate=8000, audio_window_seconds=2.0)


def tone(seconds: float, rate: int = 8000, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def heard(item: Decoded) -> np.ndarray:
    parts = [piece.content for piece in item.pieces]
    assert all(isinstance(part, Audio) and part.rate == PLAN.audio_rate for part in parts)
    return np.concatenate([part.array for part in parts if isinstance(part, Audio)]).astype(np.float32)


def test_samples_at_the_right_rate_pass_unchanged() -> None:
    item = decode(source_of(wav_of(tone(1), rate=8000)), PLAN)
    assert np.array_equal(heard(item), tone(1))
    assert item.modality is Modality.AUDIO
    assert item.notes == ()
    assert item.metadata == {"rate_hz": 8000, "channels": 1, "format": "WAV", "seconds": 1.0}


@pytest.mark.parametrize("rate", [4000, 11_025, 44_100, 48_000])
def test_other_rates_are_resampled_to_the_same_sound_and_it_is_noted(rate: int) -> None:
    item = decode(source_of(wav_of(tone(1, rate), rate=rate)), PLAN)
    assert item.notes == (f"resampled from {rate} to 8000 Hz",)
    sound = heard(item)
    assert abs(len(sound) - 8000) <= 1
    middle = slice(1000, 7000)
    assert np.abs(sound[middle] - tone(1)[middle]).max() < 0.01


@pytest.mark.parametrize(
    "name", ["sound.wav", "sound.flac", "sound.ogg", "sound.mp3", "sound.aiff", "sound.m4a", "sound.aac"]
)
def test_every_format_sounds_like_its_source(name: str) -> None:
    sound = heard(decode(source_of(seed_files()[name]), PLAN))
    spectrum = np.abs(np.fft.rfft(sound[1000:3048]))
    peak_hertz = np.argmax(spectrum) * 8000 / 2048
    assert abs(peak_hertz - 0.17 * 16_000 / (2 * np.pi)) < 8


def test_channels_are_averaged() -> None:
    stereo = np.stack([tone(1), np.zeros(8000, dtype=np.float32)], axis=1)
    assert np.allclose(heard(decode(source_of(wav_of(stereo, rate=8000)), PLAN)), tone(1) / 2, atol=1e-6)


def test_long_sound_falls_into_even_windows_with_times() -> None:
    item = decode(source_of(wav_of(tone(5), rate=8000)), PLAN)
    spans = [(piece.span.start_seconds, piece.span.end_seconds) for piece in item.pieces if piece.span]
    assert spans == [(0.0, 1.667), (1.667, 3.333), (3.333, 5.0)]


def test_sound_beyond_the_limit_is_cut_and_it_is_noted() -> None:
    plan = replace(PLAN, limits=replace(Limits(), audio_seconds=1.5))
    item = decode(source_of(wav_of(tone(4), rate=8000)), plan)
    assert len(heard(item)) == 12_000
    assert item.notes == ("first 1.5 s only",)


def test_a_sound_that_breaks_off_keeps_its_good_part_and_says_so() -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).normal(0, 0.1, 8000 * 30).astype(np.float32)
    soundfile.write(buffer, noise, 8000, format="FLAC")
    item = decode(source_of(buffer.getvalue()[: len(buffer.getvalue()) // 2]), PLAN)
    assert 5 < float(item.metadata["seconds"]) < 25


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers_are_refused(bad: float) -> None:
    sound = tone(1)
    sound[17] = bad
    with pytest.raises(ItemError) as caught:
        decode_value(Audio(sound, 8000), PLAN)
    assert caught.value.item_code == "not_finite"


@pytest.mark.parametrize(
    ("dtype", "silence", "loud"),
    [(np.int16, 0, 16_384), (np.int32, 0, 1 << 30), (np.uint8, 128, 192), (np.int8, 0, 64), (np.float64, 0, 0.5)],
)
def test_integers_are_scaled_by_their_range(dtype: type, silence: float, loud: float) -> None:
    item = decode_value(Audio(np.array([silence] * 400 + [loud] * 400, dtype=dtype), 8000), PLAN)
    assert set(np.unique(heard(item)).tolist()) == {0.0, 0.5}


def test_floats_beyond_one_are_scaled_down_and_it_is_noted() -> None:
    item = decode_value(Audio(tone(1) * 8, 8000), PLAN)
    assert np.abs(heard(item)).max() == pytest.approx(1.0)
    assert item.notes == ("scaled down from a peak of 4",)


@pytest.mark.parametrize(
    ("audio", "code"),
    [
        (Audio(np.zeros((2, 3, 4), dtype=np.float32), 8000), "bad_value"),
        (Audio(np.array(["a"]), 8000), "bad_value"),
        (Audio(np.zeros(800, dtype=np.complex64), 8000), "bad_value"),
        (Audio(np.zeros(800, dtype=np.float32), 0), "bad_value"),
        (Audio(np.zeros((800, 9), dtype=np.float32), 8000), "too_large"),
        (Audio(np.zeros(0, dtype=np.float32), 8000), "empty"),
        (Audio(np.zeros(10, dtype=np.float32), 8000), "too_small"),
    ],
)
def test_what_is_no_sound_is_refused(audio: Audio, code: str) -> None:
    with pytest.raises(ItemError) as caught:
        decode_value(audio, PLAN)
    assert caught.value.item_code == code


def test_the_hash_covers_samples_and_rate() -> None:
    values = [Audio(tone(1), 8000), Audio(tone(1), 8000), Audio(tone(1), 4000), Audio(tone(1, hertz=441), 8000)]
    assert len({decode_value(value, PLAN).content_hash for value in values}) == 3
