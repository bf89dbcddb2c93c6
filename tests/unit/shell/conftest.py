"""A command line over the fake house, in an empty folder."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from commonspace.shell.cli import build
from tests.unit.shell.fake_house import FakeHouse

Run = Callable[..., Result]


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse()


@pytest.fixture
def run(house: FakeHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``commonspace`` with some arguments, in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    app = build(house)

    def call(*arguments: str | Path, stdin: str | None = None) -> Result:
        given: Sequence[str] = [str(argument) for argument in arguments]
        return CliRunner().invoke(app, given, input=stdin)

    return call
