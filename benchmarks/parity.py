"""How near our vectors are to the reference library's, from a run of the parity tests, as a table of docs/models.md.

COMMONSPACE_PARITY=parity.jsonl pytest tests/hub && python -m benchmarks.parity parity.jsonl --write
"""

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.page import as_table, insert

__all__ = ["table_of"]

PAGE: Final = Path(__file__).parents[1] / "docs" / "models.md"
HEADER: Final = ("family", "architecture", "modality", "least cosine", "most difference", "least cosine in a batch")


def table_of(lines: Iterable[Mapping[str, Any]]) -> str:
    """One row an architecture and modality: the worst of what its tests recorded.

    The cosines are told as how far they are from one.
    """
    rows: dict[tuple[str, str, str], list[float]] = {}
    for line in lines:
        key = (str(line["family"]), str(line["architecture"]), str(line["modality"]))
        told = [1 - line["least_cosine"], line["max_difference"], 1 - line["batch_cosine"]]
        rows[key] = [max(pair) for pair in zip(rows.get(key, told), told, strict=True)]
    return as_table(
        HEADER,
        (
            (*key, _from_one(cosine), f"{most:.1e}", _from_one(batch))
            for key, (cosine, most, batch) in sorted(rows.items())
        ),
    )


def _from_one(distance: float) -> str:
    return "1 - 0" if distance < 1e-9 else f"1 - {distance:.0e}"


def main() -> None:
    """Print the table, or put it into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="what COMMONSPACE_PARITY named in the run")
    parser.add_argument("--write", action="store_true", help="put the table into docs/models.md")
    given = parser.parse_args()
    table = table_of(json.loads(line) for line in given.file.read_text("utf-8").splitlines() if line)
    if given.write:
        PAGE.write_text(insert(PAGE.read_text("utf-8"), "parity", table), "utf-8")
    else:
        print(table)


if __name__ == "__main__":
    main()
