"""What is written in a picture is indexed beside the picture: found by its words, with the place and how sure it is."""

import io
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commonspace.apps.collection import Collection
from commonspace.apps.rag.citation import Citation
from commonspace.apps.scribes import Scribes
from commonspace.core.errors import ItemError, UsageError
from commonspace.core.item import Pixels, Region, Span
from commonspace.core.modality import Modality
from commonspace.encode.reading import Line, Reader
from commonspace.index.records import Entry, StoredItem, StoredSegment, item_id
from commonspace.index.store import Store
from commonspace.ingest.decode import Plan, decode
from commonspace.ingest.pool import WorkerPool
from commonspace.ingest.source import source_of
from tests.fakes import FAKE_SPACE, fake_embedder
from tests.malformed.seeds import pdf_of

WORDS = "mind the gap"
REGION = Region.within(0.25, 0.5, 0.75, 0.6)


class Glass:
    """Reads the same words in every picture but a black one, and stops at a white one; remembers what it was given."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def read(self, pixels: Pixels) -> tuple[Line, ...]:
        self.seen.append(pixels.shape)
        if pixels.min() > 250:
            raise ItemError("reading_failed", "It is too bright.", fix="Darken it.")
        return () if pixels.max() < 5 else (Line(text=WORDS, region=REGION, confidence=0.75),)


def picture(path: Path, level: int, size: tuple[int, int] = (64, 48)) -> Path:
    Image.new("RGB", size, (level, level, level)).save(path)
    return path


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(workers=1) as started:
        yield started


Opens = Callable[[Reader | None], Collection]


@pytest.fixture
def opens(tmp_path: Path, pool: WorkerPool) -> Opens:
    path = tmp_path / "media.cs"
    Store.create(path, FAKE_SPACE).close()

    def opened(reader: Reader | None) -> Collection:
        make = None if reader is None else lambda: Scribes(reader=reader)
        store = Store.open(path, writable=False)
        return Collection(store, partial(Store.open, path), fake_embedder, lambda: nullcontext(pool), None, make)

    return opened


def test_words_become_a_segment_with_their_place_beside_the_picture(tmp_path: Path, opens: Opens) -> None:
    path, glass = picture(tmp_path / "a.png", 128), Glass()

    with opens(glass) as collection:
        report = collection.index([path])
        (hit,) = collection.search(WORDS, k=1)
        (by_picture,) = collection.search(path, k=1)

    assert (report.added, report.read, glass.seen) == (1, 1, [(48, 64, 3)])
    assert hit.is_read
    assert hit.segment is not None
    assert hit.segment.to_dict() == {
        "modality": "text",
        "confidence": 0.75,
        "regions": [{"left": 0.25, "top": 0.5, "right": 0.75, "bottom": 0.6}],
        "text": WORDS,
        "score": pytest.approx(1.0, abs=1e-5),
    }
    cited = Citation.of(hit, 1)
    assert (cited.regions, cited.confidence) == ((REGION,), 0.75)
    assert cited.to_dict()["regions"] == hit.segment.to_dict()["regions"]
    assert not by_picture.is_read


def test_a_page_without_text_is_read_as_a_whole_and_its_picture_not_again(tmp_path: Path, opens: Opens) -> None:
    path, glass = tmp_path / "scan.pdf", Glass()
    path.write_bytes(pdf_of("", picture=True))

    with opens(glass) as collection:
        collection.index([path])
        (hit,) = collection.search(WORDS, k=1)

    assert glass.seen == [(1250, 1250, 3)]
    assert (hit.name, hit.segment and hit.segment.span.page) == ("scan.pdf", 1)


def test_pictures_on_a_page_with_text_are_read_themselves(tmp_path: Path, opens: Opens) -> None:
    path, glass = tmp_path / "report.pdf", Glass()
    path.write_bytes(pdf_of("A heron.", picture=True))

    with opens(glass) as collection:
        collection.index([path])
        (hit,) = collection.search(WORDS, k=1)

    assert glass.seen == [(64, 64, 3)]
    assert (hit.name, hit.segment and hit.segment.span.page) == ("picture-1", 1)


def test_pictures_that_were_indexed_without_are_read_once_that_is_wanted(tmp_path: Path, opens: Opens) -> None:
    picture(tmp_path / "a.png", 128)
    picture(tmp_path / "b.png", 0)
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    with opens(None) as collection:
        assert collection.index(paths).read == 0

    with opens(Glass()) as collection:
        again, after = collection.index(paths), collection.index(paths)
        notes = {item.name: item.notes for item in collection.items()}

    assert (again.updated, again.read) == (2, 1)
    assert (after.unchanged, after.read) == (2, 0)
    assert notes == {"a.png": ("words: read, 1 passage (confidence 0.75)",), "b.png": ("words: none found",)}


def test_reading_that_fails_costs_the_words_not_the_picture(tmp_path: Path, opens: Opens) -> None:
    path = picture(tmp_path / "a.png", 255)

    with opens(Glass()) as collection:
        report = collection.index([path])

    assert (report.added, report.read) == (1, 0)
    assert [each.error.item_code for each in report.failures] == ["reading_failed"]


@pytest.mark.parametrize(
    ("size", "kept"),
    [((600, 150), (200, 50)), ((90, 80), (90, 80)), ((40, 7000), (8, 1241)), ((7000, 40), (1322, 7))],
    ids=["wide", "small", "tall", "a strip"],
)
def test_a_sheet_has_no_more_pixels_than_planned(tmp_path: Path, size: tuple[int, int], kept: tuple[int, int]) -> None:
    path = picture(tmp_path / "a.jpg", 128, size)

    (sheet,) = decode(source_of(path), Plan(sheet_pixels=10_000)).sheets

    with Image.open(io.BytesIO(sheet.data)) as image:
        assert image.size == pytest.approx(kept, rel=0.15)
        assert image.width * image.height <= 10_000


@pytest.mark.parametrize(
    "region",
    [
        Region(left=0.5, top=0.0, right=0.4, bottom=1.0),
        Region(left=0.0, top=0.0, right=1.5, bottom=1.0),
        Region(left=float("nan"), top=0.0, right=1.0, bottom=1.0),
    ],
    ids=["turned round", "off the page", "no number"],
)
def test_a_store_refuses_a_region_that_is_no_box(tmp_path: Path, opens: Opens, region: Region) -> None:
    del opens
    uri = "content:a"
    item = StoredItem(
        id=item_id(uri),
        uri=uri,
        name="a",
        modality=Modality.IMAGE,
        media_type="image/png",
        content_hash="a",
        num_bytes=1,
    )
    segment = StoredSegment(modality=Modality.TEXT, span=Span(regions=(region,)), text="a")
    vector = np.eye(1, FAKE_SPACE.dimension, dtype=np.float32)

    with Store.open(tmp_path / "media.cs") as store, pytest.raises(UsageError, match="regions"):
        store.put([Entry(item=item, segments=(segment,), vectors=vector)])
