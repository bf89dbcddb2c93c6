"""``commonspace search``: one query in, hits out as a table, a document or a page."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from commonspace.core.errors import SpaceMismatch, StoreNotFound
from commonspace.core.item import Span
from commonspace.core.modality import Modality
from commonspace.retrieve.hit import Segment
from tests.unit.shell.conftest import Run
from tests.unit.shell.fake_house import FakeHouse, hit, passage


@pytest.fixture
def bark(tmp_path: Path) -> Path:
    path = tmp_path / "bark.wav"
    soundfile.write(path, np.zeros(800, dtype=np.float32), 8000)
    return path


@pytest.fixture
def dog(tmp_path: Path) -> Path:
    path = tmp_path / "dog.jpg"
    Image.new("RGB", (32, 24), "brown").save(path)
    return path


def test_json_is_one_document_and_nothing_else(run: Run, house: FakeHouse) -> None:
    part = Segment(modality=Modality.IMAGE, span=Span(start_seconds=3.0, end_seconds=4.0), text=None)
    house.collection.hits = [hit(), hit("walk.mp4", rank=2, modality=Modality.VIDEO, segment=part)]

    result = run("search", "dog barking in rain", "--store", "media.cs", "--json")

    assert (result.exit_code, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert list(document) == ["query", "space", "hits"]
    assert document["query"] == {"modality": "text", "text": "dog barking in rain"}
    assert document["space"]["name"] == "fake"
    first, second = document["hits"]
    assert {"rank", "id", "uri", "modality", "score", "segment", "metadata"} <= set(first)
    assert (first["rank"], first["uri"], first["score"]) == (1, "file:///media/rain.ogg", 0.432199)
    assert (first["segment"], first["metadata"]) == (None, {"seconds": 4.0})
    assert second["segment"] == {"modality": "image", "start_seconds": 3.0, "end_seconds": 4.0}


def test_the_table_names_rank_score_modality_name_and_segment(run: Run, house: FakeHouse) -> None:
    house.collection.hits = [hit("a.md", modality=Modality.TEXT, segment=passage("The dog  barked.", page=3))]

    lines = run("search", "dog", "--store", "media.cs").stdout.splitlines()

    assert "text query: dog" in lines[0]
    assert any(line.split()[:5] == ["rank", "score", "modality", "name", "segment"] for line in lines)
    assert any("0.432" in line and "a.md" in line and "page 3 “The dog barked.”" in line for line in lines)


def test_k_and_modality_reach_the_collection(run: Run, house: FakeHouse) -> None:
    run("search", "dog", "-k", "3", "--modality", "audio", "--store", "media.cs")

    assert house.collection.asked == [("dog", 3, Modality.AUDIO)]
    assert house.opened == [(Path("media.cs"), False)]
    assert house.collection.closed


@pytest.mark.parametrize("bad", [("-k", "0"), ("--modality", "smell"), ("--frobnicate",)])
def test_a_mistyped_option_exits_2(run: Run, bad: tuple[str, ...]) -> None:
    assert run("search", "dog", *bad).exit_code == 2


def test_a_file_of_the_right_kind_is_the_query(run: Run, house: FakeHouse, bark: Path) -> None:
    result = run("search", "--audio", bark, "--store", "media.cs", "--json")

    assert house.collection.asked == [(bark, 10, None)]
    assert json.loads(result.stdout)["query"] == {"modality": "audio", "uri": bark.as_uri()}


def test_a_sound_is_no_picture(run: Run, bark: Path) -> None:
    result = run("search", "--image", bark, "--store", "media.cs")

    assert result.exit_code == 1
    assert f"error: --image {bark} holds sound." in result.stderr
    assert f"fix: Use --audio {bark}" in result.stderr


def test_a_text_file_is_a_document(run: Run, house: FakeHouse, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("a dog")

    assert run("search", "--document", note, "--store", "media.cs").exit_code == 0
    assert house.collection.asked == [(note, 10, None)]


def test_a_missing_file_is_said_so(run: Run) -> None:
    result = run("search", "--image", "nope.jpg", "--store", "media.cs")

    assert (result.exit_code, "error: nope.jpg is not a file." in result.stderr) == (1, True)


def test_no_query_is_an_error(run: Run) -> None:
    result = run("search", "--store", "media.cs")

    assert (result.exit_code, "nothing to search for" in result.stderr) == (1, True)


def test_a_dash_reads_the_query_from_standard_input(run: Run, house: FakeHouse) -> None:
    run("search", "-", "--store", "media.cs", stdin="a dog\n")

    assert house.collection.asked == [("a dog", 10, None)]


def test_an_empty_query_is_an_error(run: Run) -> None:
    assert "The query is empty." in run("search", " ", "--store", "media.cs").stderr


def test_errors_are_a_document_with_json(run: Run, house: FakeHouse) -> None:
    house.error = StoreNotFound("There is no store at media.cs.", fix="Make one: commonspace index ~/media")

    result = run("search", "dog", "--store", "media.cs", "--json")

    assert (result.exit_code, result.stderr) == (1, "")
    assert json.loads(result.stdout) == {
        "error": {
            "code": "store_not_found",
            "cause": "There is no store at media.cs.",
            "fix": "Make one: commonspace index ~/media",
        }
    }


def test_errors_are_two_lines_without_traceback(run: Run, house: FakeHouse) -> None:
    house.error = SpaceMismatch("This store holds vectors of 'a', not of 'b'.", fix="Open it with 'a'.")

    result = run("search", "dog", "--store", "media.cs")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "error: This store holds vectors of 'a', not of 'b'.",
        "fix: Open it with 'a'.",
    ]


def test_the_only_store_here_is_the_default(run: Run, house: FakeHouse) -> None:
    Path("photos.cs").mkdir()
    run("search", "dog")

    assert house.opened == [(Path("photos.cs"), False)]


def test_the_environment_names_the_store(run: Run, house: FakeHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONSPACE_STORE", "/data/all.cs")
    Path("photos.cs").mkdir()
    run("search", "dog")

    assert house.opened == [(Path("/data/all.cs"), False)]


def test_several_stores_here_are_not_guessed_between(run: Run) -> None:
    Path("a.cs").mkdir()
    Path("b.cs").mkdir()

    assert "Several stores are here: a.cs, b.cs." in run("search", "dog").stderr


def test_no_store_at_all_says_how_to_name_one(run: Run) -> None:
    assert "fix: Name one: --store media.cs" in run("search", "dog").stderr


def test_nothing_found_is_said_beside_the_answer(run: Run) -> None:
    result = run("search", "dog", "--store", "media.cs", "--modality", "video")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "no items of modality video" in result.stderr


def test_hostile_names_cannot_steer_the_terminal(run: Run, house: FakeHouse) -> None:
    name = "\x1b[31m[bold]x\u202egnp.\r\n"
    house.collection.hits = [hit(name, segment=passage("\x1b]0;owned\x07[red]"))]

    printed = run("search", "dog", "--store", "media.cs").stdout

    assert not any(char in printed for char in "\x1b\x07\u202e\r")
    assert "\\x1b[31m[bold]x" in printed


def test_nothing_is_drawn_into_a_pipe(run: Run, house: FakeHouse, dog: Path) -> None:
    house.collection.hits = [hit("dog.jpg", uri=dog.as_uri(), modality=Modality.IMAGE)]

    result = run("search", "dog", "--store", "media.cs", "--thumbnails")

    assert result.exit_code == 0
    assert "picture" not in result.stdout
    assert "\x1b" not in result.stdout


def test_a_name_that_is_not_utf8_still_gives_json(run: Run, house: FakeHouse) -> None:
    house.collection.hits = [hit("bad\udcff.ogg")]

    result = run("search", "dog", "--store", "media.cs", "--json")

    assert json.loads(result.stdout)["hits"][0]["name"] == "bad\\udcff.ogg"


def test_html_writes_a_page_and_the_answer_stays_clean(run: Run, house: FakeHouse, tmp_path: Path) -> None:
    house.collection.hits = [hit()]
    page = tmp_path / "sheet.html"

    result = run("search", "dog", "--store", "media.cs", "--json", "--html", page)

    assert json.loads(result.stdout)["hits"]
    assert "“dog”" in page.read_text("utf-8")


def test_a_page_that_cannot_be_written_is_an_error(run: Run, house: FakeHouse) -> None:
    house.collection.hits = [hit()]

    result = run("search", "dog", "--store", "media.cs", "--html", "no/such/folder.html")

    assert (result.exit_code, "cannot be written" in result.stderr) == (1, True)
