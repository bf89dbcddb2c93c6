"""``commonspace embed``: texts and files in, vectors out, as JSON, NumPy or Parquet."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from commonspace.core.errors import ItemError
from commonspace.shell.cli.answer import console, error_fields, print_json, remark, remarks
from commonspace.shell.cli.options import AsJson, ModelName, Overrides, settings_for
from commonspace.shell.cli.request import ExitCode
from commonspace.shell.cli.wiring import Wiring
from commonspace.shell.wording import printable

if TYPE_CHECKING:
    from commonspace.core.space import Space
    from commonspace.encode.embedder import Embedding

__all__ = ["Embed", "answer_embed"]

NUMBERS_SHOWN = 4


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Embed:
    """Embed texts and files: an argument that is an existing file is a file, everything else is text.

    An item that cannot be embedded does not stop the others; the exit status is then 3.
    """

    items: Annotated[
        list[str], typer.Argument(metavar="ITEMS...", help="Texts and files; - reads a text from standard input.")
    ]
    text: Annotated[bool, typer.Option("--text", help="Every item is text, even if a file is called so.")] = False
    npy: Annotated[
        Path | None,
        typer.Option("--npy", metavar="FILE", help="Write a NumPy array: one float32 row an item, in order."),
    ] = None
    parquet: Annotated[Path | None, typer.Option("--parquet", metavar="FILE", help="Write a Parquet file.")] = None
    dimensions: Annotated[
        int | None,
        typer.Option("--dimensions", metavar="N", min=1, help="Cut vectors to a size that the space was trained for."),
    ] = None
    model: ModelName = None
    overrides: Overrides = field(default_factory=list)
    as_json: AsJson = False

    def values(self) -> list[str | Path]:
        """The items as the embedder takes them: ``str`` is text, ``Path`` a file."""
        return [_value(item, only_text=self.text) for item in self.items]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One item and its answer."""

    item: str | Path
    answer: "Embedding | ItemError"

    def to_dict(self) -> dict[str, Any]:
        """The row as it stands in JSON answers."""
        named = {"text": self.item} if isinstance(self.item, str) else {"uri": self.item.absolute().as_uri()}
        if isinstance(self.answer, ItemError):
            return {**named, "error": error_fields(self.answer)}
        answer = self.answer
        return {**named, "modality": answer.modality.value, "notes": list(answer.notes), "vector": answer.vector}


def answer_embed(request: Embed, wiring: Wiring) -> ExitCode:
    """Embed every item and hand the vectors out in every form that was asked for."""
    from commonspace.shell.vectors_file import require_parquet, write_npy, write_parquet

    if request.parquet is not None:
        require_parquet()
    settings = settings_for(request.overrides, model=request.model)
    embedder = wiring.load(settings)
    items = request.values()
    answers = embedder.try_embed(items, dimensions=request.dimensions)
    rows = [Row(item=item, answer=answer) for item, answer in zip(items, answers, strict=True)]
    space = replace(embedder.space, dimension=request.dimensions or embedder.space.dimension)
    if request.npy is not None:
        write_npy(request.npy, answers, space)
    if request.parquet is not None:
        write_parquet(request.parquet, [row.to_dict() for row in rows], space)
    if request.as_json:
        print_json({"space": _space(space), "items": [row.to_dict() for row in rows]}, compact=True)
    else:
        _show(request, rows, space)
    return ExitCode.SOME_FAILED if any(isinstance(answer, ItemError) for answer in answers) else ExitCode.FINE


def _value(item: str, *, only_text: bool) -> str | Path:
    if item == "-":
        return sys.stdin.read()
    if only_text:
        return item
    try:
        if Path(item).is_file():
            return Path(item)
    except (OSError, ValueError):  # longer than a path may be, or with a zero byte: a text
        return item
    if Path(item).suffix[1:].isalnum() and not any(char.isspace() for char in item):
        remark(f"note: {item} is not a file here; it is embedded as text.")
    return item


def _space(space: "Space") -> Mapping[str, Any]:
    return {"name": space.name, "dimension": space.dimension, "fingerprint": space.fingerprint}


def _show(request: Embed, rows: Sequence[Row], space: "Space") -> None:
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    table = Table("item", "modality", "vector", box=SIMPLE, pad_edge=False)
    for row in rows:
        if isinstance(row.answer, ItemError):
            continue
        start = " ".join(f"{number:+.3f}" for number in row.answer.vector[:NUMBERS_SHOWN])
        name = row.item if isinstance(row.item, str) else row.item.name
        table.add_row(Text(printable(name), overflow="fold"), row.answer.modality.value, f"{start} …")
    out = console()
    if table.row_count:
        out.print(table)
    _show_errors(rows)
    if request.npy is None and request.parquet is None:
        remark(
            f"{space.dimension} numbers an item in '{space.name}'; --json, --npy FILE or --parquet FILE gives them all."
        )


def _show_errors(rows: Sequence[Row]) -> None:
    from rich.text import Text

    out = remarks()
    for row in rows:
        if isinstance(row.answer, ItemError):
            name = printable(str(row.item))
            out.print(Text.assemble(("error: ", "bold red"), f"{name}: {printable(row.answer.cause)}"), soft_wrap=True)
            out.print(Text.assemble(("fix: ", "bold green"), printable(row.answer.fix)), soft_wrap=True)
