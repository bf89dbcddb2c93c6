"""A contact sheet made from a real search holds every kind of hit, and nothing that a page should not."""

from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
import soundfile
from PIL import Image

import commonspace
from commonspace.shell.contact_sheet import Section, write_contact_sheet
from tests.e2e.test_cli import PICTURES, film
from tests.unit.shell.markup import Page, complaints, read_page

NAME = "dog <img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    folder = tmp_path_factory.mktemp("media")
    Image.open(PICTURES / "piano_1.jpg").save(folder / f"{NAME}.jpg")
    soundfile.write(folder / f"{NAME}.wav", np.random.default_rng(0).normal(0, 0.1, 32_000), 16_000)
    film(folder / f"{NAME}.mp4", [PICTURES / "bear_1.jpg", PICTURES / "piano_1.jpg"])
    (folder / f"{NAME}.txt").write_text("The piano said: <script>alert(1)</script>")
    with commonspace.open(folder.parent / "sheet.cs", create=True) as collection:
        assert collection.index([folder]).failures == ()
        queries = ("a <b>piano</b>", PICTURES / "piano_1.jpg")
        sections = [Section(query=query, hits=tuple(collection.search(query))) for query in queries]
    path = folder.parent / "sheet.html"
    write_contact_sheet(path, sections)
    return read_page(path.read_text("utf-8"))


def test_there_is_nothing_to_object_to(page: Page) -> None:
    assert complaints(page) == []


def test_every_kind_of_hit_is_shown_in_both_searches(page: Page) -> None:
    assert len(page.all("section")) == 2
    assert len(page.all("audio")) == 2
    assert len(page.all("video")) == 2
    assert len(page.all("img")) == 3  # a hit in each search, and the second query itself
    assert len(page.all("blockquote")) == 2


def test_the_video_starts_where_the_piano_is(page: Page) -> None:
    source = page.all("video")[1]["src"]

    assert 2.0 <= float(source.partition("#t=")[2].partition(",")[0]) <= 4.0


def test_the_poster_is_a_picture(page: Page) -> None:
    poster = Image.open(BytesIO(b64decode(page.all("video")[1]["poster"].partition("base64,")[2])))

    assert (poster.format, poster.size) == ("JPEG", (224, 224))


def test_names_and_passages_are_read_not_run(page: Page) -> None:
    assert page.text.count(NAME) == 8
    assert page.text.count("<script>alert(1)</script>") == 2
