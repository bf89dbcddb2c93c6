"""What README and docs show runs as it stands there: every command of the README, every Python block of both."""

import itertools
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.house.markdown import blocks, commands, pages

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples" / "media"
README = ROOT / "README.md"
ELSEWHERE = {"exports.md", "rag.md"}
"""Pages whose examples tests/e2e/test_{exports_page,rag}.py run; those of the others run here, in one go."""
ADDRESS = "http://127.0.0.1:7700"
RUN = "from commonspace.shell.cli import main; main()"


def smallest(suffix: str) -> Path:
    """The lightest sample of a type."""
    return min(SAMPLES.rglob(f"*{suffix}"), key=lambda path: (path.stat().st_size, path.name))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a folder of media, and the files that the examples name; ``samples/media`` in small."""
    folder = tmp_path_factory.mktemp("world")
    few = [
        smallest(suffix)
        for suffix in (".jpg", ".png", ".wav", ".ogg", ".txt", ".md")
        if any(SAMPLES.rglob(f"*{suffix}"))
    ]
    for place in ("media/old", "samples/media", "allowed/photos/2024"):
        (folder / place).mkdir(parents=True)
        for path in few:
            shutil.copy(path, folder / place)
    for name in ("dog.jpg", "photo.jpg"):
        shutil.copy(smallest(".jpg"), folder / name)
    for name in ("bark.wav",):
        shutil.copy(smallest(".wav"), folder / name)
    collection_in_beir_form(folder / "scifact")
    return folder


def collection_in_beir_form(folder: Path) -> None:
    """Two documents and a question, laid out as BEIR's collections are."""
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": "1", "title": "Herons", "text": "A heron fishes."}, {"_id": "2", "text": "Rain falls."}]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(each) + "\n" for each in documents))
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "a bird that fishes"}) + "\n")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\t1\t1\n")


def surroundings(world: Path) -> dict[str, str]:
    """The environment of somebody who lives in the world."""
    return {**os.environ, "HOME": str(world), "PYTHONPATH": os.pathsep.join(sys.path)}


def run(arguments: list[str], world: Path, **variables: str) -> None:
    """Run Python in the world and expect it to end well."""
    answer = subprocess.run(
        [sys.executable, *arguments],
        cwd=world,
        env={**surroundings(world), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert answer.returncode == 0, f"{shlex.join(arguments)}\n{answer.stdout[-2000:]}\n{answer.stderr[-2000:]}"


@contextmanager
def served(arguments: list[str], world: Path) -> Iterator[str]:
    """The service as the README starts it, on another port, stopped as a person would; where it is."""
    command = [
        sys.executable,
        "-c",
        RUN,
        *arguments,
        "--port",
        "0",
        "--json",
        "--set",
        f"server.folders={world / 'allowed'}",
    ]
    with subprocess.Popen(command, cwd=world, env=surroundings(world), stdout=subprocess.PIPE, text=True) as process:
        try:
            said = itertools.takewhile(lambda line: line.strip() != "}", process.stdout or ())
            yield json.loads("".join([*said, "}"]))["url"]
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == 0


def ask(url: str) -> None:
    """Ask the service what the README asks it."""
    lines = "\n".join(blocks(README.read_text("utf-8"), "bash")).splitlines()
    (asking,) = [shlex.split(line) for line in lines if line.startswith("curl ")]
    answer = httpx.post(asking[2].replace(ADDRESS, url), json=json.loads(asking[4]), timeout=60)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["data"][0]["embedding"]) == json.loads(asking[4])["dimensions"]


def test_the_commands_of_the_readme_and_then_every_python_block_run(world: Path) -> None:
    shown = commands(README.read_text("utf-8"))
    assert len(shown) > 5
    (serving,) = [arguments for arguments in shown if arguments[0] == "serve"]
    for arguments in shown:
        if arguments is not serving:
            run(["-c", RUN, *(each.replace("~", str(world)) for each in arguments)], world)

    found = {page.name: blocks(page.read_text("utf-8"), "python") for page in pages(ROOT) if page.name not in ELSEWHERE}
    python = [block for each in found.values() for block in each]
    assert len(python) > 2
    with served(serving, world) as url:
        ask(url)
        together = "\n".join(block.replace(ADDRESS, url) for block in python)
        run(["-W", "error", "-c", together], world, COMMONSPACE_URL=url)
