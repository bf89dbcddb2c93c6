"""What README and docs show runs as it stands there: every command of the README, every Python block of both."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.markdown import blocks, commands, pages

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples" / "media"
README = ROOT / "README.md"
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
    for place in ("media/old", "samples/media"):
        (folder / place).mkdir(parents=True)
        for path in few:
            shutil.copy(path, folder / place)
    for name in ("dog.jpg", "photo.jpg"):
        shutil.copy(smallest(".jpg"), folder / name)
    for name in ("bark.wav",):
        shutil.copy(smallest(".wav"), folder / name)
    return folder


def run(arguments: list[str], world: Path) -> None:
    """Run Python in the world and expect it to end well."""
    environment = {**os.environ, "HOME": str(world), "PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run(
        [sys.executable, *arguments],
        cwd=world,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert answer.returncode == 0, f"{shlex.join(arguments)}\n{answer.stdout[-2000:]}\n{answer.stderr[-2000:]}"


def test_the_commands_of_the_readme_and_then_every_python_block_run(world: Path) -> None:
    shown = commands(README.read_text("utf-8"))
    assert len(shown) > 5
    for arguments in shown:
        run(["-c", RUN, *(each.replace("~", str(world)) for each in arguments)], world)

    python = [block for page in pages(ROOT) for block in blocks(page.read_text("utf-8"), "python")]
    assert len(python) > 2
    for block in python:
        run(["-W", "error", "-c", block], world)
