"""Words drawn into pictures and scans, read by the real reader, are found by search, with the place they stand in."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from commonspace.core.item import Pixels, Region
from commonspace.retrieve.hit import Hit
from commonspace.serve.settings import Settings
from commonspace.shell import wire
from tests.unit.ingest.test_places import overlap

SIZE = (640, 480)
LEFT, RIGHT = "The lighthouse keeper\npaints the railing green", "Herring swim past\nthe harbour at midnight"
INVOICE = "Invoice 4711 for\nseven copper kettles"


def drawn(*texts: tuple[tuple[int, int], str]) -> tuple[Image.Image, list[Region]]:
    """A picture with words in it, and the boxes of their ink."""
    image, font = Image.new("RGB", SIZE, "white"), ImageFont.load_default(22)
    draw, regions = ImageDraw.Draw(image), []
    for place, text in texts:
        draw.multiline_text(place, text, font=font, fill="black", spacing=8)
        left, top, right, bottom = draw.multiline_textbbox(place, text, font=font, spacing=8)
        regions.append(Region.within(left / SIZE[0], top / SIZE[1], right / SIZE[0], bottom / SIZE[1]))
    return image, regions


COLUMNS = drawn(((40, 60), LEFT), ((370, 60), RIGHT))
SCAN = drawn(((60, 200), INVOICE))


@pytest.fixture(scope="module")
def hits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Hit]:
    """The first hits of searches for words in a poster and in a scan, which were read as they were indexed."""
    folder = tmp_path_factory.mktemp("reading")
    COLUMNS[0].save(folder / "poster.png")
    SCAN[0].save(folder / "scan.pdf")
    settings = Settings.load({"ocr": True, "threads": 1, "workers": 1})
    with wire.open_collection(folder / "media.cs", settings, create=True) as collection:
        report = collection.index([folder / "poster.png", folder / "scan.pdf"])
        assert (report.added, report.read, report.failures) == (2, 2, ())
        return {words: collection.search(words, k=1)[0] for words in ("harbour at midnight", "copper kettles")}


def test_words_in_two_columns_are_found_in_reading_order_where_they_were_drawn(hits: dict[str, Hit]) -> None:
    hit = hits["harbour at midnight"]

    assert (hit.name, hit.is_read) == ("poster.png", True)
    assert hit.segment is not None
    assert hit.segment.text == f"{LEFT}\n\n{RIGHT}"
    assert (hit.segment.span.confidence or 0) > 0.9
    overlaps = [overlap(told, true) for told, true in zip(hit.segment.span.regions, COLUMNS[1], strict=True)]
    assert min(overlaps) > 0.7


def test_words_on_a_page_without_text_are_found_with_page_and_region(hits: dict[str, Hit]) -> None:
    hit = hits["copper kettles"]

    assert hit.segment is not None
    assert (hit.name, hit.segment.span.page, hit.segment.text) == ("scan.pdf", 1, INVOICE)
    (told,) = hit.segment.span.regions
    assert overlap(told, SCAN[1][0]) > 0.7


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((1200, 900, 3), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (320, 320, 3), dtype=np.uint8),
        np.zeros((1, 1, 3), np.uint8),
    ],
    ids=["large and blank", "noise", "one pixel"],
)
def test_pictures_without_words_say_nothing(pixels: Pixels) -> None:
    assert wire.word_reader(1).read(pixels) == ()
