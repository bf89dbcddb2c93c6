"""A BEIR folder is measured through the whole path: resumable, with the encoder's own ranking beside it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commonspace.apps.collection import Collection
from commonspace.apps.evaluating import evaluate
from commonspace.apps.evaluation_report import EvaluationReport, trec_lines
from commonspace.apps.progress import Progress
from commonspace.core.errors import UsageError
from commonspace.evaluate.beir import read_beir
from commonspace.evaluate.dataset import Dataset
from commonspace.index.store import Store
from commonspace.ingest.pool import WorkerPool
from tests.fakes import FAKE_SPACE, fake_embedder

WORDS = ("aaaa bbb", "zzzz yyy", "mmmm nn", "qqqq ww", "eee rrr", "uuu iii", "kkkk lll", "ssss ttt")


def write_folder(folder: Path) -> Path:
    """Eight texts and two pictures; a query is the text of its document, or a picture that stands in the corpus."""
    (folder / "qrels").mkdir(parents=True)
    random = np.random.default_rng(0)
    corpus = [{"_id": f"t{place}", "title": words[:4], "text": words[4:]} for place, words in enumerate(WORDS)]
    for place in range(2):
        pixels = random.integers(0, 80 + 100 * place, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"p{place}.png")
        corpus.append({"_id": f"p{place}", "image": f"p{place}.png"})
    queries = [{"_id": f"q{place}", "text": words} for place, words in enumerate(WORDS[:4])]
    queries += [{"_id": "qp", "image": "p1.png"}, {"_id": "t7", "text": WORDS[7]}, {"_id": "unjudged", "text": "x"}]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(each) + "\n" for each in corpus))
    (folder / "queries.jsonl").write_text("".join(json.dumps(each) + "\n" for each in queries))
    lines = [f"q{place}\tt{place}\t2\n" for place in range(4)] + ["qp\tp1\t1\n", "t7\tt6\t1\n", "q0\tt5\t0\n"]
    lines += ["gone\tt1\t1\n", "q9\tnowhere\t1\n"]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "small")


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    Store.create(tmp_path / "corpus.cs", FAKE_SPACE).close()
    with Collection(
        Store.open(tmp_path / "corpus.cs", space=FAKE_SPACE, writable=False),
        lambda: Store.open(tmp_path / "corpus.cs", space=FAKE_SPACE),
        fake_embedder,
        lambda: WorkerPool(workers=1),
    ) as opened:
        yield opened


def test_both_paths_find_what_is_asked_for_and_agree_without_passages_or_calibration(
    folder: Path, collection: Collection
) -> None:
    told: list[Progress] = []

    report = evaluate(collection, read_beir(folder), depth=5, progress=told.append)

    task = report.tasks[0]
    figures = {each.measure: each for each in task.figures}
    assert (task.num_documents, task.num_queries, task.num_left_out) == (10, 6, 2)
    assert figures["hit@1"].shipped.value >= 5 / 6
    assert list(figures) == ["MAP", "MRR", "nDCG@1", "recall@1", "hit@1"]
    assert [(each.shipped, each.vectors, each.difference.value) for each in task.figures] == [
        (each.encoder, each.encoder, 0.0) for each in task.figures
    ]
    assert {query: list(found) for query, found in task.runs.shipped.items()} == {
        query: list(found) for query, found in task.runs.encoder.items()
    }
    assert told[-1].done == told[-1].total == 10 + 6
    assert 0 < figures["hit@1"].chance < 0.2


def test_a_query_that_is_a_document_does_not_find_itself(folder: Path, collection: Collection) -> None:
    runs = evaluate(collection, read_beir(folder), depth=5).tasks[0].runs

    assert "t7" not in runs.shipped["t7"]
    assert "t7" not in runs.encoder["t7"]
    assert len(runs.shipped["t7"]) == 5


def test_a_second_run_embeds_nothing_again(folder: Path, collection: Collection) -> None:
    first = evaluate(collection, read_beir(folder))
    again = evaluate(collection, read_beir(folder))

    assert (first.taken.added, again.taken.added, again.taken.unchanged) == (10, 0, 10)
    assert again.tasks[0].runs == first.tasks[0].runs


def test_a_document_that_cannot_be_read_fails_alone(folder: Path, collection: Collection) -> None:
    (folder / "p0.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")

    report = evaluate(collection, read_beir(folder))

    assert [failure.name for failure in report.failures] == ["p0"]
    assert report.to_dict()["num_failed"] == 1


def test_a_query_that_cannot_be_read_fails_alone_and_finds_nothing(folder: Path, collection: Collection) -> None:
    (folder / "p1.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")

    report = evaluate(collection, read_beir(folder), depth=5)

    assert [(failure.name, failure.error.item_code) for failure in report.failures] == [
        ("p1", "corrupt"),
        ("qp", "corrupt"),
    ]
    assert "qp" not in report.tasks[0].runs.shipped
    assert report.tasks[0].num_queries == 6


def test_ids_of_texts_are_no_words_to_match(folder: Path, collection: Collection) -> None:
    evaluate(collection, read_beir(folder), depth=5)

    assert sorted({item.name for item in collection.items()}) == ["", "p0.png", "p1.png"]


def test_the_run_file_is_read_by_trec_eval_in_the_order_shown(folder: Path, collection: Collection) -> None:
    run = evaluate(collection, read_beir(folder), depth=3).tasks[0].runs.shipped

    lines = [line.split(" ") for line in trec_lines(run, "tag")]

    assert [line[2] for line in lines if line[0] == "q1"] == list(run["q1"])
    assert {len(line) for line in lines} == {6}
    assert [line[3] for line in lines[:3]] == ["1", "2", "3"]


def test_no_depth_is_refused(folder: Path, collection: Collection) -> None:
    with pytest.raises(UsageError, match="depth is 0"):
        evaluate(collection, read_beir(folder), depth=0)


def spoil_line(folder: Path) -> None:
    with (folder / "corpus.jsonl").open("a") as file:
        file.write("not json\n")


def spoil_id(folder: Path) -> None:
    with (folder / "corpus.jsonl").open("a") as file:
        file.write('{"text": "nameless"}\n')


def spoil_twice(folder: Path) -> None:
    with (folder / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "t1", "text": "again"}\n')


def spoil_empty(folder: Path) -> None:
    with (folder / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "t99", "text": " "}\n')


def spoil_path(folder: Path) -> None:
    with (folder / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "t99", "image": "../secret.png"}\n')


def spoil_missing(folder: Path) -> None:
    with (folder / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "t99", "image": "none.png"}\n')


def spoil_grade(folder: Path) -> None:
    with (folder / "qrels" / "test.tsv").open("a") as file:
        file.write("q1\tt1\tgood\n")


def spoil_qrels(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tnowhere\t1\n")


def spoil_queries(folder: Path) -> None:
    (folder / "queries.jsonl").unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_line, "Line 11 of .* is not JSON"),
        (spoil_id, "has no _id"),
        (spoil_twice, "holds the document 't1' twice"),
        (spoil_empty, "neither text nor a file"),
        (spoil_path, "outside the folder"),
        (spoil_missing, "which is not there"),
        (spoil_grade, "is not a query, a document and a whole grade"),
        (spoil_qrels, "No query of .* has a relevant document"),
        (spoil_queries, "cannot be read"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_folder_that_makes_no_sense_says_where(folder: Path, spoil: Callable[[Path], None], words: str) -> None:
    spoil(folder)

    with pytest.raises(UsageError, match=words):
        read_beir(folder)


def test_qrels_may_have_four_columns_as_trecs_do(folder: Path) -> None:
    (folder / "qrels" / "dev.tsv").write_text("q1\t0\tt1\t1\n")

    dataset: Dataset = read_beir(folder, split="dev")

    assert dataset.tasks[0].parts[0].judgments == {"q1": {"t1": 1}}


def shown(report: EvaluationReport) -> list[str]:
    return [each["measure"] for each in report.to_dict()["tasks"][0]["figures"]]


def test_cutoffs_past_the_depth_are_not_shown(folder: Path, collection: Collection) -> None:
    report = evaluate(collection, read_beir(folder), depth=10)

    assert "nDCG@10" in shown(report)
    assert "nDCG@100" not in shown(report)
