"""The tutorial's files and commands run as they stand there, in order, on the small set that the repository carries."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.house.markdown import blocks

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/tutorial-align.md").read_text("utf-8")
TITLED = re.compile(r'^```\w+ title="([\w.-]+)"\n(.*?)^```', re.MULTILINE | re.DOTALL)
COMMANDLINE = ["-c", "from commonspace.shell.cli import main; main()"]


def run(command: list[str], folder: Path) -> str:
    """Run one command of the page, a Python script or the commonspace command, and expect it to end well."""
    known = {"python": [], "commonspace": COMMANDLINE}
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "COLUMNS": "160"}
    answer = subprocess.run(
        [sys.executable, *known[command[0]], *command[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert answer.returncode == 0, f"{shlex.join(command)}\n{answer.stdout[-2000:]}\n{answer.stderr[-2000:]}"
    return answer.stdout


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder in which every file of the page was saved and every command run, and what the commands said."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "tests").symlink_to(ROOT / "tests", target_is_directory=True)
    for name, body in TITLED.findall(PAGE):
        (folder / name).write_text(body, "utf-8")
    lines = [line.removeprefix("$ ") for block in blocks(PAGE, "console") for line in block.splitlines()]
    return folder, [run(shlex.split(line), folder) for line in lines]


def test_the_page_has_its_three_steps() -> None:
    assert [name for name, _ in TITLED.findall(PAGE)] == ["prepare.py", "recipe.toml", "use.py"]
    assert len(blocks(PAGE, "console")) == 3


def test_the_head_is_promoted_and_finds_held_out_concepts_better_than_chance(said: tuple[Path, list[str]]) -> None:
    folder, _ = said
    manifest = json.loads((folder / "my-run/manifest.json").read_text("utf-8"))

    assert manifest["gate"]["promoted"]
    trained = [each["R@5"] for each in manifest["figures"] if each["system"] == "trained"]
    assert len(trained) == 2
    assert np.mean([each["value"] for each in trained]) > 1.2 * np.mean([each["chance"] for each in trained])


def test_the_run_says_how_training_compares_with_every_closed_form(said: tuple[Path, list[str]]) -> None:
    _, answers = said

    assert [name for name in ("ridge", "procrustes", "cca") if f", {name} 0." in answers[1]] == [
        "ridge",
        "procrustes",
        "cca",
    ]
    assert answers[1].count("training ") >= 3


def test_the_promoted_head_is_used_without_torch(said: tuple[Path, list[str]]) -> None:
    folder, answers = said

    assert answers[2].count(" -> images/") == 4
    assert sorted(path.name for path in (folder / "my-run/promoted/image").iterdir()) == [
        "head.json",
        "head.safetensors",
    ]
