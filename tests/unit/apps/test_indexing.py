"""Indexing keeps a store in step with folders: new, changed, moved, unchanged, gone and bad files."""

import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commonspace.apps.collection import Collection
from commonspace.apps.progress import Progress
from commonspace.core.errors import UnsupportedModality, UsageError
from commonspace.core.modality import Modality
from commonspace.index.store import Store
from commonspace.ingest.pool import WorkerPool
from tests.fakes import FAKE_SPACE, fake_embedder


def picture(path: Path, seed: int) -> Path:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    (folder / "sub").mkdir(parents=True)
    picture(folder / "one.png", 1)
    picture(folder / "sub" / "two.png", 2)
    (folder / "note.txt").write_text("a dog barks in the rain")
    return folder


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(workers=1) as started:
        yield started


@pytest.fixture
def collection(tmp_path: Path, pool: WorkerPool) -> Iterator[Collection]:
    path = tmp_path / "media.cs"
    Store.create(path, FAKE_SPACE).close()
    reader = Store.open(path, writable=False)
    with Collection(reader, partial(Store.open, path), fake_embedder, lambda: nullcontext(pool)) as opened:
        yield opened


def test_a_first_run_adds_every_file(collection: Collection, media: Path) -> None:
    report = collection.index([media])

    assert (report.added, report.updated, report.unchanged, report.removed) == (3, 0, 0, 0)
    assert collection.info().items == {Modality.IMAGE: 2, Modality.TEXT: 1}


def test_a_second_run_changes_nothing(collection: Collection, media: Path) -> None:
    collection.index([media])
    before = collection.info().sequence

    report = collection.index([media])

    assert (report.added, report.updated, report.unchanged, report.removed) == (0, 0, 3, 0)
    assert collection.info().sequence == before


def test_a_touched_file_with_the_same_content_is_unchanged(collection: Collection, media: Path) -> None:
    collection.index([media])
    (media / "one.png").touch()

    assert collection.index([media]).unchanged == 3


def test_changed_content_replaces_the_old(collection: Collection, media: Path) -> None:
    collection.index([media])
    picture(media / "one.png", 77)

    report = collection.index([media])

    assert (report.updated, report.unchanged) == (1, 2)
    best = collection.search(media / "one.png", k=1)[0]
    assert (best.name, best.score) == ("one.png", pytest.approx(1.0, abs=1e-5))
    assert collection.info().num_segments == 3


def test_deleted_files_are_forgotten_only_under_the_folders_that_were_indexed(
    collection: Collection, media: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    picture(other / "three.png", 3)
    collection.index([media, other])
    (media / "one.png").unlink()
    (other / "three.png").unlink()

    report = collection.index([media])

    assert report.removed == 1
    assert sorted(hit.name for hit in collection.search("x", k=9)) == ["note.txt", "three.png", "two.png"]


def test_a_folder_that_vanished_is_a_failure_and_forgets_nothing(collection: Collection, media: Path) -> None:
    collection.index([media])
    shutil.rmtree(media)

    report = collection.index([media])

    assert len(report.failures) == 1
    assert sum(collection.info().items.values()) == 3


def test_a_moved_file_is_known_by_its_content(collection: Collection, media: Path) -> None:
    collection.index([media])
    (media / "one.png").rename(media / "moved.png")

    report = collection.index([media])

    assert (report.added, report.moved, report.removed) == (0, 1, 1)
    assert collection.search(media / "moved.png", k=1)[0].score == pytest.approx(1.0, abs=1e-5)


def test_the_same_content_under_two_names_is_found_under_both(collection: Collection, media: Path) -> None:
    shutil.copy(media / "one.png", media / "again.png")

    collection.index([media])

    top = collection.search(media / "one.png", k=2)
    assert {hit.name for hit in top} == {"one.png", "again.png"}


def test_a_text_of_many_passages_is_one_hit_at_its_best_passage(collection: Collection, media: Path) -> None:
    wanted = "zebra zebra quartz " * 30
    (media / "long.txt").write_text("\n\n".join(["a dog barks " * 60, wanted, "rain falls " * 60]))

    collection.index([media])
    hits = collection.search(wanted.strip(), k=9)

    assert [hit.name for hit in hits].count("long.txt") == 1
    assert hits[0].name == "long.txt"
    assert hits[0].segment is not None
    assert "zebra" in (hits[0].segment.text or "")


def test_bad_files_are_one_failure_each_and_the_run_goes_on(collection: Collection, media: Path) -> None:
    (media / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    (media / "empty.png").touch()
    (media / "dot.png").write_bytes(b"")

    report = collection.index([media])

    assert report.added == 3
    assert sorted(failure.name for failure in report.failures) == ["broken.jpg", "dot.png", "empty.png"]
    assert all(failure.error.fix for failure in report.failures)


def test_a_file_that_turned_bad_is_not_kept_stale(collection: Collection, media: Path) -> None:
    collection.index([media])
    (media / "one.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")

    report = collection.index([media])

    assert report.removed == 1
    assert "one.png" not in {hit.name for hit in collection.search("x", k=9)}


def test_progress_counts_every_file_once_and_ends_at_the_total(collection: Collection, media: Path) -> None:
    (media / "empty.png").touch()
    seen: list[Progress] = []

    collection.index([media], progress=seen.append)

    assert [step.done for step in seen] == sorted(step.done for step in seen)
    assert (seen[-1].done, seen[-1].total, seen[-1].failed) == (4, 4, 1)
    assert seen[-1].eta_seconds == 0


def test_a_store_inside_the_folder_that_it_indexes_is_left_out(collection: Collection, media: Path) -> None:
    report = collection.index([media.parent])

    assert (report.added, report.failures) == (3, ())


def test_one_file_or_a_glob_can_be_indexed(collection: Collection, media: Path) -> None:
    assert collection.index([media / "one.png"]).added == 1
    assert collection.index([str(media / "sub" / "*.png")]).added == 1


def test_indexing_nothing_is_the_callers_mistake(collection: Collection) -> None:
    with pytest.raises(UsageError):
        collection.index([])


def test_search_by_modality_answers_only_with_it(collection: Collection, media: Path) -> None:
    collection.index([media])

    assert {hit.modality for hit in collection.search("dog", k=9, modality="image")} == {Modality.IMAGE}
    with pytest.raises(UsageError, match="no modality"):
        collection.search("dog", modality="smell")
    with pytest.raises(UnsupportedModality, match="sensor"):
        collection.search("dog", modality="sensor")
    with pytest.raises(UsageError, match="empty"):
        collection.search("  ")


def test_remove_takes_files_folders_uris_and_ids(collection: Collection, media: Path) -> None:
    collection.index([media])
    note = collection.search("x", k=9, modality="text")[0]

    assert collection.remove([note.id]) == 1
    assert collection.remove([media / "one.png"]) == 1
    assert collection.remove([str(media)]) == 1
    assert collection.remove(["nothing-like-it"]) == 0
    assert collection.info().items == {}
