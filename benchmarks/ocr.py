"""Are the words on a page read, and found where they stand, however small, askew, blurred or squeezed the page is?

    python -m benchmarks.ocr [--pages 6] [--seed 0] [--json] [--write]

Made data: pages of 900 x 640 pixels with ten lines of random words (from the pages of docs/), black on white, in fonts
of Pillow and of Debian where they are (DejaVu, Liberation: sans, serif, fixed), each page in another. One condition
changes at a time. Pages go the way of a user's files: JPEG in, ``encode.rapid`` with one thread, passages in reading
order. A word is read if it stands in a passage as it was drawn, case and all, as often as it was drawn.
"""

import argparse
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any, Final, final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from rich.console import Console

from benchmarks.page import as_table, write_table
from commonspace.apps.reading import SHEET_PIXELS
from commonspace.encode.rapid import RapidReader
from commonspace.encode.reading import Reader, Written, written
from commonspace.evaluate.metrics import bootstrap_interval
from commonspace.ingest.decode import Plan, decode
from commonspace.ingest.source import source_of

__all__ = ["Condition", "Measured", "measure"]

SIZE: Final = (900, 640)
NUM_LINES: Final = 10
MARGIN: Final = 50
FONTS: Final = Path("/usr/share/fonts/truetype")
FACES: Final = (
    "dejavu/DejaVuSans.ttf",
    "dejavu/DejaVuSerif.ttf",
    "dejavu/DejaVuSansMono.ttf",
    "liberation/LiberationSans-Regular.ttf",
    "liberation/LiberationSerif-Regular.ttf",
)
HEADER: Final = ("pages", "number", "words read", "words right", "lines in place", "processor seconds a page")
EXPLANATION: Final = (
    "Words read: the share of the drawn words that were read exactly; words right: the share of the read words that "
    "were drawn; lines in place: the share of drawn lines whose middle lies in a region that was told. In brackets the "
    "bootstrap 95% interval over pages. Made data: real scans have stains, creases, handwriting and layouts that these "
    "pages have not, and are read worse."
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One kind of page: letters of so many pixels, and what befalls the picture after they are drawn."""

    name: str
    pixels: int = 20
    degrees: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    ink: int = 0
    paper: int = 255
    quality: int = 90
    columns: int = 1


CONDITIONS: Final = (
    Condition(name="as printed, letters of 20 pixels"),
    Condition(name="14 pixels", pixels=14),
    Condition(name="10 pixels", pixels=10),
    Condition(name="two columns, 14 pixels", pixels=14, columns=2),
    Condition(name="turned by 2 degrees", degrees=2.0),
    Condition(name="turned by 10 degrees", degrees=10.0),
    Condition(name="blurred by 1.5 pixels", blur=1.5),
    Condition(name="blurred by 3 pixels", blur=3.0),
    Condition(name="JPEG of quality 10", quality=10),
    Condition(name="noise of 40 levels", noise=40.0),
    Condition(name="grey on grey", ink=120, paper=170),
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A made page: its file, the words on it, and the middle of each line in shares of the page."""

    data: bytes
    words: tuple[str, ...]
    middles: tuple[tuple[float, float], ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One condition's figures."""

    name: str
    num_pages: int
    read: float
    low: float
    high: float
    right: float
    in_place: float
    seconds: float


def vocabulary() -> list[str]:
    """Words of three letters and more, as the documentation has them."""
    text = " ".join(path.read_text("utf-8") for path in sorted(Path("docs").glob("*.md")))
    return sorted(set(re.findall(r"\b[A-Za-z]{3,12}\b", text)))


def faces(pixels: int) -> list[Any]:
    """The fonts that are here; Pillow's own is always one."""
    own = [ImageFont.load_default(pixels)]
    return own + [ImageFont.truetype(FONTS / face, pixels) for face in FACES if (FONTS / face).is_file()]


def page(condition: Condition, words: Sequence[str], number: int, seed: int) -> Page:
    """One page under a condition; the same words and font for the same number, whatever the condition."""
    rng = np.random.default_rng((seed, number))
    fonts = faces(condition.pixels)
    font = fonts[number % len(fonts)]
    image = Image.new("L", SIZE, condition.paper)
    draw = ImageDraw.Draw(image)
    drawn: list[str] = []
    middles: list[tuple[float, float]] = []
    width = (SIZE[0] - MARGIN * (condition.columns + 1)) / condition.columns
    for column in range(condition.columns):
        left = MARGIN + column * (width + MARGIN)
        for row in range(NUM_LINES):
            line = _line(rng, words, partial(_fits, font, width))
            top = MARGIN + row * max(1.7 * condition.pixels, 30)
            draw.text((left, top), " ".join(line), font=font, fill=condition.ink)
            box = draw.textbbox((left, top), " ".join(line), font=font)
            middles.append(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
            drawn += line
    buffer = io.BytesIO()
    _worn(image, condition, rng).save(buffer, "JPEG", quality=condition.quality)
    turned = tuple(_turned(middle, condition.degrees) for middle in middles)
    return Page(data=buffer.getvalue(), words=tuple(drawn), middles=turned)


def _fits(font: Any, width: float, line: Sequence[str]) -> bool:
    return bool(font.getlength(" ".join(line)) <= width)


def _line(rng: np.random.Generator, words: Sequence[str], fits: Callable[[Sequence[str]], bool]) -> list[str]:
    line: list[str] = []
    while True:
        word = words[int(rng.integers(len(words)))]
        if not fits([*line, word]):
            return line
        line.append(word)


def _worn(image: Image.Image, condition: Condition, rng: np.random.Generator) -> Image.Image:
    if condition.degrees:
        image = image.rotate(condition.degrees, Image.Resampling.BICUBIC, fillcolor=condition.paper)
    if condition.blur:
        image = image.filter(ImageFilter.GaussianBlur(condition.blur))
    if condition.noise:
        noisy = np.asarray(image, np.float64) + rng.normal(0, condition.noise, (SIZE[1], SIZE[0]))
        image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
    return image


def _turned(middle: tuple[float, float], degrees: float) -> tuple[float, float]:
    """Where a point lies after the page is turned about its middle, in shares of the page."""
    across, down = middle[0] - SIZE[0] / 2, middle[1] - SIZE[1] / 2
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    x, y = cosine * across + sine * down, cosine * down - sine * across
    return float(x / SIZE[0] + 0.5), float(y / SIZE[1] + 0.5)


def read(made: Page, reader: Reader) -> tuple[Written, ...]:
    """The passages that are read off a page, by the way that indexing takes."""
    (sheet,) = decode(source_of(made.data), Plan(sheet_pixels=SHEET_PIXELS)).sheets
    with Image.open(io.BytesIO(sheet.data)) as image:
        return written(reader.read(np.asarray(image.convert("RGB"))), Plan().passage_chars)


def measure(condition: Condition, reader: Reader, *, num_pages: int, seed: int) -> Measured:
    """Make pages, read them, compare."""
    shares, words = [], vocabulary()
    right = told = placed = lines = 0
    seconds = 0.0
    for number in range(num_pages):
        made = page(condition, words, number, seed)
        started = process_time()
        found = read(made, reader)
        seconds += process_time() - started
        given = Counter(word for passage in found for word in passage.text.split())
        same = sum((given & Counter(made.words)).values())
        shares.append(same / len(made.words))
        right, told = right + same, told + sum(given.values())
        placed, lines = placed + sum(_placed(made, found)), lines + len(made.middles)
    interval = bootstrap_interval(np.array(shares), seed=0)
    return Measured(
        name=condition.name,
        num_pages=num_pages,
        read=float(np.mean(shares)),
        low=interval.low,
        high=interval.high,
        right=right / max(1, told),
        in_place=placed / lines,
        seconds=seconds / num_pages,
    )


def _placed(made: Page, found: Sequence[Written]) -> Iterator[bool]:
    boxes = [region for passage in found for region in passage.regions]
    for x, y in made.middles:
        yield any(box.left <= x <= box.right and box.top <= y <= box.bottom for box in boxes)


def rows(measured: Sequence[Measured]) -> list[tuple[object, ...]]:
    """The figures as cells."""
    return [
        (
            one.name,
            one.num_pages,
            f"{one.read:.3f} ({one.low:.2f}-{one.high:.2f})",
            f"{one.right:.3f}",
            f"{one.in_place:.2f}",
            f"{one.seconds:.2f}",
        )
        for one in measured
    ]


def main() -> None:
    """Print the table; ``--write`` puts it into docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pages", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    reader = RapidReader(threads=1)
    for number in range(len(faces(20))):  # the networks are loaded, and have met pages of this size
        read(page(CONDITIONS[0], vocabulary(), number, given.seed + 1), reader)
    measured = [measure(each, reader, num_pages=given.pages, seed=given.seed) for each in CONDITIONS]
    words = sum(len(page(CONDITIONS[0], vocabulary(), number, given.seed).words) for number in range(given.pages))
    told = (
        f"{words} words on the {given.pages} pages as printed, {len(faces(20))} fonts, one thread, seed {given.seed}."
    )
    table = f"{as_table(HEADER, rows(measured))}\n{told} {EXPLANATION}"
    Console(soft_wrap=True, highlight=False).print(
        json.dumps([asdict(one) for one in measured]) if given.json else table, markup=False
    )
    if given.write:
        write_table("ocr", table)


if __name__ == "__main__":
    main()
