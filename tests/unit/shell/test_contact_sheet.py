"""A contact sheet shows every kind of hit from a file alone, whatever hostile names and passages say."""

import re
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from commonspace.core.errors import UsageError
from commonspace.core.item import Region, Span
from commonspace.core.modality import Modality
from commonspace.retrieve.hit import Hit, Segment
from commonspace.shell.contact_sheet import Section, write_contact_sheet
from tests.unit.shell.fake_house import hit, passage
from tests.unit.shell.markup import Page, complaints, read_page

HOSTILE = "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'&lt;\x1b\u202e"


def sheet(tmp_path: Path, *sections: Section) -> Page:
    path = tmp_path / "sheet.html"
    write_contact_sheet(path, sections)
    page = read_page(path.read_text("utf-8"))
    assert complaints(page) == []
    return page


def picture(path: Path, size: tuple[int, int] = (64, 48)) -> Path:
    noise = np.random.default_rng(3).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def sound(path: Path, seconds: float = 1.0) -> Path:
    rate = 8000
    soundfile.write(path, 0.5 * np.sin(np.arange(int(rate * seconds)) / 5), rate)
    return path


def shown(path: Path, modality: Modality, **changed: object) -> Hit:
    types = {Modality.IMAGE: "image/png", Modality.AUDIO: "audio/wav", Modality.VIDEO: "video/mp4"}
    return hit(path.name, uri=path.as_uri(), modality=modality, media_type=types[modality], **changed)


def embedded(uri: str) -> bytes:
    return b64decode(uri.partition("base64,")[2].partition("#")[0])


def test_a_card_tells_rank_score_modality_name_and_segment(tmp_path: Path) -> None:
    found = hit("a.md", rank=3, score=0.25, modality=Modality.TEXT, segment=passage("The dog.", page=2, heading="Pets"))

    page = sheet(tmp_path, Section(query="dog", hits=(found,)))

    words = " ".join(page.text.split())
    assert "“dog”" in words
    assert "rank 3 text score 0.250 a.md page 2, Pets" in words
    assert "The dog." in words


def test_hostile_names_passages_and_queries_stay_text(tmp_path: Path) -> None:
    found = hit(
        HOSTILE,
        uri=f"file:///media/{HOSTILE.encode().hex()}",
        media_type='x/y" onload="alert(1)',
        segment=passage(HOSTILE, heading=HOSTILE),
    )

    page = sheet(tmp_path, Section(query=HOSTILE, hits=(found,)), Section(query=HOSTILE, hits=()))

    assert page.text.count("<script>alert(1)</script>") == 7
    assert not any(char in page.text for char in "\x1b\u202e")


def test_a_picture_is_inside_the_page_and_links_to_its_file(tmp_path: Path) -> None:
    path = picture(tmp_path / "dog.png", (1200, 900))

    page = sheet(tmp_path, Section(query="dog", hits=(shown(path, Modality.IMAGE),)))

    (image,) = page.all("img")
    data = embedded(image["src"])
    assert len(data) <= 200_000
    assert max(Image.open(BytesIO(data)).size) == 480
    assert path.as_uri() in [link.get("href") for link in page.all("a")]


def test_words_that_were_read_are_framed_in_the_picture_and_quoted(tmp_path: Path) -> None:
    path = tmp_path / "sign.png"
    Image.new("RGB", (200, 100), "white").save(path)
    span = Span(regions=(Region.within(0.1, 0.2, 0.6, 0.8),), confidence=0.9)
    part = Segment(modality=Modality.TEXT, span=span, text="Mind the gap")

    page = sheet(tmp_path, Section(query="gap", hits=(shown(path, Modality.IMAGE, segment=part),)))

    (image,) = page.all("img")
    frame = np.asarray(Image.open(BytesIO(embedded(image["src"]))).convert("L")) < 200
    down, across = np.flatnonzero(frame.any(axis=1)), np.flatnonzero(frame.any(axis=0))
    assert (across[0], across[-1], down[0], down[-1]) == pytest.approx((20, 120, 20, 80), abs=3)
    assert "reads: Mind the gap" in page.text


def test_a_picture_that_is_gone_leaves_a_card_without_preview(tmp_path: Path) -> None:
    page = sheet(tmp_path, Section(query="dog", hits=(shown(tmp_path / "gone.png", Modality.IMAGE),)))

    assert page.all("img") == []
    assert "gone.png" in page.text
    assert "no preview" in page.text


def test_a_short_sound_plays_from_the_page(tmp_path: Path) -> None:
    path = sound(tmp_path / "bark.wav")

    page = sheet(tmp_path, Section(query="dog", hits=(shown(path, Modality.AUDIO),)))

    (player,) = page.all("audio")
    assert "controls" in player
    assert player["src"].startswith("data:audio/wav;base64,")
    assert embedded(player["src"]) == path.read_bytes()
    assert len(page.all("rect")) == 96


def test_a_long_sound_plays_from_its_file_at_its_moment(tmp_path: Path) -> None:
    path = sound(tmp_path / "long.wav", 70)
    part = Segment(modality=Modality.AUDIO, span=Span(start_seconds=20.0, end_seconds=30.0), text=None)

    page = sheet(tmp_path, Section(query="dog", hits=(shown(path, Modality.AUDIO, segment=part),)))

    assert [player["src"] for player in page.all("audio")] == [f"{path.as_uri()}#t=20.00,30.00"]
    assert "0:20 to 0:30" in page.text


def test_a_video_seeks_to_its_moment(tmp_path: Path) -> None:
    path = tmp_path / "a walk #1.mp4"
    path.write_bytes(b"not a video any more")
    part = Segment(modality=Modality.IMAGE, span=Span(start_seconds=3.0, end_seconds=4.0), text=None)

    page = sheet(tmp_path, Section(query="dog", hits=(shown(path, Modality.VIDEO, segment=part),)))

    assert [player["src"] for player in page.all("video")] == [f"{path.as_uri()}#t=3.00,4.00"]
    assert "%231.mp4#t=" in page.all("video")[0]["src"]


def test_a_media_query_is_shown_itself(tmp_path: Path) -> None:
    page = sheet(
        tmp_path,
        Section(query=picture(tmp_path / "dog.png"), hits=()),
        Section(query=sound(tmp_path / "bark.wav"), hits=()),
    )

    assert [image["alt"] for image in page.all("img")] == ["The query: image"]
    assert [player["aria-label"] for player in page.all("audio")] == ["The query: audio"]
    assert "image query · 0 results" in page.text
    assert "Nothing was found." in page.text


def test_a_query_file_that_is_gone_is_still_named(tmp_path: Path) -> None:
    page = sheet(tmp_path, Section(query=tmp_path / "gone.png", hits=()))

    assert "gone.png" in page.text


def test_several_searches_have_a_table_of_contents(tmp_path: Path) -> None:
    page = sheet(tmp_path, *(Section(query=word, hits=(hit(),)) for word in ("dog", "cat", "cow")))

    assert [link["href"] for link in page.all("a") if link["href"].startswith("#")] == [
        "#search-1",
        "#search-2",
        "#search-3",
    ]
    assert len(page.all("section")) == 3


def test_the_same_query_for_different_modalities_is_told_apart(tmp_path: Path) -> None:
    page = sheet(tmp_path, *(Section(query="dog", hits=(hit(),), modality=name) for name in ("audio", "image")))

    assert "“dog” → audio" in page.text
    assert "text query → image · 1 result" in page.text


def test_the_page_forbids_itself_any_request(tmp_path: Path) -> None:
    page = sheet(tmp_path, Section(query="dog", hits=(hit(),)))

    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:; media-src data: file:;")
    assert re.search(r"https?://|url\(|@import", (tmp_path / "sheet.html").read_text("utf-8")) is None


def test_a_page_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_contact_sheet(tmp_path / "no" / "sheet.html", [Section(query="dog", hits=())])


def test_the_checks_of_a_page_can_fail() -> None:
    bad = '<script></script><img src="http://x"><audio src="data:audio/wav;,"></audio><p onclick="x" id="a"><b id="a">'

    assert complaints(read_page(bad)) == [
        "<script>",
        "<b>",
        "id a twice",
        "img http://x",
        "p onclick",
        "img without alt",
        "player without label",
    ]


def test_a_card_tells_the_probability_before_the_score_and_marks_a_weak_hit(tmp_path: Path) -> None:
    good = hit("a.ogg", score=0.25, probability=0.83, good=True)
    weak = hit("b.ogg", rank=2, score=0.1, probability=0.04, good=False)

    page = sheet(tmp_path, Section(query="dog", hits=(good, weak)))

    words = " ".join(page.text.split())
    assert "rank 1 audio 83% score 0.250 a.ogg" in words
    assert "rank 2 audio 4% weak score 0.100 b.ogg" in words
    assert [card["class"] for card in page.all("li") if "card" in card.get("class", "")] == [
        "card audio",
        "card audio weak",
    ]
    assert "No good match" not in words


def test_a_search_without_a_good_match_says_so_above_its_weak_hits(tmp_path: Path) -> None:
    page = sheet(tmp_path, Section(query="quarks", hits=(hit("b.ogg", probability=0.04, good=False),)))

    assert "No good match. The nearest is shown, but weak." in page.text


def test_words_that_are_said_in_a_sound_are_quoted_as_said(tmp_path: Path) -> None:
    page = sheet(tmp_path, Section(query="train", hits=(hit("news.ogg", segment=passage("The train leaves.")),)))

    assert "says: The train leaves." in page.text
