"""Builds the sample media of ``make demo``: pictures, sounds, a PDF and two films, with an attribution page.

The short texts in ``samples/media/texts`` are written by hand and only credited here.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from samples.make.film import Scene, write_film
from samples.make.guide import draw_guide
from samples.make.licences import find_licence
from samples.make.pictures import encode_picture, open_picture
from samples.make.roots import Source, read_source
from samples.make.soundfont import INSTRUMENTS, render_phrase
from samples.make.sounds import RATE_HZ, cut, decode_sound, encode_sound, level, trim_silence
from samples.make.synthesis import engine, rain, wind

__all__ = ["build_demo", "speech"]

_HERE: Final = Path(__file__).parent
_SIDE_PIXELS: Final = 640
_SOUNDFONT: Final = "usr/share/sounds/sf2/FluidR3_GM.sf2"
_GREETING: Final = "Good morning. The train to the coast leaves from platform four in ten minutes."

Samples = NDArray[np.float32]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """One line of the attribution page."""

    file: str
    title: str
    author: str
    licence: str
    source: str
    done: str


def build_demo(roots: Path, folder: Path) -> int:
    """Write ``media/`` and ``ATTRIBUTION.md`` into ``folder``; returns how many files are credited."""
    media = folder / "media"
    for kind in ("images", "sounds", "documents", "videos"):
        (media / kind).mkdir(parents=True, exist_ok=True)
    credited = [*_pictures(roots, media), *_sounds(roots, media), *_made_sounds(roots, media)]
    credited += [*_documents(roots, media), *_films(roots, media), *_texts(media)]
    _write_attribution(credited, folder / "ATTRIBUTION.md")
    return len(credited)


def _table(name: str) -> list[list[str]]:
    return [line.split("\t") for line in (_HERE / name).read_text().splitlines() if line]


def _credit(roots: Path, source: Source, *, file: str, title: str, done: str) -> Credit:
    licence = find_licence(roots, source)
    return Credit(file=file, title=title, author=licence.author, licence=licence.name, source=str(source), done=done)


def _ours(*, file: str, title: str, source: str, done: str) -> Credit:
    return Credit(file=file, title=title, author="the commonspace authors", licence="CC0-1.0", source=source, done=done)


def _picture(roots: Path, file: str) -> Image.Image:
    """The source picture of one of the demo's images, by the image's name."""
    source = {row[0]: Source.parse(row[1]) for row in _table("demo_images.tsv")}[file]
    return open_picture(read_source(roots, source), side=_SIDE_PIXELS)


def _sound(roots: Path, file: str) -> Samples:
    """One of the demo's recorded sounds, by its file's name."""
    source, start, seconds = {row[0]: row[1:4] for row in _table("demo_sounds.tsv")}[file]
    whole = decode_sound(read_source(roots, Source.parse(source)))
    return level(trim_silence(cut(whole, start_seconds=float(start), seconds=float(seconds))))


def _pictures(roots: Path, media: Path) -> list[Credit]:
    credited = []
    for file, text, title in _table("demo_images.tsv"):
        path = media / "images" / file
        path.write_bytes(encode_picture(_picture(roots, file), suffix=path.suffix))
        done = "scaled to 640 pixels at most, margins cut"
        credited.append(_credit(roots, Source.parse(text), file=f"images/{file}", title=title, done=done))
    wet = media / "images" / "dog_in_rain.jpg"
    wet.write_bytes(encode_picture(rainy(_picture(roots, "dog.jpg"), seed=4), suffix=".jpg"))
    source = Source.parse(_table("demo_images.tsv")[0][1])
    done = "mirrored, cropped, darkened, and rain drawn over it"
    credited.append(_credit(roots, source, file="images/dog_in_rain.jpg", title="the same dog in the rain", done=done))
    return credited


def rainy(image: Image.Image, *, seed: int) -> Image.Image:
    """The picture mirrored and cropped, on a grey day, behind slanted streaks of rain."""
    width, height = image.size
    dull = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).crop((width // 12, 0, width - width // 8, height))
    dull = ImageEnhance.Brightness(ImageEnhance.Color(dull).enhance(0.45)).enhance(0.72)
    generator = np.random.default_rng(seed)
    for thickness, number, blur in ((1, 500, 0.6), (2, 160, 1.0)):
        layer = Image.new("L", dull.size, 0)
        draw = ImageDraw.Draw(layer)
        for x, y, length in zip(
            generator.uniform(0, dull.width, number),
            generator.uniform(-30, dull.height, number),
            generator.uniform(14, 40, number) * thickness,
            strict=True,
        ):
            draw.line((x, y, x - 0.22 * length, y + length), fill=int(generator.uniform(70, 150)), width=thickness)
        dull.paste((214, 222, 232), mask=layer.filter(ImageFilter.GaussianBlur(blur)))
    return dull


def _sounds(roots: Path, media: Path) -> list[Credit]:
    credited = []
    for file, text, _, _, title in _table("demo_sounds.tsv"):
        path = media / "sounds" / file
        path.write_bytes(encode_sound(_sound(roots, file), suffix=path.suffix))
        done = "cut, made mono at 32 kHz, levelled"
        credited.append(_credit(roots, Source.parse(text), file=f"sounds/{file}", title=title, done=done))
    return credited


def _made_sounds(roots: Path, media: Path) -> list[Credit]:
    sounds = media / "sounds"
    (sounds / "wind.flac").write_bytes(encode_sound(wind(5.0, seed=2), suffix=".flac"))
    (sounds / "engine.wav").write_bytes(encode_sound(engine(5.0, seed=3), suffix=".wav"))
    (sounds / "dog_barking_in_rain.ogg").write_bytes(encode_sound(dog_in_rain(roots), suffix=".ogg"))
    (sounds / "announcement.wav").write_bytes(encode_sound(speech(_GREETING), suffix=".wav"))
    for name, notes in (("piano", (60, 64, 67, 72, 71, 67, 64, 60)), ("violin", (69, 71, 72, 76, 74, 72, 71, 69))):
        samples = render_phrase(roots / "fluid-soundfont-gm" / _SOUNDFONT, program=INSTRUMENTS[name], notes=notes)
        (sounds / f"{name}.ogg").write_bytes(
            encode_sound(level(cut(samples, start_seconds=0, seconds=5)), suffix=".ogg")
        )
    barks = Source.parse({row[0]: row[1] for row in _table("demo_sounds.tsv")}["dogs_at_the_gate.ogg"])
    mixed = "barks repeated and mixed with rain synthesised by samples/make/synthesis.py"
    played = "a phrase of ours played by FluidSynth"
    font = Source(package="fluid-soundfont-gm", path=_SOUNDFONT)
    return [
        _ours(file="sounds/wind.flac", title="wind", source="samples/make/synthesis.py", done="synthesised"),
        _ours(file="sounds/engine.wav", title="an engine", source="samples/make/synthesis.py", done="synthesised"),
        _credit(roots, barks, file="sounds/dog_barking_in_rain.ogg", title="a dog barking in the rain", done=mixed),
        _ours(
            file="sounds/announcement.wav", title="a station announcement", source="text of ours", done="espeak-ng 1.51"
        ),
        _credit(roots, font, file="sounds/piano.ogg", title="a piano", done=played),
        _credit(roots, font, file="sounds/violin.ogg", title="a violin", done=played),
    ]


def dog_in_rain(roots: Path) -> Samples:
    """Eight seconds of synthesised rain with the kennel's barks coming back three times."""
    ground = 0.4 * rain(8.0, seed=1)
    bark = _sound(roots, "dogs_at_the_gate.ogg")
    for at_seconds, loudness in ((0.4, 0.8), (3.2, 0.6), (5.6, 0.9)):
        first = int(at_seconds * RATE_HZ)
        heard = bark[: len(ground) - first]
        ground[first : first + len(heard)] += loudness * heard
    return level(ground)


def speech(text: str) -> Samples:
    """The text spoken by espeak-ng."""
    spoken = subprocess.run(["espeak-ng", "-s", "150", "--stdout", text], capture_output=True, check=True, timeout=60)
    return level(decode_sound(spoken.stdout))


def _documents(roots: Path, media: Path) -> list[Credit]:
    guide = draw_guide(sheep=_picture(roots, "sheep.jpg"), rooster=_picture(roots, "rooster.png"))
    (media / "documents" / "farm-guide.pdf").write_bytes(guide)
    done = "set by samples/make/guide.py; the pictures inside are sheep.jpg and rooster.png of this page"
    return [_ours(file="documents/farm-guide.pdf", title="a guide to a farm", source="text of ours", done=done)]


_FILMS: Final = {
    "day_in_town.mp4": (
        ("dog.jpg", "dogs_at_the_gate.ogg"),
        ("car.png", "car_passing.mp3"),
        ("storm.png", "rain.ogg"),
        ("train.png", "train.mp3"),
    ),
    "holiday.webm": (
        ("beach.jpg", "waves.ogg"),
        ("rooster.png", "rooster.ogg"),
        ("guitar.png", "guitar.flac"),
        ("aeroplane.png", "aeroplane.ogg"),
    ),
}


def _films(roots: Path, media: Path) -> list[Credit]:
    credited = []
    for file, parts in _FILMS.items():
        scenes = tuple(
            Scene(still=_picture(roots, still), sound=_sound(roots, sound), seconds=5.0) for still, sound in parts
        )
        write_film(media / "videos" / file, scenes)
        used = ", ".join(f"{still} with {sound}" for still, sound in parts)
        done = f"five seconds each of {used}"
        # every part is public domain, CC0, CC-BY-3.0 or CC-BY-SA-3.0, so the whole may be CC-BY-SA-3.0
        credited.append(
            Credit(
                file=f"videos/{file}",
                title="a short film",
                author="those of its parts",
                licence="CC-BY-SA-3.0",
                source="files of this page",
                done=done,
            )
        )
    return credited


def _texts(media: Path) -> list[Credit]:
    files = sorted(path.name for path in (media / "texts").iterdir())
    return [
        _ours(file=f"texts/{name}", title="a short text", source="written for this", done="nothing") for name in files
    ]


def _write_attribution(credited: list[Credit], path: Path) -> None:
    lines = [
        "# Where the sample media come from",
        "",
        "Everything in `media/` is free. Each file keeps the licence named here, which is not that of the code.",
        "`python -m samples.make demo ROOTS` rebuilds it from Debian 12 packages unpacked under `ROOTS`; a source is",
        "written `package:path` or `package:archive!member`.",
        "",
        "| file | what it is | author | licence | source | what was done |",
        "|---|---|---|---|---|---|",
    ]
    for credit in credited:
        cells = (credit.file, credit.title, credit.author, credit.licence, f"`{credit.source}`", credit.done)
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    path.write_text("\n".join(lines) + "\n")
