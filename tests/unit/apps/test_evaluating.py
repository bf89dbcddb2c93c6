"""Pictures, sounds and classes are measured in both directions; every figure equals a count by hand."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from commonspace.apps.collection import Collection
from commonspace.apps.evaluating import evaluate
from commonspace.apps.evaluation_report import Runs, TaskReport, figures_of
from commonspace.core.errors import UnsupportedModality, UsageError
from commonspace.core.modality import Modality
from commonspace.core.vectors import Vectors, unit
from commonspace.evaluate.class_folders import read_class_folders
from commonspace.evaluate.coco import read_coco
from commonspace.evaluate.dataset import Document, Part, Task
from commonspace.evaluate.sound_captions import read_audiocaps
from commonspace.index.store import Store
from commonspace.ingest.pool import WorkerPool
from tests.fakes import FAKE_SPACE, fake_embedder
from tests.unit.evaluate.layouts import audiocaps, coco, imagenet


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    Store.create(tmp_path / "kept.cs", FAKE_SPACE).close()
    with Collection(
        Store.open(tmp_path / "kept.cs", space=FAKE_SPACE, writable=False),
        lambda: Store.open(tmp_path / "kept.cs", space=FAKE_SPACE),
        fake_embedder,
        lambda: WorkerPool(workers=1),
    ) as opened:
        yield opened


def vector(document: Document) -> Vectors:
    """What the fake towers make of a document, by itself."""
    rows = fake_embedder().embed(list(document.prompts or document.parts))
    vector: Vectors = unit(rows.mean(axis=0, keepdims=True))[0]
    return vector


def hit_rate(task: Task, k: int) -> float:
    """The share of queries with a right document among the first k, counted one by one."""
    hits = []
    for part in task.parts:
        shelf = {document.id: vector(document) for document in part.shelf.documents}
        for query in part.queries:
            asked = vector(query)
            order = sorted(shelf, key=lambda name: (np.float32(shelf[name] @ asked), name), reverse=True)
            hits.append(any(name in part.judgments[query.id] for name in order[:k]))
    return float(np.mean(hits))


def shares(task: TaskReport, path: str) -> Mapping[str, float]:
    return {each.measure: getattr(each, path).value for each in task.figures}


def test_coco_in_folds_equals_a_count_by_hand_on_all_paths(tmp_path: Path, collection: Collection) -> None:
    dataset = read_coco(coco(tmp_path / "coco"), num_folds=2)

    report = evaluate(collection, dataset, depth=10)
    again = evaluate(collection, dataset, depth=10)

    for task, told in zip(dataset.tasks, report.tasks, strict=True):
        by_hand = {f"hit@{k}": pytest.approx(hit_rate(task, k), abs=1e-12) for k in (1, 5, 10)}
        for path in ("shipped", "vectors", "encoder"):
            found = shares(told, path)
            assert {name: found[name] for name in by_hand} == by_hand
    assert [(task.num_queries, task.num_documents) for task in report.tasks] == [(30, 6), (6, 30)]
    assert (again.taken.added, again.taken.unchanged) == (0, 36)
    assert [task.runs for task in again.tasks] == [task.runs for task in report.tasks]
    chance = {each.measure: each.chance for each in report.tasks[0].figures}
    assert [chance["hit@1"], chance["hit@5"]] == pytest.approx([1 / 3, 1.0])


def test_classes_are_the_mean_of_their_prompts_on_all_paths(tmp_path: Path, collection: Collection) -> None:
    dataset = read_class_folders(imagenet(tmp_path / "imagenet"))

    report = evaluate(collection, dataset, depth=5)
    again = evaluate(collection, dataset, depth=5)

    for task, told in zip(dataset.tasks, report.tasks, strict=True):
        for path in ("shipped", "encoder"):
            assert shares(told, path)["hit@1"] == pytest.approx(hit_rate(task, 1), abs=1e-12)
    assert (report.taken.added, again.taken.added, again.taken.unchanged) == (12, 0, 12)
    assert report.tasks[0].figures[0].measure == "MAP"


def test_recordings_that_are_missing_or_damaged_are_told_apart(tmp_path: Path, collection: Collection) -> None:
    folder = audiocaps(tmp_path / "audiocaps")
    (folder / "wavs" / "1006.wav").write_bytes(b"RIFF\x04\x00\x00\x00WAVEdata")

    report = evaluate(collection, read_audiocaps(folder), depth=5)

    failures = [(failure.name, failure.uri.partition(":")[0]) for failure in report.failures]
    damaged = "-Gf4Ihv2zTc_120"
    assert failures == [("gone_-gone00_0", "dataset"), (damaged, "audio"), (damaged, "query")]
    words, media = report.tasks
    assert (words.num_queries, words.num_left_out, media.num_queries) == (8, 2, 4)
    assert not any(damaged in found for found in words.runs.shipped.values())
    assert damaged not in media.runs.encoder


def test_a_store_of_something_else_is_left_alone(tmp_path: Path, collection: Collection) -> None:
    evaluate(collection, read_coco(coco(tmp_path / "one")))

    with pytest.raises(UsageError, match="is not of this dataset"):
        evaluate(collection, read_class_folders(imagenet(tmp_path / "two")))
    assert sum(collection.info().items.values()) == 36


def test_a_space_without_the_modality_is_told_so_before_anything(
    tmp_path: Path, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = read_coco(coco(tmp_path / "coco")).tasks
    assert all(task.modalities == (Modality.TEXT, Modality.IMAGE) for task in tasks)
    monkeypatch.setattr(type(FAKE_SPACE), "modalities", (Modality.TEXT,))

    with pytest.raises(UnsupportedModality):
        evaluate(collection, read_coco(tmp_path / "coco"))
    assert not list(collection.items())


def constant(part: Part) -> dict[str, dict[str, float]]:
    """A scorer that gives everything one score."""
    return {query.id: {document.id: 0.5 for document in part.shelf.documents} for query in part.queries}


@pytest.mark.parametrize(
    ("read", "measures"),
    [
        (lambda folder: read_coco(coco(folder)).tasks[0], ("hit@1", "hit@5", "recall@5", "MRR", "nDCG@5")),
        (lambda folder: read_coco(coco(folder)).tasks[1], ("hit@1", "recall@1", "recall@5", "recall@10")),
        (lambda folder: read_class_folders(imagenet(folder)).tasks[0], ("hit@1", "recall@1", "MRR")),
        (lambda folder: read_audiocaps(audiocaps(folder)).tasks[0], ("hit@1", "recall@1", "MRR")),
    ],
    ids=["captions-to-pictures", "pictures-to-captions", "pictures-to-classes", "captions-to-recordings"],
)
def test_a_constant_scorer_scores_chance(
    tmp_path: Path, read: Callable[[Path], Task], measures: tuple[str, ...]
) -> None:
    task = read(tmp_path / "data")
    run = constant(task.parts[0])

    figures = {
        each.measure: each for each in figures_of(task, Runs(shipped=run, vectors=run, encoder=run), depth=100, seed=0)
    }

    assert [figures[name].encoder.value for name in measures] == pytest.approx(
        [figures[name].chance for name in measures]
    )
    assert 0.0 < figures["hit@1"].chance < 0.5
