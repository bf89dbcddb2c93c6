"""``index tune`` and ``index advise``: measured on a store's own vectors, or worked out; what is picked is kept."""

import json
from pathlib import Path

import numpy as np
import pytest

from commonspace.core.modality import Modality
from commonspace.core.vectors import unit
from commonspace.index.kinds import Choice, Kind
from commonspace.index.records import Entry, StoredItem, StoredSegment, item_id
from commonspace.index.store import Store
from tests.fakes import FAKE_SPACE
from tests.unit.shell.conftest import Run


def entry_of(uri: str, tower: Modality, count: int, seed: int) -> Entry:
    rows = np.random.default_rng(seed).standard_normal((count, FAKE_SPACE.dimension)).astype(np.float32)
    item = StoredItem(
        id=item_id(uri), uri=uri, name=uri, modality=tower, media_type="a/b", content_hash=uri, num_bytes=1
    )
    return Entry(item=item, segments=(StoredSegment(modality=tower),) * count, vectors=unit(rows))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """2,500 vectors of pictures and 60 of texts."""
    path = tmp_path / "media.cs"
    with Store.create(path, FAKE_SPACE) as made:
        made.put([entry_of("file:///album", Modality.IMAGE, 2_500, 0), entry_of("file:///notes", Modality.TEXT, 60, 1)])
    return path


def choice_of(store: Path) -> Choice | None:
    with Store.open(store, writable=False) as opened:
        return opened.choice


def test_what_is_picked_is_kept_and_the_queries_are_of_the_other_modality(run: Run, store: Path) -> None:
    result = run("index", "tune", "--store", store, "--recall", "0.9", "--kind", "scan", "--kind", "flat", "--json")

    document = json.loads(result.stdout)
    picked = document["picked"]["choice"]
    assert (document["target"], document["asked_by"]) == ("image", ["text"])
    assert (document["num_vectors"], document["num_queries"]) == (2_500, 60)
    assert document["picked"]["recall"] >= 0.9
    assert choice_of(store) == Choice(kind=Kind(picked["kind"]), depth=picked["depth"], effort=picked["effort"])
    assert {trial["choice"]["kind"] for trial in document["trials"]} == {"scan", "flat"}


def test_the_table_the_curve_and_the_page_tell_every_trial(run: Run, store: Path, tmp_path: Path) -> None:
    result = run("index", "tune", "--store", store, "--kind", "scan", "--kind", "binary", "--report", "tuned.html")

    page = (tmp_path / "tuned.html").read_text("utf-8")
    assert result.exit_code == 0, result.stdout
    assert result.stdout.count("scan ") >= 5
    assert "recall" in result.stdout
    assert "o scan, f binary" in result.stdout
    assert "60 of text" in result.stdout
    assert page.count("<tr>") >= 10 + 4
    assert "<polyline" in page
    assert "<script" not in page


def test_a_dry_run_keeps_nothing(run: Run, store: Path) -> None:
    assert run("index", "tune", "--store", store, "--kind", "flat", "--dry-run").exit_code == 0

    assert choice_of(store) is None


def test_when_none_will_do_the_store_stays_as_it_is(run: Run, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commonspace.index.tune.BINARY_DEPTHS", (1,))

    result = run("index", "tune", "--store", store, "--kind", "binary", "--recall", "1", "--json")

    assert result.exit_code == 1
    assert "--kind flat" in json.loads(result.stdout)["error"]["fix"]
    assert choice_of(store) is None


def test_queries_may_be_lines_of_a_file(run: Run, store: Path, tmp_path: Path) -> None:
    (tmp_path / "asked.txt").write_text("a dog\n\nrain\n", "utf-8")

    result = run("index", "tune", "--store", store, "--queries", "asked.txt", "--kind", "flat", "--json")

    assert json.loads(result.stdout)["num_queries"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--recall", "1.5"], "is no share"),
        (["--kind", "crystal"], "There is no index 'crystal'"),
        (["--queries", "nowhere.txt"], "cannot be read"),
        (["--kind", "flat", "--report", "no/such/folder.html"], "cannot be written"),
    ],
    ids=["recall", "kind", "queries", "report"],
)
def test_what_makes_no_sense_is_answered_with_a_fix(run: Run, store: Path, arguments: list[str], said: str) -> None:
    result = run("index", "tune", "--store", store, *arguments)

    assert result.exit_code == 1
    assert said in result.stderr
    assert "fix: " in result.stderr


def test_a_store_without_another_modality_is_told_so(run: Run, tmp_path: Path) -> None:
    with Store.create(tmp_path / "one.cs", FAKE_SPACE) as made:
        made.put([entry_of("file:///album", Modality.IMAGE, 30, 0)])

    result = run("index", "tune", "--store", "one.cs", "--kind", "flat")

    assert "there is no other" in result.stdout


def test_an_empty_store_cannot_be_tuned(run: Run, tmp_path: Path) -> None:
    Store.create(tmp_path / "none.cs", FAKE_SPACE).close()

    assert "is empty" in run("index", "tune", "--store", "none.cs").stderr


def test_a_path_named_tune_or_advise_can_still_be_indexed(run: Run, house: object) -> None:
    run("index", "./tune", "advise", "--store", "media.cs")

    assert house.collection.asked == [["./tune", "advise"]]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "kind", "networked"),
    [
        (["--vectors", "5000"], "flat", None),
        (["--vectors", "400000"], "scan", None),
        (["--vectors", "400000", "--recall", "1"], "flat", None),
        (["--vectors", "5000000"], "ivf-rabitq", None),
        (["--vectors", "20000000", "--memory", "4"], "ivf-rabitq", None),
        (["--vectors", "900000000", "--memory", "16", "--updates", "100000"], "ivf-rabitq", "milvus"),
        (["--vectors", "900000000", "--memory", "16"], "ivf-rabitq", "lance"),
    ],
    ids=["small", "medium", "all of them", "large", "little memory", "too large, changing", "too large, still"],
)
def test_advice_follows_size_memory_and_recall(
    run: Run, arguments: list[str], kind: str, networked: str | None
) -> None:
    document = json.loads(run("index", "advise", *arguments, "--json").stdout)

    assert (document["best"]["kind"], document["networked"]) == (kind, networked)
    assert document["why"]


def test_advice_reads_the_size_from_a_store(run: Run, store: Path) -> None:
    document = json.loads(run("index", "advise", "--store", store, "--json").stdout)

    assert (document["wish"]["num_vectors"], document["wish"]["dimension"]) == (2_560, FAKE_SPACE.dimension)


def test_advice_says_why_what_it_costs_and_when_it_is_rebuilt(run: Run) -> None:
    printed = run("index", "advise", "--vectors", "5000000", "--updates", "2000000").stdout

    for words in ("inverted lists", "memory: ", "mapped from disk", "build: ", "rebuilt: ", "times a day", "hnsw-sq8"):
        assert words in printed


def test_advice_needs_a_size(run: Run) -> None:
    assert "--vectors" in run("index", "advise").stderr
