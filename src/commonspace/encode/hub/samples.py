"""Content of every modality to try a tower with: made here, the same every time, unlike one another."""

from typing import Final

import numpy as np

from commonspace.core.item import Audio, Clip, Content
from commonspace.core.modality import Modality

__all__ = ["sample_contents"]

TEXTS: Final = (
    "a dog",
    "rain on a tin roof at night",
    "red sneakers with white soles",
    "The committee adjourned after three hours without a vote.",
    "x",
    "Der schnelle braune Fuchs springt über den faulen Hund.",
    "invoice 2024-113, due in thirty days",
    "a photograph of a lighthouse in a storm",
    "the sound of an engine that will not start",
    "Mitochondria are the powerhouse of the cell. " * 6,
    "SELECT name FROM users WHERE id = 7",
    "猫が窓の外を見ている",
    "two people shake hands in front of a red wall",
    "piano, slow, in a minor key",
    "How do I return an item?",
    "x-ray of a broken wrist",
)
NUM_PICTURES: Final = 12
NUM_CLIPS: Final = 8
FRAMES: Final = 8
STEP: Final = 9
"""How far the picture of a clip moves from frame to frame, in points."""
SECONDS: Final = (1.0, 3.0, 5.0, 10.0)
SIDES: Final = ((224, 224), (480, 320), (96, 200), (333, 500))


def sample_contents(modality: Modality, audio_rate: int) -> list[Content]:
    """Texts of many kinds; pictures of gradients, noise and shapes, and clips of such; tones, chirps and noise.

    Raises:
        ValueError: there are no samples of this modality.
    """
    random = np.random.default_rng(11)
    match modality:
        case Modality.TEXT:
            return list(TEXTS)
        case Modality.IMAGE:
            return [_picture(random, number) for number in range(NUM_PICTURES)]
        case Modality.AUDIO:
            return [_sound(random, number, audio_rate) for number in range(2 * len(SECONDS))]
        case Modality.VIDEO:
            return [_clip(random, number) for number in range(NUM_CLIPS)]
    raise ValueError(f"There are no samples of {modality}.")


def _picture(random: np.random.Generator, number: int) -> Content:
    height, width = SIDES[number % len(SIDES)]
    down, right = np.mgrid[0:height, 0:width]
    waves = [np.sin(down / random.uniform(5, 60) + right / random.uniform(5, 60) + phase) for phase in (0.0, 1.0, 2.0)]
    pixels = 127.5 + 100 * np.stack(waves, axis=2) + random.normal(0, 3 + 10 * (number % 3), (height, width, 3))
    disc = (down - height / 2) ** 2 + (right - width / 2) ** 2 < (min(height, width) / (2 + number % 4)) ** 2
    pixels[disc] = random.integers(0, 255, 3)
    return pixels.clip(0, 255).astype(np.uint8)


def _clip(random: np.random.Generator, number: int) -> Content:
    """A picture that moves past."""
    picture = np.asarray(_picture(random, number))
    step = STEP * (1 + number % 2)
    return Clip(frames=np.stack([np.roll(picture, step * at, axis=number % 2) for at in range(FRAMES)]))


def _sound(random: np.random.Generator, number: int, rate: int) -> Content:
    seconds = SECONDS[number % len(SECONDS)]
    times = np.arange(int(seconds * rate)) / rate
    pitch = random.uniform(80, 2_000)
    sweep = times * (1 + times * random.uniform(0, 1) * (number % 2))
    samples = 0.3 * np.sin(2 * np.pi * pitch * sweep) + random.normal(0, 0.02 * (1 + number % 4), len(times))
    return Audio(array=samples.astype(np.float32), rate=rate)
