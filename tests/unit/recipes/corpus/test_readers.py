"""What the packages say of their pictures is read: metadata, licences, variants of emoji."""

import io
import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from recipes.corpus.clipart import read_metadata
from recipes.corpus.emoji import IconSet, icon_set, unlike_names
from recipes.corpus.licences import licence_of
from recipes.corpus.raster import NotWanted, draw

METADATA = """<svg><metadata><rdf:RDF><cc:Work rdf:about="">
<dc:creator><cc:Agent><dc:title>An Author</dc:title></cc:Agent></dc:creator>
<dc:title>Fish &amp; chips</dc:title><dc:subject><rdf:Bag><rdf:li>food</rdf:li><rdf:li>unsorted</rdf:li>
<rdf:li>HASH(0x81a)</rdf:li></rdf:Bag></dc:subject></cc:Work></rdf:RDF></metadata></svg>"""
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2020 A
License: GPL-2+

Files: art/animals/*
 art/plants/*.png
Copyright: 2021 B
License: CC-BY-SA-3.0
 the text

License: GPL-2+
 more text
"""
SQUARE = '<rect x="2" y="2" width="6" height="12" fill="#00f"/>'


def test_a_drawings_title_is_not_its_authors_and_dull_keywords_are_dropped() -> None:
    assert read_metadata(METADATA) == ("Fish & chips", ("food",))
    assert read_metadata("<svg/>") == ("", ())


@pytest.mark.parametrize(
    ("path", "licence"),
    [
        ("usr/share/game/art/animals/cat.png", "CC-BY-SA-3.0"),
        ("usr/share/game/all.rcc!game/art/plants/rose.png", "CC-BY-SA-3.0"),
        ("usr/share/game/art/tools/saw.png", "GPL-2+"),
    ],
)
def test_the_last_stanza_that_fits_names_the_licence(path: str, licence: str) -> None:
    assert licence_of(COPYRIGHT, path) == licence


def test_prose_names_no_licence() -> None:
    assert licence_of("This package was debianized by hand.", "usr/share/x.png") == ""


def test_one_of_the_skin_tones_and_genders_of_an_emoji_is_kept() -> None:
    names = ["cat", "waving-hand", "waving-hand-dark", "waving-hand-medium-light-skin-tone", "man-cook", "woman-cook"]
    kept = unlike_names([*names, "keycap-1", "a-button", "man", "woman", "person-running-facing-right"])
    assert {"cat", "waving-hand", "man", "woman"} <= set(kept)
    assert len([name for name in kept if name.endswith("-cook")]) == 1
    assert len(kept) == 5


def npm_archive(folder: Path, members: dict[str, object]) -> Path:
    path = folder / "set-1.0.0.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            data = json.dumps(content).encode()
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


def test_an_icon_set_gives_drawings_with_the_sets_licence_and_the_emojis_tags(tmp_path: Path) -> None:
    icons = {"icons": {"blue-box": {"body": SQUARE}, "flag-fr": {"body": SQUARE}}, "width": 16, "height": 16}
    info = {"license": {"spdx": "MIT"}}
    archive = npm_archive(tmp_path, {"package.json": {"version": "1.0.0"}, "icons.json": icons, "info.json": info})
    (found,) = icon_set(IconSet(package="set"), archive, {"blue-box": ("cube",)})
    assert (found.title, found.licence, found.version, found.keywords) == ("blue-box", "MIT", "1.0.0", ("cube",))
    image = draw(found.data).image
    assert image.size == (224, 224)
    assert image.getpixel((60, 100)) == (0, 0, 255)
    assert image.getpixel((200, 100)) == (255, 255, 255)


def png(size: tuple[int, int], colour: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGBA", size, colour).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [(png((20, 200), "red"), "tiny"), (png((99, 99), "red"), "one colour"), (b"not a picture", "unreadable")],
)
def test_tiny_plain_and_broken_pictures_are_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(NotWanted, match=reason):
        draw(data)
