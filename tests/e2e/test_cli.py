"""The command line over the embedded space: real files, real store, real vectors."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import av
import numpy as np
import pytest
import soundfile
from PIL import Image
from typer.testing import CliRunner, Result

import commonspace
from commonspace.shell.cli import build
from commonspace.shell.cli.wiring import House

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "tests" / "data" / "labelled" / "images"
HOSTILE = "\x1b[31m<script>alert(1)<!--script>.txt"
NUM_PICTURES = 100
"""More than a batch and what one worker is handed ahead, so that a batch is stored before the last source is read."""


def run(*arguments: str | Path) -> Result:
    """Run a command in this process, over the real house."""
    return CliRunner().invoke(build(House()), [str(argument) for argument in arguments])


def film(path: Path, stills: Sequence[Path]) -> None:
    """A video that shows each still for three seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 224, 224, "yuv420p"
        for still in stills:
            frame = av.VideoFrame.from_image(Image.open(still).convert("RGB").resize((224, 224)))
            for _ in range(15):
                frame.pts = None
                container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    for name in ("piano_1.jpg", "bicycle_1.jpg", "bear_1.jpg"):
        shutil.copy(PICTURES / name, folder)
    film(folder / "film.mp4", [PICTURES / "bear_1.jpg", PICTURES / "piano_1.jpg"])
    soundfile.write(folder / "hiss.wav", np.random.default_rng(0).normal(0, 0.1, 32_000), 16_000)
    (folder / "note.md").write_text("# Music\n\nShe plays the grand piano every evening.\n")
    (folder / HOSTILE).write_text("Nothing to see here.")
    (folder / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    return folder


@pytest.fixture(scope="module")
def indexed(media: Path) -> tuple[Path, Result]:
    store = media.parent / "media.cs"
    return store, run("index", media, "--store", store, "--json")


@pytest.fixture(scope="module")
def store(indexed: tuple[Path, Result]) -> Path:
    return indexed[0]


def hits(*arguments: str | Path) -> list[dict[str, object]]:
    result = run("search", *arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    found: list[dict[str, object]] = json.loads(result.stdout)["hits"]
    return found


def test_indexing_takes_what_it_can_and_names_the_rest(indexed: tuple[Path, Result], media: Path) -> None:
    store, result = indexed

    assert result.exit_code == 3
    document = json.loads(result.stdout)
    assert document["items"] == {"text": 2, "image": 3, "audio": 1, "video": 1}
    assert (document["added"], document["failed"]) == (7, 1)
    (failure,) = [json.loads(line) for line in (store / "failures.jsonl").read_text().splitlines()]
    assert (failure["uri"], failure["code"]) == ((media / "torn.png").as_uri(), "corrupt")
    assert failure["cause"]
    assert failure["fix"]


def test_a_text_finds_the_picture_that_shows_it(store: Path) -> None:
    for word in ("piano", "bicycle", "bear"):
        first = hits(f"a photo of a {word}", "--modality", "image", "--store", store)[0]
        assert (first["name"], first["rank"]) == (f"{word}_1.jpg", 1)


def test_a_picture_finds_the_text_about_it(store: Path) -> None:
    first = hits("--image", PICTURES / "piano_1.jpg", "--modality", "text", "--store", store)[0]

    assert first["name"] == "note.md"
    assert "grand piano" in str(first["segment"])


def test_a_moment_in_a_video_is_found(store: Path) -> None:
    (found,) = hits("--image", PICTURES / "piano_1.jpg", "--modality", "video", "--store", store)

    segment = found["segment"]
    assert isinstance(segment, dict)
    assert 2.0 <= segment["start_seconds"] < segment["end_seconds"] <= 6.5


def test_a_sound_is_a_query_too(store: Path, media: Path) -> None:
    first = hits("--audio", media / "hiss.wav", "-k", "1", "--store", store)[0]

    assert (first["name"], first["score"]) == ("hiss.wav", pytest.approx(1.0, abs=1e-3))


def test_hostile_names_print_as_text(store: Path) -> None:
    result = run("search", "nothing to see", "--modality", "text", "--store", store)

    assert "<script>" in result.stdout
    assert "\x1b" not in result.stdout


def test_indexing_again_changes_nothing(store: Path, media: Path) -> None:
    document = json.loads(run("index", media, "--store", store, "--json").stdout)

    assert (document["added"], document["updated"], document["unchanged"], document["failed"]) == (0, 0, 7, 1)


def test_what_is_removed_is_not_found(media: Path, store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.cs"
    shutil.copytree(store, copy)

    assert run("remove", media / "film.mp4", "--store", copy).stdout == "Removed 1 item.\n"
    assert hits("a piano", "--modality", "video", "--store", copy) == []
    assert json.loads(run("info", "--store", copy, "--json").stdout)["num_items"] == 6


def test_embed_agrees_with_python(media: Path, tmp_path: Path) -> None:
    items = ["a red car", media / "bear_1.jpg", media / "hiss.wav"]

    assert run("embed", *items, "--npy", tmp_path / "vectors.npy").exit_code == 0

    rows = np.load(tmp_path / "vectors.npy", allow_pickle=False)
    np.testing.assert_allclose(rows, commonspace.load("nano").embed(items), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


def test_models_tells_of_the_embedded_space() -> None:
    cards = json.loads(run("models", "--json").stdout)["spaces"]
    nano = next(card for card in cards if card["name"] == "nano")

    assert (nano["dimension"], nano["modalities"]) == (384, ["text", "image", "audio", "video"])


def test_a_search_without_a_store_says_how_to_make_one(tmp_path: Path) -> None:
    result = run("search", "dog", "--store", tmp_path / "none.cs", "--json")

    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (1, "store_not_found")


def test_a_reader_that_leaves_early_sees_no_traceback(store: Path) -> None:
    command = [sys.executable, "-m", "commonspace", "search", "a piano", "--store", str(store), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()

    assert "Traceback" not in said


@contextmanager
def in_terminal(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a command in a pseudo terminal; its process, and the end where a person would sit."""
    person, terminal = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TERM": "xterm-256color", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "commonspace", *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, start_new_session=True
    ) as process:
        os.close(terminal)
        try:
            yield process, person
        finally:
            process.kill()
            os.close(person)


def screen_text(screen: int) -> Iterator[str]:
    """Everything shown so far, again after each change, until the program has gone."""
    shown = b""
    while True:
        try:
            shown += os.read(screen, 65_536)
        except OSError:  # how Linux says that nobody is at the other end
            return
        yield shown.decode("utf-8", "replace")


def test_ctrl_c_keeps_what_is_done_and_says_how_to_resume(tmp_path: Path) -> None:
    """The terminal's keyboard is the last source: reading it waits, so the interrupt always meets a run half done."""
    folder, store = tmp_path / "pictures", tmp_path / "pictures.cs"
    folder.mkdir()
    for place, path in enumerate(sorted(PICTURES.glob("*.jpg"))[:NUM_PICTURES]):
        shutil.copy(path, folder / f"{place:03}.jpg")

    shown, pressed = "", False
    with in_terminal("index", folder, "-", "--store", store, "--workers", "1") as (process, screen):
        for shown in screen_text(screen):
            if not pressed and f"64/{NUM_PICTURES + 1}" in shown:
                os.killpg(process.pid, signal.SIGINT)  # what a terminal does on Ctrl-C
                pressed = True
        code = process.wait()

    assert (pressed, code) == (True, 130)
    assert "Interrupted." in shown
    assert "Run the same command again to resume" in shown
    assert "\x1b[3" not in shown.replace("\x1b[3m", "")  # no colours
    kept = json.loads(run("info", "--store", store, "--json").stdout)["num_items"]
    assert kept >= 64
    again = json.loads(run("index", folder, "--store", store, "--json").stdout)
    assert (again["unchanged"], again["added"], again["items"]) == (kept, NUM_PICTURES - kept, {"image": NUM_PICTURES})


def test_python_m_commonspace_is_the_same_command(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "commonspace", "settings", "show", "--json"]

    answer = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path, env=environment, timeout=60)

    assert json.loads(answer.stdout)["settings"]["model"] == {"value": "nano", "source": "default"}


def test_uris_lead_back_to_the_files(store: Path, media: Path) -> None:
    for found in hits("anything at all", "-k", "20", "--store", store):
        path = Path(unquote(str(found["uri"]).removeprefix("file://")))
        assert path.parent == media
        assert path.is_file()
