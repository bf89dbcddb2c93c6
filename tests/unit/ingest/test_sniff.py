"""The type comes from the bytes; a name is not even asked for."""

import pytest

from commonspace.core.errors import ItemError
from commonspace.ingest.sniff import sniff
from tests.malformed.seeds import seed_files

TYPES = {
    "picture.png": "image/png",
    "picture.jpeg": "image/jpeg",
    "picture.gif": "image/gif",
    "picture.webp": "image/webp",
    "picture.bmp": "image/bmp",
    "picture.tiff": "image/tiff",
    "picture.avif": "image/avif",
    "sound.wav": "audio/wav",
    "sound.flac": "audio/flac",
    "sound.ogg": "audio/ogg",
    "sound.mp3": "audio/mpeg",
    "sound.aiff": "audio/aiff",
    "sound.m4a": "audio/mp4",
    "sound.aac": "audio/aac",
    "film.mp4": "video/mp4",
    "film.webm": "video/matroska",
    "film.mkv": "video/matroska",
    "film.avi": "video/x-msvideo",
    "film.ts": "video/mp2t",
    "film.flv": "video/x-flv",
    "document.pdf": "application/pdf",
    "plain.txt": "text/plain",
    "notes.md": "text/markdown",
    "page.html": "text/html",
    "rows.csv": "text/csv",
    "rows.jsonl": "application/x-ndjson",
    "trace.csv": "text/vnd.commonspace.sensor+csv",
    "trace.json": "application/vnd.commonspace.sensor+json",
}


def test_every_accepted_type_is_recognised_by_its_content() -> None:
    assert {name: sniff(data[:65_536]) for name, data in seed_files().items()} == TYPES


@pytest.mark.parametrize(
    "text", ["BMW drove past.", "MZ is a label.", "ID3 tags are old.", "BZh means nothing.", "GIF is a format."]
)
def test_prose_that_opens_like_a_signature_is_prose(text: str) -> None:
    assert sniff(text.encode()) == "text/plain"


@pytest.mark.parametrize(
    "text",
    [
        "Dear Ann, hello, you.\nWe came, saw, won.\nThen we left, tired, happy.\nBye, now, all.\n",
        "one,two\n",
        "1,2,3\n4,5,6\n7,8,9\n10,11,12\n",
        '{"a": 1}',
        "time flies, like an arrow",
    ],
)
def test_prose_and_bare_numbers_are_no_table(text: str) -> None:
    assert sniff(text.encode()) == "text/plain"


@pytest.mark.parametrize(
    "data",
    [
        b"#EXTM3U\nfile:///etc/passwd",
        b"\xef\xbb\xbf \n#EXTM3U",
        b"ffconcat version 1.0\nfile x",
        b"<?xml version='1.0'?><MPD xmlns='x'>",
        b"<smil><body/></smil>",
        b"[playlist]\nFile1=x",
        "#EXTM3U".encode("utf-16"),
    ],
)
def test_playlists_are_refused_however_they_are_wrapped(data: bytes) -> None:
    with pytest.raises(ItemError) as caught:
        sniff(data)
    assert caught.value.item_code == "refused_type"
    assert "names other files" in caught.value.cause


def test_a_drawing_in_svg_is_refused_by_name_but_a_page_that_shows_one_is_a_page() -> None:
    with pytest.raises(ItemError, match="SVG"):
        sniff(b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>')
    assert sniff(b"<!doctype html><html><body><svg></svg></body></html>") == "text/html"


def test_a_character_cut_at_the_end_of_the_head_is_no_reason_to_doubt_the_text() -> None:
    assert sniff("Größe é ".encode() * 3 + "é".encode()[:1]) == "text/plain"


def test_mp4_brands_tell_sound_and_pictures_apart() -> None:
    assert sniff(b"\x00\x00\x00\x14ftypM4A \x00\x00\x00\x00isom") == "audio/mp4"
    assert sniff(b"\x00\x00\x00\x14ftypavif\x00\x00\x00\x00mif1") == "image/avif"
    assert sniff(b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  ") == "video/mp4"
