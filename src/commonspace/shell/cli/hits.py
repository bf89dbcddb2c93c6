"""Hits as a table in the terminal, with thumbnails where the terminal can show pictures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from commonspace.core.modality import Modality
from commonspace.shell.wording import excerpt, printable, span_words

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from commonspace.retrieve.hit import Hit

__all__ = ["hits_table"]

QUOTE_CHARS = 120
SEEN = (Modality.IMAGE, Modality.VIDEO)


def hits_table(hits: "Sequence[Hit]", out: "Console", *, thumbnails: bool | None) -> "Table":
    """Rank, score, modality, name and segment; thumbnails only ever on a terminal."""
    from rich.box import SIMPLE
    from rich.table import Table

    from commonspace.shell.cli.thumbnails import thumbnailer

    draw = thumbnailer(out, wanted=thumbnails)
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    table.add_column("modality")
    table.add_column("name", overflow="fold")
    table.add_column("segment", overflow="fold")
    if draw is not None:
        table.add_column("picture")
    for hit in hits:
        cells = _cells(hit)
        if draw is not None:
            cells.append(draw(hit) if hit.modality in SEEN else "")
        table.add_row(*cells)
    return table


def _cells(hit: "Hit") -> "list[RenderableType]":
    from rich.text import Text

    where = Text(span_words(hit.segment.span) if hit.segment else "")
    if hit.segment and hit.segment.text:
        where.append((" " if where else "") + f"“{printable(excerpt(hit.segment.text, QUOTE_CHARS))}”", style="dim")
    return [str(hit.rank), f"{hit.score:.3f}", hit.modality.value, Text(printable(hit.name)), where]
