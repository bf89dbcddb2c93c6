"""Every Python block of docs/exports.md runs; what it leaves to the reader (texts, tasks, a harness) is handed in."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import mteb
import pytest

from commonspace.core.modality import Modality
from tests.house.markdown import blocks

pytestmark = pytest.mark.filterwarnings("default")  # mteb's and its libraries' own

PAGE = Path(__file__).parents[2] / "docs" / "exports.md"


def test_every_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    harness, registry = ModuleType("clip_benchmark"), ModuleType("clip_benchmark.models")
    registry.TYPE2FUNC = {}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "clip_benchmark", harness)
    monkeypatch.setitem(sys.modules, "clip_benchmark.models", registry)
    evaluated: list[Any] = []
    monkeypatch.setattr(mteb, "evaluate", lambda model, tasks: evaluated.append((model, tasks)))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"texts": ["a dog", "a cat", "rain", "snow"], "labels": [0, 0, 1, 1], "tasks": []}

    for block in blocks(PAGE.read_text("utf-8"), "python"):
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102  # the page's own

    assert names["again"].space == names["commonspace"].load("nano").space
    assert (tmp_path / "nano-text" / "modules.json").is_file()
    assert list(names["model"].predict(names["texts"])) == names["labels"]
    assert [Modality.TEXT in model.mteb_model_meta.modalities for model, _ in evaluated] == [True, True]
    assert registry.TYPE2FUNC["commonspace"] is names["clip_benchmark"].load
