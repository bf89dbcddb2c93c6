"""A benchmark's table has one place, between its markers in docs/benchmarks.md; this puts it there."""

from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["as_table", "insert", "write_table"]

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
END = "<!-- end -->"


def as_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; the first column holds words, the others are set flush right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *([str(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def insert(page: str, name: str, content: str) -> str:
    """The page with new content between the markers of one table.

    Raises:
        ValueError: the page has no place for it.
    """
    start = f"<!-- table: {name} -->\n"
    before, found, rest = page.partition(start)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"the page has no table called '{name}': add '{start.strip()}' and '{END}'")
    return f"{before}{start}\n{content.strip()}\n\n{END}{after}"


def write_table(name: str, content: str) -> None:
    """Put a table, and what is said with it, into docs/benchmarks.md."""
    PAGE.write_text(insert(PAGE.read_text("utf-8"), name, content), "utf-8")
