"""Sounds made here: weather, engines, signals and noise from NumPy, speech from eSpeak NG, music from FluidSynth.

Each maker takes a random generator and returns mono float32 at 16 kHz. They fill what the packages lack, and
the teacher, not the maker's name, says what each one sounds like.
"""

import io
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from recipes.nano.audio.score import write_midi

__all__ = ["NUMPY_MAKERS", "coloured_noise", "music_clips", "speech_clips"]

RATE_HERTZ = 16_000
SECONDS = 4.0
Sound = NDArray[np.float32]
Maker = Callable[[np.random.Generator], Sound]

SENTENCES = (
    ("en-us", "The quick brown fox jumps over the lazy dog near the river bank."),
    ("en-gb", "Please leave a message after the tone, and we will call you back."),
    ("en-scotland", "It rained all morning, but the sun came out in the afternoon."),
    ("de", "Guten Morgen, wie geht es Ihnen heute? Das Wetter ist sehr schön."),
    ("fr", "Bonjour tout le monde, le train part à huit heures précises."),
    ("es", "Buenos días, me gustaría reservar una mesa para dos personas."),
    ("it", "La strada era lunga, ma il panorama era davvero bellissimo."),
    ("ru", "Добрый день, сегодня мы поговорим о погоде и природе."),  # noqa: RUF001 - Russian
    ("pt", "O menino correu pela praia enquanto o mar estava calmo."),
    ("pl", "Dzień dobry, proszę powtórzyć, bo nie zrozumiałem pytania."),
)
VARIANTS = ("", "+f2", "+f4", "+m3", "+m7", "+croak", "+whisper")


def coloured_noise(rng: np.random.Generator, num_samples: int, slope: float) -> Sound:
    """Noise whose power falls as frequency to the minus ``slope`` (0 white, 1 pink, 2 brown), peak one."""
    spectrum = np.fft.rfft(rng.standard_normal(num_samples))
    spectrum *= np.maximum(np.arange(spectrum.size), 1.0) ** (-slope / 2)
    return _peak(np.fft.irfft(spectrum, n=num_samples))


def _peak(sound: NDArray[np.floating]) -> Sound:
    return (sound / max(float(np.abs(sound).max()), 1e-9)).astype(np.float32)


def _time() -> NDArray[np.float64]:
    return np.arange(int(SECONDS * RATE_HERTZ)) / RATE_HERTZ


def _sum(parts: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.asarray(np.sum(list(parts), axis=0), dtype=np.float64)


def _band(sound: NDArray[np.floating], low_hertz: float, high_hertz: float) -> Sound:
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(sound.size, 1 / RATE_HERTZ)
    gain = 1 / (1 + (low_hertz / np.maximum(hertz, 1e-3)) ** 4) / (1 + (hertz / high_hertz) ** 4)
    return _peak(np.fft.irfft(spectrum * gain, n=sound.size))


def _sway(rng: np.random.Generator, hertz: float) -> NDArray[np.float64]:
    """A slow random curve between 0 and 1."""
    knots = rng.random(max(2, int(SECONDS * hertz) + 2))
    return np.interp(_time(), np.linspace(0, SECONDS, knots.size), knots)


def silence(rng: np.random.Generator) -> Sound:
    level = 10 ** rng.uniform(-6, -3.2) if rng.random() < 0.7 else 0.0
    return (level * coloured_noise(rng, _time().size, rng.uniform(0, 2))).astype(np.float32)


def noise(rng: np.random.Generator) -> Sound:
    return coloured_noise(rng, _time().size, rng.choice([0.0, 1.0, 2.0]))


def rain(rng: np.random.Generator) -> Sound:
    wash = _band(coloured_noise(rng, _time().size, 0.3), rng.uniform(300, 1500), rng.uniform(5000, 8000))
    drops = (rng.random(_time().size) < rng.uniform(20, 900) / RATE_HERTZ) * rng.exponential(1.0, _time().size)
    ring = np.exp(-np.arange(200) / rng.uniform(8, 40)) * np.sin(np.arange(200) * rng.uniform(0.6, 2.2))
    return _peak(rng.uniform(0.05, 0.6) * wash + _peak(np.convolve(drops, ring)[: drops.size]))


def wind(rng: np.random.Generator) -> Sound:
    low = _band(coloured_noise(rng, _time().size, 1.5), 60, rng.uniform(300, 900))
    whistle = _band(coloured_noise(rng, _time().size, 0), rng.uniform(400, 700), rng.uniform(750, 1200))
    return _peak(low * (0.2 + _sway(rng, 1.0)) + rng.uniform(0, 0.5) * whistle * _sway(rng, 1.5) ** 2)


def thunder(rng: np.random.Generator) -> Sound:
    claps = np.zeros(_time().size)
    for _ in range(rng.integers(1, 5)):
        start = rng.uniform(0, 2.0)
        claps += np.where(_time() > start, np.exp(-(_time() - start) * rng.uniform(0.8, 4)), 0) * rng.uniform(0.3, 1)
    return _peak(_band(coloured_noise(rng, _time().size, 1.2), 25, rng.uniform(150, 1500)) * claps)


def waves(rng: np.random.Generator) -> Sound:
    swell = (0.5 + 0.5 * np.sin(2 * np.pi * (_time() * rng.uniform(0.15, 0.4) + rng.random()))) ** 2
    return _peak(_band(coloured_noise(rng, _time().size, 0.8), 80, rng.uniform(2000, 6000)) * (0.1 + swell))


def engine(rng: np.random.Generator) -> Sound:
    """Firing pulses whose rate wanders, through a few resonances, over mechanical noise."""
    rate = rng.uniform(15, 160) * (1 + rng.uniform(0, 1.5) * _sway(rng, rng.uniform(0.3, 1.5)))
    phase = np.cumsum(rate) / RATE_HERTZ
    pulses = _sum(np.sin(2 * np.pi * phase * k + rng.uniform(0, 6)) * rng.uniform(0.2, 1) / k for k in range(1, 12))
    rough = coloured_noise(rng, _time().size, 1.0) * (0.5 + 0.5 * np.sin(2 * np.pi * phase))
    return _band(_peak(pulses) + rng.uniform(0.1, 1.5) * rough, 30, rng.uniform(500, 4000))


def rotor(rng: np.random.Generator) -> Sound:
    beat = (0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(8, 25) * _time())) ** rng.uniform(2, 8)
    return _band(coloured_noise(rng, _time().size, 1.0) * (0.1 + beat), 40, rng.uniform(400, 3000))


def siren(rng: np.random.Generator) -> Sound:
    sweep = rng.uniform(0.2, 4)
    shape = np.sin(2 * np.pi * sweep * _time()) if rng.random() < 0.6 else np.sign(np.sin(2 * np.pi * sweep * _time()))
    hertz = rng.uniform(500, 1100) * (1 + rng.uniform(0.1, 0.4) * shape)
    phase = 2 * np.pi * np.cumsum(hertz) / RATE_HERTZ
    return _peak(np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.2 * np.sin(3 * phase))


def beeps(rng: np.random.Generator) -> Sound:
    tone = np.sin(2 * np.pi * rng.uniform(300, 3500) * _time())
    gate = (np.sin(2 * np.pi * rng.uniform(0.5, 8) * _time()) > rng.uniform(-0.5, 0.7)).astype(np.float64)
    return _peak(tone * gate)


def tone(rng: np.random.Generator) -> Sound:
    hertz = rng.uniform(60, 5000) * np.exp(rng.choice([0.0, 0.3, -0.3]) * _time())
    phase = 2 * np.pi * np.cumsum(hertz) / RATE_HERTZ
    return _peak(_sum(np.sin(phase * k) / k ** rng.uniform(0.5, 3) for k in range(1, rng.integers(2, 8))))


def clicks(rng: np.random.Generator) -> Sound:
    every = rng.uniform(0.04, 1.2)
    hits = np.zeros(_time().size)
    hits[(np.arange(0, SECONDS, every) * RATE_HERTZ).astype(int)] = 1
    ring = np.exp(-np.arange(1600) / rng.uniform(5, 400)) * np.sin(np.arange(1600) * rng.uniform(0.1, 2.5))
    return _peak(np.convolve(hits, ring + 0.3 * ring * rng.standard_normal(1600))[: hits.size])


def saw_strokes(rng: np.random.Generator) -> Sound:
    stroke = np.abs(np.sin(np.pi * rng.uniform(0.8, 3.5) * _time())) ** 0.6
    teeth = 1 + rng.uniform(0.2, 1) * np.sin(2 * np.pi * rng.uniform(40, 200) * _time())
    return _band(coloured_noise(rng, _time().size, 0.2) * stroke * teeth, 600, rng.uniform(3000, 8000))


def power_tool(rng: np.random.Generator) -> Sound:
    whine = rng.uniform(150, 900) * (1 + 0.15 * _sway(rng, 2))
    phase = 2 * np.pi * np.cumsum(whine) / RATE_HERTZ
    tones = _sum(np.sin(phase * k) * rng.uniform(0.2, 1) for k in range(1, 9))
    return _peak(_peak(tones) + rng.uniform(0.3, 1.5) * _band(coloured_noise(rng, _time().size, 0), 1000, 7000))


NUMPY_MAKERS: dict[str, Maker] = {
    maker.__name__: maker
    for maker in (
        silence, noise, rain, wind, thunder, waves, engine, rotor, siren, beeps, tone, clicks, saw_strokes, power_tool,
    )
}  # fmt: skip


def speech_clips(rng: np.random.Generator) -> Iterator[tuple[str, Sound]]:
    """Speak every sentence in several voices with eSpeak NG; yields a name and the sound."""
    for language, sentence in SENTENCES:
        for variant in VARIANTS:
            pace, pitch = rng.integers(110, 230), rng.integers(20, 80)
            command = ["espeak-ng", "-v", language + variant, "-s", str(pace), "-p", str(pitch), "--stdout", sentence]
            spoken = subprocess.run(command, capture_output=True, check=True).stdout
            samples, rate = soundfile.read(io.BytesIO(spoken), dtype="float32")
            yield f"{language}{variant}", soxr.resample(samples, rate, RATE_HERTZ)[: 8 * RATE_HERTZ]


def music_clips(rng: np.random.Generator, soundfont: Path, num_clips: int) -> Iterator[tuple[str, Sound]]:
    """Play one random phrase a clip, through every General MIDI programme in turn, with FluidSynth."""
    clip_seconds = 6.0
    with tempfile.TemporaryDirectory() as folder:
        midi, wave = Path(folder) / "phrases.mid", Path(folder) / "phrases.wav"
        midi.write_bytes(write_midi(rng, num_clips=num_clips, clip_seconds=clip_seconds))
        command = ["fluidsynth", "-niq", "-r", str(RATE_HERTZ), "-F", str(wave), str(soundfont), str(midi)]
        subprocess.run(command, check=True, capture_output=True)
        samples, _ = soundfile.read(wave, dtype="float32", always_2d=True)
    mono, length = samples.mean(axis=1), int(clip_seconds * RATE_HERTZ)
    for clip in range(num_clips):
        yield f"phrase-{clip:04d}", mono[clip * length : (clip + 1) * length]
