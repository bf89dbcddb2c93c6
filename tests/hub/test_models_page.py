"""docs/models.md lists every family there is an adapter for, and its parity table is made from what tests recorded."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.parity import table_of
from commonspace.encode.hub.families import FAMILIES

ROOT = Path(__file__).parents[2]
LISTING = """
import contextlib, io, json, sys
from commonspace.shell.cli import main
sys.argv = ["commonspace", "models", "list", "--json"]
said = io.BytesIO()
with contextlib.redirect_stdout(io.TextIOWrapper(said)), contextlib.suppress(SystemExit):
    main()
print(json.dumps([sorted(name for name in sys.modules if "." not in name), json.loads(said.getvalue())]))
"""
QUIET = """
import sys
from commonspace.encode.runtime import openvino
openvino()
print(sys.modules["openvino_telemetry"])
"""


def ran(code: str) -> str:
    """What some code prints in a fresh interpreter."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT / "src", timeout=100).stdout


def test_every_family_is_in_the_table() -> None:
    page = (ROOT / "docs" / "models.md").read_text("utf-8")

    assert [family.name for family in FAMILIES if f"| `{family.name}` |" not in page] == []


def test_listing_models_loads_no_network_s_library() -> None:
    loaded, document = json.loads(ran(LISTING))

    assert set(loaded) & {"torch", "transformers", "sentence_transformers", "open_clip", "openvino"} == set()
    assert "nano" in [each["name"] for each in document["spaces"]]


def test_openvino_reports_to_nobody_that_it_was_imported() -> None:
    assert ran(QUIET) == "None\n"


def test_the_table_holds_the_worst_of_each_architecture() -> None:
    line = {"family": "f", "architecture": "a", "modality": "text", "least_cosine": 1.0, "batch_cosine": 1.0}

    table = table_of([{**line, "max_difference": 1e-7}, {**line, "max_difference": 2e-5, "batch_cosine": 1 - 1e-6}])

    assert table.splitlines()[2] == "| f | a | text | 1 - 0 | 2.0e-05 | 1 - 1e-06 |"
