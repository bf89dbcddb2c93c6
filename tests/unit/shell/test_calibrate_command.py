"""``commonspace calibrate`` and ``commonspace evaluate``, from the command line to what they leave behind."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commonspace.core.errors import UsageError
from commonspace.ingest.source import Source
from commonspace.shell import wire
from commonspace.shell.cli.app import build
from commonspace.shell.cli.calibrate import read_pairs, read_queries
from commonspace.shell.cli.wiring import House
from tests.unit.evaluate.layouts import coco, imagenet

WORDS = ("a red house", "a small dog", "the open sea", "a loud bell", "fresh bread", "an old castle", "green apples")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(build(House()), list(arguments))
    return result.exit_code, result.stdout


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some texts in the embedded space."""
    path = tmp_path_factory.mktemp("calibrated") / "notes.cs"
    texts = [f"{WORDS[number % 7]} number {number} in the year {1900 + number}" for number in range(28)]
    with wire.open_collection(path, create=True) as collection:
        prepare = collection.embedder.preparer
        sources = [
            Source(uri=f"note:{place}", name=f"note-{place}.txt", origin=text) for place, text in enumerate(texts)
        ]
        collection.add([prepare(source) for source in sources])
    return path


def chances(store: Path) -> list[float | None]:
    """How likely the hits of one query are said to be relevant."""
    with wire.open_collection(store) as collection:
        return [hit.probability for hit in collection.search("a small dog", k=3)]


def test_a_store_is_calibrated_used_and_set_back(store: Path, tmp_path: Path) -> None:
    lines = [f"{WORDS[number % 7]} of {1900 + number}\tnote-{number}.txt" for number in range(28)]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines))
    before = chances(store)

    code, out = run("calibrate", "--store", str(store), "--pairs", str(tmp_path / "pairs.tsv"), "--json")
    told, own = json.loads(out), chances(store)
    code_back, back = run("calibrate", "--store", str(store), "--forget", "--json")

    assert code == code_back == 0
    assert told["judged_by"] == "pairs"
    assert [each["direction"] for each in told["directions"]] == ["text->text"]
    assert told["adopted"]
    assert own != before
    assert json.loads(back) == {"forgotten": True}
    assert chances(store) == before


def test_what_was_found_is_a_table(store: Path, tmp_path: Path) -> None:
    (tmp_path / "asked.txt").write_text("a boat\na tree\n")

    code, table = run("calibrate", "--store", str(store), "--queries", str(tmp_path / "asked.txt"))

    assert code == 0
    assert "R@1 gain" in table
    assert "judged by the items' names" in table


def test_forgetting_what_is_not_there_says_so(store: Path) -> None:
    assert run("calibrate", "--store", str(store), "--forget") == (0, "There was nothing to forget.\n")
    assert run("calibrate", "--store", str(store), "--forget", "--queries", "q.txt")[0] == 1


def test_pairs_are_read_from_tabs_and_json(tmp_path: Path) -> None:
    lines = ["a dog\tdog.jpg", "", "soup\t", '{"text": "a cat", "item": null}', '{"file": "x.png", "item": "y.png"}']
    (tmp_path / "pairs.txt").write_text("\n".join(lines))

    assert list(read_pairs(tmp_path / "pairs.txt")) == [
        ("a dog", "dog.jpg"),
        ("soup", None),
        ("a cat", None),
        (tmp_path / "x.png", "y.png"),
    ]


@pytest.mark.parametrize(
    "line",
    ["a dog", "\tdog.jpg", "{}", '{"text": "a", "file": "b", "item": "c"}', '{"text": "a", "item": 3}', "{broken"],
    ids=["no-tab", "no-query", "nothing", "both", "number", "broken"],
)
def test_a_line_that_is_no_pair_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "pairs.txt").write_text(f"a cat\tcat.jpg\n{line}\n")

    with pytest.raises(UsageError, match=r"Line 2 of .* is no pair"):
        list(read_pairs(tmp_path / "pairs.txt"))


@pytest.mark.parametrize("read", [read_queries, read_pairs], ids=["queries", "pairs"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        list(read(tmp_path / "nowhere.txt"))  # type: ignore[call-overload]


def test_a_beir_folder_is_measured_in_a_store_that_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": f"d{number}", "title": "", "text": words} for number, words in enumerate(WORDS)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(each) + "\n" for each in corpus))
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "a little dog"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td1\t1\n")
    command = ("evaluate", "beir", str(folder), "--store", str(tmp_path / "kept.cs"))

    code, out = run(*command, "--json", "--run", str(tmp_path / "run.txt"))
    code_again, table = run(*command)

    told = json.loads(out)
    figures = {each["measure"]: each for each in told["tasks"][0]["figures"]}
    assert code == code_again == 0
    assert (told["tasks"][0]["num_documents"], told["tasks"][0]["num_queries"]) == (7, 1)
    assert figures["hit@1"]["shipped"]["value"] == figures["hit@1"]["encoder"]["value"] == 1.0
    assert (tmp_path / "run.txt").read_text().splitlines()[0].startswith("q Q0 d1 1 1 ")
    assert "nDCG@10" in table
    assert (tmp_path / "kept.cs").is_dir()
    assert run("evaluate", "beir", str(tmp_path / "none"))[0] == 1


def test_words_in_file_names_count_as_users_get_them_and_the_report_says_what_they_do(tmp_path: Path) -> None:
    folder = coco(tmp_path / "coco")
    path = folder / "annotations" / "captions_val2017.json"
    told = json.loads(path.read_text())
    for image, word in zip(told["images"], ("abacus", "basalt", "cicada", "dahlia", "ermine", "fennel"), strict=True):
        (folder / "val2017" / image["file_name"]).rename(folder / "val2017" / f"{word}.jpg")
        image["file_name"] = f"{word}.jpg"
        for said in told["annotations"]:
            said["caption"] = f"{word} {said['id']}" if said["image_id"] == image["id"] else said["caption"]
    path.write_text(json.dumps(told))

    code, out = run("evaluate", "coco", str(folder), "--json", "--run", str(tmp_path / "coco.run"))

    words, media = json.loads(out)["tasks"]
    first = {each["measure"]: each for each in words["figures"]}["hit@1"]
    assert code == 0
    assert first["shipped"]["value"] == 1.0 > first["vectors"]["value"]
    assert first["words"]["value"] == pytest.approx(first["shipped"]["value"] - first["vectors"]["value"])
    assert all(each["words"]["value"] == 0.0 for each in media["figures"])
    assert sorted(each.name for each in tmp_path.glob("*.run")) == ["coco.image-text.run", "coco.text-image.run"]


def test_what_cannot_be_used_is_told_beside_the_table_and_by_the_exit(tmp_path: Path) -> None:
    (imagenet(tmp_path / "imagenet") / "val" / "n01440764" / "readme.txt").write_text("x")

    code, table = run("evaluate", "imagenet", str(tmp_path / "imagenet"))

    assert code == 3
    assert "image->class: 9 queries, 3 documents" in table
    assert "3 classes, 8 templates a class" in table
    assert "without" in table


@pytest.mark.parametrize("name", ["coco", "imagenet", "audiocaps"])
def test_a_folder_without_a_dataset_is_refused_before_a_model_is_loaded(tmp_path: Path, name: str) -> None:
    assert run("evaluate", name, str(tmp_path)) == (1, "")
