"""Hits as a table in the terminal, with thumbnails where the terminal can show pictures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from commonspace.core.modality import Modality
from commonspace.shell.wording import excerpt, printable, span_words

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from commonspace.retrieve.hit import Hit

__all__ = ["hits_table", "under_hit"]

QUOTE_CHARS = 120
SEEN = (Modality.IMAGE, Modality.VIDEO)


def hits_table(hits: "Sequence[Hit]", out: "Console", *, thumbnails: bool | None) -> "Table":
    """Rank, score, modality, name and segment; probabilities where there are any, thumbnails only on a terminal."""
    from rich.box import SIMPLE
    from rich.table import Table

    from commonspace.shell.cli.thumbnails import thumbnailer

    draw = thumbnailer(out, wanted=thumbnails)
    judged = any(hit.probability is not None for hit in hits)
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("rank", justify="right")
    if judged:
        table.add_column("probability")
    table.add_column("score", justify="right")
    table.add_column("modality")
    table.add_column("name", overflow="fold")
    table.add_column("segment", overflow="fold")
    if draw is not None:
        table.add_column("picture")
    for hit in hits:
        cells = _cells(hit)
        if judged:
            cells.insert(1, _probability(hit))
        if draw is not None:
            cells.append(draw(hit) if hit.modality in SEEN else "")
        table.add_row(*cells, style="dim" if hit.good is False else None)
    return table


def under_hit(hit: "Hit") -> list[str]:
    """What is listed under a hit: more moments of it, what is folded there, and how it came by its place."""
    lines = [f"also {where}" for where in filter(None, (span_words(part.span) for part in hit.segments[1:]))]
    lines += [f"{folded.why.value}: {printable(folded.name)} ({folded.score:.3f})" for folded in hit.folded]
    lines += [] if hit.explanation is None else hit.explanation.lines()
    return [f"{hit.rank}  {printable(line)}" for line in lines]


def _probability(hit: "Hit") -> str:
    if hit.probability is None:
        return ""
    return f"{hit.probability:.2f}" + (" weak" if hit.good is False else "")


def _cells(hit: "Hit") -> "list[RenderableType]":
    from rich.text import Text

    where = Text(span_words(hit.segment.span) if hit.segment else "")
    if hit.segment and hit.segment.text:
        says = "says: " if hit.is_speech else "reads: " if hit.is_read else ""
        quote = f"{says}“{printable(excerpt(hit.segment.text, QUOTE_CHARS))}”"
        where.append((" " if where else "") + quote, style="dim")
    return [str(hit.rank), f"{hit.score:.3f}", hit.modality.value, Text(printable(hit.name)), where]
