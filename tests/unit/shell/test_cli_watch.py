"""``index --watch`` says one line a batch, and Ctrl-C is how it ends."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commonspace.shell.cli.app import build
from tests.unit.shell.fake_house import FakeCollection, FakeHouse, report


@pytest.mark.parametrize("as_json", [False, True], ids=["lines", "json"])
def test_a_batch_is_one_line_and_the_end_is_no_failure(tmp_path: Path, *, as_json: bool) -> None:
    collection = FakeCollection(outcome=report(added=2, removed=1))
    arguments = ["index", str(tmp_path), "--watch", "--store", str(tmp_path / "media.cs")]

    result = CliRunner().invoke(build(FakeHouse(collection)), [*arguments, *(["--json"] if as_json else [])])

    assert result.exit_code == 0, result.output
    assert collection.asked == [[str(tmp_path)]]
    (line,) = result.stdout.splitlines()
    if as_json:
        assert (json.loads(line)["added"], json.loads(line)["removed"]) == (2, 1)
    else:
        assert "2 added, 1 removed in 1.5 s" in line
    assert "Ctrl-C" in result.stderr
