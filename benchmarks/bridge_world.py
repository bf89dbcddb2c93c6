"""A made-up world that can be seen, heard and told of: things of a kind, in number, of a size, going up or down.

Pictures and sounds are drawn and synthesised apart from each other, each with traits that the other lacks (colours,
loudness), and captioned in words of their own habit. What they share is the concept, and the words for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final, final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

__all__ = ["Concept", "Sample", "concepts", "heard", "phrases", "seen"]

KINDS: Final = ("bell", "drum", "siren", "whistle", "organ", "buzzer", "rattle", "gong")
NUMBERS: Final = ("one", "two", "three", "four")
SIZES: Final = (("small", "little"), ("medium", "middling"), ("large", "big"))
WAYS: Final = (("rising", "going up"), ("level", "steady"), ("falling", "going down"))
COLOURS: Final = {"red": (200, 40, 40), "green": (40, 160, 60), "blue": (50, 70, 200), "brown": (130, 90, 40)}
LOUDNESS: Final = {"quiet": 0.2, "clear": 0.5, "loud": 1.0}
SIDE: Final = 40
RATE_HERTZ, NUM_SAMPLES, WINDOW, HOP, NUM_BANDS = 8_000, 8_192, 256, 128, 40
PITCHES: Final = (880.0, 440.0, 220.0)
PARTIALS: Final = {
    "bell": (1.0, 2.76, 5.4),
    "drum": (1.0, 1.59),
    "siren": (1.0, 2.0),
    "whistle": (1.0,),
    "organ": (1.0, 2.0, 3.0, 4.0),
    "buzzer": (1.0, 3.0, 5.0, 7.0),
    "rattle": (),
    "gong": (1.0, 1.4, 2.1, 2.9),
}

Array = NDArray[np.float32]
Random = np.random.Generator


@final
@dataclass(frozen=True, slots=True)
class Concept:
    """What a picture and a sound may have in common; numbers are places in the lists above."""

    kind: int
    number: int
    size: int
    way: int


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Pictures or sounds as arrays (n x channels x height x width), a caption and a concept each."""

    arrays: Array
    captions: tuple[str, ...]
    concepts: NDArray[np.int64]


def concepts() -> list[Concept]:
    """All 288, in order."""
    return [Concept(*each) for each in product(*(range(len(names)) for names in (KINDS, NUMBERS, SIZES, WAYS)))]


def seen(places: Sequence[int], *, num_each: int, random: Random) -> Sample:
    """Pictures of some concepts (3 x 40 x 40, 0..1), and captions that tell colours."""
    world, arrays, captions = concepts(), [], []
    chosen = np.repeat(np.asarray(places, dtype=np.int64), num_each)
    for place in chosen:
        colour = str(random.choice(list(COLOURS)))
        arrays.append(_picture(world[place], COLOURS[colour], random))
        captions.append(f"a picture of {_told(world[place], colour, random)}")
    return Sample(arrays=np.stack(arrays), captions=tuple(captions), concepts=chosen)


def heard(places: Sequence[int], *, num_each: int, random: Random) -> Sample:
    """Sounds of some concepts (1 x 40 bands x 63 frames, log-mel), and captions that tell how loud they are."""
    world, arrays, captions = concepts(), [], []
    chosen = np.repeat(np.asarray(places, dtype=np.int64), num_each)
    for place in chosen:
        loudness = str(random.choice(list(LOUDNESS)))
        arrays.append(_bands(_sound(world[place], LOUDNESS[loudness], random)))
        captions.append(f"the sound of {_told(world[place], loudness, random)}")
    return Sample(arrays=np.stack(arrays), captions=tuple(captions), concepts=chosen)


def phrases(places: Sequence[int], *, num_each: int, random: Random) -> list[str]:
    """Texts about some concepts, neither of pictures nor of sounds."""
    world = concepts()
    traits = ("", *COLOURS, *LOUDNESS)
    told = [_told(world[place], str(random.choice(traits)), random) for place in places for _ in range(num_each)]
    return list(dict.fromkeys(told))


def _told(concept: Concept, trait: str, random: Random) -> str:
    number, kind = NUMBERS[concept.number], KINDS[concept.kind]
    size, way = str(random.choice(SIZES[concept.size])), str(random.choice(WAYS[concept.way]))
    kind += "s" if concept.number else ""
    first, second = random.permutation([trait, size]) if trait else (size, "")
    words = (
        f"{number} {first} {second} {kind} {way}"
        if random.random() < 0.6
        else f"{way}, {number} {first} {second} {kind}"
    )
    return " ".join(words.split())


def _picture(concept: Concept, colour: tuple[int, int, int], random: Random) -> Array:
    ground = int(random.integers(200, 250))
    image = Image.new("RGB", (SIDE, SIDE), (ground,) * 3)
    draw = ImageDraw.Draw(image)
    radius = (2, 3, 5)[concept.size]
    count = concept.number + 1
    columns = (np.arange(count) + 0.5) / count * (SIDE - 2) + random.uniform(-1, 1)
    slope = (1 - concept.way) * random.uniform(0.5, 0.7)
    for column in columns:
        row = SIDE / 2 - slope * (column - SIDE / 2) + random.uniform(-1, 1)
        _glyph(draw, concept.kind, (column, row), radius, colour)
        if count == 1:  # a lone thing shows its way by a trail
            draw.line([(column - 12, row + slope * 12), (column + 12, row - slope * 12)], fill=colour)
    pixels = np.asarray(image, dtype=np.float32).transpose(2, 0, 1) / 255
    return np.asarray(pixels + random.normal(0, 0.04, pixels.shape), dtype=np.float32)


def _glyph(
    draw: ImageDraw.ImageDraw, kind: int, at: tuple[float, float], radius: int, fill: tuple[int, int, int]
) -> None:
    x, y = at
    box = (x - radius, y - radius, x + radius, y + radius)
    match KINDS[kind]:
        case "bell":
            draw.polygon([(x, y - radius), (x + radius, y + radius), (x - radius, y + radius)], fill=fill)
        case "drum":
            draw.rectangle(box, fill=fill)
        case "siren":
            draw.polygon([(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)], fill=fill)
        case "whistle":
            draw.line((x - radius, y, x + radius, y), fill=fill, width=2)
        case "organ":
            for offset in (-radius, 0, radius):
                draw.line((x + offset, y - radius, x + offset, y + radius), fill=fill)
        case "buzzer":
            draw.line((x - radius, y - radius, x + radius, y + radius), fill=fill)
            draw.line((x - radius, y + radius, x + radius, y - radius), fill=fill)
        case "rattle":
            draw.point(
                [(x + dx, y + dy) for dx in range(-radius, radius + 1, 2) for dy in range(-radius, radius + 1, 2)],
                fill=fill,
            )
        case _:
            draw.ellipse(box, outline=fill)


def _sound(concept: Concept, loudness: float, random: Random) -> Array:
    """One note a thing; large ones are low, and the pitch goes the concept's way within and between notes."""
    count, name = concept.number + 1, KINDS[concept.kind]
    samples = np.zeros(NUM_SAMPLES)
    length = NUM_SAMPLES // count
    for note in range(count):
        seconds = np.arange(length) / RATE_HERTZ
        done = (note + np.linspace(0, 1, length)) / count - 0.5
        pitch = PITCHES[concept.size] * random.uniform(0.95, 1.05) * 2 ** ((1 - concept.way) * done)
        phase = 2 * np.pi * np.cumsum(pitch) / RATE_HERTZ
        tone = sum(np.sin(phase * partial) / (order + 1) for order, partial in enumerate(PARTIALS[name]))
        if name in {"rattle", "drum"}:
            tone = tone * 0.7 + random.normal(0, 0.5, length) * (np.sin(phase) > 0)
        fall = {"bell": 4.0, "drum": 14.0, "rattle": 6.0, "gong": 2.0}.get(name, 0.5)
        rise = np.minimum(1.0, seconds * 100)
        samples[note * length : (note + 1) * length] = (
            tone * np.exp(-fall * seconds) * rise * (seconds < 0.85 * length / RATE_HERTZ)
        )
    return np.asarray(loudness * samples + random.normal(0, 0.01, NUM_SAMPLES), dtype=np.float32)


def _bands(samples: Array) -> Array:
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    return np.asarray(np.log10(power @ _filters() + 1e-4).T[None] / 4 + 0.5, dtype=np.float32)


@cache
def _filters() -> NDArray[np.float64]:
    """Triangles that overlap by half, their tops spaced evenly in the logarithm of pitch: bins x bands."""
    tops = np.geomspace(60, RATE_HERTZ / 2, NUM_BANDS + 2)
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE_HERTZ)[:, None]
    rising = (bins - tops[:-2]) / (tops[1:-1] - tops[:-2])
    falling = (tops[2:] - bins) / (tops[2:] - tops[1:-1])
    near = np.abs(bins - tops[1:-1]) < RATE_HERTZ / WINDOW
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) + 1e-3 * near, dtype=np.float64)
